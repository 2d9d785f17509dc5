"""The state of optimizer objects: reset, saved, restored, copied, pickled."""

from typing import Any

from fastopt._sentences import warn
from fastopt.concurrency.delayed_interrupts import DelayedInterrupts
from fastopt.concurrency.turns import T, Turns
from fastopt.optimizers import foreign_arrays, found_rate, hyperparameters, slot_arrays

KEYS = {"format", "method", "t", "skipped", "arrays", "search"}


class StateDictMixin:
    """The base of `optimizer.Optimizer` with `state_dict`, `load_state_dict` and `reset`."""

    method: str
    _turns: Any  # never shared by two objects: tables hold addresses of its arrays
    skipped: int
    _state: Any
    _loaded: Any
    _found: Any
    _stepped: Any
    _groups: Any
    _sets: Any
    _settings: Any
    _set_up: Any  # computes everything that follows from the options, and drops the arrays

    @property
    def t(self):
        """The number of steps taken."""
        return int(self._turns.table[T])

    @t.setter
    def t(self, value):
        self._turns.take(self._turns.count_from, slot_arrays.count("t", value))

    def reset(self):
        """Forget all steps: their moments, `t` and `skipped`. Call this before another fit.

        Examples
        --------
        >>> import numpy as np, fastopt
        >>> opt, x = fastopt.Adam(0.1), np.ones(2)
        >>> opt.step(x, np.ones(2))
        >>> opt.reset()
        >>> opt.t
        0
        """
        self._turns.take(self._restart)

    def _restart(self, loaded=None, t=0, skipped=0, search=None):
        with DelayedInterrupts():
            self._loaded, self.skipped = loaded, skipped
            self._set_up(t)
            if search is not None:
                self._found[:] = search

    def _follows(self, work):
        """Return True if a step continues with the parameters of the last one; else restart."""
        before = self._stepped
        others = before is not None and foreign_arrays.are_others(before.xs, work.xs)
        if others:
            warn(
                f"params are other arrays than in the step before: {type(self).__name__} starts "
                "again, as after reset(), without the old moments. To go on with new values, "
                "write into the arrays (x[:] = ...), or use init and update.",
                RuntimeWarning,
            )
            self._restart()
        self._stepped = work
        return not others

    def state_dict(self):
        """Return the state: a dict of numbers, strings and NumPy arrays (copies).

        Examples
        --------
        >>> import numpy as np, fastopt
        >>> opt, x = fastopt.Adam(0.1), np.ones(2)
        >>> opt.step(x, np.ones(2))
        >>> again = fastopt.Adam(0.1)
        >>> again.load_state_dict(opt.state_dict())
        >>> again.t
        1
        """
        return self._turns.read(self._state_dict)

    def _state_dict(self):
        kept = {
            name: {k: v if k == "carry" else foreign_arrays.to_host(v) for k, v in own.items()}
            for name, own in self._packed().items()
        }
        search = {} if self._found is None else {"search": self._found.tolist()}
        return {
            "format": slot_arrays.FORMAT,
            "method": self.method,
            "t": self.t,
            "skipped": self.skipped,
            "arrays": kept,
            **search,
        }

    def _packed(self):
        return self._state.arrays_by_name() if self._state is not None else self._loaded or {}

    def load_state_dict(self, state):
        """Restore a state from `state_dict`; this optimizer's own options stay.

        With the same options the steps are the same to the last bit. If the state is rejected, the
        optimizer is unchanged.

        Parameters
        ----------
        state : dict
            A result of `state_dict`.

        Raises
        ------
        ValueError
            If `state` is no state of this rule with these groups and options, or has contents
            that no optimizer makes.

        Examples
        --------
        >>> import numpy as np, fastopt
        >>> opt, again, x = fastopt.SGD(0.1), fastopt.SGD(0.1), np.ones(2)
        >>> opt.step(x, np.ones(2))
        >>> again.load_state_dict(opt.state_dict())
        >>> again.t
        1
        """
        whole = isinstance(state, dict) and {"method", "t", "skipped", "arrays"} <= state.keys()
        arrays = state["arrays"] if whole else None
        if (
            not isinstance(arrays, dict)
            or state.get("format") != slot_arrays.FORMAT
            or not all(isinstance(own, dict) and "carry" in own for own in arrays.values())
        ):
            raise ValueError("this is no state_dict of an optimizer, or one of another format")
        if odd := sorted(map(str, state.keys() - KEYS)):
            raise ValueError(f"the state has {odd[0]!r}, which is in no state_dict")
        if state["method"] != self.method:
            raise ValueError(f"this is the state of {state['method']}, not of {self.method}")
        t, skipped = (slot_arrays.count(name, state[name]) for name in ("t", "skipped"))
        search = found_rate.checked(state.get("search"), self._found)
        loaded = {name: slot_arrays.checked(name, own) for name, own in arrays.items()}
        if loaded:
            names = [*loaded]
            for name, keys in zip(
                names, hyperparameters.for_paths(self._groups, names), strict=True
            ):
                found = self._sets[keys] if keys in self._sets else self._settings(*keys)
                slot_arrays.require_slots(loaded[name], found.uses, name)
        # Nothing has changed until here, and nothing below fails.
        self._turns.take(self._restart, loaded or None, t, skipped, search)

    def __getstate__(self):
        left_out = "_turns", "_rule", "_sets", "_state", "_work", "_fast_path", "_stepped"
        own = {name: value for name, value in vars(self).items() if name not in left_out}
        state = self.state_dict()
        return {**own, "t": state["t"], "_loaded": state["arrays"] or None, "_found": self._found}

    def __setstate__(self, own):
        own = {**own}
        t, found = own.pop("t"), own.pop("_found", None)
        vars(self).update(own)
        self._turns = Turns()
        self._set_up(t)
        if found is not None:
            self._found[:] = found
