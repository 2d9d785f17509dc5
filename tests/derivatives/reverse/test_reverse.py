"""Gradients by reverse mode, compared with the complex step or exact derivatives."""

import math
import subprocess
import sys
import textwrap

import numba
import numpy as np
import programs
import pytest
from derivative_cases import complex_step, jit

from fastopt.derivatives import derived_mode
from fastopt.derivatives.reverse import compiled_gradient as reverse

RNG = np.random.default_rng(3)
X = RNG.uniform(0.2, 1.2, 6)
DATA = RNG.uniform(1.0, 2.0, 6)


def swapped(a, b):
    if a > b:
        return a - b, a
    return b * a, a * 2.0


def loops(x, w):
    """Nested loops, break, continue, while, an early return, tuples and a helper."""
    s = 0.0
    for i in range(x.size - 1):
        if x[i] > 0.9:
            s += math.exp(x[i]) * w[i]
            if s > 4.0:
                break
            continue
        u, v = swapped(x[i], x[i + 1])
        t = 1.0
        for j in range(i + 1):
            t *= x[j] + v
            if t > 3.0:
                break
        while t > 0.5:
            t *= 0.7 * x[0]
        s = s * 0.9 + np.sin(x[i] * s) + t * u
    for i, (a, b) in enumerate(zip(x, w)):  # noqa: B905 Numba has no `strict`
        s += a**2 * b * i - max(a, 0.5, b - 1.0) / (1.0 + a)
    if s > 100.0:
        return 3.0 * x[0]
    return s * s


def scratch(x, n):
    """Arrays that loops overwrite, a view of them, and rows; no iteration if n is 0."""
    t, total = np.zeros(x.size + 1), 0.0
    for k in range(n):
        row = np.ones(3)
        for i in range(x.size):
            t[i + 1] = t[i] * x[i] + math.sqrt(x[i] * x[i] + k)
            row[i % 3] *= t[i] + x[k]
        part = t[2:5]
        part[0] += part[1] ** 2
        total += row[0] * row[1] * t[2]
    return total + t[1] * t[-1] + x[0]


def on_arrays(x, matrix, at):
    """Products, broadcasts, slices, gathers, sums along axes, and arrays carried by a loop."""
    a = x.reshape(2, 3)
    y = np.ones(3)
    for _ in range(3):
        k1 = np.tanh(matrix @ y + a[0])
        y = y + 0.1 * (k1 + np.tanh(matrix @ (y + 0.05 * k1)) * x[1])
    t = np.zeros(x.size)
    t[1:] = x[1:] * x[:-1]
    t *= 2.0
    t[:-1] += t[1:] ** 2
    columns = np.sum(a * a, axis=0) - a[:, 1:2]
    b = np.where(x > 0.6, x, -x) + np.maximum(x, 0.5)
    t[0] = 3.0 * x[2]
    return np.sum(y) + np.sum(t * b) + np.sum(columns) + np.mean(np.exp(-x[at]))


def compiled(fun, *args, x=X):
    return reverse.check(jit(fun), numba.typeof(x), tuple(map(numba.typeof, args)))


def run(gradient, x, *args, store=None):
    g = np.full(x.shape, math.nan, x.dtype)
    return gradient(x, g, reverse.new_store() if store is None else store, *args), g


def agrees(fun, gradient, x, *args, tol=1e-13, exact=None):
    f, g = run(gradient, x, *args)
    want = complex_step(fun, x, args) if exact is None else exact
    assert f == pytest.approx(float(fun(x, *args)), rel=1e-12)
    assert g == pytest.approx(want, abs=tol * max(1.0, np.abs(want).max()), rel=0.0)


def test_loops():
    gradient = compiled(loops, DATA)
    for x in (X, X[::-1].copy(), 0.5 * X, 1.5 * X, 3.0 * X):
        agrees(loops, gradient, x, DATA)


def leaves_two_loops(x, low):
    """Return from an inner loop; `continue` makes two loops of one in Numba's code."""
    s, k = x[5], 0
    while k < 5:
        k += 1
        if k == 2:
            continue
        for j in range(k):
            s += x[j] * x[k] * s
            if s > 3.0:
                return s * x[1] + k
        if s < low:
            break
    return s * s


def test_jumps_out_of_several_loops():
    gradient = compiled(leaves_two_loops, 0.1)
    for scale, low in ((0.3, 0.0), (1.0, 0.1), (0.3, 0.6), (3.0, 0.0)):
        agrees(leaves_two_loops, gradient, scale * X, low)


def test_scratch_arrays_and_no_iteration():
    gradient, store = compiled(scratch, 3), reverse.new_store()
    for n in (3, 1, 0):
        agrees(scratch, gradient, X, n)
    run(gradient, X, 3, store=store)
    before = store.copy()
    run(gradient, X, 3, store=store)
    assert np.array_equal(store, before)  # the same memory again


def views_of_new_arrays(x):
    """Parts of arrays that the next iteration replaces; `np.flip` is a view that is written to."""
    w = x * 2.0
    flipped = np.flip(w)
    flipped[0] = x[0] * x[1]
    t, s = x * 3.0, 0.0
    for i in range(4):
        if i == 3 and s > 3.0:
            break
        t = t * 0.9 + x[i] * t[i + 1 : i + 2]
        s += t[0] * x[1]
    return s * flipped[1] * w[5] + t[5]


def test_views_of_arrays_that_a_loop_replaces_and_flipped_ones():
    gradient = compiled(views_of_new_arrays)
    for x in (X, 3.0 * X):
        agrees(views_of_new_arrays, gradient, x)


def in_steps(x, step):
    s = 0.0
    for i in range(5, -1, step):
        s = s * x[i] + x[i]
    return s


def test_a_range_with_step_zero_is_an_error():
    gradient = compiled(in_steps, -2)
    agrees(in_steps, gradient, X, -2)
    with pytest.raises(ValueError, match="must not be zero"):
        run(gradient, X, 0)


def test_arrays():
    matrix, at = RNG.normal(size=(3, 3)) * 0.4, np.array([0, 2, 2, 5])
    gradient = reverse.gradient(jit(on_arrays))
    h, want = 1e-6, np.empty(6)
    for i in range(6):
        step = h * np.eye(6)[i]
        f = [on_arrays(X + k * step, matrix, at) for k in (-2, -1, 1, 2)]
        want[i] = (f[0] - 8.0 * f[1] + 8.0 * f[2] - f[3]) / (12.0 * h)
    with programs.quick():
        agrees(on_arrays, gradient, X, matrix, at, exact=want, tol=1e-9)


def kinks(x):
    s = math.sqrt(x[0] ** 2) + math.sqrt(x[1] * x[1] + x[2] * x[2])
    for i in range(3, x.size):
        grown = math.exp(1000.0 * x[i])
        s += 0.0 if x[i] > 0.5 else grown * x[i]
        s += 1.0 / (1.0 + math.exp(800.0 * x[i]))
    return s


def test_zero_times_infinity_is_zero_where_a_choice_or_a_zero_says_so():
    gradient = compiled(kinks)
    x = np.array([0.0, 0.0, 0.0, 1.0, 2.0, 5.0])  # exp overflows in the branch not taken
    f, g = run(gradient, x)
    assert f == 0.0
    assert np.array_equal(g, np.zeros(6))


def inverse(x):
    return np.linalg.inv(x.reshape(2, 2))[0, 0]


def test_a_matrix_that_is_singular_gives_nan():
    gradient = compiled(inverse, x=X[:4])
    f, g = run(gradient, np.array([4.0, 1.0, 2.0, 2.0]))
    assert f == pytest.approx(1.0 / 3.0, rel=1e-14)
    assert g == pytest.approx([-1.0 / 9.0, 1.0 / 9.0, 1.0 / 18.0, -1.0 / 18.0], rel=1e-13)
    for last in (0.5, math.nan):
        f, g = run(gradient, np.array([4.0, 1.0, 2.0, last]))
        assert math.isnan(f)
        assert np.isnan(g).all()


def test_float32():
    x = X.astype(np.float32)
    gradient = compiled(scratch, 2, x=x)
    _, g = run(gradient, x, 2)
    assert g.dtype == np.float32
    want = complex_step(scratch, x.astype(float), (2,))
    assert g == pytest.approx(want, rel=1e-5)


def test_the_limit_of_memory_is_an_error_and_an_empty_x_too():
    gradient = compiled(scratch, 3)
    sentence = r"keeps at least .* MB, but its limit is 6.4e-05 MB. Set .*FASTOPT_REVERSE_MEMORY to"
    with pytest.raises(MemoryError, match=sentence):
        run(gradient, X, 3, store=reverse.new_store(64))
    with pytest.raises(ValueError, match="x is empty"):
        run(gradient, np.empty(0), 3)


def test_the_limit_of_memory_is_that_of_the_environment(monkeypatch):
    monkeypatch.setenv("FASTOPT_REVERSE_MEMORY", "4e6")
    assert reverse.new_store()[2] == 500_000
    for wrong in ("4 MB", "0", "-1", "nan", "inf"):
        monkeypatch.setenv("FASTOPT_REVERSE_MEMORY", wrong)
        with pytest.raises(ValueError, match=r"FASTOPT_REVERSE_MEMORY is .* a number of bytes"):
            reverse.new_store()


TABLE = np.ones(6)


def writes_to_x(x):
    x[0] = 1.0
    return x[0] * x[1]


def writes_to_data(x, w):
    part = w[1:]
    part[0] = x[0]
    return w[1] * x[1]


def writes_to_a_constant(x):
    TABLE[0] = x[0]
    return x[0]


def does_not_depend(x):
    return float(x.size)


def only_in_steps(x):
    return math.floor(x[0]) + 1.0


def flat_of_a_view(x):
    return x[::2].flat[0] * 2.0


def to_complex(x):
    return abs(complex(x[0], x[1]))


def with_out(x):
    t = np.zeros(6)
    np.add(TABLE, TABLE, t)
    return np.sum(x * t)


@pytest.mark.parametrize(
    "fun",
    [
        writes_to_x,
        writes_to_data,
        writes_to_a_constant,
        does_not_depend,
        only_in_steps,
        flat_of_a_view,
        to_complex,
        with_out,
    ],
)
def test_what_is_not_known_to_be_right_is_refused(fun):
    args = (DATA,) if fun is writes_to_data else ()
    with pytest.raises(reverse.NotReversible) as caught:
        compiled(fun, *args)
    assert caught.value.reason


def test_a_fault_of_reverse_mode_is_a_warning_and_forward_mode_is_used(monkeypatch):
    def broken(*_):
        raise KeyError("a fault")

    monkeypatch.setattr(reverse, "Loops", broken)
    x = np.ones(20)
    fun = numba.njit(lambda x: x[0])
    with pytest.warns(RuntimeWarning, match="has a fault; please report it: KeyError"):
        assert derived_mode.select("autodiff", fun, x, (), True) == ("forward", None)


PROGRAM = """
import numba, numpy as np
from numba.core import event

class Counter(event.Listener):
    count = 0
    def on_start(self, event):
        Counter.count += 1
    def on_end(self, event):
        pass

import fastopt
from fastopt.derivatives.reverse import compiled_gradient as reverse

@numba.njit
def fun(x, a):
    s = 0.0
    for i in range(x.size):
        s += a * x[i] ** 3
    return s

event.register("numba:compile", Counter())
gradient = reverse.check(fun, numba.float64[::1], (numba.float64,))
x, g = np.array([1.0, 2.0]), np.empty(2)
print(gradient(x, g, reverse.new_store(), 2.0), *g, Counter.count)
"""


def test_code_is_kept_on_disk(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTOPT_CACHE_DIR", str(tmp_path / "cache"))
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    runs = [
        subprocess.run([sys.executable, program], capture_output=True, text=True, check=False)
        for _ in range(2)
    ]
    first, second = (r.stdout.split() for r in runs)
    assert first[:3] == second[:3] == ["18.0", "6.0", "24.0"], runs[0].stderr
    assert int(first[3]) > 0
    assert second[3] == "0"
