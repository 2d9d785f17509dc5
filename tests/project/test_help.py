"""What `help` shows of public names, and whether it is true."""

import doctest
import functools
import pydoc

import pytest
from metrics import diagonals
from rule_options import representative_methods

import fastopt
from fastopt import rules, schedules
from fastopt.optimizers.rule_classes import IDLE, MEANINGS, names


def help_of(thing):
    return pydoc.plain(pydoc.render_doc(thing))


def examples_of(thing):
    """Return how many examples of a docstring run, after running them."""
    finder, runner = doctest.DocTestFinder(recurse=False), doctest.DocTestRunner(verbose=False)
    tests = finder.find(thing, thing.__name__, module=False, globs={})
    return sum(runner.run(test).attempted for test in tests), runner.failures


def test_the_package_says_what_there_is():
    assert len(fastopt.__doc__.strip().splitlines()) < 16
    for name in fastopt.__all__:
        assert f"`{name}`" in fastopt.__doc__ or f"`{name}()`" in fastopt.__doc__, name
    assert {*names(), *fastopt.methods()} <= {*dir(fastopt)}


@pytest.mark.parametrize("kind", schedules.KINDS, ids=lambda kind: kind.__name__)
def test_help_of_a_schedule_shows_the_schedule(kind):
    text = help_of(kind)
    assert "Return the learning rate of iteration" in text
    for method in ("_asdict", "_make", "index(", "__add__", "Alias for field"):
        assert method not in text
    for field in kind._fields:
        assert f" {field} : " in text


@pytest.mark.parametrize("method", fastopt.methods())
def test_help_of_a_method_says_what_holds_with_auto(method):
    text, rule = getattr(fastopt, method).__doc__, rules.get(method)
    meanings, idle = {**MEANINGS, **getattr(rule, "MEANINGS", {})}, getattr(rule, "IDLE", IDLE)
    fields = rules.options_class(rules.get(method))._field_defaults.items()
    for name, value in fields:
        if name == "learning_rate":
            continue
        line = next(line for line in text.splitlines() if line.startswith(f"{name} : "))
        assert f"default {value!r}" in line
        assert meanings[name] in text
        if name in idle:
            assert line.endswith('; no effect with "auto"')
            with_momentum = name in ("nesterov", "rate_inside", "dampening")
            more = {"momentum": 0.5} if with_momentum and "momentum" in dict(fields) else {}
            other = 1.3 if name == "eta_plus" else 0.3  # within the range of the option
            more[name] = not value if isinstance(value, bool) else other
            assert diagonals(method, more) == diagonals(method)
        elif '" with' not in line and ' with "auto"' in line:
            shown = line.rpartition("; ")[2].removesuffix(' with "auto"')
            assert diagonals(method, {name: float(shown)}) == diagonals(method)


@functools.cache
def text_of(name):
    """Return the examples of a class or a method, with its name left out."""
    tests = doctest.DocTestFinder(recurse=False).find(getattr(fastopt, name), name, False, globs={})
    text = "".join(example.source + example.want for test in tests for example in test.examples)
    return text.replace(name, "NAME")


def named(methods):
    """Return the names of rules: those of the methods and of their classes."""
    return {*methods, *(rules.options_class(rules.get(method)).__name__ for method in methods)}


@pytest.mark.parametrize("name", [*names(), *fastopt.methods()])
def test_examples_of_classes_and_methods_run(name):
    """Those of a rule whose text is that of a rule of its kind need not run again."""
    kinds = named(representative_methods())
    if name in named(fastopt.methods()) - kinds and text_of(name) in map(text_of, kinds):
        return
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
