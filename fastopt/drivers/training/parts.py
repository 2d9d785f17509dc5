"""Parts of a mini-batch that threads compute: whether there are any, how many, and their size."""

import math

from fastopt.arrays.data_rows import Ragged
from fastopt.compiling.compiler import thread_limit
from fastopt.drivers.objective_bindings import is_parallel
from fastopt.inputs.single_values import whole_number

# Rows of a part at least, and parts of a mini-batch at most. With 64 rows, all parts of a network
# with 203,530 parameters take a quarter longer than with 128: gradients are cleared and added up.
ROWS, MOST = 128, 16
# Numbers in the rows of a mini-batch, and in those of an epoch, from which on threads pay whatever
# fun does with them. Measured (benchmarks/stochastic.py, TrackThreads), logistic regression on two
# threads over one: 256 x 100 numbers 1.0, 512 x 100 0.8, 256 x 300 0.65, 1,024 x 1,000 0.6. Threads
# begin with each epoch, which takes up to 0.1 ms.
NUMBERS, NUMBERS_OF_EPOCH = 65_536, 1_048_576
# Parameters of all parts together, at most, over the numbers of the mini-batch.
PARAMETERS = 4


def split(work, workers, fun, size, together):
    """Return `TrainingData` with the parts and the number of threads, for `size` parameters.

    The parts are the same for any number of workers. They are the user's wish with a number of
    workers. Without one they must change nothing but rounding, and pay.
    """
    if workers is not None:
        workers = whole_number("workers", workers)
    of_row, parts = sum(map(numbers_in_a_row, work.fields)), min(work.batch // ROWS, MOST)
    numbers = work.batch * of_row
    enough = numbers >= NUMBERS and len(work.order) * of_row >= NUMBERS_OF_EPOCH
    pays = not together and enough and parts * size <= PARAMETERS * numbers
    if parts < 2 or (workers is None and not pays):
        return work
    threads = 1 if is_parallel(fun) else min(workers or thread_limit(), parts)
    return work._replace(parts=parts, rows=-(-work.batch // parts), threads=threads)


def numbers_in_a_row(field):
    """Return how many numbers a row of a field has, on average."""
    if isinstance(field, Ragged):
        return field.flat.size / len(field.starts)
    return math.prod(field.shape[1:])
