"""A rule is one file: everything takes it up with no other file touched."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
RULE = """
\"\"\"Shy: gradient descent by a share of the gradient.

    step = learning_rate share g

Nobody (2026). There is no divisor.
\"\"\"

from collections import namedtuple
from typing import NamedTuple


class Shy(NamedTuple):
    learning_rate: float = 0.5
    share: float = 0.5


C = namedtuple("C", "rate")
S = namedtuple("S", "last")
MEANINGS = {"share": "How much of the gradient a step takes."}
IDLE = ("share",)


def coefficients(o, rate, t, rule_scalar):
    return C(rate * o.share), rule_scalar


def update(g, s, c):
    return c.rate * g, 1.0, S(g)
"""
PROGRAM = """
import sys

sys.path[:0] = ["docs", "tests/helpers"]
import numpy as np
import pages
import scipy.optimize

import fastopt
from fastopt import rules

rules.__path__.append(sys.argv[1])  # as if it were in the folder
rules.methods.cache_clear()


def bowl(x, y=3.0):
    return (x[0] - y) ** 2


def slope(x, y=3.0):
    return 2.0 * (x - y)


from metrics import GROUPS  # after the rule is there

assert "shy" in fastopt.methods()
assert any("shy" in same and "sgd" in same for same in GROUPS.values())
res = scipy.optimize.minimize(bowl, [1.0], method=fastopt.shy, jac=slope)
assert abs(res.x[0] - 3.0) < 1e-6, res
fixed = fastopt.minimize(
    bowl, [1.0], method="shy", jac=slope, options={"learning_rate": 0.5, "maxiter": 2}
)
assert fixed.x_last[0] == 2.5, fixed  # 1, 2, 2.5
x = np.ones(1)
optimizer = fastopt.Shy()
optimizer.step(x, np.full(1, 4.0))
assert x[0] == 0.0
assert list(optimizer.state_dict()["arrays"].values())[0]["last"][0] == 4.0
assert "How much of the gradient" in fastopt.Shy.__doc__
assert "share : float, default 0.5; no effect" in fastopt.shy.__doc__
assert "fastopt.kernels.shy(" in fastopt.kernels.shy.__doc__
for page, shown in ("methods", "shy"), ("kernels", "kernels.shy"), ("optimizers", "Shy"):
    text = pages.expanded(open(f"docs/api/{page}.md").read())
    assert f":: fastopt.{shown}\\n" in text, page
"""


def test_everything_takes_up_a_new_file(tmp_path):
    (tmp_path / "shy.py").write_text(RULE.lstrip(), encoding="utf-8")
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
