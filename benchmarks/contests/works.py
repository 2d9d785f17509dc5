"""All works of the contests, by name."""

from . import (
    array_steps,
    decay_fit_batches,
    gradients,
    minibatch_epochs,
    network_epochs,
    peak_fit_batches,
    rosenbrock_solves,
    shared_fits,
)

WORKS = {
    work.name: work
    for work in (
        array_steps.sweep("rmsprop", "1,000", "float32"),
        array_steps.sweep("rmsprop", "1,000", "float32", 200),
        array_steps.sweep("rmsprop", "1M", "float32"),
        array_steps.sweep("rmsprop", "20M", "float32"),
        array_steps.sweep("rmsprop", "20M", "float64"),
        array_steps.sweep("adagrad", "20M", "float32"),
        array_steps.sweep("adam", "20M", "float32"),
        rosenbrock_solves.iterations,
        rosenbrock_solves.solve(2),
        rosenbrock_solves.solve(10_000),
        decay_fit_batches.gradient,
        decay_fit_batches.to_gtol,
        decay_fit_batches.fixed,
        shared_fits.fit,
        peak_fit_batches.to_minimum,
        minibatch_epochs.epoch,
        network_epochs.epoch,
        *gradients.WORKS,
        rosenbrock_solves.first,
    )
}
