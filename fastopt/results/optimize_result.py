"""The result of a run, as SciPy's OptimizeResult."""

from fastopt.solver.status_codes import MESSAGES, NEGATIVE_RATE, SUCCESS


def build(status, **fields):
    """Return an OptimizeResult with the message of its status."""
    from scipy.optimize import OptimizeResult  # late: slower to import than the whole package

    status = int(status)
    if status == NEGATIVE_RATE:
        raise negative_rate(fields["nit"] + 1)
    return OptimizeResult(
        status=status, success=status in SUCCESS, message=MESSAGES[status], **fields
    )


def negative_rate(t, where=""):
    """Return the error for a schedule with a negative rate at step t."""
    return ValueError(
        f"learning_rate(t={t}) is negative{where}, a step uphill; let the schedule end at zero, "
        f"max(rate, 0.0), or stop before with options['maxiter'] = {t - 1}"
    )


def intermediate(**fields):
    """Return the argument of a callback."""
    from scipy.optimize import OptimizeResult

    return OptimizeResult(**fields)
