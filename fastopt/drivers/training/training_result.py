"""The result of a run of `minimize_stochastic`."""

import math

import numpy as np

from fastopt.algorithms.minibatch import TrainingState
from fastopt.algorithms.status_codes import NONFINITE
from fastopt.algorithms.training.distance_rate import DISTANCE
from fastopt.results import optimize_result

# Evaluations for each component of a gradient.
EVALUATIONS_PER_COMPONENT = {"2-point": 1, "3-point": 2, "cs": 1}


def result_of(training, status):
    """Return the result of the run."""
    run, x = TrainingState(*training.record.tolist()), training.point()
    rows = training.rows_of_epoch()
    fun = run.loss / rows if rows else (training.loss or [math.nan])[-1]
    if status == NONFINITE or (training.validation_rows is not None and training.best_epoch):
        x, fun = training.best, training.lowest if training.best_epoch else math.nan
    more = {}
    if run.averaged:
        more["x_average"] = training.copy(training.mean)
    if training.rate:
        more["distance"] = float(training.rate.scalars[DISTANCE])
    if training.validation_rows is not None:
        more["validation_loss"] = np.array(training.validation_loss)
    given = {"added": "add"}.get(training.way.name)
    result = optimize_result.build(
        status,
        x=x,
        fun=float(fun),
        x_last=training.copy(training.x),
        loss=np.array(training.loss),
        nit=int(run.nit),
        epochs=len(training.loss),
        best_epoch=training.best_epoch,
        **counts(training, run),
        **more,
        jac_method=given or training.objective.source(),
        device="cpu",
    )
    if training.validation_loss and not training.best_epoch:
        result.message += " No validation loss was finite, so x is no epoch's best; check the rows."
    return result


def counts(training, run):
    """Return the numbers of evaluations of fun and its gradient: rows, or mini-batches."""
    held_out = training.validation_rows
    done, validation_rows = training.rows_done(), 0 if held_out is None else len(held_out.order)
    if training.way.together:
        done, validation_rows = run.nit, -(-validation_rows // training.work.batch)
    probes = (
        EVALUATIONS_PER_COMPONENT.get(training.objective.method, 0)
        if training.way.name == "written"
        else 0
    )
    nfev = done * (1 + probes * training.x.size) + validation_rows * len(training.validation_loss)
    return {"nfev": int(nfev), "njev": int(done)}
