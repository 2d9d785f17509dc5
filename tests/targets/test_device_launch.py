"""How kernels and copies reach the driver, with a driver that only remembers."""

import contextlib
import types

import numpy as np
import pytest

from fastopt import rules
from fastopt.compiling.compiler import undecorated
from fastopt.targets.cuda.steps import sweep_launcher

RULE = rules.get("sgd")
USES = RULE.S(False)
HOW = RULE, USES, np.dtype("f4")
WORDS = -(-len(RULE.C._fields) // 2)


class Compiled:
    """A kernel of Numba's; `newer` has one of cuda.core's within."""

    def __init__(self, newer, launched):
        self.launched = launched
        function = types.SimpleNamespace(**({"kernel": "the kernel"} if newer else {}))
        library = types.SimpleNamespace(get_cufunc=lambda: function)
        self.overloads = {"signature": types.SimpleNamespace(library=library)}

    def __getitem__(self, configuration):
        return lambda *args: self.launched.append((configuration, args))


class Array:
    def __init__(self, log, cut=None):
        self.log, self.cut = log, cut

    def __getitem__(self, cut):
        return Array(self.log, cut)

    def copy_to_device(self, source, stream):
        self.log.append(("copy", self.cut, source.tolist(), stream))


class Event:
    def __init__(self, log):
        self.log = log

    def record(self, stream):
        self.log.append(("record", stream))


def driver(newer=True):
    """The modules `numba.cuda` and `cuda.core`, and what was done with them."""
    log = []
    cuda = types.SimpleNamespace(
        jit=lambda signature: lambda function: Compiled(newer, log),
        external_stream=lambda number: f"stream {number}",
        event=lambda timing: Event(log),
        current_context=lambda: types.SimpleNamespace(device=types.SimpleNamespace(id=1)),
        gpus=["first", "second", "third"],
        get_current_device=lambda: types.SimpleNamespace(MULTIPROCESSOR_COUNT=132),
    )
    core = types.SimpleNamespace(
        LaunchConfig=lambda grid, block, shmem_size: (grid, block, shmem_size),
        Stream=types.SimpleNamespace(from_handle=lambda number: f"queue {number}"),
        launch=lambda *args: log.append(args),
    )
    return sweep_launcher.Launches(cuda, core, undecorated), log


@pytest.mark.parametrize(
    ("kind", "count"), [("together", 1 + 2), ("strided", 1 + 2 + 2), ("several", 2)]
)
def test_launches_are_kept_and_take_flat_arguments(kind, count):
    launches, log = driver()
    how = kind, *HOW, 12, 256, 7, 0
    launch = launches.launcher(*how)
    assert launches.launcher(*how) is launch
    assert launches.launcher(kind, *HOW, 12, 256, 8, 0) is not launch
    given = range(count + WORDS)
    launch(*given)
    assert log == [("queue 7", (12, 256, 0), "the kernel", *given)]


@pytest.mark.parametrize(
    ("kind", "tuples"),
    [("together", [0, 2, WORDS]), ("strided", [0, 2, 2, WORDS]), ("several", [0, 0, WORDS])],
)
def test_without_a_kernel_of_cuda_core_numba_launches(kind, tuples):
    launches, log = driver(newer=False)
    launches.launcher(kind, *HOW, 12, 256, 7, 0)(*range(100))
    ((configuration, args),) = log
    assert configuration == (12, 256, "stream 7", 0)
    assert [len(a) if isinstance(a, tuple) else 0 for a in args] == tuples
    flat = [i for a in args for i in (a if isinstance(a, tuple) else [a])]
    assert flat == list(range(len(flat)))


@pytest.mark.parametrize(("stream", "queue"), [(0, "stream 1"), (7, "stream 7")])
def test_copies_are_asynchronous_in_the_default_stream_too(stream, queue):
    """Numba waits for a copy in stream 0; the same stream has the number 1."""
    launches, log = driver()
    launches.tables.memory.upload(Array(log), np.arange(5), 3, stream)
    assert log == [("copy", slice(None, 3), [0, 1, 2], queue), ("record", queue)]


def test_devices():
    launches, _ = driver()
    current, context = launches.on(None)
    assert current == 1
    assert isinstance(context, contextlib.nullcontext)
    assert isinstance(launches.on(1)[1], contextlib.nullcontext)
    assert launches.on(2) == (2, "third")
    assert launches.multiprocessors(1) == 132
