"""A walk over a value that hashes all of it, and names the part that it is at."""

import contextlib
import hashlib

SHORT = 40  # characters of a value that is shown as it is
SIMPLE = bool, int, float, complex, str, bytes, type(None), type(...), type(NotImplemented)


class Unreadable(TypeError):
    """A value whose content cannot be read, so that two of its kind cannot be told apart."""


class Digest:
    """A walk over a value that hashes all of it.

    Parameters
    ----------
    name : str
        The value's name, for messages.
    own : str
        The package whose code counts although it is installed: the objective's.

    Attributes
    ----------
    parts : dict
        A text for each attribute of an object, and for each value that a function reads: the
        value if it is short, else a digest.
    """

    def __init__(self, name, own=""):
        self.name, self.own, self.parts, self.where = name, own, {}, [name]
        self.unordered = 0  # sets around what is added
        self.seen = {}  # id -> number, for cycles
        self.keep = []  # alive during the walk, so that no id is used twice
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
            self.keep.append(value)
            self.add_object(value)

    def add_object(self, value):
        raise NotImplementedError

    def add_at(self, where, value):
        """Add part of a value, whose place a message can name."""
        self.where.append(where)
        self.add(value)
        self.where.pop()

    @contextlib.contextmanager
    def part(self, name, words, value):
        """Put what is added meanwhile among the parts, if there are words that describe it."""
        self.put(name)
        if not words or self.unordered:
            yield
            return
        with self.apart() as digest:
            yield
        text = repr(value) if type(value) in SIMPLE else digest[0]
        if words in self.parts or len(text) > SHORT:  # another of this name
            text = hashlib.sha256((self.parts.get(words, "") + digest[0]).encode()).hexdigest()
        self.parts[words] = text

    @contextlib.contextmanager
    def apart(self):
        """Hash what is added meanwhile by itself; yield a list that gets the digest."""
        outer, self.hash, digest = self.hash, hashlib.sha256(), []
        yield digest
        digest.append(self.hash.hexdigest())
        self.hash = outer

    def add_set(self, items):
        """Add the digests of the items in order: a set's own order changes with the process."""
        seen, digests = self.seen, []
        self.unordered += 1
        for item in items:
            self.seen = dict(seen)  # no item counts as seen because another came before it
            with self.apart() as digest:
                self.add(item)
            digests += digest
        self.unordered -= 1
        self.seen = seen
        self.put("set", sorted(digests))
