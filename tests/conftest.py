"""A compile cache of the tests' own, and directories that need a process of their own."""

import os
import shutil
import signal
import tempfile

import hypothesis

# What is started in the background may ignore Ctrl-C, and then no test of it would ever end.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The processes of the tests share two cores: BLAS would wait for its own threads most of the time
# (SciPy's L-BFGS-B takes a hundred times as long then). It reads this when NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# What is written there is for this run alone; processes that the tests start inherit it, and so do
# pytest-xdist's workers.
STARTED = {"FASTOPT_LANE", "PYTEST_XDIST_WORKER"} & set(os.environ)
OWN = not STARTED or "FASTOPT_CACHE_DIR" not in os.environ
if OWN:
    os.environ["FASTOPT_CACHE_DIR"] = tempfile.mkdtemp(prefix="fastopt-tests-")
    os.environ.pop("FASTOPT_CACHE", None)

LANES = {"cuda_simulator", "cuda_compile"}  # run by test_lanes.py
collect_ignore = ["data", *sorted(LANES - {os.environ.get("FASTOPT_LANE")})]

hypothesis.settings.register_profile("fastopt", deadline=None, database=None, derandomize=True)
hypothesis.settings.load_profile("fastopt")


def pytest_collection_modifyitems(items):
    """The lanes take longest: each begins first, on a worker of its own.

    pytest-xdist gives each worker a part of the tests to begin with, in their order.
    """
    lanes = [item for item in items if item.path.name == "test_lanes.py"]
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    share = len(items) // workers
    items[:] = [item for item in items if item not in lanes]
    for k, lane in enumerate(lanes):
        items.insert(k % workers * share, lane)


def pytest_unconfigure():
    if OWN:
        shutil.rmtree(os.environ["FASTOPT_CACHE_DIR"], ignore_errors=True)
