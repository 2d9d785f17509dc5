"""Methods of optimizer objects that write no arrays: `init`, `update`, `coefficients`."""

import copy
from typing import Any

import numpy as np

from fastopt.optimizers import foreign_arrays, found_rate, hyperparameters, slot_arrays
from fastopt.optimizers.pytree import Tree
from fastopt.optimizers.state_dict import StateDictMixin


class Updates(StateDictMixin):
    """The base of `optimizer.Optimizer` with `init`, `update` and `coefficients`."""

    step: Any
    _functional: Any
    _found: Any
    _require_given_rate: Any
    _begin_search: Any
    _expect: Any
    _initial_state: Any
    _subtraction: Any
    _sets: Any
    _rule: Any

    def init(self, params):
        """Return the state before the first step, for `update`: dicts of arrays and numbers.

        Parameters
        ----------
        params : array, or list, tuple or dict of arrays
            The parameters, as in `step`.

        Returns
        -------
        dict
            The count of steps is ``state["t"]``.

        Raises
        ------
        ValueError, TypeError
            For `params` without arrays of float32 or float64.

        Examples
        --------
        >>> import numpy as np, fastopt
        >>> opt, x = fastopt.RMSProp(0.1), np.ones(2)
        >>> state = opt.init(x)
        >>> updates, state = opt.update(np.ones(2), state, x)
        >>> state["t"], bool((x + updates < 1.0).all())
        (1, True)
        """
        self._functional = True
        other = self._stateless_copy()
        other._state = other._initial_state(params)
        return other._pure_state()

    def update(self, grads, state, params=None):
        """Return the change of the parameters and the next state; no argument is written.

        Parameters
        ----------
        grads, params
            As in `step`. Weight decay needs the parameters.
        state
            The state that `init` or `update` returned.

        Returns
        -------
        updates, state
            ``params + updates`` is what `step` makes of them.

        Raises
        ------
        ValueError, TypeError
            As for `step`. Also for a `state` of another optimizer, and without params that the
            rule needs.
        FloatingPointError
            As for `step`.

        Examples
        --------
        >>> import numpy as np, fastopt
        >>> opt, x = fastopt.SGD(0.5), np.ones(2)
        >>> updates, state = opt.update(2.0 * x, opt.init(x))
        >>> (x + updates).tolist(), state["t"]
        ([0.0, 0.0], 1)
        """
        self._functional = True
        other = self._resumed(state)
        decays = any(s.options.decay or s.options.shrink for s in other._sets.values())
        decays = decays or other._found is not None
        if decays and params is None:
            needs = "weight decay needs" if other._found is None else 'learning_rate = "auto" needs'
            raise ValueError(f"{needs} params: update(grads, state, params)")
        tree = Tree(grads)
        like = (params, "params") if decays else (grads, "grads")
        leaves = [foreign_arrays.like(a, *(() if decays else (0.0,))) for a in tree.leaves(*like)]
        updates = tree.rebuilt(leaves)
        other.step(updates, grads)
        if decays:  # updates <- updates - 1 params, on the host or on a device
            self._subtraction().step(updates, params)
        if other._found is not None:
            other._expect(params, updates)
        self.skipped += other.skipped
        return updates, other._pure_state()

    def _stateless_copy(self):
        """Return an optimizer with the same options and no state."""
        other = copy.copy(self)
        other._loaded, other.skipped = None, 0
        other._turns.begin(0)
        other._begin_search()
        return other

    def _resumed(self, state):
        """Return an optimizer with the same options, in a state of `init` or `update`."""
        other = self._stateless_copy()
        if not isinstance(state, dict) or not {"t", "arrays"} <= state.keys():
            raise TypeError("state must be what init(params) or update(...) returned")
        other._loaded = state["arrays"]
        other._turns.begin(slot_arrays.count("t", state["t"]))
        search = found_rate.checked(state.get("search"), other._found)
        if search is not None:
            other._found[:] = search
        return other

    def _pure_state(self):
        search = {} if self._found is None else {"search": self._found.tolist()}
        return {"t": self.t, "arrays": self._packed(), **search}

    def coefficients(self, steps):
        """Return the coefficients of steps t = 1, 2, ..., for `fastopt.kernels`.

        Parameters
        ----------
        steps : int
            The number of steps.

        Returns
        -------
        array of float64, shape (steps, k)
            A row for each step.

        Raises
        ------
        ValueError, TypeError
            If `steps` is no whole number, or with ``learning_rate="auto"``.

        Examples
        --------
        >>> import fastopt
        >>> table = fastopt.SGD(0.5).coefficients(3)
        >>> table.shape[0], bool((table == table[0]).all())
        (3, True)
        """
        if not isinstance(steps, int | np.integer) or steps < 0:
            raise ValueError(f"steps = {steps!r}; it must be a whole number, 0 or more")
        self._require_given_rate("coefficients")
        options, schedule, *_ = self._sets[()]
        rows, rule_scalar = [], 1.0
        for t in range(1, steps + 1):
            rate = (
                options.learning_rate if schedule is None else hyperparameters.rate_at(schedule, t)
            )
            c, rule_scalar = self._rule.coefficients(options, rate, float(t), rule_scalar)
            rows.append(c)
        return np.array(rows, np.float64).reshape(steps, len(self._rule.C._fields))
