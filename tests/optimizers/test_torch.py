"""Optimizer objects on PyTorch's tensors, where PyTorch is installed (pip install torch)."""

import numpy as np
import pytest

import fastopt

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

CLASSES = {  # all others by stored trajectories: test_styles.py
    "AdaGrad": torch.optim.Adagrad,
    "RMSProp": torch.optim.RMSprop,
    "AdamW": torch.optim.AdamW,
}


def model():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))


@pytest.mark.parametrize("name", CLASSES)
def test_a_model_trains_as_with_torch(name):
    """Its parameters, which are leaves of the graph, stepped in place and without copies."""
    data = torch.randn(64, 5, generator=torch.Generator().manual_seed(1))
    goal = data.sum(dim=1, keepdim=True).sin()
    ours, theirs = model(), model()
    opt, peer = getattr(fastopt, name)(style="torch"), CLASSES[name](theirs.parameters())
    places = [p.data_ptr() for p in ours.parameters()]
    for _ in range(20):
        for net in (ours, theirs):
            net.zero_grad()
            ((net(data) - goal) ** 2).mean().backward()
        params = dict(ours.named_parameters())
        opt.step(params, {key: p.grad for key, p in params.items()})
        peer.step()
    assert places == [p.data_ptr() for p in ours.parameters()]
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)
    assert all("weight" in key or "bias" in key for key in opt.state_dict()["arrays"])


def test_autograd_notices_the_step():
    x = torch.ones(3, requires_grad=True)
    loss = (x * x).sum()
    fastopt.SGD(0.5).step(x, torch.ones(3))
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
    assert x.detach().tolist() == [0.5] * 3


def test_tensors_and_arrays_may_be_mixed():
    x, y = torch.ones(3, dtype=torch.float64)[::2], np.ones(2)
    fastopt.SGD(1.0).step([x, y], [np.ones(2), torch.ones(2, dtype=torch.float64)])
    assert x.tolist() == y.tolist() == [0.0, 0.0]


def test_updates_are_tensors():
    x = torch.ones(3)
    opt = fastopt.Adam(0.1)
    updates, _ = opt.update(torch.ones(3), opt.init(x))
    assert isinstance(updates, torch.Tensor)
    torch.testing.assert_close(updates, torch.full((3,), -0.1))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.int64])
def test_what_is_refused(dtype):
    with pytest.raises(TypeError, match="params"):
        fastopt.SGD(1.0).step(torch.zeros(3, dtype=dtype), torch.zeros(3, dtype=dtype))
