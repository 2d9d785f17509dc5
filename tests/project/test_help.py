"""What `help` shows of public names, and whether it is true."""

import doctest
import pydoc

import numpy as np
import pytest

import fastopt
from fastopt import rules, schedules
from fastopt.optimizers.rule_classes import IDLE, MEANINGS, names

# Another value of each option, and what must be given with it to have an effect.
OTHERS = {"nesterov": True, "rate_inside": True, "dampening": 0.3, "initial_accumulator": 0.5}
OTHERS |= {"beta1": 0.5, "momentum": 0.5, "momentum_decay": 0.5}


def help_of(thing):
    return pydoc.plain(pydoc.render_doc(thing))


def examples_of(thing):
    """Return how many examples of a docstring run, after running them."""
    finder, runner = doctest.DocTestFinder(recurse=False), doctest.DocTestRunner(verbose=False)
    tests = finder.find(thing, thing.__name__, module=False, globs={})
    return sum(runner.run(test).attempted for test in tests), runner.failures


def test_the_package_says_what_there_is():
    assert len(fastopt.__doc__.strip().splitlines()) < 16
    for name in [*fastopt.__all__, *names()]:
        assert f"`{name}`" in fastopt.__doc__ or f"`{name}()`" in fastopt.__doc__, name


@pytest.mark.parametrize("kind", schedules.KINDS, ids=lambda kind: kind.__name__)
def test_help_of_a_schedule_shows_the_schedule(kind):
    text = help_of(kind)
    assert "Return the learning rate of iteration" in text
    for method in ("_asdict", "_make", "index(", "__add__", "Alias for field"):
        assert method not in text
    for field in kind._fields:
        assert f" {field} : " in text


def rosenbrock(x):
    """Return value and gradient; nothing is compiled for a plain function."""
    across = x[1] - x[0] ** 2
    slope = np.array([-400.0 * x[0] * across - 2.0 * (1.0 - x[0]), 200.0 * across])
    return 100.0 * across**2 + (1.0 - x[0]) ** 2, slope


@pytest.mark.parametrize("method", fastopt.methods())
def test_help_of_a_method_says_what_holds_with_auto(method):
    text = getattr(fastopt, method).__doc__
    fields = rules.options_class(rules.get(method))._field_defaults.items()
    for name, value in fields:
        if name == "learning_rate":
            continue
        line = next(line for line in text.splitlines() if line.startswith(f"{name} : "))
        assert f"default {value!r}" in line
        assert MEANINGS[name] in text
        if name in IDLE:
            assert line.endswith('; no effect with "auto"')
            more = {"momentum": 0.5} if name in ("nesterov", "rate_inside", "dampening") else {}
            assert_array_same(method, {**more, name: OTHERS[name]})
        elif '" with' not in line and ' with "auto"' in line:
            shown = line.rpartition("; ")[2].removesuffix(' with "auto"')
            assert_array_same(method, {name: float(shown)})


def assert_array_same(method, options):
    """The path is that of the defaults."""
    found = []
    for more in ({}, options):
        more = {"maxiter": 9, **more}
        found.append(fastopt.minimize(rosenbrock, [-1.2, 1.0], (), method, True, options=more).x)
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("name", [*names(), *fastopt.methods()])
def test_examples_of_classes_and_methods_run(name):
    count, failures = examples_of(getattr(fastopt, name))
    assert count > 2
    assert not failures


def test_examples_of_kernels_run():
    """Those of one: all have one text."""
    count, failures = examples_of(fastopt.kernels.rmsprop)
    assert count > 4
    assert not failures
    for method in fastopt.methods():
        assert f"fastopt.kernels.{method}(" in getattr(fastopt.kernels, method).__doc__
