"""Bodies of tests that a GPU and Numba's simulator share, the latter with smaller batches."""

import math

import numpy as np

import fastopt

FIELDS = ("x", "fun", "jac", "x_last", "fun_last", "nit", "nfev", "njev", "status")


def bowl(x, c, w):
    """Its minimum is c, whatever the weights; not quadratic, so that the search has some work."""
    total = 0.0
    for i in range(c.size):
        d = x[i] - c[i]
        total += w[i] * d * d + 0.1 * d * d * d * d
    return total


def peak(x, c, w):
    """The same, with a function of `math`."""
    total = 0.0
    for i in range(c.size):
        d = x[i] - c[i]
        total += w[i] * (1.0 - math.exp(-d * d))
    return total


def mean(x, y):
    """Of rows of unequal lengths."""
    total = 0.0
    for i in range(y.size):
        total += (x[0] - y[i]) ** 2
    return total


class Batch:
    """So many small problems; `there` brings an array to the device."""

    def __init__(self, there, problems, dtype=np.float64, size=2):
        rng = np.random.default_rng(problems)
        self.there, self.dtype, self.problems = there, np.dtype(dtype), problems
        self.c = rng.uniform(-0.8, 0.8, (problems, size)).astype(dtype)
        self.w, self.x0 = np.arange(1, size + 1).astype(dtype), np.zeros(size, dtype)

    def both(self, fun=bowl, x0=None, data=None, args=None, there=False, **given):
        """The results of the device and of the CPU."""
        data = (self.c,) if data is None else data
        args = (self.w,) if args is None else args
        x0 = self.x0 if x0 is None else x0
        theirs = fastopt.minimize_batch(fun, x0, data, args, device="cpu", **given)
        if there:
            data, x0 = tuple(map(self.there, data)), self.there(x0) if x0.ndim > 1 else x0
            args = tuple(map(self.there, args))
        return fastopt.minimize_batch(fun, x0, data, args, device="cuda", **given), theirs

    def agree(self, *args, alike=1.0, **given):
        """As successful as the CPU, at the same minima; the path may differ by a rounding.

        `alike` is the share of problems that must end with the very status of the CPU's: where the
        last digit decides between gtol and ftol, few may not.
        """
        ours, theirs = self.both(*args, **given)
        assert (ours.device, theirs.device) == ("cuda", "cpu")
        assert ours.jac_method == theirs.jac_method
        for name in FIELDS:
            assert (ours[name].dtype, ours[name].shape) == (theirs[name].dtype, theirs[name].shape)
        np.testing.assert_array_equal(ours.success, theirs.success)
        assert (ours.status == theirs.status).mean() >= alike
        bound = 1e-4 if self.dtype == np.float64 else 2e-2  # by what gtol leaves of them
        np.testing.assert_allclose(ours.x, theirs.x, atol=bound, rtol=bound)
        bound = 1e-8 if self.dtype == np.float64 else 3e-4
        np.testing.assert_allclose(ours.fun, theirs.fun, atol=bound, rtol=bound)
        return ours


def tolerance(dtype):
    """Far from the floor of rounding, so that statuses must be the same."""
    return 1e-4 if np.dtype(dtype) == np.float64 else 1e-2


def every_rule(there, problems, method, dtype):
    batch = Batch(there, problems, dtype)
    result = batch.agree(method=method, tol=tolerance(dtype), alike=0.99)
    assert result.success.all()


def textbook(there, problems, method, dtype):
    """A given number of iterations: the counts are the CPU's, x is within rounding."""
    options = {"learning_rate": 0.05, "maxiter": 3}
    batch = Batch(there, problems, dtype)
    ours, theirs = batch.both(method=method, options=options)
    assert set(ours.status) == {1}
    for name in ("status", "nit", "nfev", "njev"):
        np.testing.assert_array_equal(ours[name], theirs[name])
    bound = 64 * np.finfo(dtype).eps
    for name in ("x_last", "x"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=bound, atol=bound)


def bounded(there, problems, dtype):
    batch = Batch(there, problems, dtype)
    box = [(-0.3, 0.4), (None, 0.2)]
    x = batch.agree(bounds=box, tol=tolerance(dtype), alike=0.99).x
    low, high = np.array([-0.3, -np.inf], dtype), np.array([0.4, 0.2], dtype)
    assert ((x >= low) & (x <= high)).all()


def own_bounds(there, problems):
    batch = Batch(there, problems)
    low = np.random.default_rng(3).uniform(-0.8, -0.1, (problems, 2))
    box = np.stack([low, low + 0.9], axis=-1)
    x = batch.agree(bounds=box, tol=1e-4, alike=0.99).x
    assert ((x >= low) & (x <= low + 0.9)).all()


def own_options(there, problems):
    """A number for each problem; with a given rate the counts must be the CPU's."""
    counts = np.arange(problems) % 4 + 1.0
    options = {"learning_rate": 0.01 * counts, "maxiter": counts, "rho": 0.5 + 0.1 * counts}
    ours, theirs = Batch(there, problems).both(options=options)
    np.testing.assert_array_equal(ours.nit, counts)
    for name in ("status", "nit", "nfev"):
        np.testing.assert_array_equal(ours[name], theirs[name])
    np.testing.assert_allclose(ours.x_last, theirs.x_last, rtol=1e-13, atol=1e-13)


def ragged(there, problems):
    rng = np.random.default_rng(8)
    rows = [rng.normal(size=1 + k % 5) for k in range(problems)]
    batch = Batch(there, problems)
    result = batch.agree(mean, np.zeros(1), (rows,), (), tol=1e-6, alike=0.99)
    np.testing.assert_allclose(result.x[:, 0], [row.mean() for row in rows], atol=1e-6)


def resident(there, problems, dtype, own_starts):
    batch = Batch(there, problems, dtype)
    x0 = np.zeros((problems, 2), dtype) if own_starts else None
    batch.agree(x0=x0, there=True, tol=tolerance(dtype), alike=0.99)


def resident_with_bounds(there, problems):
    batch = Batch(there, problems)
    given = {"bounds": [(-0.3, 0.4)] * 2, "tol": 1e-4}
    batch.agree(x0=np.zeros((problems, 2)), there=True, alike=0.99, **given)


def functions_of_math(there, problems, dtype):
    Batch(there, problems, dtype).agree(peak, tol=tolerance(dtype), alike=0.99)


def bits_do_not_depend_on_the_window(there, problems, small):
    """`small` is a context in which memory suffices for some of the problems only."""
    batch = Batch(there, problems)
    given = {"x0": np.zeros((problems, 2)), "tol": 1e-6}
    whole, _ = batch.both(**given)
    with small():
        cut, _ = batch.both(**given)
    for name in FIELDS:
        np.testing.assert_array_equal(cut[name], whole[name], err_msg=name)


# One problem on device arrays. Its functions come and go by the host: any library will do.


class One:
    """A sum of `bowl`s of arrays of a library: `there` and `back` bring them to and fro."""

    def __init__(self, there, back, n, dtype=np.float64, shape=None):
        self.there, self.back, self.shape = there, back, shape or (n,)
        self.c = np.linspace(-0.7, 0.8, n).astype(dtype)
        self.w, self.seen = np.linspace(1.0, 3.0, n).astype(dtype), []

    def start(self):
        return self.there(np.zeros(self.shape, self.c.dtype))

    def on_host(self, x):
        d = np.asarray(x).reshape(-1) - self.c
        f = float(np.sum(self.w * d**2 + 0.1 * d**4, dtype=float))
        return f, (2 * self.w * d + 0.4 * d**3).reshape(self.shape)

    def both(self, x):
        self.seen.append(type(x))
        f, g = self.on_host(self.back(x))
        return f, self.there(np.ascontiguousarray(g, self.c.dtype))

    def value(self, x):
        return self.both(x)[0]

    def slope(self, x):
        return self.both(x)[1]


def one_agrees(one, **given):
    """The CPU's result and the device's, of the same calls."""
    x0 = one.start()
    ours = fastopt.minimize(one.both, x0, jac=True, **given)
    kind = np.zeros(one.shape, one.c.dtype)
    theirs = fastopt.minimize(one.on_host, kind, jac=True, **given)
    assert ours.device == "cuda"
    assert isinstance(ours.x, type(x0))
    assert set(one.seen) == {type(x0)}
    x = one.back(ours.x)
    assert (x.shape, x.dtype) == (one.shape, one.c.dtype)
    assert not one.back(x0).any(), "the start has been written to"
    assert ours.success == theirs.success
    if (given.get("options") or {}).get("learning_rate", "auto") != "auto":
        assert ours.status == theirs.status
    bound = 1e-5 if one.c.dtype == np.float64 else 1e-2
    np.testing.assert_allclose(x, theirs.x, rtol=bound, atol=bound)
    np.testing.assert_allclose(one.back(ours.jac), theirs.jac, atol=10 * bound)
    return ours, theirs


def one_with_a_callback(one):
    """It sees x of its own after every iteration, and may stop."""
    seen = []

    def callback(intermediate_result):
        seen.append((intermediate_result.nit, intermediate_result.x))
        if intermediate_result.nit == 2:
            raise StopIteration

    ours = fastopt.minimize(one.value, one.start(), jac=one.slope, callback=callback)
    assert ours.status == 99
    assert [nit for nit, _ in seen] == [1, 2]
    first, second = (one.back(x) for _, x in seen)
    assert (first != second).any()
    np.testing.assert_array_equal(second, one.back(ours.x_last))
