"""Ctrl-C kept away from code that holds locks of others."""

import signal
import threading


class Held:
    """A context in which Ctrl-C waits until it is left.

    In the main thread alone, since Python runs signal handlers nowhere else. The user's own handler
    is called at the end, and stands as before.
    """

    def __enter__(self):
        self.seen, self.handler = False, signal.getsignal(signal.SIGINT)
        here = threading.current_thread() is threading.main_thread()
        if not here or not callable(self.handler):
            self.handler = None
            return self
        signal.signal(signal.SIGINT, self.note)
        return self

    def note(self, _number, frame):
        self.seen, self.frame = True, frame

    def __exit__(self, *_):
        if self.handler is not None:
            signal.signal(signal.SIGINT, self.handler)
            if self.seen:
                self.handler(signal.SIGINT, self.frame)
