"""A compile cache of the tests' own, and directories that need a process of their own."""

import gc
import itertools
import os
import shutil
import signal
import tempfile

import hypothesis
import pytest
import thorough

# What is started in the background may ignore Ctrl-C, and then no test of it would ever end.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Most of the time goes into compiling, which makes many objects that live long: with Python's own
# thresholds a sixth of it was garbage collection.
gc.freeze()
gc.set_threshold(100_000, 20, 100)

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


# What takes so long that nobody should wait for it in the end.
LONG = ["test_examples.py", "test_batch_examples.py", "test_dashboard.py", "test_image_example.py"]


def pytest_collection_modifyitems(config, items):
    """Leave out what `thorough` names, and order the others."""
    if thorough.are_left_out():
        left_out = [item for item in items if thorough.is_thorough(item)]
        if "FASTOPT_LANE" in STARTED:
            config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if item not in left_out]
        for item in left_out:
            item.add_marker(pytest.mark.skip(reason=thorough.REASON))
    order(items)


def order(items):
    """Order tests by how long they take, and by what of the library they find compiled.

    pytest-xdist gives each worker a part of the tests to begin with, in their order. What takes
    longest begins first. Results of a device are compared with the CPU's, whose loops others have
    compiled and put on disk meanwhile: the simulator comes late, and so do numbers in a lane.
    """
    if "FASTOPT_LANE" in STARTED:
        items.sort(key=lambda item: item.path.name.endswith("_numbers.py"))
        return
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    lanes = {item.name: item for item in items if item.path.name == "test_lanes.py"}
    late = [item for name, item in lanes.items() if "simulator" in name]
    groups = [[item] for item in lanes.values() if item not in late]
    groups += [[item for item in items if item.path.name == name] for name in LONG]
    rest = [item for item in items if item not in late and not any(item in g for g in groups)]
    share, ordered = len(items) // workers, []
    for k in range(workers):
        ordered += itertools.chain.from_iterable(groups[k::workers])
        until = (k + 1) * share - len(ordered) if k + 1 < workers else len(rest)
        mine, rest = rest[: max(until, 0)], rest[max(until, 0) :]
        half = len(mine) // 2 if k + 1 == workers else len(mine)
        ordered += mine[:half] + (late if k + 1 == workers else []) + mine[half:]
    items[:] = ordered


_first: dict = {}  # a reason to skip a test -> the file of the first test that had it


def pytest_runtest_logreport(report):
    """Let the summary have one line for each reason to skip tests, not one for each place."""
    if report.skipped and isinstance(report.longrepr, tuple):
        path, _, reason = report.longrepr
        report.longrepr = _first.setdefault(reason, path), None, reason


def pytest_unconfigure():
    if OWN:
        shutil.rmtree(os.environ["FASTOPT_CACHE_DIR"], ignore_errors=True)
