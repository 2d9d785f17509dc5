"""The benchmarks of a GPU, in Numba's simulator: they run, and their figures mean nothing."""

import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
from benchmarks import gpu


@pytest.mark.parametrize("kind", [gpu.TrackSweep, gpu.TrackCall])
def test_sweeps(kind):
    job = kind()
    job.setup("sgd", "float32")
    for name in ("track_over_copy", "track_device"):
        if hasattr(job, name):
            assert getattr(job, name)("sgd", "float32") > 0
