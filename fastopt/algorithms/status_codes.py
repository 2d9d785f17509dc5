"""Status codes of a run, and their messages. They are floats, as all scalars of the loop."""

RUNNING = 100.0
DIVERGED = 101.0  # begins again with a shorter step; never the end
GTOL = 0.0
MAXITER = 1.0
FTOL = 2.0
XTOL = 3.0
MAXFEV = 4.0
MAXTIME = 5.0
INTERRUPTED = 6.0
NOT_RUN = 7.0
EPOCHS = 8.0
EARLY = 9.0
KINK = 10.0
STOPPED = 99.0
NONFINITE = -1.0
NO_STEP = -2.0
NONFINITE_RATE = -3.0
RAISED = -5.0
NEGATIVE_RATE = -4.0  # raised as an error

MESSAGES = {
    0: "Converged: the projected gradient is below gtol or, by default, no step can gain anything.",
    1: "Stopped at maxiter iterations; raise options['maxiter'] to go on.",
    2: "Converged: the function can be reduced no further (ftol).",
    3: "Converged: the last step was below xtol.",
    4: "Stopped at maxfev evaluations; raise options['maxfev'] to go on, or try another method.",
    5: "Stopped after maxtime seconds.",
    6: "Interrupted; x is the best point so far.",
    7: "Not run.",
    8: "All epochs are done.",
    9: "Stopped early: for `patience` epochs the validation loss has not fallen.",
    10: "Converged: a minimum at a kink; the gradient jumps, and the function rises on all sides.",
    99: "Stopped by the callback.",
    -1: "The function or its gradient is not finite here (NaN or inf) and no step leads back, or "
    "the function falls to -inf; check x0, the data, bounds and the learning rate.",
    -2: "No step along the descent direction reduces the function.",
    -3: "The schedule's learning_rate(t) is not finite (NaN or inf) at the next step, t = nit + 1.",
    -5: "fun or jac raised an exception.",
}
# In the summary of a batch.
SHORT = {
    1: "reached maxiter",
    4: "reached maxfev",
    5: "stopped at maxtime",
    6: "interrupted",
    7: "not run",
    99: "stopped by the callback",
    -1: "not finite",
    -2: "without a step that reduces the function",
    -3: "at a learning rate that is not finite",
    -5: "for which fun raised an exception",
}
SUCCESS = (0, 2, 3, 8, 9, 10)
