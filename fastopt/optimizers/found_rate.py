"""Optimizer objects whose learning rate is found on the way: their averages and checks."""

import functools
import math
from typing import Any

import numpy as np

from fastopt.algorithms.training import schedule_free
from fastopt.algorithms.training.distance_rate import (
    CEILING,
    DIRECTIONS,
    DISTANCE,
    GAIN,
    GRADIENTS,
    KEEP,
    SPREAD,
    STEPS,
    UNIT,
)
from fastopt.optimizers import automatic_search, foreign_arrays
from fastopt.optimizers.automatic_device_step import AutomaticDeviceStep
from fastopt.optimizers.automatic_host_step import AutomaticHostStep
from fastopt.optimizers.prepared_step import DeviceStep, HostStep, PreparedStep


def checked(search, found):
    """Return the scalars of a search from a state, or None; raise if they are none."""
    if (search is None) != (found is None):
        raise ValueError(
            "the state is that of an optimizer with a given learning_rate"
            if search is None
            else 'the state is that of an optimizer with learning_rate = "auto"'
        )
    if search is None:
        return None
    try:
        scalars = np.array(search, np.float64)
    except (TypeError, ValueError):
        scalars = np.array(math.nan)
    if scalars.shape != found.shape or np.isnan(scalars).any():
        raise ValueError(f"the state's search must be {found.size} numbers, not {search!r}")
    positive = scalars[[UNIT, CEILING, SPREAD]]
    never_negative = scalars[[DISTANCE, STEPS, KEEP, DIRECTIONS, GRADIENTS, schedule_free.WEIGHTS]]
    if (
        not (positive > 0.0).all()
        or not (never_negative >= 0.0).all()
        or not np.isfinite([*never_negative, *scalars[[UNIT, SPREAD, GAIN]]]).all()
        or scalars[STEPS] % 1.0
    ):
        raise ValueError(f"the state's search has numbers that no search has: {search!r}")
    return scalars


class FoundRate:
    """The base of `optimizer.Optimizer` with `average` and `distance`."""

    _found: Any  # the scalars of the search, or None
    _functional: Any
    _rule: Any
    _sets: Any
    _state: Any
    _turns: Any
    _initial_state: Any
    _resumed: Any
    _loaded: Any

    def _begin_search(self):
        """Set the scalars of the search before the first step, or None."""
        automatic = {found.automatic for found in self._sets.values()}
        if len(automatic) > 1:
            raise ValueError('learning_rate = "auto" is for all groups of arrays, or for none')
        self._found = automatic_search.beginning(self._rule) if True in automatic else None

    def _require_same_kind(self, sets):
        if any(found.automatic != (self._found is not None) for found in sets.values()):
            raise ValueError('learning_rate cannot change from or to "auto"; make a new optimizer')

    def _require_given_rate(self, what):
        if self._found is not None:
            raise TypeError(
                f'{what} need a learning_rate that is given: with "auto" the step depends on all '
                "gradients"
            )

    def _kind_of_step(self, device):
        """Return the class of prepared steps."""
        if self._found is None:
            return DeviceStep if device else HostStep
        kind = AutomaticDeviceStep if device else AutomaticHostStep
        return functools.partial(kind, self._found)

    @property
    def distance(self):
        """The distance from the first point to the minimum, as found so far; None with a rate."""
        return None if self._found is None else float(self._found[DISTANCE])

    def average(self, params, state=None):
        """Return the parameters to use: with ``learning_rate="auto"``, the average of all steps.

        The parameters themselves are where gradients are to be taken. With a given rate this
        returns copies of them.

        Parameters
        ----------
        params : array, or list, tuple or dict of arrays
            The parameters after the last step.
        state : dict, optional
            The state that `update` returned. Users of `init` and `update` must give it.

        Returns
        -------
        array, or list, tuple or dict of arrays
            New arrays, nested as `params`.

        Raises
        ------
        ValueError, TypeError
            If structure, shapes or dtypes are not those of the first step, or for a `state` of
            another optimizer.

        Examples
        --------
        >>> import numpy as np, fastopt
        >>> x, opt, rng = np.zeros(2), fastopt.RMSProp("auto"), np.random.default_rng(0)
        >>> for _ in range(2000):
        ...     opt.step(x, x - rng.normal([5.0, -3.0]))
        >>> opt.average(x).round(0)
        array([ 5., -3.])
        """
        if state is None:
            return self._turns.read(lambda: self._own_average(params))
        return self._resumed(state)._average(params)

    def _expect(self, params, updates):
        """Expect the sums of these before the next step, with their rounding."""
        tree = self._state.tree
        each = zip(tree.leaves(params, "params"), tree.leaves(updates, "grads"), strict=True)
        for k, (x, change) in enumerate(each):
            last = np.add(foreign_arrays.to_host(x), foreign_arrays.to_host(change))
            kept = self._state.slots[k][:-1]
            self._state.slots[k] = (*kept, foreign_arrays.like(x, last))

    def _own_average(self, params):
        own = self._state is not None or self._loaded is not None
        if self._found is not None and self._functional and not own:
            raise ValueError(
                "average(params) is for the steps of step(...), and there was none; after init or "
                "update give the state: average(params, state)"
            )
        return self._average(params)

    def _average(self, params):
        state = self._state or self._initial_state(params)
        leaves, check = state.tree.leaves(params, "params"), PreparedStep(state.tree, state.layout)
        averages = []
        for k, leaf in enumerate(leaves):
            check.check(k, "params", *foreign_arrays.layout(leaf, state.tree.label("params", k)))
            value = None
            if self._found is not None and self._found[DISTANCE] > 0.0:
                arrays = map(foreign_arrays.to_host, (leaf, *state.slots[k][-2:]))
                value = schedule_free.average_of(*arrays)
            averages.append(foreign_arrays.like(leaf, value))
        return state.tree.rebuilt(averages)
