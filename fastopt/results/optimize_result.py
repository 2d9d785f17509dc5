"""The result of a run, as SciPy's OptimizeResult."""

from fastopt.solver.status_codes import MESSAGES, NEGATIVE_RATE, SUCCESS


def build(status, **fields):
    """An OptimizeResult with its status in words."""
    from scipy.optimize import OptimizeResult  # late: it costs more than the rest of the package

    status = int(status)
    if status == NEGATIVE_RATE:
        raise negative_rate(fields["nit"] + 1)
    return OptimizeResult(
        status=status, success=status in SUCCESS, message=MESSAGES[status], **fields
    )


def negative_rate(t, where=""):
    """Return the error that says so of a schedule."""
    return ValueError(
        f"learning_rate(t={t}) is negative{where}, a step uphill; let the schedule end at zero, "
        f"max(rate, 0.0), or stop before with options['maxiter'] = {t - 1}"
    )


def intermediate(**fields):
    """What a callback is given."""
    from scipy.optimize import OptimizeResult

    return OptimizeResult(**fields)
