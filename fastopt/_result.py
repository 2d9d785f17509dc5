"""The result of a run, as SciPy's OptimizeResult."""

from fastopt._status import MESSAGES, SUCCESS


def build(status, **fields):
    """An OptimizeResult with its status in words."""
    from scipy.optimize import OptimizeResult  # late: it costs more than the rest of the package

    status = int(status)
    return OptimizeResult(
        status=status, success=status in SUCCESS, message=MESSAGES[status], **fields
    )


def intermediate(**fields):
    """What a callback is given."""
    from scipy.optimize import OptimizeResult

    return OptimizeResult(**fields)
