"""How arrays on a device are read, and what is launched for them, without a device."""

import contextlib
import ctypes
import gc
import sys
import types
import weakref

import numpy as np
import pytest

from fastopt import rules
from fastopt.arrays import device_views, dlpack
from fastopt.targets.cuda.steps import address_tables, step_on_device

HOST = np.arange(24, dtype=np.float32).reshape(4, 6)
ADDRESS = 1 << 40


class Interface:
    """An array that describes itself by __cuda_array_interface__."""

    def __init__(self, shape=(8,), address=ADDRESS, typestr="<f4", readonly=False, **more):
        given = {"shape": shape, "typestr": typestr, "data": (address, readonly), "version": 3}
        self.__cuda_array_interface__ = {**given, **more}


class Capsules:
    """An array that gives capsules of a host array's memory and says it were on a device."""

    def __init__(self, array, device=(2, 1), versions=True):
        self.array, self.device, self.versions, self.streams = array, device, versions, []

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, *, stream, **more):
        if more and not self.versions:
            raise TypeError("unexpected keyword argument 'max_version'")
        self.streams.append(stream)
        return self.array.__dlpack__(**more)


def test_the_interface_is_read():
    v = device_views.view(Interface((2, 3), strides=None, stream=7, readonly=True), "x")
    assert v == (ADDRESS, (2, 3), None, np.dtype("f4"), True, 7, None, False)
    v = device_views.view(Interface((2, 3), strides=(4, 8), typestr="<f4"), "x")
    assert v.strides == (1, 2)
    assert v.stream is None
    v = device_views.view(Interface((2, 3), strides=(24, 8), typestr="<f8", version=2), "x")
    assert v.strides is None  # they lie together
    assert v.dtype == np.float64


@pytest.mark.parametrize("versions", [True, False], ids=["versioned", "plain"])
@pytest.mark.parametrize(
    "array", [HOST, HOST.T, HOST[1:, ::2], HOST[:, 3]], ids=lambda a: str(a.shape)
)
def test_capsules_are_read(array, versions):
    source = Capsules(array, versions=versions)
    v = device_views.view(source, "x", stream=5)
    strides = tuple(s // 4 for s in array.strides)
    together = array.flags.c_contiguous
    assert v[:4] == (array.ctypes.data, array.shape, None if together else strides, array.dtype)
    assert source.streams == [5]
    device_views.view(source, "x")
    assert source.streams == [5, 1]  # how DLPack calls the default stream


def test_a_read_only_capsule_says_so():
    array = HOST.copy()
    array.flags.writeable = False
    assert device_views.view(Capsules(array), "x").readonly
    assert not device_views.view(Capsules(HOST), "x").readonly


def test_a_capsule_is_not_taken_over_and_frees_what_it_holds():
    class Array(np.ndarray):
        pass

    array = np.zeros(3).view(Array)
    keepalive, gone = [], weakref.ref(array)
    source = Capsules(array)
    device_views.describe(source, "x", 1, False, keepalive)
    np.testing.assert_array_equal(np.from_dlpack(OnHost(keepalive[1])), np.zeros(3))  # still whole
    del array, source
    gc.collect()
    assert gone() is not None  # kept for the launch
    keepalive.clear()
    gc.collect()
    assert gone() is None


class OnHost:
    def __init__(self, capsule):
        self.capsule = capsule

    def __dlpack_device__(self):
        return 1, 0

    def __dlpack__(self, **_):
        return self.capsule


def handmade(kind, name, **fields):
    """A capsule over a struct of ours; the struct, too, which must live as long."""
    managed = kind()
    for key, value in fields.items():
        target = managed if hasattr(managed, key) else managed.tensor
        setattr(target, key, value)
    new = ctypes.pythonapi.PyCapsule_New
    new.argtypes, new.restype = (
        (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p),
        ctypes.py_object,
    )
    return new(ctypes.addressof(managed), name, None), managed


def test_every_field_of_a_capsule():
    shape, steps = (ctypes.c_int64 * 2)(3, 4), (ctypes.c_int64 * 2)(8, 2)
    fields = {
        "data": ADDRESS,
        "byte_offset": 32,
        "device_type": 13,
        "device_id": 3,
        "ndim": 2,
        "code": 2,
        "bits": 64,
        "lanes": 1,
        "shape": shape,
    }
    expected = (ADDRESS + 32, (3, 4), None, "<f8", False, 13, 3)
    capsule, keepalive = handmade(dlpack.Managed, dlpack.NAMES[1], **fields)
    assert dlpack.read(capsule) == expected
    fields |= {"major": 1, "minor": 1, "flags": 1, "strides": steps}
    capsule, keepalive = handmade(dlpack.Versioned, dlpack.NAMES[0], **fields)
    assert dlpack.read(capsule) == (*expected[:2], (8, 2), "<f8", True, 13, 3)
    keepalive.major = 2
    with pytest.raises(ValueError, match=r"DLPack 2.1 is not known"):
        dlpack.read(capsule)
    capsule, keepalive = handmade(dlpack.Managed, b"used_dltensor", **fields)
    with pytest.raises(ValueError, match="it has been consumed"):
        dlpack.read(capsule)


class Refuses:
    @property
    def __cuda_array_interface__(self):
        raise RuntimeError("Can't get __cuda_array_interface__ on Variable that requires grad")


REFUSED = {
    r"x is list; arrays of float32 or float64 on a CUDA device": [1.0],
    r"x \(numpy.ndarray\) lives on the host": np.zeros(3),
    r"x \(.*Capsules\) lives on a device of DLPack's kind 10": Capsules(HOST, device=(10, 0)),
    "x has elements of <i4": Interface(typestr="<i4"),
    "x has elements of <c8": Interface(typestr="<c8"),
    "x has elements of <f2": Capsules(HOST.astype("f2")),
    "x is a masked array": Interface(mask=Interface()),
    "x is at 0x10000000002, which is no multiple of 4": Interface(address=ADDRESS + 2),
    r"x has strides of \(6,\) bytes": Interface(strides=(6,)),
    r"requires grad; pass x.detach\(\)": Refuses(),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_refused(message):
    with pytest.raises((TypeError, ValueError), match=message):
        device_views.view(REFUSED[message], "x")


@pytest.fixture
def torch(monkeypatch):
    """As much of PyTorch as is looked at."""

    class Tensor:
        requires_grad, dtype = False, "torch.float32"

        def __init__(self, shape=(8,), device=0, address=ADDRESS, where="cuda", **more):
            self.shape, self.address = shape, address
            self.device = types.SimpleNamespace(type=where, index=device)
            vars(self).update(more)

        def stride(self):
            return device_views.packed(self.shape)

        def data_ptr(self):
            return self.address

    module: types.SimpleNamespace = types.SimpleNamespace(Tensor=Tensor)
    streams = {0: 77, 1: 88}
    module.cuda = types.SimpleNamespace(
        current_stream=lambda device: types.SimpleNamespace(cuda_stream=streams[device])
    )
    monkeypatch.setitem(sys.modules, "torch", module)
    return module


def test_tensors_are_read_by_their_methods(torch):
    v = device_views.view(torch.Tensor((2, 3), device=1), "x")
    assert v == (ADDRESS, (2, 3), None, np.dtype("f4"), False, None, 1, True)
    with pytest.raises(TypeError, match=r"part of a graph \(requires_grad\); pass x.detach\(\)"):
        device_views.view(torch.Tensor(requires_grad=True), "x")
    with pytest.raises(TypeError, match=r"elements of torch.int64"):
        device_views.view(torch.Tensor(dtype="torch.int64"), "x")
    with pytest.raises(TypeError, match="tensor on the device 'cpu'"):
        device_views.view(torch.Tensor(where="cpu"), "x")


@pytest.mark.parametrize(
    "stream",
    [
        9,
        np.int64(9),
        types.SimpleNamespace(ptr=9),  # CuPy
        types.SimpleNamespace(cuda_stream=9),  # PyTorch
        types.SimpleNamespace(handle=ctypes.c_void_p(9)),  # Numba
        types.SimpleNamespace(handle=9),
        types.SimpleNamespace(__cuda_stream__=lambda: (0, 9)),
    ],
    ids=["number", "NumPy", "CuPy", "PyTorch", "Numba", "Numba, plain", "protocol"],
)
def test_streams(stream):
    assert device_views.handle(stream) == 9


@pytest.mark.parametrize("stream", [-1, True, "9", 9.0, object()])
def test_what_is_no_stream(stream):
    with pytest.raises(TypeError, match="a number, or a stream of Numba, CuPy, PyTorch"):
        device_views.handle(stream)


def test_a_default_stream_may_be_null():
    assert device_views.handle(types.SimpleNamespace(handle=ctypes.c_void_p(None))) == 0


# What is launched.


class Event:
    """A copy that is done when it is told so."""

    done = False

    def query(self):
        return self.done


class Memory:
    def __init__(self):
        self.uploads, self.events, self.made = [], [], []

    def pinned(self, count):
        self.made.append("pinned")
        return np.full(count, -1)

    def device(self, count):
        self.made.append("device")
        return np.full(count, -1)

    def address(self, array):
        return array.ctypes.data

    def upload(self, array, pinned, count, stream):
        array[:count] = pinned[:count]
        self.uploads.append(stream)
        self.events.append(Event())
        return self.events[-1]


class Target:
    """Launches nothing and remembers it."""

    simulated = False

    def __init__(self, current=0):
        self.memory, self.current, self.launched = Memory(), current, []
        self.tables = address_tables.Tables(self.memory)

    def on(self, device):
        return self.current if device is None else device, contextlib.nullcontext()

    def multiprocessors(self, device):
        return 132

    def launcher(self, kind, rule, uses, dtype, blocks, threads, stream, device):
        return lambda *args: self.launched.append((kind, dtype.str, blocks, stream, device, args))


@pytest.fixture
def target():
    return Target()


RULE = rules.get("rmsprop")
USES = RULE.S(True, False, False)
C = np.arange(9.0)


def step(target, items, stream=None):
    step_on_device.sweep(target, RULE, USES, items, C, stream)
    launched, target.launched = target.launched, []
    return launched


def item(make=Interface, n=8, at=ADDRESS, **more):
    x, g, v = (make((n,), address=at + k * 4096, **more) for k in range(3))
    return x, g, (v, None, None)


def test_one_array_one_launch(target):
    ((kind, dtype, blocks, stream, device, args),) = step(target, [item(n=1_000_000)])
    assert (kind, dtype, stream, device) == ("together", "<f4", 0, 0)
    assert blocks == -(-250_000 // 256)  # an access of four elements each
    assert args[:4] == (1_000_000, ADDRESS, ADDRESS + 4096, ADDRESS + 8192)
    words = np.array(args[4:])
    np.testing.assert_array_equal(words.view(np.float32)[:9], C)
    assert words.size == 5
    ((*_, args),) = step(target, [item(n=10, typestr="<f8")])
    np.testing.assert_array_equal(np.array(args[4:]).view(float), C)
    assert target.memory.made == target.memory.uploads == []


def test_a_grid_that_fills_the_chip_is_enough(target):
    ((_, _, blocks, *_),) = step(target, [item(n=1 << 30)])
    assert blocks == 8 * 132


def test_the_stream_is_the_callers_then_the_arrays_then_torchs(target, torch):
    tensors = item(torch.Tensor)
    stream = 3
    assert step(target, [item(stream=5)], stream)[0][3] == stream
    assert step(target, [item(stream=5)])[0][3] == 5
    assert step(target, [tensors])[0][3:5] == (77, 0)
    assert step(target, [item(torch.Tensor, device=1)])[0][3:5] == (88, 1)
    assert step(target, [item()])[0][3] == 0
    mixed = (item(stream=5)[0], *tensors[1:])
    assert step(target, [mixed])[0][3] == 5
    with pytest.raises(ValueError, match=r"different streams \(\[5, 6\]\); name the right one"):
        step(target, [(item(stream=5)[0], *item(stream=6)[1:])])
    with pytest.raises(ValueError, match=r"different streams"):
        step(target, [item(stream=5), item(stream=6)])


def test_arrays_of_one_set_share_a_device(target, torch):
    with pytest.raises(ValueError, match="g is on device 1, but others are on device 0"):
        step(target, [(item(torch.Tensor)[0], *item(torch.Tensor, device=1)[1:])])


def test_the_table_of_several(target):
    items = [item(n=5000), item(n=3, at=ADDRESS + (1 << 20))]
    ((kind, _, blocks, stream, _, (rows, table, *_)),) = step(target, items, 6)
    assert (kind, stream, rows, blocks) == ("several", 6, 4, 4)
    shown = np.ctypeslib.as_array((ctypes.c_int64 * 16).from_address(table)).reshape(4, 4)
    assert shown[:, 0].tolist() == [2048, 2048, 904, 3]
    assert (shown[:3, 1:] - shown[0, 1:]).tolist() == [[0] * 3, [8192] * 3, [16384] * 3]
    assert shown[3, 1] == ADDRESS + (1 << 20)
    assert target.memory.uploads == [6]


def test_copies_are_counted(target):
    """None for one array; one for several, none again as long as their addresses stay."""
    items = [item(at=ADDRESS + k * (1 << 20)) for k in range(40)]
    for _ in range(3):
        step(target, items[:1], 4)
        step(target, items, 4)
    assert target.memory.uploads == [4]
    step(target, items[1:], 4)
    step(target, items, 4)
    assert target.memory.uploads == [4, 4]
    step(target, items, 5)  # another stream does not wait for the first: a table of its own
    assert target.memory.uploads == [4, 4, 5]
    assert target.memory.made.count("device") == 3


def test_host_memory_of_a_copy_under_way_is_left_alone(target):
    groups = [[item(at=ADDRESS + k * (1 << 20)) for k in (n, n + 1)] for n in range(3)]
    step(target, groups[0])
    step(target, groups[1])
    assert target.memory.made.count("pinned") == 2
    target.memory.events[0].done = True
    step(target, groups[2])
    assert target.memory.made.count("pinned") == 2


def test_rows_give_every_block_work():
    chunk = address_tables.chunk
    assert chunk(1000, 1056) == 2048
    assert chunk(10_000_000, 1056) == 4096
    assert chunk(1 << 40, 1056) == 65536
    assert all(chunk(n, 1056) % 4 == 0 for n in (1, 1 << 20, 1 << 30))
