"""Critical sections during which Ctrl-C is deferred."""

import _signal  # pyright: ignore[reportMissingImports]
import os
import threading
import time
from signal import SIGINT
from typing import Any

INSIST = 1.0  # seconds after the first Ctrl-C, after which another one is not deferred


class DelayedInterrupts:
    """A context that defers Ctrl-C until its end.

    It acts in the main thread only, since Python runs signal handlers nowhere else. At the end the
    user's own handler is called and restored, also in processes forked meanwhile. If the code
    inside does not end, a second Ctrl-C goes to that handler at once.
    """

    handler: Any = None  # the user's handler
    first: float | None = None  # time of the deferred Ctrl-C
    frame: Any = None

    def __enter__(self):
        self.hold()
        return self

    def hold(self):
        """Defer Ctrl-C from now on."""
        handler: Any = _signal.getsignal(SIGINT)
        here = threading.current_thread() is threading.main_thread()
        if here and callable(handler) and handler != self.note:
            self.handler = handler
            _signal.signal(SIGINT, self.note)

    def note(self, number, frame):
        """Record the signal; this is the handler that Python calls."""
        now = time.monotonic()
        if self.first is None:
            self.first, self.frame = now, frame
        elif now - self.first > INSIST:
            self.handler(number, frame)

    def release(self):
        """Deliver Ctrl-C from now on, and the deferred one."""
        if self.handler is not None and _signal.getsignal(SIGINT) == self.note:
            _signal.signal(SIGINT, self.handler)
        self.deliver()

    def deliver(self):
        """Call the user's handler if a Ctrl-C was deferred."""
        if self.first is not None:
            frame = self.frame
            self.forget()
            self.handler(SIGINT, frame)

    def forget(self):
        """Drop the deferred Ctrl-C."""
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
    """Restore the user's handler in a forked child: the thread with the context may be missing."""
    handler: Any = _signal.getsignal(SIGINT)
    while isinstance(owner := getattr(handler, "__self__", None), DelayedInterrupts):
        handler = owner.handler
        _signal.signal(SIGINT, handler)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_restore)
