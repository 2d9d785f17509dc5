"""A walk over a value that hashes all of it, and tracks the current part for messages."""

import contextlib
import hashlib

SHORT = 40  # characters of the longest value that is shown itself, not as a digest
SIMPLE = bool, int, float, complex, str, bytes, type(None), type(...), type(NotImplemented)


class Unreadable(TypeError):
    """An error for a value whose content cannot be read, and so cannot be compared."""


class Digest:
    """A walk over a value that hashes all of it.

    Parameters
    ----------
    name : str
        The value's name, for messages.
    own : str
        The package of the objective, whose code is covered although it is installed.

    Attributes
    ----------
    parts : dict
        A text for each attribute of an object, and for each value that a function reads. The text
        is the value itself if it is short, else a digest.
    """

    def __init__(self, name, own=""):
        self.name, self.own, self.parts, self.where = name, own, {}, [name]
        self.unordered = 0  # number of sets around the current value
        self.seen = {}  # id -> number, for cycles
        self.keepalive = []  # references, so that no id is reused
        self.walked = set()  # (module, names) whose attributes have been read

    def digest(self, value):
        self.hash = hashlib.sha256()
        try:
            self.add(value)
        except RecursionError:
            raise self.unreadable("is nested too deeply") from None
        return self.hash.hexdigest()

    def unreadable(self, what):
        return Unreadable(
            f"{''.join(self.where)} {what}: a checkpoint cannot tell whether it has changed. Leave "
            "options['checkpoint'] out, or let the object's class say in __getstate__ what counts"
        )

    def put(self, *parts):
        for part in parts:
            data = part if isinstance(part, bytes) else str(part).encode()
            self.hash.update(b"%d:" % len(data) + data)

    def add(self, value):
        kind = type(value)
        if kind in SIMPLE or (kind in (list, tuple) and all(type(v) in SIMPLE for v in value)):
            self.put(kind.__name__, repr(value))
        elif id(value) in self.seen:
            self.put("seen", self.seen[id(value)])
        else:
            self.seen[id(value)] = len(self.seen)
            self.keepalive.append(value)
            self.add_object(value)

    def add_object(self, value):
        raise NotImplementedError

    def add_at(self, where, value):
        """Add part of a value, with its place for messages."""
        self.where.append(where)
        self.add(value)
        self.where.pop()

    @contextlib.contextmanager
    def part(self, name, words, value):
        """Record the values added inside the context as a part, if `words` describe it."""
        self.put(name)
        if not words or self.unordered:
            yield
            return
        with self.separate_hash() as digest:
            yield
        text = repr(value) if type(value) in SIMPLE else digest[0]
        if words in self.parts or len(text) > SHORT:  # combined with other parts of this name
            text = hashlib.sha256((self.parts.get(words, "") + digest[0]).encode()).hexdigest()
        self.parts[words] = text

    @contextlib.contextmanager
    def separate_hash(self):
        """Hash the values added inside the context separately; yield a list for the digest."""
        outer, self.hash, digest = self.hash, hashlib.sha256(), []
        yield digest
        digest.append(self.hash.hexdigest())
        self.hash = outer

    def add_set(self, items):
        """Add the sorted digests of the items: a set's own order changes with the process."""
        seen, digests = self.seen, []
        self.unordered += 1
        for item in items:
            self.seen = dict(seen)  # an item's digest must not depend on the items before it
            with self.separate_hash() as digest:
                self.add(item)
            digests += digest
        self.unordered -= 1
        self.seen = seen
        self.put("set", sorted(digests))
