"""Digests that identify a piece of compiled code, in this process and if possible in all others.

The content of a function is everything that determines what its code does. The content of a linked
tree of functions is everything that linking has reached. No key is assembled by hand, so that
nothing can be left out of one.
"""

import enum
import functools
import hashlib
import importlib.resources
import operator
import types
from typing import Any, NamedTuple

from fastopt.algorithms.compile_hints import HINT
from fastopt.compiling import numba_internals, type_keys
from fastopt.compiling.code_walk import (
    ORIGIN,
    ContentHasher,
    Unhashable,
    contents,
    is_named,
    names,
    root_of,
)
from fastopt.compiling.linker import NARROWING_MARK

PACKAGE = __name__.partition(".")[0]
_memo: dict = {}


class Content(NamedTuple):
    """The identity of a piece of code."""

    digest: str
    cacheable: bool  # True: the digest is valid in other processes, too
    kept: tuple  # objects whose ids are in the digest, to be kept alive


def of(function, plain=False):
    """Return the content of a function, memoized until something that it reads is rebound.

    `plain` says that the plain functions that it calls will be compiled, too.
    """
    key = id(function), plain
    known = _memo.get(key)
    if known and known[0] is function and _as_before(known[2]):
        return known[1]
    walk = Keyed(plain)
    content = walk.content(function)
    if not walk.volatile:
        while len(_memo) >= 256:
            _memo.pop(next(iter(_memo), None), None)
        _memo[key] = function, content, walk.reads
    return content


def _as_before(reads):
    try:
        return all(read(name) is value for read, name, value in reads)
    except Unhashable:
        return False


@functools.cache
def package_digest():
    """Return a digest of the package's own files, or None if there are none to read.

    It covers the code inside `@overload`s and intrinsics, which hashing functions does not reach.
    """
    texts = hashlib.sha256()
    try:
        count = _add_files(texts, importlib.resources.files(PACKAGE))
    except (OSError, ImportError, TypeError):
        return None
    return texts.hexdigest() if count else None


def _add_files(texts, folder):
    """Add the sources and byte code of a folder or an archive to a digest; return their number."""
    count = 0
    for entry in sorted(folder.iterdir(), key=operator.attrgetter("name")):
        if entry.is_dir() and entry.name != "__pycache__":
            count += _add_files(texts, entry)
        elif entry.name.endswith((".py", ".pyc")):
            blob = entry.read_bytes()
            texts.update(f"{entry.name} {len(blob)}:".encode() + blob)
            count += 1
    return count


class Keyed(ContentHasher):
    """The walk for compiled code.

    A value whose content cannot be hashed is identified by its id: the digest is then valid in this
    process only.
    """

    def __init__(self, plain=False):
        super().__init__()
        self.plain, self.cacheable = plain, True
        type_keys.extensions.look()

    def content(self, *values):
        """Return the content of values."""
        digest = self.digest(package_digest(), *values)
        cacheable = self.cacheable and package_digest() is not None
        return Content(digest, cacheable, () if cacheable else tuple(self.keep))

    def unknown(self, value, why):
        self.cacheable = False
        self.keep.append(value)
        self.hash_parts("itself", id(value))

    def read(self, getter, name):
        try:
            return super().read(getter, name)
        except Unhashable:  # a closure variable that is not set yet
            self.cacheable, self.volatile = False, True
            return None

    def add_plain(self, function):
        known = type_keys.extensions
        if id(function) in known.functions:
            self.add_extensions(function, known.functions[id(function)][1:])
        elif self.plain or id(function) in known.jitable:
            self.add(function)
        else:
            super().add_plain(function)

    def add_dispatcher(self, value):
        if hasattr(value, "relink"):
            self.unknown(value, "")
            self.add_apart(value.relink.args)
        else:
            super().add_dispatcher(value)

    def add_extensions(self, value, templates):
        """Add the user's Numba extensions for a value. Numba caches these in this process."""
        self.unknown(value, "")
        for template in templates:
            made = numba_internals.overload_of(template)
            if made and id(template) not in self.seen:
                self.seen[id(template)] = len(self.seen)
                digest, known = self.add_apart(made), type_keys.extensions
                # Numba treats the implementation of an attribute as an overload of itself.
                for each in (template, *known.functions.get(id(made), (made,))[1:]):
                    known.renew(each, digest)

    def add_apart(self, value):
        """Add a value including the plain functions in it; return its own digest."""
        walk = Keyed(plain=True)
        digest = walk.digest(value)
        self.hash_parts(digest)
        self.reads.extend(walk.reads)
        self.keep.extend(walk.keep)
        self.volatile |= walk.volatile
        return digest

    def add_object(self, value: Any):
        if isinstance(value, enum.EnumMeta) and not is_named(value):
            self.hash_parts("enum", value.__module__, value.__qualname__)
            members: Any = value.__members__
            self.add(tuple((name, member.value) for name, member in members.items()))
        elif isinstance(value, enum.Enum):
            self.hash_parts("member", value.name)
            self.add(type(value))
        else:
            super().add_object(value)

    def add_named(self, value):
        known = type_keys.extensions.functions
        if id(value) in known:
            self.add_extensions(value, known[id(value)][1:])
        super().add_named(value)

    def add_code(self, code):
        known = type_keys.extensions
        if known.any_attribute:
            self.unknown(code, "")
        for name in known.attributes.keys() & {*names(code)}:
            self.add_extensions(code, known.attributes[name])
        super().add_code(code)


class Linked(Keyed):
    """The walk over functions that `link` has rebuilt: it adds everything that the code reaches."""

    def add_function(self, function):
        narrow = function.__globals__.get(NARROWING_MARK)  # decides about rewrites of numbers
        self.hash_parts("linked", narrow, getattr(function, HINT, "inlined"))
        super().add_function(function)

    def add_plain(self, function):
        if ORIGIN in vars(function) or root_of(function) == PACKAGE:
            self.add(function)
        else:
            super().add_plain(function)

    def add_object(self, value):
        plain = isinstance(value, types.FunctionType)
        if plain and root_of(value) == PACKAGE and ORIGIN not in vars(value):
            self.add_own(value)
        elif root_of(type(value)) in type_keys.LIBRARIES and numba_internals.intrinsic_of(value):
            self.hash_parts("intrinsic")
            self.add_plain(numba_internals.intrinsic_of(value))
        else:
            super().add_object(value)

    def add_own(self, function):
        """Add a function of this package, whose source is in the package's digest."""
        self.hash_parts("own", function.__module__, function.__qualname__)
        self.add(function.__defaults__)
        cells = function.__closure__ or ()
        for name, cell in zip(function.__code__.co_freevars, cells, strict=True):
            self.hash_parts(name)
            self.read(functools.partial(contents, cell), name)
