"""What optimizer objects take, and what they refuse: arrays of anyone's, and bad ones."""

import numpy as np
import pytest

import fastopt


def locked(array):
    array.flags.writeable = False
    return array


def shared():
    whole = np.zeros(6)
    return [whole[:4], whole[2:]]


def misaligned():
    return np.zeros(33, np.uint8)[1:].view(np.float64)


PAIR = {"w": np.zeros(3), "b": [np.zeros(2, np.float32)]}
GOOD = {"w": np.ones(3), "b": [np.ones(2, np.float32)]}
BAD = {
    "grads is an array, but params has a dict there": (ValueError, PAIR, np.ones(3)),
    r"grads\['b'\] is an array, but params has a list there": (
        ValueError,
        PAIR,
        {**GOOD, "b": PAIR["w"]},
    ),
    r"grads\['w'\] is a list, but params has an array there": (
        ValueError,
        PAIR,
        {**GOOD, "w": [1.0]},
    ),
    r"grads\['w'\] is missing": (ValueError, PAIR, {"b": GOOD["b"]}),
    r"grads\['c'\] has no counterpart": (ValueError, PAIR, {**GOOD, "c": np.ones(1)}),
    r"grads\['b'\]\[0\] is missing": (ValueError, PAIR, {**GOOD, "b": []}),
    r"grads\['b'\]\[1\] has no counterpart": (ValueError, PAIR, {**GOOD, "b": 2 * GOOD["b"]}),
    r"grads\['w'\] has shape \(4,\), but its parameter has shape \(3,\)": (
        ValueError,
        PAIR,
        {**GOOD, "w": np.ones(4)},
    ),
    r"grads\['b'\]\[0\] has dtype float64, but its parameter has dtype float32": (
        TypeError,
        PAIR,
        {**GOOD, "b": [np.ones(2)]},
    ),
    r"grads\['w'\] is NoneType; arrays of float32": (TypeError, PAIR, {**GOOD, "w": None}),
    "params has dtype int64; arrays of float32 or float64": (
        TypeError,
        np.zeros(3, int),
        np.ones(3),
    ),
    "params has dtype >f8": (TypeError, np.zeros(3, ">f8"), np.ones(3)),
    "params has dtype complex128": (TypeError, np.zeros(3, complex), np.ones(3)),
    "params is float;": (TypeError, 1.0, 1.0),
    "params is float64;": (TypeError, np.float64(1.0), np.ones(())),
    "params is MaskedArray;": (TypeError, np.ma.zeros(3), np.ones(3)),
    "params holds no array": (ValueError, {}, {}),
    "two arrays of params have the name 'a.b'": (
        ValueError,
        {"a.b": np.zeros(1), "a": {"b": np.zeros(1)}},
        {"a.b": np.zeros(1), "a": {"b": np.zeros(1)}},
    ),
    r"params is read-only; step a copy of it \(.copy\(\)\)": (
        ValueError,
        locked(np.zeros(3)),
        np.ones(3),
    ),
    "params is not aligned; step a copy": (ValueError, misaligned(), np.ones(4)),
    r"params\[0\] and params\[1\] share memory": (ValueError, shared(), [np.ones(4), np.ones(4)]),
    r"params\[1\] and grads\[0\] share memory|grads\[0\] and params\[1\] share memory": (
        ValueError,
        *(lambda a: ([np.zeros(4), a], [a, np.ones(4)]))(np.zeros(4)),
    ),
}


@pytest.mark.parametrize("message", BAD)
def test_what_is_refused(message):
    kind, params, grads = BAD[message]
    with pytest.raises(kind, match=message):
        fastopt.RMSProp(0.1).step(params, grads)


def test_interleaved_arrays_share_nothing():
    whole = np.zeros(8)
    fastopt.SGD(1.0).step([whole[::2], whole[1::2]], [np.ones(4), np.full(4, 2.0)])
    np.testing.assert_array_equal(whole, [-1, -2] * 4)


def stepped(params, grads):
    opt = fastopt.SGD(1.0)
    opt.step(params, grads)
    return opt


def test_shapes_and_dtypes_stay_those_of_the_first_step():
    x, g = np.zeros(3), np.ones(3)
    opt = stepped(x, g)
    for params, grads, message in (
        (
            np.zeros(4),
            np.ones(4),
            r"params has shape \(4,\), but at .* had shape \(3,\)",
        ),
        (x, np.ones((3, 1)), r"grads has shape \(3, 1\)"),
        (x.astype("f4"), g, "params has dtype float32"),
        (x, x, "share memory"),
        (locked(np.zeros(3)), g, "params is read-only"),
        ({"w": x}, {"w": g}, "params is a dict, but the first step had an array there"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            opt.step(params, grads)
    x.flags.writeable = False
    with pytest.raises(ValueError, match="params is read-only"):
        opt.step(x, g)
    x.flags.writeable = True
    x.shape, g.shape = (3, 1), (3, 1)
    with pytest.raises(ValueError, match=r"params has shape \(3, 1\)"):
        opt.step(x, g)
    x.shape, g.shape = 3, 3
    opt.step(x, locked(g))
    np.testing.assert_array_equal(x, [-2.0] * 3)
    assert opt.t == 2


@pytest.mark.parametrize("several", [False, True])
def test_other_arrays_of_the_same_kind_are_found_where_they_lie(several):
    """Gradients made anew, in another order of memory, parameters replaced."""
    wrap = (lambda a: {"a": a, "b": [a.copy()]}) if several else (lambda a: a)
    x = np.zeros((2, 3))
    opt, moved = fastopt.SGD(1.0), np.zeros((2, 3))
    params = wrap(x)
    for t in range(12):
        g = np.arange(6.0).reshape(2, 3) + t
        given = [g, np.asfortranarray(g), np.repeat(g, 2, axis=1)[:, ::2]][t % 3]
        if t % 4 == 3:
            x = x.copy() if t % 8 == 3 else np.asfortranarray(x)
            params = wrap(x)
        opt.step(params, wrap(given))
        moved -= g
        np.testing.assert_array_equal(x, moved)


def test_sharing_memory_is_noticed_at_later_steps_too():
    xs, gs = [np.zeros(3), np.zeros(3)], [np.ones(3), np.ones(3)]
    opt = stepped(xs, gs)
    with pytest.raises(ValueError, match="share memory"):
        opt.step([xs[0], xs[0]], gs)
    with pytest.raises(ValueError, match="share memory"):
        opt.step(xs, [gs[0], xs[0]])
    opt.step(xs[::-1], gs)
    opt.step(xs, [gs[0], gs[0]])
    np.testing.assert_array_equal(xs, np.full((2, 3), -3.0))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("clip", [None, 1.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("several", [False, True])
def test_gradients_that_are_not_finite(bad, clip, dtype, several):
    n = 9
    for k in range(n):
        x, g = np.ones(n, dtype), np.full(n, 0.1, dtype)
        params, grads = ([np.ones(2), x], [np.ones(2), g]) if several else (x, g)
        opt = fastopt.Adam(0.1, clip_norm=clip)
        opt.step(params, grads)
        before, state = x.copy(), opt.state_dict()
        g[k] = bad
        with pytest.raises(FloatingPointError, match="nothing has changed"):
            opt.step(params, grads)
        np.testing.assert_array_equal(x, before)
        np.testing.assert_equal(opt.state_dict(), state)
    skip = fastopt.Adam(0.1, clip_norm=clip, on_nonfinite="skip")
    skip.step(params, grads)
    np.testing.assert_array_equal(x, before)
    assert (skip.t, skip.skipped) == (0, 1)
    go = fastopt.SGD(0.1, on_nonfinite="propagate")
    go.step(params, grads)
    assert not np.isfinite(x[-1])
    assert np.isfinite(x[:-1]).all()


def test_largest_numbers_are_finite():
    for dtype in (np.float32, np.float64):
        x = np.zeros(20, dtype)
        fastopt.SGD(1.0).step(x, np.full(20, np.finfo(dtype).max))
        assert np.isfinite(x).all()


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"lr": 1.0}, TypeError, "unknown option 'lr'; did you mean 'learning_rate'"),
        ({"gamma": 0.9}, TypeError, "did you mean 'rho'"),
        ({"wieght_decay": 0.9}, TypeError, "did you mean 'weight_decay'"),
        ({"rho": 1.0}, ValueError, "rho = 1"),
        ({"rho": "big"}, TypeError, "rho must be one real number"),
        ({"centered": 1}, TypeError, "centered must be True or False"),
        ({"learning_rate": np.nan}, ValueError, "learning_rate = nan"),
        ({"weight_decay": -0.1}, ValueError, "weight_decay = -0.1"),
        ({"clip_norm": -1.0}, ValueError, "clip_norm = -1.0"),
        ({"clip_value": [1.0]}, TypeError, "clip_value must be one real number"),
        ({"style": "jax"}, ValueError, "style = 'jax'; it must be one of torch, optax, keras"),
        ({"on_nonfinite": "warn"}, ValueError, "on_nonfinite = 'warn'; it must be one of 'raise'"),
        ({"groups": {"w": 3}}, TypeError, "groups must be a dict of dicts"),
        ({"groups": {"w": {"lr": 3}}}, TypeError, "unknown option 'lr'"),
        ({"groups": {"w": {"clip_norm": 3}}}, TypeError, "'clip_norm' is an option of the whole"),
    ],
)
def test_options_that_are_refused(options, kind, message):
    with pytest.raises(kind, match=message):
        fastopt.RMSProp(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"eta_minus": 1.5}, "eta_minus = 1.5; it must be between 0 and 1"),
        ({"eta_plus": 0.5}, "eta_plus = 0.5; it must be at least 1"),
        ({"min_step": 1.0, "max_step": 0.1}, "min_step = 1 is above max_step = 0.1"),
    ],
)
def test_ranges_of_rprop(options, message):
    with pytest.raises(ValueError, match=message):
        fastopt.Rprop(**options)
    with pytest.raises(ValueError, match=message):
        fastopt.minimize(np.sum, [1.0], method="rprop", options={"learning_rate": 0.1, **options})


def test_the_warning_of_other_parameters_is_at_the_users_line():
    opt = stepped({"w": np.zeros(3)}, {"w": np.ones(3)})
    with pytest.warns(RuntimeWarning, match="other arrays than in the step before") as caught:
        opt.step({"w": np.full(3, 9.0)}, {"w": np.ones(3)})
    assert caught[0].filename == __file__


def test_a_group_without_arrays():
    with pytest.raises(ValueError, match="groups has 'bais', which is in the name of no array: w"):
        fastopt.SGD(1.0, groups={"bais": {}}).step({"w": np.zeros(1)}, {"w": np.zeros(1)})


# Whose arrays they are.


class Foreign:
    """An array that describes itself by the array interface alone."""

    def __init__(self, array):
        self.__array_interface__, self.array = array.__array_interface__, array


class Capsule:
    """By DLPack alone."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **how):
        return self.array.__dlpack__(**how)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


@pytest.mark.parametrize("kind", [Foreign, Capsule])
def test_arrays_that_describe_themselves_are_written_in_place(kind, tmp_path):
    x, g = np.zeros(3), np.ones(3)
    if kind is Capsule and np.from_dlpack(Capsule(x)).flags.writeable is False:
        pytest.skip("this NumPy reads DLPack's arrays as read-only")
    opt = fastopt.SGD(1.0)
    for _ in range(2):
        opt.step({"w": kind(x)}, {"w": kind(g)})
    np.testing.assert_array_equal(x, [-2.0] * 3)


def test_a_file_in_memory(tmp_path):
    x = np.memmap(tmp_path / "x", np.float32, "w+", shape=(4,))
    stepped(x, np.ones(4, np.float32))
    x.flush()
    np.testing.assert_array_equal(np.fromfile(tmp_path / "x", np.float32), [-1.0] * 4)


def test_nothing_is_copied():
    """The state alone is allocated, and lies where it lay after many steps."""
    xs = [np.zeros(1000) for _ in range(3)]
    opt = fastopt.RMSProp(0.1)
    places = None
    for _ in range(3):
        gs = [np.ones(1000) for _ in range(3)]
        before = [(x.ctypes.data, g.copy()) for x, g in zip(xs, gs, strict=True)]
        opt.step(xs, gs)
        for x, g, (place, kept) in zip(xs, gs, before, strict=True):
            assert x.ctypes.data == place
            np.testing.assert_array_equal(g, kept)
        now = [state[0].ctypes.data for state in opt._state.slots]
        assert now == (places or now)
        places = now


@pytest.mark.parametrize(
    ("wrong", "kind", "says"),
    [
        (np.nan, ValueError, r"learning_rate\(t=2\) = nan; it must be finite"),
        (-1.0, ValueError, r"learning_rate\(t=2\) = -1.0"),
        ("fast", TypeError, r"learning_rate\(t=2\) must be one real number, not 'fast'"),
    ],
)
def test_a_schedule_that_goes_wrong_moves_nothing(wrong, kind, says):
    opt, x = fastopt.RMSProp(lambda t: 0.1 if t == 1 else wrong), np.ones(3)
    opt.step(x, np.ones(3))
    before = x.copy()
    with pytest.raises(kind, match=says):
        opt.step(x, np.ones(3))
    np.testing.assert_array_equal(x, before)
    assert opt.t == 1


def test_elements_that_lie_on_one_another():
    x = np.lib.stride_tricks.as_strided(np.ones(2), (3, 2), (0, 8))
    with pytest.raises(ValueError, match="elements of params share memory"):
        fastopt.Adam().step(x, np.ones((3, 2)))


@pytest.mark.parametrize(
    "state", [None, {}, {"format": 1, "method": "adam"}, "file", {"t": 1, "arrays": 3}]
)
def test_what_is_no_state(state):
    opt = fastopt.Adam()
    with pytest.raises(ValueError, match="no state_dict of an optimizer"):
        opt.load_state_dict(state)
    if not isinstance(state, dict) or "t" not in state:
        with pytest.raises(TypeError, match="state must be what init"):
            opt.update(np.ones(3), state)


def test_names_and_words():
    assert repr(fastopt.Adam(0.5, beta1=0.8)) == "Adam(beta1=0.8, learning_rate=0.5)"
    how = {"style": "torch", "on_nonfinite": "skip", "clip_norm": 2.0, "row_wise": True}
    shown = ", ".join(f"{name}={value!r}" for name, value in how.items())
    assert repr(fastopt.AdaGrad(0.5, **how)) == f"AdaGrad(learning_rate=0.5, {shown})"
    with pytest.raises(TypeError, match="did you mean 'clip_norm'"):
        fastopt.Adam(clipnorm=1.0)
    with pytest.raises(ValueError, match="learning_rate = -1; it must be at least 0"):
        fastopt.Adam(-1)
    with pytest.raises(TypeError, match=r"grads\['b'\] is float64; .* no numbers: .*np.asarray"):
        fastopt.Adam().step({"b": np.zeros(())}, {"b": np.float64(1.0)})
    with pytest.raises(AttributeError) as found:
        _ = fastopt.RMSprop
    assert (found.value.name, found.value.obj) == ("RMSprop", fastopt)  # Python suggests by these
    with pytest.raises(TypeError, match="groups must be a dict of dicts of options, not"):
        fastopt.Adam(groups=["w"])
    with pytest.raises(ValueError, match=r"steps = 2.5; it must be a whole number"):
        fastopt.Adam().coefficients(2.5)
