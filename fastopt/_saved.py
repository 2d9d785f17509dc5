"""The state of optimizer objects: begun anew, saved, restored, copied, sent to other processes."""

import warnings
from typing import Any

from fastopt import _arrays, _settings, _states
from fastopt._interrupts import Held
from fastopt._turns import T, Turns

KEYS = {"format", "method", "t", "skipped", "arrays"}


class Saved:
    """What `_optimizers.Optimizer` inherits."""

    method: str
    _turns: Any  # of one object: addresses of its arrays lie in tables
    skipped: int
    _state: Any
    _loaded: Any
    _stepped: Any
    _groups: Any
    _sets: Any
    _settings: Any
    _set_up: Any  # makes what follows from the options, and forgets the arrays

    @property
    def t(self):
        """The number of steps that were taken."""
        return int(self._turns.table[T])

    @t.setter
    def t(self, value):
        self._turns.take(self._turns.count_from, _states.count("t", value))

    def reset(self):
        """Forget all steps: their moments, `t` and `skipped`. Do so before another fit.

        Examples
        --------
        >>> import numpy as np, fastopt
        >>> opt, x = fastopt.Adam(0.1), np.ones(2)
        >>> opt.step(x, np.ones(2))
        >>> opt.reset()
        >>> opt.t
        0
        """
        self._turns.take(self._begin_anew)

    def _begin_anew(self, loaded=None, t=0, skipped=0):
        with Held():
            self._loaded, self.skipped = loaded, skipped
            self._set_up(t)

    def _follows(self, work):
        """Return True if a step goes on with the parameters of the last one; else `reset`."""
        before = self._stepped
        others = before is not None and _arrays.are_others(before.xs, work.xs)
        if others:
            warnings.warn(
                f"params are other arrays than in the step before: {type(self).__name__} begins "
                "anew, as after reset(), without the moments of those. To go on with new values, "
                "write into the arrays (x[:] = ...), or use init and update.",
                RuntimeWarning,
                stacklevel=4,
            )
            self._begin_anew()
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
        return self._turns.look(self._state_dict)

    def _state_dict(self):
        kept = {
            name: {k: v if k == "carry" else _arrays.to_host(v) for k, v in own.items()}
            for name, own in self._packed().items()
        }
        return {
            "format": _states.FORMAT,
            "method": self.method,
            "t": self.t,
            "skipped": self.skipped,
            "arrays": kept,
        }

    def _packed(self):
        return self._state.packed() if self._state is not None else self._loaded or {}

    def load_state_dict(self, state):
        """Continue where `state_dict` was called, with this optimizer's own options.

        With the same options the steps are the same to the last bit. If the state is refused, the
        optimizer is unchanged.

        Parameters
        ----------
        state : dict
            What `state_dict` returned.

        Raises
        ------
        ValueError
            If it is no state of this rule, with these groups and options, or holds what no
            optimizer makes.
        """
        whole = isinstance(state, dict) and {"method", "t", "skipped", "arrays"} <= state.keys()
        arrays = state["arrays"] if whole else None
        if (
            not isinstance(arrays, dict)
            or state.get("format") != _states.FORMAT
            or not all(isinstance(own, dict) and "carry" in own for own in arrays.values())
        ):
            raise ValueError("this is no state_dict of an optimizer, or one of another format")
        if odd := sorted(map(str, state.keys() - KEYS)):
            raise ValueError(f"the state has {odd[0]!r}, which is in no state_dict")
        if state["method"] != self.method:
            raise ValueError(f"this is the state of {state['method']}, not of {self.method}")
        t, skipped = (_states.count(name, state[name]) for name in ("t", "skipped"))
        loaded = {name: _states.checked(name, own) for name, own in arrays.items()}
        if loaded:
            names = [*loaded]
            for name, keys in zip(names, _settings.for_paths(self._groups, names), strict=True):
                found = self._sets[keys] if keys in self._sets else self._settings(*keys)
                _states.require_slots(loaded[name], found.uses, name)
        # Nothing has changed until here, and nothing below fails.
        self._turns.take(self._begin_anew, loaded or None, t, skipped)

    def __getstate__(self):
        left_out = "_turns", "_rule", "_sets", "_state", "_work", "_alone", "_stepped"
        own = {name: value for name, value in vars(self).items() if name not in left_out}
        state = self.state_dict()
        return {**own, "t": state["t"], "_loaded": state["arrays"] or None}

    def __setstate__(self, own):
        own, t = {**own}, own["t"]
        del own["t"]
        vars(self).update(own)
        self._turns = Turns()
        self._set_up(t)
