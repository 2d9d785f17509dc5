"""The state of a run of `minimize_stochastic` between two slices, which a checkpoint file holds."""

import json

import numpy as np

from fastopt.inputs import option_tables
from fastopt.storage import checkpoint_file


def checkpoint_of(rule, work, settings, seed, validation, **given):
    """Return the `Checkpoint` that the options ask for, or None.

    With a given rate `epochs` and ``maxiter`` may change: they do not decide the steps before. The
    share of a rate that is found on the way depends on them.
    """
    if not settings.checkpoint:
        return None
    if work.automatic:
        given["epochs"], free = work.epochs, ()
        settings = settings._replace(schedule=None)  # it follows from the rest
    else:
        free = "maxiter", "maxfev"
    given |= {"data": work.fields, "validation": validation}
    if isinstance(validation, tuple) or hasattr(validation, "shape"):
        validation = work.validation_rows[0]
    given |= {"weight_decay": work.decay, "batch_size": work.batch, "shuffle": work.shuffle}
    given |= {"average": work.average, "seed": _seed_of(seed)}
    if work.parts:
        given["parts of a mini-batch"] = work.parts
    tables = option_tables.tables(settings, {})
    problem = checkpoint_file.problem_of(
        "minimize_stochastic", rule, settings, tables, free, **given
    )
    return checkpoint_file.Checkpoint(settings.checkpoint, problem)


def _seed_of(seed):
    """Return a seed that decides all random numbers; a generator is kept in the file."""
    if seed is None or isinstance(seed, np.random.Generator | np.random.BitGenerator):
        return "a generator"
    if isinstance(seed, np.random.RandomState | np.random.SeedSequence):
        return "a generator"
    return np.asarray(seed).tolist()


def snapshot(training):
    """Return everything that the rest of a run depends on."""
    t = training
    return {
        "arrays": t.block,
        "mean": t.mean,
        "record": t.record,
        "order": t.part.order,
        "held_out": np.zeros(0) if t.validation_rows is None else t.validation_rows.order,
        "found": t.rate.state() if t.rate else np.zeros(0),
        "generator": json.dumps(t.work.keys.bit_generator.state, default=np.ndarray.tolist),
        "epoch": np.array([t.epoch, t.best_epoch]),
        "key": t.key,
        "loss": np.array(t.loss),
        "validation_loss": np.array(t.validation_loss),
        "best": t.best,
        "lowest": np.array(t.lowest),
    }


def restore(training, found):
    """Continue from a snapshot."""
    t = training
    t.block[:], t.mean[:], t.record[:] = found["arrays"], found["mean"], found["record"]
    t.part.order[:] = found["order"]
    if t.validation_rows is not None:
        t.validation_rows.order[:] = found["held_out"]
    if t.rate:
        t.rate.restore(found["found"])
    t.work.keys.bit_generator.state = json.loads(found["generator"])
    t.epoch, t.best_epoch = map(int, found["epoch"])
    t.key[:] = found["key"]
    t.loss, t.validation_loss = found["loss"].tolist(), found["validation_loss"].tolist()
    t.best, t.lowest = found["best"], float(found["lowest"])
