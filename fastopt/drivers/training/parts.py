"""Parts of a mini-batch that threads compute: whether there are any, how many, and their size."""

import math

from fastopt.arrays.data_rows import Ragged
from fastopt.compiling.compiler import thread_limit
from fastopt.drivers.objective_bindings import is_parallel
from fastopt.inputs.stochastic_inputs import whole_number

ROWS, MOST = 64, 16  # rows of a part at least, and parts of a mini-batch at most
# Numbers in the rows of a mini-batch from which on threads pay whatever fun does with them.
NUMBERS = 32_768
# Parameters for each of these numbers, at most: gradients of parts must be cleared and added up.
PARAMETERS = 4


def chosen(work, workers, fun, size, together):
    """Return `TrainingData` with the parts and the number of threads, for `size` parameters.

    The parts are the same for any number of workers. They are the user's wish with a number of
    workers. Without one they must change nothing but rounding, and pay.
    """
    if workers is not None:
        workers = whole_number("workers", workers)
    rows = max(ROWS, -(-work.batch // MOST))
    parts, numbers = -(-work.batch // rows), work.batch * sum(map(numbers_in_a_row, work.fields))
    pays = not together and numbers >= NUMBERS and parts * size <= PARAMETERS * numbers
    if work.batch < 2 * ROWS or (workers is None and not pays):
        return work
    threads = 1 if is_parallel(fun) else min(workers or thread_limit(), parts)
    return work._replace(parts=parts, rows=rows, threads=threads)


def numbers_in_a_row(field):
    """Return how many numbers a row of a field has, on average."""
    if isinstance(field, Ragged):
        return field.flat.size / len(field.starts)
    return math.prod(field.shape[1:])
