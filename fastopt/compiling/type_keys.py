"""Numba's types as parts of keys, and the extensions that users have registered with Numba."""

import itertools

from numba import types

from fastopt.compiling import numba_internals

_OURS = ("numba", "numba_cuda", __name__.partition(".")[0])
LIBRARIES = {"numpy", "scipy", "llvmlite", *_OURS}
# Types whose names do not identify their content: functions, and the methods of classes.
_UNNAMED = (
    types.Callable,
    types.ClassType,
    types.ClassInstanceType,
    types.DeferredType,
    types.EnumClass,
    types.Module,
    types.StructRef,
)


def describe(kind):
    """Return a type's name, with the fields of named tuples, which the name leaves out."""
    fields = getattr(kind, "fields", ()) if isinstance(kind, types.BaseTuple) else ()
    return str(kind), tuple(fields), tuple(map(describe, _parts(kind)))


def _parts(kind):
    """Return the types that a type is composed of."""
    inner = [getattr(kind, name, None) for name in ("dtype", "key_type", "value_type", "type")]
    found = [part for part in inner if isinstance(part, types.Type) and part != kind]
    return (*getattr(kind, "types", ()), *found)


def is_cacheable(kind):
    """Return True if the name of a type identifies its code in every process.

    Types of the user's own are not: they are defined by code that may be edited.
    """
    seen, waiting = {}, [kind]
    while waiting:
        part = waiting.pop()
        if isinstance(part, tuple | list):
            waiting.extend(part)
        elif isinstance(part, dict):
            waiting.extend(part.values())
        elif isinstance(part, types.Type) and id(part) not in seen:
            seen[id(part)] = part
            root = type(part).__module__.partition(".")[0]
            if root not in _OURS or isinstance(part, _UNNAMED):
                return False
            waiting.extend(vars(part).values())
    return True


class Extensions:
    """Implementations that users have registered with Numba.

    Hashing the content of the users' functions does not reach them.
    """

    def __init__(self):
        self.functions = {}  # id -> [a function, its implementations by the user]
        self.jitable = {}  # id -> a function that is its own implementation
        self.attributes = {}  # names of attributes and methods -> their implementations
        self.digests = {}  # implementation -> its content when Numba last compiled it
        self.any_attribute = False  # True: an attribute template accepts any name
        self.counts = {}

    def look(self):
        """Record what has been registered since the last call."""
        typing, lowering = numba_internals.typing_registry, numba_internals.lowering_registry
        for template in self._new(typing.functions):
            if _is_users(template):
                self._add(getattr(template, "key", None), template)
        for value, kind in self._new(typing.globals):
            for template in getattr(kind, "templates", ()):
                if _is_users(template):
                    self._add(value, template)
                elif _is_jitable(template, value):
                    self.jitable[id(value)] = value
        for template in self._new(typing.attributes):
            if _is_users(template):
                self._add_attributes(template)
        for implementation, value, _ in self._new(lowering.functions):
            if not _is_librarys(_module_of(implementation)):
                self._add(value)

    def _new(self, registered):
        begin = self.counts.get(id(registered), 0)
        self.counts[id(registered)] = len(registered)
        return list(itertools.islice(registered, begin, None))

    def _add(self, value, *templates):
        self.functions.setdefault(id(value), [value]).extend(templates)

    def renew(self, template, digest):
        """Make Numba recompile an implementation if its content has changed.

        Numba caches compiled implementations, with the globals of that time.
        """
        if self.digests.get(template) != digest:
            self.digests[template] = digest
            numba_internals.forget_overloads(template)

    def _add_attributes(self, template):
        name = numba_internals.attribute_of(template)
        resolved = [n[len("resolve_") :] for n in dir(template) if n.startswith("resolve_")]
        for known in [name] if name else resolved:
            self.attributes.setdefault(known, []).append(template)
        own = vars(template).get("generic_resolve")
        self.any_attribute |= own is not None and not name


def _is_users(template):
    """Return True if a template was registered by code of the user's."""
    own = [numba_internals.overload_of(template), numba_internals.definition_of(template)]
    made_by = next(filter(None, [*own, vars(template).get("generic")]), template)
    return not _is_librarys(_module_of(made_by))


def _is_jitable(template, value):
    """Return True if Numba's `register_jitable` made a template for a function of the user's."""
    made_by = numba_internals.overload_of(template)
    own = getattr(made_by, "__qualname__", "").startswith("register_jitable.")
    return own and not _is_librarys(_module_of(value))


def _module_of(value):
    while hasattr(value, "func"):  # partials
        value = value.func
    scope = getattr(value, "__globals__", {})  # for a function made by exec
    return getattr(value, "__module__", None) or scope.get("__name__") or ""


def _is_librarys(module):
    # abc is the module of classes that Numba creates by calls.
    return module.partition(".")[0] in (*LIBRARIES, "abc")


extensions = Extensions()
