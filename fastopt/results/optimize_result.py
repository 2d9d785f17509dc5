"""The result of a run, as SciPy's OptimizeResult."""

from fastopt._sentences import counted
from fastopt.algorithms.status_codes import EPOCHS, MESSAGES, NEGATIVE_RATE, NO_STEP, SUCCESS
from fastopt.results import scipy_result

GRADIENTS = {  # what may be wrong with a gradient, by `jac_method`; nothing with a derived one
    "jac": " The gradient may be wrong (see fastopt.compare_grad).",
    "fun": " The gradient may be wrong (see fastopt.compare_grad).",
    "2-point": " The gradient is only as good as its differences (try jac='3-point').",
    "3-point": " The gradient is only as good as its differences (try jac='autodiff').",
}

FEW_STEPS = 100  # of a learning rate that is found on the way


def build(status, **fields):
    """Return an OptimizeResult with the message of its status."""
    status = int(status)
    if status == NEGATIVE_RATE:
        raise negative_rate(fields["nit"] + 1)
    message = MESSAGES[status]
    if status == NO_STEP and "jac_method" in fields:
        message = no_step(fields["jac_method"])
    if status == EPOCHS and "distance" in fields and fields["nit"] < FEW_STEPS:
        message = few_steps(fields["nit"])
    own = {"status": status, "success": status in SUCCESS, "message": message}
    return scipy_result.build(**{**own, **fields})


def no_step(source, far=False):
    """Return the message of NO_STEP: the causes that the gradient's source allows.

    `far` says that x is far larger than x0.
    """
    begin, _, _ = MESSAGES[int(NO_STEP)].partition(".")
    if far:
        begin += ". It seems to fall ever more slowly towards infinity: x is far larger than x0"
        begin += " (set bounds)"
    end = "" if far else ", or fall ever more slowly towards infinity (see x; set bounds)"
    kink = "a kink here (a fixed learning rate with a schedule does not mind)"
    return f"{begin}.{GRADIENTS.get(source, '')} The function may have noise, or {kink}{end}."


def few_steps(nit):
    """Return the message of EPOCHS after so few steps that the rate may be far too small yet."""
    verb = "was" if nit == 1 else "were"
    return (
        f"{MESSAGES[int(EPOCHS)]} There {verb} only {counted(nit, 'step')}, and finding the "
        "learning rate takes some tens of them: raise epochs, or give options['learning_rate']."
    )


def negative_rate(t, where=""):
    """Return the error for a schedule with a negative rate at step t."""
    return ValueError(
        f"learning_rate(t={t}) is negative{where}, a step uphill; let the schedule end at zero, "
        f"max(rate, 0.0), or stop before with options['maxiter'] = {t - 1}"
    )


def intermediate(**fields):
    """Return the argument of a callback."""
    return scipy_result.build(**fields)
