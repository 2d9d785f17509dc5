"""The result of a batch: arrays over its problems."""

import numpy as np

from fastopt._sentences import counted
from fastopt.algorithms.batch_worker import Results
from fastopt.algorithms.status_codes import NEGATIVE_RATE, SHORT, SUCCESS
from fastopt.results import optimize_result
from fastopt.results.scipy_result import LateResult


class BatchResult(LateResult):
    """Results of many problems: every field has the problem as its first axis.

    ``res.problem(b)`` is problem b's own `scipy.optimize.OptimizeResult`, with its message.
    ``res.errors`` maps the number of a problem to the exception of fun (status -5). It is no
    field: fields are arrays, which can be printed and saved.
    """

    __module__ = "fastopt"  # in pickles, so that they outlive the folders of this package

    @property
    def errors(self):
        """A dict of the exceptions of fun, by the number of the problem."""
        return self.__dict__.setdefault("errors", {})

    def problem(self, b):
        """Return the result of problem b alone, as `fastopt.minimize` returns it."""
        b = range(len(self.status))[b]  # raises IndexError if b does not exist
        fields = {name: self[name][b] for name in Results._fields}
        for name in ("x", "jac", "x_last"):
            fields[name] = fields[name].copy()
        for name in ("fun", "fun_last"):
            fields[name] = float(fields[name])
        for name in ("nit", "nfev", "njev"):
            fields[name] = int(fields[name])
        own = optimize_result.build(**fields, jac_method=self.jac_method, device=self.device)
        if error := self.errors.get(b):
            own.message = f"fun or jac raised {type(error).__name__}: {error}".rstrip(": ")
        return own


def build(results, shape, jac_method, device, errors):
    """Return the `BatchResult` of arrays with a row for each problem, x in `shape`."""
    fields = results._asdict()
    for name in ("x", "jac", "x_last"):
        fields[name] = fields[name].reshape(-1, *shape)
    status = fields.pop("status")
    if (uphill := status == NEGATIVE_RATE).any():
        b = int(np.argmax(uphill))
        raise optimize_result.negative_rate(int(results.nit[b]) + 1, f" in problem {b}")
    result = BatchResult(
        **fields,
        status=status,
        success=np.isin(status, SUCCESS),
        message=summary(status),
        jac_method=jac_method,
        device=device,
    )
    result.errors.update(sorted(errors.items()))
    return result


def summary(status):
    """Return a sentence with the number of problems for each status."""
    codes, counts = np.unique(status, return_counts=True)
    by_code = dict(zip(codes.tolist(), counts.tolist(), strict=True))
    converged = sum(by_code.pop(code, 0) for code in SUCCESS)
    parts = [f"{converged:,} of {counted(len(status), 'problem')} converged"]
    parts += [f"{n:,} {SHORT[code]}" for code, n in sorted(by_code.items(), key=lambda c: -c[1])]
    return "; ".join(parts) + "."
