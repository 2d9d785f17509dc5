"""The result of a batch of fits: arrays over its problems."""

import numpy as np

from fastopt.algorithms.status_codes import SUCCESS
from fastopt.results import scipy_result
from fastopt.results.batch_result import BatchResult, summary
from fastopt.results.fit_result import FIT_MESSAGES, errors

COUNTS = "nit", "nfev", "njev", "dof", "status"
ARRAYS = "x", "grad", "cov", "stderr", "active_mask"
NUMBERS = "cost", "reduced_chi2"


class FitBatchResult(BatchResult):
    """Results of many fits: every field has the axes of the problems first."""

    __module__ = "fastopt"

    def problem(self, b):
        """Return the result of problem b alone; `b` is an index, or one for each axis."""
        fields = {name: self[name][b].copy() for name in ARRAYS}
        fields |= {name: int(self[name][b]) for name in COUNTS}
        fields |= {name: float(self[name][b]) for name in NUMBERS}
        message = FIT_MESSAGES[fields["status"]]
        flat = np.arange(self.status.size).reshape(self.status.shape)[b]
        if error := self.errors.get(int(flat)):
            message = f"fun raised {type(error).__name__}: {error}".rstrip(": ")
        success = fields["status"] in SUCCESS
        return scipy_result.build(
            **fields, success=success, message=message, jac_method="autodiff", device=self.device
        )


def build(results, fixed, scale, axes, raised, device):
    """Return the result of a batch.

    `fixed` says which parameters are fixed, with a row for each problem or one for all. `scale`
    says whether the errors are scaled by the residuals. `axes` are the lengths of the problems'
    axes. `raised` are exceptions by the number of the problem.
    """
    dof = np.where(results.used > 0, results.used - np.sum(~fixed, axis=1), 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        chi2 = np.where(dof > 0, 2.0 * results.cost / dof, np.nan)
        cov = results.cov
        if scale:
            none = (dof <= 0) & np.isfinite(results.cost)
            without = np.where(cov[none] == 0.0, 0.0, np.inf)
            exact = chi2 == 0.0
            perfect = np.where(np.isfinite(cov[exact]), 0.0, cov[exact])
            cov *= chi2[:, None, None]  # in place: new memory takes longer than the product
            cov[none], cov[exact] = without, perfect
    status = results.status
    fields = {
        **{name: getattr(results, name) for name in ("x", "cost", "grad", "active_mask")},
        **{name: getattr(results, name) for name in ("nit", "nfev", "njev", "status")},
        "cov": cov,
        "stderr": errors(cov),
        "dof": dof,
        "reduced_chi2": chi2,
        "success": np.isin(status, SUCCESS),
    }
    fields = {name: value.reshape(*axes, *value.shape[1:]) for name, value in fields.items()}
    told = {"message": summary(status), "jac_method": "autodiff", "device": device}
    result = FitBatchResult(**fields, **told)
    result.errors.update(sorted(raised.items()))
    return result
