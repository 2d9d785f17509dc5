"""Ctrl-C kept away from code that holds locks of others."""

import os
import signal
import threading
from typing import Any


class Held:
    """A context in which Ctrl-C waits until it is left.

    In the main thread alone, since Python runs signal handlers nowhere else. The user's own handler
    is called at the end, and stands as before, in processes that are forked meanwhile, too.
    """

    current: Any = None  # whose handler is set

    def __enter__(self):
        self.seen, self.frame = False, None
        self.handler: Any = signal.getsignal(signal.SIGINT)
        here = threading.current_thread() is threading.main_thread()
        if not here or not callable(self.handler):
            self.handler = None
            return self
        Held.current = self
        signal.signal(signal.SIGINT, self.note)
        return self

    def note(self, _number, frame):
        self.seen, self.frame = True, frame

    def __exit__(self, *_):
        if self.handler is not None:
            signal.signal(signal.SIGINT, self.handler)
            Held.current = None
            if self.seen:
                self.handler(signal.SIGINT, self.frame)


def _restore():
    if Held.current is not None:
        signal.signal(signal.SIGINT, Held.current.handler)
        Held.current = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_restore)
