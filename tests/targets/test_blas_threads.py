"""BLAS uses one thread while threads here compute products, and then as many as before."""

import threading

import pytest

from fastopt.targets.cpu.training import blas_threads
from fastopt.targets.cpu.training.blas_threads import OneThread

found = blas_threads._openblas()
pytestmark = pytest.mark.skipif(found is None, reason="SciPy's BLAS is not OpenBLAS")


def test_one_thread_until_the_last_context_ends():
    get, set_to = found
    before = get()
    set_to(2)
    try:
        first, second = OneThread(), OneThread()
        with first:
            second.__enter__()
            assert get() == 1
        assert get() == 1
        thread = threading.Thread(target=second.__exit__)
        thread.start()
        thread.join()
        assert get() == 2
    finally:
        set_to(before)
