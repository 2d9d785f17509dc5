"""Tables of addresses on a device, for launches over several arrays; uploaded if they change."""

import collections
import threading

import numpy as np

LARGEST, SMALLEST = 1 << 16, 1 << 11  # elements per row
KEPT = 8  # tables per stream: as many groups of arrays may alternate without an upload


def chunk(total, blocks):
    """Return the number of elements per row: within the limits, four rows per block."""
    size = SMALLEST
    while size < LARGEST and size * blocks * 4 < total:
        size *= 2
    return size


def rows(sets, size, itemsize):
    """Return the table: a row ``n, x, g, used slots`` for each part of at most `size` elements.

    Parameters
    ----------
    sets : sequence of tuple
        The same for entire arrays.
    """
    whole = np.array(sets, np.int64)
    counts = -(-whole[:, 0] // size)
    table = np.repeat(whole, counts, axis=0)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    start = size * (np.arange(len(table)) - first)
    table[:, 0] = np.minimum(size, table[:, 0] - start)
    table[:, 1:] += itemsize * start[:, None]
    return table


class Tables:
    """Tables on the device and the page-locked host memory that they are copied from.

    An upload is asynchronous, in the stream of the launch that follows. A table's memory is reused
    only in its own stream, after the launches that read it. Host memory is reused only when its
    copy is done. Nothing here waits.

    Parameters
    ----------
    memory
        ``pinned(count)`` and ``device(count)`` return arrays of int64, ``address(device array)`` a
        number. ``upload(device array, pinned array, count, stream)`` returns an event with
        ``query()``, or None if the copy is done already.
    """

    def __init__(self, memory):
        self.memory, self.lock = memory, threading.Lock()
        self.tables = collections.defaultdict(collections.OrderedDict)  # by device and stream
        self.buffers = collections.defaultdict(list)  # by device

    def use(self, device, stream, sets, size, itemsize, launch):
        """Call ``launch(rows, address)`` for the table of these sets, uploaded if necessary.

        Until the launch, a lock prevents other threads from overwriting the table.
        """
        key = size, itemsize, *sets
        with self.lock:
            known = self.tables[device, stream]
            if key in known:
                known.move_to_end(key)
            else:
                known[key] = self.upload(device, stream, known, rows(sets, size, itemsize))
            on_device, count = known[key]
            launch(count, self.memory.address(on_device))

    def upload(self, device, stream, known, table):
        on_device = known.popitem(last=False)[1][0] if len(known) >= KEPT else None
        if on_device is None or on_device.size < table.size:
            on_device = self.memory.device(_roomy(table.size))
        buffers = self.buffers[device]
        free = (b for b in buffers if b[0].size >= table.size and (b[1] is None or b[1].query()))
        buffer = next(free, None)
        if buffer is None:
            buffer = [self.memory.pinned(_roomy(table.size)), None]
            buffers.append(buffer)
        buffer[0][: table.size] = table.ravel()
        buffer[1] = self.memory.upload(on_device, buffer[0], table.size, stream)
        return on_device, len(table)


def _roomy(count):
    """Return the next power of two, so that memory can be reused for somewhat larger tables."""
    return 1 << max(count - 1, 511).bit_length()
