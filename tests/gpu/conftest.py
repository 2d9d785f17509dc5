"""What all tests on a GPU begin with."""

import pytest

from fastopt.targets import dispatch


@pytest.fixture(scope="session")
def cuda():
    """Numba's module, where a GPU can be used; a skip with the reason elsewhere."""
    problem = dispatch.why_not_cuda()
    if problem:
        pytest.skip(problem)
    return pytest.importorskip("numba.cuda")
