"""Ctrl-C kept away from code that must not be left halfway."""

import _signal  # pyright: ignore[reportMissingImports]
import os
import threading
import time
from signal import SIGINT
from typing import Any

INSIST = 1.0  # seconds after which a second Ctrl-C is not kept waiting


class Held:
    """A context in which Ctrl-C waits until it is left.

    In the main thread alone, since Python runs signal handlers nowhere else. The user's own handler
    is called at the end, and stands as before, in processes that are forked meanwhile, too. If what
    is inside does not end, a second Ctrl-C goes to that handler at once.
    """

    handler: Any = None  # the user's
    first: float | None = None  # time of the Ctrl-C that waits
    frame: Any = None

    def __enter__(self):
        self.hold()
        return self

    def hold(self):
        """Keep Ctrl-C waiting from now on, if it is not yet."""
        handler: Any = _signal.getsignal(SIGINT)
        here = threading.current_thread() is threading.main_thread()
        if here and callable(handler) and handler != self.note:
            self.handler = handler
            _signal.signal(SIGINT, self.note)

    def note(self, number, frame):
        """Take the signal down; it is the handler that Python calls."""
        now = time.monotonic()
        if self.first is None:
            self.first, self.frame = now, frame
        elif now - self.first > INSIST:
            self.handler(number, frame)

    def release(self):
        """Let Ctrl-C through from now on, and the one that waits."""
        if self.handler is not None and _signal.getsignal(SIGINT) == self.note:
            _signal.signal(SIGINT, self.handler)
        self.deliver()

    def deliver(self):
        """Call the user's handler if a Ctrl-C waits for it."""
        if self.first is not None:
            frame = self.frame
            self.forget()
            self.handler(SIGINT, frame)

    def forget(self):
        """Drop the Ctrl-C that waits."""
        self.first = self.frame = None

    def outside(self, function, *args):
        """Return ``function(*args)``, which Ctrl-C may end at any moment."""
        self.release()
        try:
            return function(*args)
        finally:
            self.hold()

    def __exit__(self, *_):
        self.release()


def _restore():
    """Give a forked child the user's handler: the thread that held it may be in the parent."""
    handler: Any = _signal.getsignal(SIGINT)
    while isinstance(owner := getattr(handler, "__self__", None), Held):
        handler = owner.handler
        _signal.signal(SIGINT, handler)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_restore)
