"""Sweeps over arrays as they come (views, several at once, bad ones) in Numba's simulator."""

import numpy as np
import pytest
from rule_options import representative_methods

from fastopt import rules
from fastopt.targets.cpu import cpu_target as cpu
from fastopt.targets.cuda.steps import address_tables, step_on_device, sweep_kernels, sweep_launcher

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
import numba.cuda

cuda = pytest.importorskip("fastopt.targets.cuda.cuda_target")
RNG = np.random.default_rng(5)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Blocks of 4 threads, at most 3 of them, and rows of 8 elements; nothing kept."""
    monkeypatch.setattr(step_on_device, "THREADS", 4)
    monkeypatch.setattr(step_on_device, "BLOCKS_PER_SM", 3)
    monkeypatch.setattr(address_tables, "SMALLEST", 8)
    monkeypatch.setattr(address_tables, "LARGEST", 8)
    memory = sweep_launcher.Memory(numba.cuda, True)
    monkeypatch.setattr(cuda.launches(), "tables", address_tables.Tables(memory))
    monkeypatch.setattr(cuda.launches(), "multiprocessors", lambda device: 1)


@pytest.fixture
def traffic(monkeypatch):
    """What is copied, page-locked and launched, in order."""
    seen, tables, launches = [], cuda.launches().tables, cuda.launches()

    def recorded(name, function):
        def call(*args, **kwargs):
            seen.append(name)
            return function(*args, **kwargs)

        return call

    for name in ("pinned", "device", "upload"):
        monkeypatch.setattr(tables.memory, name, recorded(name, getattr(tables.memory, name)))
    launcher = launches.launcher
    monkeypatch.setattr(launches, "launcher", lambda kind, *a: recorded(kind, launcher(kind, *a)))
    for name in ("to_device", "device_array_like", "synchronize", "default_stream"):
        monkeypatch.setattr(numba.cuda, name, recorded(name, getattr(numba.cuda, name)))
    return seen


def rule_of(method, dtype=np.float64, **options):
    rule = rules.get(method)
    o = rules.options_class(rule)(**options)
    c, _ = rule.coefficients(o, 0.1, 2.0, 1.0)
    return rule, rules.uses(rule, o), np.array(c, dtype)


RMSPROP = rule_of("rmsprop", momentum=0.9)


def filled(array):
    array[...] = RNG.uniform(0.1, 1.0, array.shape)
    return array


def check(items, rule=RMSPROP, sweep=None):
    """The same as the CPU's, in every item; returns nothing else has been touched."""
    wanted = [(x.copy(), g.copy(), tuple(s.copy() for s in state)) for x, g, state in items]
    r, uses, c = rule
    if sweep is None:
        cuda.sweep_all(r, uses, items, c)
    else:
        sweep(r, uses, items)
    for item, (x, g, state) in zip(items, wanted, strict=True):
        before = x.copy()
        cpu.sweep(r, uses, x, g, np.asarray(c, x.dtype), state)
        assert x.size == 0 or (x != before).all()
        bound = 4 * np.finfo(x.dtype).eps
        np.testing.assert_array_equal(item[1], g)
        for ours, theirs in zip((item[0], *item[2]), (x, *state), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=bound, atol=bound)


def arrays(make, uses=RMSPROP[1]):
    """x, g and the state, each made anew."""
    return filled(make()), filled(make()), tuple(filled(make()) for _ in uses)


def aligned(n, offset, dtype):
    """A vector that starts so many elements after a boundary of 16 bytes."""
    size = np.dtype(dtype).itemsize
    room = np.zeros(n + 32, dtype)
    start = -room.ctypes.data % 16 // size + offset
    return room[start : start + n]


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("offset", [0, 1, 3])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 8, 13, 50])
def test_sizes_and_places_around_an_access(dtype, offset, n):
    check([arrays(lambda: aligned(n, offset, dtype))])


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
def test_places_that_share_no_boundary(dtype):
    offsets = iter(range(5))
    check([arrays(lambda: aligned(11, next(offsets), dtype))])


@pytest.mark.parametrize(
    ("make", "launches"),
    [
        (lambda: np.zeros((3, 4, 5)), ["together"]),
        (lambda: np.zeros((3, 4, 5), order="F"), ["together"]),
        (lambda: np.zeros((3, 4, 5)).transpose(1, 2, 0), ["together"]),
        (lambda: np.zeros((5, 1, 3))[:, :, ::1], ["together"]),
        (lambda: np.zeros(()), ["together"]),
        (lambda: np.zeros(24)[::2], ["strided"]),
        (lambda: np.zeros(12)[::-1], ["strided"]),
        (lambda: np.zeros((4, 6))[:, 1], ["strided"]),
        (lambda: np.zeros((4, 6, 2))[..., 1], ["strided"]),
        (lambda: np.zeros((3, 8))[:, ::2], ["strided"]),  # walked by one axis all the same
        (lambda: np.zeros((3, 9))[:, :4], 3 * ["strided"]),
        (lambda: np.zeros((2, 9, 3))[:, :4, :2], 8 * ["strided"]),
        (lambda: np.zeros((0, 3)), []),
    ],
)
def test_any_strides_without_copies(traffic, make, launches):
    check([arrays(make)])
    assert traffic == launches


def test_orders_of_memory_may_differ(traffic):
    x, g, state = arrays(lambda: np.zeros((3, 4)))
    check([(x, np.asfortranarray(g), state)])
    assert traffic == 3 * ["strided"]


def test_a_gradient_may_be_one_number_for_all():
    x, _, state = arrays(lambda: np.zeros(9))
    check([(x, np.broadcast_to(np.float64(0.5), 9), state)])


SIZES = [1, 8, 9, 30, 0, 2]


def some(dtype=np.float64):
    return [arrays(lambda n=n: np.zeros(n, dtype)) for n in SIZES]


def test_one_array_takes_one_launch_and_nothing_else(traffic):
    items = [arrays(lambda: np.zeros(30))]
    for _ in range(3):
        check(items)
        check(
            items,
            sweep=lambda r, uses, items: cuda.sweep(
                r, uses, *items[0][:2], RMSPROP[2], items[0][2]
            ),
        )
    assert traffic == 6 * ["together"]


def test_several_take_one_launch_and_one_upload(traffic):
    items = some()
    for _ in range(3):
        check(items)
    assert traffic == ["device", "pinned", "upload", *3 * ["several"]]


def test_a_table_goes_up_again_only_when_an_address_changes(traffic):
    items, others = some(), some()
    for turn in (items, others, items, others, [*items[:-1], others[-1]]):
        check(turn)
    assert traffic.count("upload") == 3
    assert traffic.count("several") == 5
    assert traffic.count("pinned") == 1  # the copies are done, so the host's memory is used again


def test_memory_of_tables_is_used_again(traffic):
    turns = [some() for _ in range(address_tables.KEPT + 3)]
    for items in turns:
        check(items)
    assert traffic.count("upload") == len(turns)
    assert traffic.count("device") == address_tables.KEPT
    check(turns[0])
    assert traffic.count("upload") == len(turns) + 1


def test_one_launch_for_each_dtype_and_for_what_lies_apart(traffic):
    apart = arrays(lambda: np.zeros(24)[::3])
    check([*some(), apart, *some(np.float32)])
    assert [t for t in traffic if t in sweep_kernels.KINDS] == ["several", "strided", "several"]


@pytest.mark.parametrize("method", representative_methods())
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
def test_several_arrays_with_rules_of_each_kind(method, dtype):
    rule = rule_of(method, dtype)
    items = [arrays(lambda n=n: aligned(n, n, dtype), rule[1]) for n in (3, 20, 9)]
    check(items, rule)


def bad(**changed):
    x, g, state = arrays(lambda: np.zeros(4))
    arguments = {"x": x, "g": g, "c": RMSPROP[2], "state": state, **changed}
    return lambda: cuda.sweep(*RMSPROP[:2], **arguments)


def locked():
    array = np.ones(4)
    array.flags.writeable = False
    return array


ERRORS = {
    r"g has the shape \(3,\), but x has the shape \(4,\)": (ValueError, bad(g=np.zeros(3))),
    "g has elements of float32, but x has elements of float64": (
        TypeError,
        bad(g=np.zeros(4, "f4")),
    ),
    r"x has elements of <i8; arrays of float32 or float64": (TypeError, bad(x=np.zeros(4, int))),
    "x has elements of <c16": (TypeError, bad(x=np.zeros(4, complex))),
    "x is read-only": (ValueError, bad(x=locked())),
    "the state's v is read-only": (ValueError, bad(state=3 * (locked(),))),
    "x has elements that share memory": (
        ValueError,
        bad(x=np.lib.stride_tricks.as_strided(np.zeros(1), (4,), (0,))),
    ),
    "g is list; arrays of float32": (TypeError, bad(g=[0.0] * 4)),
    "state has 1 array, but must have one a slot: v, mean, buffer": (
        ValueError,
        bad(state=(np.zeros(4),)),
    ),
    r"c has 2 coefficients; it must have 9: rho, take": (ValueError, bad(c=[1.0, 2.0])),
}


@pytest.mark.parametrize("message", ERRORS)
def test_what_is_refused(message):
    kind, call = ERRORS[message]
    with pytest.raises(kind, match=message):
        call()


def test_a_gradient_may_be_read_only_and_items_are_named():
    bad(g=locked())()
    items = [arrays(lambda: np.zeros(4)), (np.zeros(4), np.zeros(5), 3 * (np.zeros(4),))]
    before = items[0][0].copy()
    with pytest.raises(ValueError, match="g of item 1 has the shape"):
        cuda.sweep_all(*RMSPROP[:2], items, RMSPROP[2])
    np.testing.assert_array_equal(items[0][0], before)  # all are checked before any is written
