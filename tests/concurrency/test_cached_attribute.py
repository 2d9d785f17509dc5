"""Attributes that are computed when they are first read."""

import os
import signal
import threading

import pytest

from fastopt.concurrency.cached_attribute import CachedAttribute


class Holder:
    inside, finish, wait = threading.Event(), threading.Event(), False

    @CachedAttribute
    def slow(self):
        """A value."""
        if self.wait:
            self.inside.set()
            self.finish.wait(60)
        return [self]


def test_it_is_computed_once_for_each_object():
    one, other = Holder(), Holder()
    assert one.slow is one.slow
    assert one.slow is not other.slow
    assert Holder.slow.__doc__ == "A value."


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_forked_meanwhile_can_read_it():
    """With `functools.cached_property` the child waits for ever in Python 3.11."""
    slow = Holder()
    slow.wait = True
    thread = threading.Thread(target=lambda: slow.slow)
    thread.start()
    assert slow.inside.wait(60)
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # ends it if it waits
        os._exit(0 if Holder().slow else 1)
    slow.finish.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
