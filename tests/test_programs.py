"""A few random programs; `programs.py` is a command for thousands."""

import programs
import pytest
from numba.core import ir

from fastopt.derivatives._dual import DualArray
from fastopt.derivatives._fusion import Fusion
from fastopt.derivatives._order import Order

# Programs with the fault in question.
MOVES, LOST = 3379, 3306
pytestmark = pytest.mark.filterwarnings("ignore:'@' is faster on contiguous arrays")


@pytest.mark.parametrize("seed", range(2000, 2003))
def test_values_and_gradients(seed):
    found, text = programs.check(seed)
    assert found in ("", "skipped"), text


def test_programs_find_an_expression_that_moves_past_a_write(monkeypatch):
    monkeypatch.setattr(Order, "match", lambda *_: False)
    assert "value" in programs.check(MOVES)[0]


def test_programs_find_an_expression_that_is_lost(monkeypatch):
    match = Fusion.match

    def taken_out(self, func_ir, block, typemap, calltypes):
        found = match(self, func_ir, block, typemap, calltypes)
        for statement in block.find_insts(ir.Assign):
            numbas = getattr(statement.value, "op", None) == "arrayexpr"
            if numbas and not isinstance(typemap[statement.target.name], DualArray):
                self.grown(statement.value.expr)
        return found

    monkeypatch.setattr(Fusion, "match", taken_out)
    try:
        found, _ = programs.check(LOST)
    except Exception as error:  # what is read may be of any size
        found = f"value: {error}"
    assert "value" in found
