"""Every door with every kind of array: the right answer, or a sentence, whatever ran before.

The function is the same everywhere, the mean square distance from values; its minimum is their
mean. A case is right if that comes out, or if an error names the argument that is at fault.
"""

import functools
import io

import numba
import numpy as np
import pytest

import fastopt

VALUES = np.array([1.0, 3.0, 5.0, 7.0])
FAST = {"learning_rate": 0.5, "maxiter": 30}  # one such step of sgd ends in the minimum


def distance(x, y):
    total = 0.0
    for v in np.nditer(y):
        total += 0.5 * (x[0] - v.item()) ** 2
    return total / y.size


@numba.njit
def compiled(x, y):
    total = 0.0
    for v in y.flat:
        total += 0.5 * (x[0] - v) ** 2
    return total / y.size


@numba.njit
def row(x, v):
    return 0.5 * (x[0] - v) ** 2


@numba.njit
def nested(x, pair):
    return compiled(x, pair[1][0]) * pair[0]


def plain_slope(x, y):
    return np.array([x[0] - np.mean(y)])


@functools.cache
def slope():
    return fastopt.value_and_grad(compiled, size=1)


def hidden():
    return np.ma.array([*VALUES, 1e6], mask=[0, 0, 0, 0, 1])


def masked():
    return hidden()[[4, 0, 4]]


def packed(dtype):
    """Elements at odd addresses, as fields of a packed file have."""
    raw = np.zeros(VALUES.size, [("flag", "u1"), ("value", dtype)])
    raw["value"] = VALUES
    return raw["value"]


def locked(array):
    array.flags.writeable = False
    return array


def table(name, **more):
    import pandas

    return {
        "Series": lambda: pandas.Series(VALUES.copy()),
        "Series of float32": lambda: pandas.Series(VALUES.astype("f4")),
        "nullable Series": lambda: pandas.Series(VALUES.astype(int), dtype="Int64"),
        "Series of text": lambda: pandas.Series(["a", "b"]),
        "Series of times": lambda: pandas.Series(pandas.date_range("2020", periods=4)),
        "Categorical": lambda: pandas.Series(["a", "b"], dtype="category"),
        "DataFrame": lambda: pandas.DataFrame({"a": VALUES[:2], "b": VALUES[2:]}),
    }[name]()


def labelled():
    import xarray

    return xarray.DataArray(VALUES, dims="t")


class Own(np.ndarray):
    """Arithmetic of its own, like that of a quantity with a unit."""

    def __array_ufunc__(self, *given, **more):
        raise NotImplementedError


RIGHT = {
    **{
        f"{order}{code}": functools.partial(VALUES.astype, f"{order}{code}")
        for code in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")
        for order in ("<", ">")
        if order == "<" or code not in ("i1", "u1")
    },
    "q": lambda: VALUES.astype("q"),
    "F": lambda: np.asfortranarray(VALUES.reshape(2, 2)),
    "strided": lambda: np.repeat(VALUES, 2)[::2],
    "strided, big-endian": lambda: np.repeat(VALUES, 2).astype(">f8")[::2],
    "backwards": lambda: VALUES.copy()[::-1],
    "read-only": lambda: locked(VALUES.copy()),
    "read-only, big-endian": lambda: locked(VALUES.astype(">f8")),
    "unaligned": lambda: packed("<f8"),
    "unaligned, big-endian": lambda: packed(">f4"),
    "memoryview": lambda: memoryview(VALUES),
    "memoryview, big-endian": lambda: memoryview(VALUES.astype(">f8")),
    "nothing hidden": lambda: np.ma.array(VALUES.copy()),
    "recarray": lambda: VALUES.view([("value", "f8")]).view(np.recarray)["value"],
    "Series": lambda: table("Series"),
    "Series of float32": lambda: table("Series of float32"),
    "nullable Series": lambda: table("nullable Series"),
    "DataArray": labelled,
}
# Of these each door compiles code of its own: the others go through one door.
FEW = ("<f8", ">f8", ">f4", "nothing hidden", "Series")
# These become arrays of one kind, for which a door that takes long to compile does so once.
ALIKE = ("<f8", ">f8", "unaligned", "memoryview, big-endian", "nothing hidden", "Series")
# What is refused, and a part of the sentence.
WRONG = {
    "float16": (lambda: VALUES.astype("f2"), r"float16.*astype\(float\)"),
    "long double": (lambda: VALUES.astype("g"), r"float128.*astype\(float\)|longdouble"),
    "long complex": (lambda: VALUES.astype("G"), "complex256|clongdouble"),
    "object": (lambda: VALUES.astype(object), r"object.*astype\(float\)"),
    "hidden": (hidden, "masked"),
    "hidden, big-endian": (lambda: hidden().astype(">f8"), "masked"),
    "all hidden": (masked, "masked"),
    "structured": (lambda: np.zeros(4, [("a", "f8")]), r"\('?a'?|Record|\[\('a'"),
    "text": (lambda: np.array(["1", "2"]), "<U1|unichr"),
    "bytes": (lambda: np.array([b"1", b"2"]), r"S1|char x 1"),
    "times": (lambda: np.array(["2020-01-01"], "M8[D]"), "datetime64"),
    "big-endian times": (lambda: np.array(["2020-01-01"], ">M8[D]"), "datetime64|>M8"),
    "a dict": (lambda: {"a": 1.0}, "dict|object"),
    "Series of text": (lambda: table("Series of text"), "object|str|<U1"),
    "Series of times": (lambda: table("Series of times"), "datetime64"),
    "Categorical": (lambda: table("Categorical"), "object|str|<U1"),
}
# Compiled code may know these; whether it has what the function does with them, Numba says.
NUMBAS = ("structured", "text", "bytes", "times", "big-endian times", "a dict", "Series of times")
# Arithmetic that only Python knows: refused where arrays are passed on as they are.
OWN = {
    "matrix": (lambda: VALUES.view(np.matrix), "matrix.*np.asarray"),
    "own arithmetic": (lambda: VALUES.view(Own), "Own.*np.asarray"),
}
SGD = {"method": "sgd", "options": FAST}
BRIEF = {**SGD, "jac": "2-point"}  # takes less time to compile


def minimum(y):
    return fastopt.minimize(compiled, [0.0], args=(y,), **SGD).x[0]


def minimum_with_slope(y):
    """A compiled function beside a gradient that Python computes."""
    return fastopt.minimize(compiled, [0.0], args=(y,), jac=plain_slope, **SGD).x[0]


def minimum_of_nested(y):
    return fastopt.minimize(nested, [0.0], args=((1.0, (y, 2)),), **SGD).x[0]


def minima_of_args(y):
    return fastopt.minimize_batch(compiled, [[0.0], [1.0]], args=(y,), **BRIEF).x[1, 0]


def stochastic_args(y):
    more = {"batch_size": 2, "epochs": 30, **BRIEF, "options": {"learning_rate": 0.5}}
    fit = fastopt.minimize_stochastic(second, [0.0], np.zeros(2), args=(y,), **more)
    return fit.x[0]


@numba.njit
def second(x, _, y):
    return compiled(x, y)


def starts_of(y):
    return fastopt.multistart(compiled, [(-9.0, 9.0)], 2, args=(y,), **BRIEF).x[0]


def from_gradient(y):
    _, g = slope()(np.zeros(1), y)
    return -g[0]


def from_comparison(y):
    return -fastopt.compare_grad(compiled, [0.0], args=(y,), jac=plain_slope).differences[0]


def test_a_derived_gradient_is_compared():
    for kind in ("<f8", ">f8"):
        assert fastopt.compare_grad(compiled, [0.0], args=(RIGHT[kind](),)).success


DOORS = [
    minimum,
    minimum_with_slope,
    minimum_of_nested,
    minima_of_args,
    stochastic_args,
    starts_of,
    from_gradient,
    from_comparison,
]
QUICK = (minimum, minimum_with_slope, from_gradient, from_comparison)
each_door = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)


@each_door
def test_args_that_are_right(door):
    """All kinds one after the other: each after its like, which compiled code confuses it with."""
    few = FEW if door in QUICK else ALIKE
    for name in (*few, *few):
        assert door(RIGHT[name]()) == pytest.approx(4.0, abs=1e-5), name


def test_every_kind_at_one_door():
    for name, make in RIGHT.items():
        assert minimum_with_slope(make()) == pytest.approx(4.0, abs=1e-5), name
    assert minimum_with_slope(table("DataFrame")) == pytest.approx(4.0, abs=1e-5)


@each_door
@pytest.mark.parametrize("name", [*(name for name in WRONG if name not in NUMBAS), *OWN])
def test_args_that_are_wrong(door, name):
    make, words = {**WRONG, **OWN}[name]
    for _ in range(2):
        with pytest.raises((TypeError, ValueError), match=words):
            door(make())
        door(VALUES)


@pytest.mark.parametrize("name", NUMBAS)
def test_args_that_numba_refuses(name):
    make, words = WRONG[name]
    with pytest.raises((TypeError, ValueError), match=words):
        minimum_with_rate(make())


def minimum_with_rate(y):
    return fastopt.minimize(compiled, [0.0], args=(y,), jac=slope_of_mean, **SGD).x[0]


@numba.njit
def slope_of_mean(x, y):
    return x - np.mean(y)


@each_door
def test_numbers_and_lists_in_args(door):
    for wrong, words in (
        (2**70, "64 bits|size|ndim|flat"),
        (np.float16(1.0), "float16"),
        (np.longdouble(1.0), "float128|longdouble"),
        ([VALUES, VALUES.astype(int)], "several kinds"),
        ([1, 2.5], "several kinds"),
        ([1, 2**63], "several kinds"),
        ({1, 2.5}, "several kinds"),
        ((VALUES, hidden()), r"\[1\] is masked"),
        ([VALUES, hidden()], r"\[1\] is masked"),
    ):
        with pytest.raises((TypeError, ValueError), match=words):
            door(wrong)


@numba.njit
def count(x, n):
    return 0.5 * (x[0] - n / 2**60) ** 2


@pytest.mark.parametrize("order", [(3, 2**63, -(2**62)), (2**63, -(2**62), 3)])
def test_whole_numbers_of_64_bits(order):
    for n in order:
        found = fastopt.minimize(count, [0.0], args=(n,), **SGD).x[0]
        assert found == pytest.approx(n / 2**60, abs=1e-6)


@numba.njit
def of_list(x, rows):
    total = 0.0
    for y in rows:
        total += compiled(x, y)
    return total


@pytest.mark.filterwarnings("ignore::numba.core.errors.NumbaPendingDeprecationWarning")
def test_lists_of_arrays_are_read_in_their_byte_order():
    for kind in ("<f8", ">f8"):
        rows = [VALUES.astype(kind), VALUES.astype(kind)]
        assert fastopt.minimize(of_list, [0.0], args=(rows,), **BRIEF).x[0] == pytest.approx(4.0)


@numba.njit
def of_record(x, record):
    return 0.5 * (x[0] - record["value"][0]) ** 2


def test_structured_arrays_of_every_byte_order():
    for order in "<>" * 3:
        record = np.array([(1, 4.0)], [("key", order + "i4"), ("value", order + "f8")])
        assert fastopt.minimize(of_record, [0.0], args=(record,), **BRIEF).x[0] == pytest.approx(
            4.0
        )


# Data and validation data: rows.
def rows_of_batch(y):
    return fastopt.minimize_batch(row, [0.0], y, **SGD).x.mean()


def rows_of_ragged(y):
    return fastopt.minimize_batch(compiled, [0.0], ([y, y],), **SGD).x[1, 0]


def rows_of_epochs(y):
    more = {"batch_size": 9, "epochs": 30, **SGD, "options": {"learning_rate": 0.5}}
    return fastopt.minimize_stochastic(row, [0.0], y, **more).x[0]


def rows_held_out(y):
    more = {"batch_size": 9, "epochs": 1, **SGD, "options": {"learning_rate": 1e-9}}
    fit = fastopt.minimize_stochastic(row, [0.0], VALUES, validation=y, **more)
    return fit.validation_loss[0] / 10.5 * 4.0  # 10.5 = mean of y²/2


ROWS = [rows_of_batch, rows_of_ragged, rows_of_epochs, rows_held_out]
each_field = pytest.mark.parametrize("door", ROWS, ids=lambda door: door.__name__)


@each_field
def test_data_that_are_right(door):
    for name in FEW if door is rows_of_batch else ALIKE:
        assert door(RIGHT[name]()) == pytest.approx(4.0, abs=1e-5), name


@each_field
@pytest.mark.parametrize("name", WRONG)
def test_data_that_are_wrong(door, name):
    make, words = WRONG[name]
    with pytest.raises((TypeError, ValueError), match=words):
        door(make())


def test_bare_and_empty_data():
    for door in (rows_of_batch, rows_of_epochs):
        with pytest.raises(ValueError, match=r"data\[0\] is .*; it must be an array"):
            door(np.array(1.0, ">f8"))
    assert fastopt.minimize_batch(row, [0.0], np.empty(0, ">f8"), **SGD).x.shape == (0, 1)


# x0: what it is, and where the minimum at 4 is found from.
def from_x0(x0):
    return fastopt.minimize(lambda x: 0.5 * np.sum((x - 4.0) ** 2), x0, **SGD).x


def from_x0_compiled(x0):
    x0 = np.reshape(x0, -1) if isinstance(x0, memoryview) else x0
    return fastopt.minimize(around_four, x0, **BRIEF).x


@numba.njit
def around_four(x):
    total = 0.0
    for v in x.flat:
        total += (v - 4.0) ** 2
    return total


def from_many_x0(x0):
    return fastopt.minimize_batch(around_four, [x0], **SGD | {"jac": "2-point"}).x


X0 = [from_x0, from_x0_compiled]


@pytest.mark.parametrize("door", X0, ids=lambda door: door.__name__)
def test_starts(door):
    for name in RIGHT if door is from_x0 else FEW:
        np.testing.assert_allclose(door(RIGHT[name]()), 4.0, atol=1e-3, err_msg=name)
    for name, (make, words) in WRONG.items():
        with pytest.raises((TypeError, ValueError), match=f"x0 (is|has).*({words})"):
            door(make())
        assert name


def test_starts_with_hidden_components():
    for x0 in ([1.0, np.ma.masked], [hidden(), hidden()], (1.0, hidden())):
        with pytest.raises((TypeError, ValueError), match="x0 is masked"):
            from_x0(x0)
    with pytest.raises(TypeError, match="x0 is masked"):
        fastopt.minimize_batch(row, np.ma.masked_less([[1.0], [2.0]], 1.5), VALUES[:2])


# Bounds, options with a value for each problem, gradients, values.
def test_bounds():
    from scipy.optimize import Bounds

    for kind in (">f8", "<f4", ">i4"):
        low, high = np.array([1], kind), np.array([3], kind)
        for bounds in (Bounds(low, high), np.array([[1, 3]], kind), [(low[0], high[0])]):
            found = fastopt.minimize(distance, [2.0], args=(VALUES,), bounds=bounds, **SGD)
            assert found.x[0] == 3.0
    for bounds in (
        Bounds(["1"], ["3"]),
        [("1", "3")],
        Bounds(np.array([1j]), [3.0]),
        [(1.0, 3j)],
        [(np.complex128(1), 3.0)],
        [(np.datetime64("2020"), np.datetime64("2021"))],
        Bounds([False], [True]),
    ):
        for solve in (fastopt.minimize, fastopt.minimize_batch):
            x0 = [2.0] if solve is fastopt.minimize else [[2.0]]
            with pytest.raises(ValueError, match="bounds"):
                solve(compiled, x0, args=(VALUES,), bounds=bounds)


def test_options_with_a_value_for_each_problem():
    def solved(values):
        return fastopt.minimize_batch(row, [0.0], VALUES, **SGD | {"options": FAST | values})

    for kind in ("<f8", ">f8", "<f4", ">i4", "f2", "g"):
        limits = np.array([0, 1, 2, 3]).astype(kind)
        assert solved({"maxiter": limits}).nit.tolist() == [0, 1, 2, 3]
    for wrong in (np.ma.array([1, 2, 3, 4], mask=[1, 0, 0, 0]), np.array(["a"] * 4), 1j * VALUES):
        with pytest.raises((TypeError, ValueError), match="maxiter"):
            solved({"maxiter": wrong})


def test_what_functions_return():
    """A hidden value is none, and a hidden gradient either."""
    hides = np.ma.array([1.0], mask=[True])
    for value in (np.ma.masked, np.ma.array(1.0, mask=True), np.ma.array([1.0], mask=[True])):
        with pytest.raises(TypeError, match="fun returns is masked"):
            fastopt.minimize(lambda x, value=value: value, [1.0])
    with pytest.raises(TypeError, match="jac returns is masked"):
        fastopt.minimize(lambda x: x[0] ** 2, [1.0], jac=lambda x: hides, **SGD)
    for kind in ("<f4", ">f8", ">f4", "g", "f2"):
        jac = lambda x, kind=kind: (x - 4.0).astype(kind)  # noqa: E731
        found = fastopt.minimize(lambda x: 0.5 * (x[0] - 4.0) ** 2, [1.0], jac=jac, **SGD)
        assert found.x[0] == pytest.approx(4.0)


def test_steps_of_differences_and_rows_of_matrices():
    hides = np.ma.array([1e-6], mask=[True])
    with pytest.raises(TypeError, match="finite_diff_rel_step is masked"):
        fastopt.minimize(distance, [0.0], args=(VALUES,), options={"finite_diff_rel_step": hides})
    table = np.zeros((3, 2))
    rows = np.array([2, 0])
    for kind in ("<i4", ">i4", ">u2", "<i8"):
        fastopt.SGD(1.0).step_rows(table, rows.astype(kind), np.full((2, 2), -1.0))
    np.testing.assert_array_equal(table, [[4, 4], [0, 0], [4, 4]])
    with pytest.raises(TypeError, match="indices is masked"):
        fastopt.SGD(1.0).step_rows(table, np.ma.array(rows, mask=[1, 0]), np.ones((2, 2)))


OBJECTS = {
    **{name: RIGHT[name] for name in ("<f4", "<f8", "strided", "backwards")},
    **{name: RIGHT[name] for name in RIGHT if name[0] in "<>q" and name not in ("<f4", "<f8")},
    **{name: RIGHT[name] for name in ("unaligned", "read-only", "nothing hidden", "Series")},
    **{name: make for name, (make, _) in WRONG.items() if name != "a dict"},
}


@pytest.mark.parametrize("name", OBJECTS)
def test_optimizer_objects_and_kernels(name):
    """Arrays are stepped where they are, so that none is converted: it is right, or refused."""
    good = name in ("<f4", "<f8", "strided", "backwards")
    step = lambda x, g: fastopt.SGD(1.0).step(x, g)  # noqa: E731

    def update(x, g):
        opt = fastopt.SGD(1.0)
        x += opt.update(g, opt.init(x))[0]

    def kernel(x, g):
        fastopt.kernels.sgd(x, g, (), fastopt.SGD(1.0).coefficients(1)[0])

    for run in (step, update, kernel):
        x = OBJECTS[name]()
        if good:
            g = np.ones_like(x)
            run(x, g)
            np.testing.assert_array_equal(np.sort(x), VALUES - 1.0)
            continue
        other = np.ones(4)
        words = "accepted|not aligned|read-only|dtype|writ"
        if run is not update or name not in ("unaligned", "read-only"):
            with pytest.raises((TypeError, ValueError), match=words):
                run(x, other)
        if name not in ("unaligned", "read-only", "Series"):
            with pytest.raises((TypeError, ValueError), match=r"accepted|dtype"):
                run(other, x)
        np.testing.assert_array_equal(other, 1.0)


def test_memory_maps(tmp_path):
    for kind in ("<f8", ">f8", ">i4"):
        VALUES.astype(kind).tofile(path := tmp_path / kind[1:])
        mapped = np.memmap(path, kind, "r")
        assert minimum(mapped) == pytest.approx(4.0)
        assert rows_of_batch(mapped) == pytest.approx(4.0)


def test_saved_state_of_another_byte_order():
    """State arrays of a file of another machine: refused, and named."""
    opt, x = fastopt.Adam(0.1), np.zeros(4)
    opt.step(x, VALUES)
    state = opt.state_dict()
    file = io.BytesIO()
    np.save(file, state["arrays"]["params"]["v"].astype(">f8"))
    file.seek(0)
    state["arrays"]["params"]["v"] = np.load(file)
    other = fastopt.Adam(0.1)
    with pytest.raises(ValueError, match=r"v of 'params' must be .* not >f8"):
        other.load_state_dict(state)
