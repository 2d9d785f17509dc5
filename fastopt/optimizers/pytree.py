"""Arrays in lists, tuples and dicts, nested to any depth: their names and their order."""

NESTED = list, tuple, dict


class Tree:
    """The structure of parameters, which gradients must share.

    Examples
    --------
    >>> tree = Tree({"w": 1.0, "layers": [2.0, 3.0]})
    >>> tree.names
    ['w', 'layers.0', 'layers.1']
    >>> tree.leaves({"layers": (20.0, 30.0), "w": 10.0}, "grads")
    [10.0, 20.0, 30.0]
    """

    def __init__(self, params):
        self.paths = []
        self.shape = _shape(params, (), self.paths)
        self._flat = _is_flat(self.shape)
        self.names = [".".join(map(str, path)) or "params" for path in self.paths]
        twice = [name for name in self.names if self.names.count(name) > 1]
        if twice:
            raise ValueError(f"two arrays of params have the name {twice[0]!r}")
        if not self.paths:
            raise ValueError("params holds no array")

    def leaves(self, tree, what):
        """Return the arrays of a tree of this structure, in the order of `names`."""
        if self.shape is None and not isinstance(tree, NESTED):
            return [tree]
        found = []
        try:
            _collect(tree, self.shape, found)
        except _StructureMismatch as error:
            text, *path = error.args
            if what == "params":
                text = text.replace("params has", "the first step had")
                text = text.replace("in params", "in those of the first step")
            raise ValueError(f"{_label(what, reversed(path))} {text}") from None
        return found

    def quick_leaves(self, *trees):
        """Return a list of the leaves of all these trees, or None if a structure may differ.

        A leaf may be anything, even a list. `leaves` says what is wrong.
        """
        found: list = []
        try:
            for tree in trees:
                _extend(found, tree, self.shape, self._flat)
        except LookupError:
            return None
        return found

    def rebuilt(self, leaves):
        """Return a tree of this structure with these leaves, its dicts as plain ones."""
        return _rebuilt(self.shape, iter(leaves))

    def label(self, what, k):
        """Return an array's name for errors: params['w'][0]."""
        return _label(what, self.paths[k])


class _StructureMismatch(Exception):
    """A predicate for the message, then the keys of the place, innermost first."""


def _label(what, path):
    return what + "".join(f"[{key!r}]" for key in path)


def _shape(tree, path, paths):
    """Return None for an array, else a list or dict of shapes."""
    if isinstance(tree, dict):
        return {key: _shape(item, (*path, key), paths) for key, item in tree.items()}
    if isinstance(tree, NESTED):
        items = [_shape(item, (*path, k), paths) for k, item in enumerate(tree)]
        return _Sequence(items, type(tree))
    paths.append(path)
    return None


class _Sequence(list):
    """The shapes of the items of a list or tuple, and the class of that."""

    def __init__(self, items, kind):
        super().__init__(items)
        self.kind = kind


def _collect(tree, shape, found):
    if _kind(tree) != _kind(shape):
        raise _StructureMismatch(f"is {_kind(tree)}, but params has {_kind(shape)} there")
    if shape is None:
        found.append(tree)
        return
    named = isinstance(shape, dict)
    if len(tree) > len(shape):
        more = next(key for key in tree if key not in shape) if named else len(shape)
        raise _StructureMismatch("has no counterpart in params", more)
    for key in shape if named else range(len(shape)):
        try:
            item = tree[key]
        except LookupError:
            raise _StructureMismatch("is missing", key) from None
        if shape[key] is None and not isinstance(item, NESTED):
            found.append(item)
            continue
        try:
            _collect(item, shape[key], found)
        except _StructureMismatch as error:
            raise _StructureMismatch(*error.args, key) from None


def _is_flat(shape):
    """Return True if all items are arrays."""
    items = shape.values() if isinstance(shape, dict) else shape or ()
    return shape is not None and all(item is None for item in items)


def _extend(found, tree, shape, flat=False):
    """Append the leaves of a tree, or raise a LookupError if its structure may differ."""
    if shape is None:
        found.append(tree)
        return
    named = type(shape) is dict
    if type(tree) not in ((dict,) if named else (list, tuple)) or len(tree) != len(shape):
        raise LookupError
    items = map(tree.__getitem__, shape) if named else tree
    if flat:  # without a call for each array
        found.extend(items)
        return
    for item, inner in zip(items, shape.values() if named else shape, strict=True):
        _extend(found, item, inner, _is_flat(inner))


def _kind(tree):
    return (
        "a dict" if isinstance(tree, dict) else "a list" if isinstance(tree, NESTED) else "an array"
    )


def _rebuilt(shape, leaves):
    if shape is None:
        return next(leaves)
    if isinstance(shape, dict):
        return {key: _rebuilt(inner, leaves) for key, inner in shape.items()}
    items = [_rebuilt(inner, leaves) for inner in shape]
    if not issubclass(shape.kind, tuple):
        return items
    return shape.kind(*items) if hasattr(shape.kind, "_fields") else tuple(items)
