"""What has no derivative is not tried again by later processes, until something is edited."""

import pytest
import warm
from processes import finish, start

HEAD = "import numpy as np\nfrom numba import njit\nimport fastopt\nimport warnings\n"
PARTS = {
    "compiled": "@njit\ndef fun(x):\n    return (x[0] - 1) ** 2 + HELP(x)\n",
    "plain": "def fun(x):\n    import math\n    return (x[0] - 1) ** 2 + x[1] ** math.floor(2.5)\n",
}
HELP = "@njit\ndef HELP(x):\n    return x[1] ** 2 + np.isscalar(x[0])\n"
FINE = "@njit\ndef HELP(x):\n    return x[1] ** 2\n"
RUN = """
def run():
    jac = "autodiff" if type(fun).__name__ == "function" else None
    options = {"maxiter": 20, "learning_rate": 0.1}
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        found = fastopt.minimize(fun, [3.0, 2.0], method="sgd", jac=jac, options=options)
    return found.jac_method, [str(w.message) for w in given]
"""


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    root = tmp_path_factory.mktemp("refusals")
    cache, work = root / "cache", root / "work"
    work.mkdir()
    warm.fill(cache)

    def look(text):
        for name, part in PARTS.items():
            (work / f"{name}.py").write_text(text + part + RUN)
        return finish(start(cache, [work], *PARTS))["results"][0]

    text = HEAD + HELP
    return look(text), look(text), look(HEAD + "# moved\n" + HELP), look(HEAD + FINE)


def test_a_second_process_says_the_same_without_compiling(history):
    first, second = history[:2]
    for name in PARTS:
        (answer, passes), (again, more) = first[name], second[name]
        assert again == answer
        assert passes > 0
        assert more == 0, name
    assert first["compiled"][0][0] == "2-point"
    assert "line 7 of compiled.py" in first["compiled"][0][1][0]


def test_an_edit_is_looked_at(history):
    _, _, moved, fine = history
    assert "line 8 of compiled.py" in moved["compiled"][0][1][0]
    assert fine["compiled"][0] == ["forward", []]
