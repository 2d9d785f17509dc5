"""Tuples that the function builds and takes apart again: their items become variables."""

from numba import types

from fastopt.derivatives.reverse.code.program import Op, is_float, is_float_array


def dissolve(program):
    """Replace items of tuples by the variables that they were built from."""
    known: dict = {}
    for block in program.blocks.values():
        for op in block.ops:
            if op.kind == "expr" and op.value.op == "static_getitem":
                items = _items(program, op.uses[0], known)
                if items is not None and isinstance(op.value.index, int):
                    op.kind, op.uses = "copy", [items[op.value.index]]
    for block, op, name in known.get("phis", ()):
        block.ops.insert(0, op)
        program.definitions[name] = op


def _items(program, name, known):
    """Return the names of the items of a tuple, or None."""
    if name in known:
        return known[name]
    kind, op = program.types[name], program.definitions.get(name)
    known[name] = None
    if not isinstance(kind, types.BaseTuple) or op is None:
        return None
    if not any(is_float(k) or is_float_array(k) for k in kind.types):
        return None
    if op.kind == "copy" or (op.kind == "expr" and op.value.op in ("exhaust_iter", "cast")):
        known[name] = _items(program, op.uses[0], known)
    elif op.kind == "expr" and op.value.op == "build_tuple":
        known[name] = op.uses
    elif op.kind == "phi":
        known[name] = _joined(program, name, op, known)
    return known[name]


def _joined(program, name, op, known):
    made = [program.new_name(f"{name}.item", kind) for kind in program.types[name].types]
    known[name] = made
    given = {k: _items(program, v, known) if v else None for k, v in op.value.items()}
    if any(items is None or len(items) != len(made) for items in given.values()):
        return None
    block = next(b for b in program.blocks.values() if op in b.ops)
    for k, item in enumerate(made):
        sources = {label: items[k] for label, items in given.items()}
        phi = Op("phi", item, sources, list(sources.values()), op.loc)
        known.setdefault("phis", []).append((block, phi, item))
    return made
