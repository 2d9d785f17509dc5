"""The examples of batches: their fits are those of an independent solver, and they run."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import scipy.optimize

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))
import growth_curves  # noqa: E402  (the examples are scripts, not a package)
import lifetime_image  # noqa: E402
import pharmacokinetics  # noqa: E402
import spectrum_cube  # noqa: E402


def agreeing_digits(found, expected, least=0.0):
    """Digits that agree in the worst parameter; those smaller than `least` count as that large."""
    size = np.maximum(np.abs(expected), least)
    return -np.log10(np.max(np.abs(found - expected) / size) + 1e-300)


def least_squares(residuals, x0, low=-np.inf, high=np.inf):
    """SciPy's solution, with exact derivatives and as tight as rounding allows."""
    tight = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-13}
    return scipy.optimize.least_squares(
        residuals, x0, jac="cs", bounds=(low, high), x_scale="jac", max_nfev=2000, **tight
    )


# Growth curves.

# Two weighings for three parameters: a family of curves goes through both points.
TOO_FEW_WEIGHINGS = {18}
# The best fit has 1/K = 0, on its bound: growth is exponential, which has two parameters.
EXPONENTIAL = {19, 29}
# Twelve weighings near a straight line: along one direction the sum of squares is so flat that its
# rounding hides 8e-8 of x. Five digits are asked for here, six of all others.
FLAT = {13}


def logistic(x, t):
    """Start, rate and 1/K in the form that has no reciprocals of parameters."""
    start, rate, inverse = x
    return start / (start * inverse + (1 - start * inverse) * np.exp(-rate * t))


@pytest.fixture(scope="module")
def chicks():
    _, times, weights = growth_curves.load()
    return times, weights, growth_curves.fit(times, weights)


def test_growth_curves_are_those_of_least_squares(chicks):
    times, weights, result = chicks
    assert len(times) == 50
    assert sum(map(len, times)) == 578
    assert np.all(result.success), result.message
    no_plateau, differ = set(), set()
    for b, (t, w, x) in enumerate(zip(times, weights, result.x, strict=True)):
        if x[2] == 0:
            no_plateau.add(b + 1)
            two = least_squares(lambda p, t=t, w=w: p[0] * np.exp(p[1] * t) - w, [0.4, 1.0])
            expected, found = two.x, x[:2]
            # Nothing is gained beyond the bound: the slope there points inward.
            assert result.grad[b, 2] > 0
        else:
            expected = least_squares(lambda p, t=t, w=w: logistic(p, t) - w, [0.4, 1.0, 0.3]).x
            found = x
        # 1/K is in units of 1 / 100 g: the smallest stand for plateaus beyond any chick.
        if not agreeing_digits(found, expected, least=0.1) >= (5 if b + 1 in FLAT else 6):
            differ.add(b + 1)
    assert no_plateau == EXPONENTIAL
    assert differ == TOO_FEW_WEIGHINGS


def test_a_chick_weighed_twice_is_fitted_exactly_and_nothing_is_said_of_it(chicks):
    times, weights, result = chicks
    for chick in TOO_FEW_WEIGHINGS:
        t, w, x = times[chick - 1], weights[chick - 1], result.x[chick - 1]
        assert len(t) == 2
        np.testing.assert_allclose(logistic(x, t), w, rtol=1e-7)
        interval = growth_curves.plateau_intervals(result)[chick - 1]
        assert np.isnan(interval).all()
        assert "nothing can be said" in growth_curves.verdict(x, *interval)


def test_intervals_of_plateaus_are_those_of_the_covariance(chicks):
    """Student's t times the standard error, from a Jacobian by the complex step."""
    times, weights, result = chicks
    t, w, x = times[5], weights[5], result.x[5]
    solved = least_squares(lambda p: logistic(p, t) - w, [0.4, 1.0, 0.3])
    error = np.sqrt(np.linalg.inv(solved.jac.T @ solved.jac)[2, 2] * 2 * solved.cost / 9)
    expected = x[2] + np.array([-1, 1]) * scipy.stats.t.ppf(0.975, 9) * error
    found = growth_curves.plateau_intervals(result)[5]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


# Pharmacokinetics.


def absorbed(x, dose, t):
    """The one-compartment curve from log ke, log ka, log CL, with the volume spelled out."""
    ke, ka, clearance = np.exp(np.asarray(x))
    volume = clearance / ke
    return dose / volume * ka / (ka - ke) * (np.exp(-ke * t) - np.exp(-ka * t))


def refitted(subject, dose, t, conc, weights):
    def residuals(x):
        return np.sqrt(weights) * (absorbed(x, dose[subject], t[subject]) - conc[subject])

    bounds = pharmacokinetics.BOUNDS
    return least_squares(residuals, pharmacokinetics.START, bounds.lb, bounds.ub)


@pytest.fixture(scope="module")
def subjects():
    dose, t, conc = pharmacokinetics.load()
    fits = pharmacokinetics.fit(pharmacokinetics.START, dose, t, conc, np.ones_like(conc))
    return dose, t, conc, fits


def test_pharmacokinetic_fits_are_those_of_least_squares(subjects):
    dose, t, conc, fits = subjects
    assert conc.shape == (12, 11)
    assert np.all(fits.success), fits.message
    for b, x in enumerate(fits.x):
        expected = refitted(b, dose, t, conc, np.ones(11)).x
        assert agreeing_digits(np.exp(x), np.exp(expected)) >= 6, b
        assert np.all((x > pharmacokinetics.BOUNDS.lb) & (x < pharmacokinetics.BOUNDS.ub))


@pytest.mark.parametrize("kind", ["fractional", "cases"])
def test_bootstrap_refits_are_those_of_least_squares(subjects, kind):
    dose, t, conc, fits = subjects
    refits = 8
    result = pharmacokinetics.bootstrap(kind, refits, fits, dose, t, conc)
    rng = np.random.default_rng(1)
    weights = pharmacokinetics.random_weights(kind, rng, 12 * refits, 11)
    np.testing.assert_allclose(weights.sum(axis=1), 11)
    differ, undetermined = set(), set()
    for k, x in enumerate(result.x):
        subject = k // refits
        expected = refitted(subject, dose, t, conc, weights[k]).x
        if not agreeing_digits(np.exp(x), np.exp(expected)) >= 6:
            differ.add(k)
        # No sample before the highest one has weight (at t = 0 the curve is 0 in any case), so
        # every fast absorption fits: the sum of squares is flat in ka, up to the bound.
        if not weights[k, 1 : np.argmax(conc[subject])].any():
            undetermined.add(k)
    assert differ <= undetermined
    if kind == "fractional":
        assert not undetermined
        assert np.all(result.success), result.message
    else:
        assert len(undetermined) <= len(weights) / 8


def test_bootstrap_intervals_hold_the_estimates(subjects):
    dose, t, conc, fits = subjects
    result = pharmacokinetics.bootstrap("fractional", 200, fits, dose, t, conc)
    low, high = np.percentile(result.x.reshape(12, 200, 3), [2.5, 97.5], axis=1)
    assert np.all((low < fits.x) & (fits.x < high))
    assert np.all(high - low < [1.0, 2.0, 0.5])


# The image.


def test_pixels_are_at_the_maximum_of_the_likelihood():
    true = lifetime_image.truth(12)
    counts = lifetime_image.simulate(true)
    result = lifetime_image.fit(counts)
    assert np.all(result.success), result.message
    t, (low, high) = lifetime_image.TIMES, lifetime_image.BOUNDS
    limit = lifetime_image.noise_limit(true)  # the unit of each parameter's error
    for n, x, slope, unit in zip(counts.astype(float), result.x, result.grad, limit, strict=True):
        assert np.all((x >= low) & (x <= high))
        amplitude, lifetime, background = x
        shape = np.exp(-t / lifetime)
        rate = amplitude * shape + background
        scores = np.array([shape, amplitude * shape * t / lifetime**2, np.ones_like(t)])
        by_hand = scores @ (1 - n / rate)
        np.testing.assert_allclose(slope, by_hand, rtol=1e-9, atol=1e-9)
        inside = np.where(x <= low, np.minimum(slope, 0), np.where(x >= high, 0, slope))
        assert np.max(np.abs(inside * unit)) <= 1e-3


def test_errors_of_the_cube_are_those_of_its_noise(tmp_path, monkeypatch, capsys):
    true = spectrum_cube.truth(24)
    cube, noise = spectrum_cube.simulate(true)
    result = spectrum_cube.fit(cube, noise)
    hidden = np.isnan(cube).any(axis=-1)
    assert hidden.sum() == 12
    assert (result.status[hidden] == -1).all()
    assert result.success[~hidden].all()
    pulls = spectrum_cube.pulls(result, true)
    assert len(pulls) > 150  # so the scatter is known to 6 %
    np.testing.assert_allclose(np.nanstd(pulls, axis=0), 1.0, atol=0.2)
    np.testing.assert_allclose(np.nanmean(pulls, axis=0), 0.0, atol=0.25)
    monkeypatch.setattr(sys, "argv", ["", "--size", "24", "--output", str(tmp_path)])
    spectrum_cube.main()
    assert "564 of 576 problems converged" in capsys.readouterr().out
    assert (tmp_path / "spectrum_cube.png").stat().st_size > 20_000


@pytest.mark.parametrize(
    ("script", "arguments", "pictures", "said"),
    [
        ("growth_curves.py", [], ["growth_curves.png"], "50 of 50 problems converged"),
        (
            "pharmacokinetics.py",
            ["--refits", "200"],
            ["pharmacokinetics.png", "pharmacokinetics_bootstrap.png"],
            "2,400 of 2,400 problems converged",
        ),
        ("lifetime_image.py", ["--size", "64"], ["lifetime_image.png"], "4,096 fits in"),
    ],
)
def test_example_draws_its_pictures(script, arguments, pictures, said, tmp_path):
    """By the name of the module, under which the tests above have compiled its functions."""
    env = {
        **os.environ,
        "MPLBACKEND": "Agg",
        "PYTHONPATH": os.pathsep.join([str(EXAMPLES), *sys.path]),
    }
    start = f"import {script.removesuffix('.py')} as example; example.main()"
    command = [sys.executable, "-c", start, *arguments, "--output", str(tmp_path)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (EXAMPLES / script).read_text().endswith('if __name__ == "__main__":\n    main()\n')
    assert done.returncode == 0, done.stderr
    assert said in done.stdout
    for picture in pictures:
        assert (tmp_path / picture).stat().st_size > 20_000
