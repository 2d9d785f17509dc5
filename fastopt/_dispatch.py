"""Which target works: from `device=`, from where the arrays live, from what the machine has."""

from fastopt._fields import is_elsewhere

DEVICES = ("auto", "cpu", "cuda")


def target(device, *arrays):
    """The module of the target for these arrays.

    Raises
    ------
    ValueError
        For a device that does not exist.
    RuntimeError
        Where CUDA is asked for and cannot be used; the sentence says what is missing.
    """
    if not isinstance(device, str) or device not in DEVICES:
        raise ValueError(f"device = {device!r}; it must be 'auto', 'cpu' or 'cuda'")
    on_device = any(map(is_elsewhere, arrays))
    if device == "cpu" and on_device:
        raise ValueError("device='cpu' was given an array that lives on a GPU; copy it first")
    if device == "cuda" or on_device:
        problem = why_not_cuda()
        if problem:
            raise RuntimeError(f"device='cuda' cannot be used: {problem}")
        from fastopt.targets import cuda

        return cuda
    from fastopt.targets import cpu

    return cpu


def why_not_cuda():
    """What keeps CUDA from being used here, in a sentence; None where nothing does."""
    try:
        from fastopt.targets import cuda
    except ImportError as error:
        return f"{error}. Install it with: pip install 'fastopt[cuda]'."
    return cuda.missing()
