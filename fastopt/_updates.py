"""Steps that write nothing: `init` and `update` of optimizer objects."""

import copy
from typing import Any

from fastopt import _arrays, _states
from fastopt._saved import Saved
from fastopt._tree import Tree


class Updates(Saved):
    """What `_optimizers.Optimizer` inherits."""

    step: Any
    _begin: Any
    _less: Any

    def init(self, params):
        """Return the state before the first step, for `update`: dicts of arrays and numbers.

        Examples
        --------
        >>> import numpy as np, fastopt
        >>> opt, x = fastopt.RMSProp(0.1), np.ones(2)
        >>> state = opt.init(x)
        >>> updates, state = opt.update(np.ones(2), state, x)
        >>> state["t"], bool((x + updates < 1.0).all())
        (1, True)
        """
        other = self._other()
        other._state = other._begin(params)
        return {"t": 0, "arrays": other._packed()}

    def update(self, grads, state, params=None):
        """Return what a step adds to the parameters, and the state after it; write nothing given.

        Parameters
        ----------
        grads, params
            As in `step`. Weight decay needs the parameters.
        state
            What `init` or `update` returned.

        Returns
        -------
        updates, state
            ``params + updates`` is what `step` makes of them.
        """
        other = self._other()
        if not isinstance(state, dict) or not {"t", "arrays"} <= state.keys():
            raise TypeError("state must be what init(params) or update(...) returned")
        other._loaded = state["arrays"]
        other._turns.begin(_states.count("t", state["t"]))
        decays = any(s.options.decay or s.options.shrink for s in other._sets.values())
        if decays and params is None:
            raise ValueError("weight decay needs params: update(grads, state, params)")
        tree = Tree(grads)
        like = (params, "params") if decays else (grads, "grads")
        leaves = [_arrays.like(a, *(() if decays else (0.0,))) for a in tree.leaves(*like)]
        updates = tree.rebuilt(leaves)
        other.step(updates, grads)
        if decays:  # updates <- updates - 1 params, wherever they live
            self._less().step(updates, params)
        self.skipped += other.skipped
        return updates, {"t": other.t, "arrays": other._packed()}

    def _other(self):
        """An optimizer with the same options, and nothing done yet."""
        other = copy.copy(self)
        other._loaded, other.skipped = None, 0
        other._turns.begin(0)
        return other
