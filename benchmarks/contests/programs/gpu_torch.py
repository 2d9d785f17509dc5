"""PyTorch's part of gpu_report.py: a step of its optimisers, in all variants.

Arguments: a folder with steps.npz, the number of elements, one that is not used, seconds.
"""

import sys

import gpu_lines
import numpy as np

RATE, STEPS = 1e-2, 3


def main(folder, elements, _, limit):
    try:
        import torch
    except ImportError:
        gpu_lines.skip("PyTorch is not installed")
    if not torch.cuda.is_available():
        gpu_lines.skip("PyTorch is installed and finds no CUDA device")
    steps, wait = np.load(f"{folder}/steps.npz"), torch.cuda.synchronize
    kinds = {
        "rmsprop": lambda p, **how: torch.optim.RMSprop(p, RATE, alpha=0.9, eps=1e-8, **how),
        "adagrad": lambda p, **how: torch.optim.Adagrad(p, RATE, eps=1e-20, **how),
        "adam": lambda p, **how: torch.optim.Adam(p, RATE, eps=1e-8, **how),
    }
    ways = {
        "foreach": {"foreach": True},
        "fused": {"fused": True},
        "foreach, compiled": {"foreach": True, "compiled": True},
        "one by one": {"foreach": False},
    }
    for way, how in ways.items():
        for rule, kind in kinds.items():
            for dtype in ("float32", "float64") if rule != "adam" else ("float32",):
                if gpu_lines.left(limit) < (25 if "compiled" in how else 5):
                    gpu_lines.say(skipped=f"{rule}, {way}, {dtype}: no time was left")
                    continue
                try:
                    one(torch, steps, wait, rule, kind, way, dict(how), dtype, int(elements))
                except Exception as error:
                    gpu_lines.failed(f"{rule}, {way}, {dtype}", error)
                torch.cuda.empty_cache()


def one(torch, steps, wait, rule, kind, way, how, dtype, n):
    compiled = how.pop("compiled", False)
    if compiled:
        if rule != "adam":  # otherwise the step count would be compiled as a constant
            how["capturable"] = True
        try:
            kind([torch.zeros(1, device="cuda", requires_grad=True)], **how)
        except TypeError:
            how.pop("capturable", None)

    def stepper(x, g):
        p = torch.nn.Parameter(x)
        p.grad = g
        optimiser = kind([p], **how)
        if not compiled:
            return p, optimiser.step
        torch._dynamo.reset()
        return p, torch.compile(optimiser.step, fullgraph=False)

    type_of = getattr(torch, dtype)
    x, g = (torch.as_tensor(steps[k], dtype=type_of, device="cuda") for k in ("x0", "g"))
    p, step = stepper(x, g)
    for _ in range(STEPS):
        step()
    said = gpu_lines.check(steps[f"{rule}_{dtype}"], p.detach().cpu().numpy())
    x = torch.full((n,), 0.1, dtype=type_of, device="cuda")
    _, step = stepper(x, torch.full_like(x, 0.1))
    for _ in range(3):  # compiles, and creates the state
        step()
    seconds = gpu_lines.clock(step, wait)
    # The table compares float32 only.
    gpu_lines.say(
        name=f"{rule}, {way}, {dtype}",
        unit="s",
        kind="step" if dtype == "float32" else "step, float64",
        rule=rule,
        way=way,
        check=said,
        version=f"torch {torch.__version__}",
        **seconds,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
