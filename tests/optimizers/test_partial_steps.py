"""Steps of some rows, and of sparse gradients, against dense ones."""

import numpy as np
import pytest
import scipy.sparse

import fastopt

RNG = np.random.default_rng(6)
NAMES = ["AdaGrad", "RMSProp", "AdaDelta", "Adam", "AdamW", "AdaMax", "Nadam", "SGD"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_step_as_if_they_were_alone(name, order):
    """Each row touched at every call walks as an array of its own; duplicates are summed."""
    x0 = np.array(RNG.normal(size=(6, 3)), order=order)
    x, alone = x0.copy(order="K"), x0[[4, 1]]
    one, two = (getattr(fastopt, name)(lambda t: 0.1 / t) for _ in range(2))
    for _ in range(4):
        grads = RNG.normal(size=(3, 3))
        one.step_rows(x, [4, 1, 4], grads)
        two.step(alone, np.stack([grads[0] + grads[2], grads[1]]))
    np.testing.assert_allclose(x[[4, 1]], alone, rtol=1e-14)
    np.testing.assert_array_equal(np.delete(x, [1, 4], 0), np.delete(x0, [1, 4], 0))
    assert one.t == 4


def test_what_is_not_touched_stands_still():
    """Lazy: no decay of averages or parameters meanwhile; AdaGrad is the same as with zeros."""
    x, lazy = np.ones((3, 2)), fastopt.RMSProp(0.1, weight_decay=0.1)
    lazy.step_rows(x, [0], np.ones((1, 2)))
    v = lazy.state_dict()["arrays"]["params"]["v"]
    lazy.step_rows(x, np.array([2]), np.ones((1, 2)))
    np.testing.assert_array_equal(lazy.state_dict()["arrays"]["params"]["v"][0], v[0])
    np.testing.assert_array_equal(x[1], [1.0, 1.0])
    x, y = np.ones((3, 2)), np.ones((3, 2))
    one, two = fastopt.AdaGrad(0.1), fastopt.AdaGrad(0.1)
    for k in (0, 2, 0, 1):
        g = RNG.normal(size=(1, 2))
        dense = np.zeros((3, 2))
        dense[k] = g
        one.step_rows(x, [k], g)
        two.step(y, dense)
    np.testing.assert_array_equal(x, y)


def test_trees_empty_indices_and_dense_steps_between():
    params = {"a": np.zeros((4, 2)), "b": [np.zeros((3, 2, 2), np.float32)]}
    grads = {"a": np.ones((2, 2)), "b": [np.zeros((0, 2, 2), np.float32)]}
    opt = fastopt.SGD(1.0)
    opt.step_rows(params, {"a": np.array([3, 3]), "b": [np.array([], int)]}, grads)
    np.testing.assert_array_equal(params["a"], [[0, 0], [0, 0], [0, 0], [-2, -2]])
    opt.step(params, {"a": np.ones((4, 2)), "b": [np.ones((3, 2, 2), np.float32)]})
    np.testing.assert_array_equal(params["a"][:, 0], [-1, -1, -1, -3])
    np.testing.assert_array_equal(params["b"][0], -np.ones((3, 2, 2)))
    assert opt.t == 2


@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
@pytest.mark.parametrize("name", ["AdaGrad", "RMSProp"])
def test_sparse_gradients_touch_their_elements(form, name):
    x = RNG.normal(size=(5, 4))
    before, dense_x, opt, other = (
        x.copy(),
        x.copy(),
        *(getattr(fastopt, name)(0.1, clip_norm=1.0) for _ in range(2)),
    )
    dense = RNG.normal(size=(5, 4)) * (RNG.random((5, 4)) < 0.3)
    g = getattr(scipy.sparse, f"{form}_array")(dense)
    b = np.ones(2)
    for _ in range(3):
        opt.step([x, b], [g, np.zeros(2)])
        other.step([dense_x, np.ones(2)], [g.toarray(), np.zeros(2)])
    np.testing.assert_allclose(x, dense_x, rtol=1e-14)  # at the others, a zero step
    touched = g.toarray() != 0
    assert (x[touched] != before[touched]).all()
    np.testing.assert_array_equal(x[~touched], before[~touched])
    twice = scipy.sparse.coo_array(([1.0, 2.0], ([0, 0], [0, 0])), shape=(5, 4))
    fastopt.SGD(1.0).step(x, twice)
    assert x[0, 0] == pytest.approx((before if not touched[0, 0] else dense_x)[0, 0] - 3.0)


@pytest.mark.parametrize("name", ["AdaGrad", "RMSProp"])
def test_one_accumulator_a_row(name):
    x, rho = RNG.normal(size=(5, 4)), {"AdaGrad": 1.0, "RMSProp": 0.9}[name]
    wanted, v = x.copy(), np.zeros(5)
    opt = getattr(fastopt, name)(0.1, row_wise=True, eps=1e-6, weight_decay=0.1)
    for t in range(4):
        rows = [[0, 3], [3, 1, 3], [4], [0, 1, 2, 3, 4]][t]
        g = RNG.normal(size=(len(rows), 4))
        if t == 2:
            g[...] = -0.1 * wanted[rows]  # a zero gradient after decay
        summed = np.zeros((5, 4))
        np.add.at(summed, rows, g)
        for r in set(rows):
            own = summed[r] + 0.1 * wanted[r]
            v[r] = rho * v[r] + (1.0 if rho == 1.0 else 1 - rho) * np.mean(own**2)
            wanted[r] -= 0.1 * own / np.sqrt(v[r] + 1e-6)
        opt.step(x, g) if t == 3 else opt.step_rows(x, rows, g)
    np.testing.assert_allclose(x, wanted, rtol=1e-13)
    state = opt.state_dict()
    np.testing.assert_allclose(state["arrays"]["params"]["v"], v, rtol=1e-13)
    other = getattr(fastopt, name)(0.1, row_wise=True, eps=1e-6, weight_decay=0.1)
    other.load_state_dict(state)
    y = x.copy()
    for o, p in ((opt, x), (other, y)):
        o.step(p, np.ones((5, 4)))
    np.testing.assert_array_equal(x, y)


def test_what_is_refused():
    x, g, opt = np.zeros((4, 2)), np.ones((2, 2)), fastopt.AdaGrad(0.1)
    for indices, grads, kind, message in (
        ([0, 4], g, IndexError, "indices must be from 0 to 3"),
        ([0, -1], g, IndexError, "indices must be from 0 to 3"),
        ([0.0, 1.0], g, TypeError, "indices must be vectors of whole numbers"),
        ([0], g, ValueError, r"grads has shape \(2, 2\).*for 1 row of the parameter \(1, 2\)"),
        ([0, 1], g.astype("f4"), ValueError, "dtype float32"),
        ([0, 1], np.array([[np.nan, 1], [1, 1]]), FloatingPointError, "nothing has changed"),
    ):
        with pytest.raises(kind, match=message):
            opt.step_rows(x, indices, grads)
    with pytest.raises(ValueError, match=r"grads has shape \(3, 2\)"):
        opt.step(x, scipy.sparse.csr_array(np.ones((3, 2))))
    assert not x.any()
    with pytest.raises(ValueError, match="row_wise is for rules that keep v alone"):
        fastopt.Adam(row_wise=True)
    with pytest.raises(ValueError, match="must be a matrix of the host's"):
        fastopt.AdaGrad(row_wise=True).step(np.zeros(3), np.zeros(3))
