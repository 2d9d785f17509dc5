"""Curves that share parameters: one fit of the shared ones, around a batch of the others."""

import math
import time
from typing import Any

import numpy as np

from fastopt.algorithms.fits.damped_step import LOST
from fastopt.algorithms.fits.fit_state import NJEV, ROOTED, F, places
from fastopt.algorithms.fits.shared_worker import SharedFitResults
from fastopt.algorithms.status_codes import FTOL, MAXTIME, NO_STEP, NONFINITE, NOT_RUN, SUCCESS
from fastopt.drivers import local_batch, objective_bindings
from fastopt.drivers.fits import fit_batch, shared_result
from fastopt.drivers.fits.fit_problem import FitProblem
from fastopt.targets.cpu import fit_target

COUNTS = "nit", "nfev", "njev"
EPS = np.finfo(float).eps


class OutOfTime(Exception):
    """The curves were stopped after `maxtime` seconds."""


class CurvesOfShared:
    """The curves as a function of the shared parameters, for the loop of a fit.

    An evaluation fits the other parameters of each curve, from where the last accepted point and
    its derivatives say that they are. So the cost depends on the shared ones alone.
    """

    def __init__(self, batch, fits, objective, threads, sharing, jacobian_of, fixed):
        self.batch, self.fits, self.sharing = batch, fits, sharing
        self.objective, self.threads = objective, threads
        self.jacobian_of, self.fixed = jacobian_of, fixed
        self.deadline = time.perf_counter() + sharing.settings.maxtime
        self.counts = {name: np.zeros(batch.problems, np.int64) for name in COUNTS}
        self.errors = {}
        self.used: Any = None  # which curves have a cost at the start
        # (shared parameters, results): of the last accepted point, and of the last evaluation.
        self.base: Any = None
        self.trial: Any = None
        self.accepted = sharing.x0  # the shared parameters that the loop accepted

    def __call__(self, rooted, s, found):
        """Return the cost, and write its equations; see `fit_state.places`."""
        results = self.fitted(s)
        if self.used is None:
            self.used = np.isfinite(results.cost)
        costs = results.cost[self.used]
        if costs.size == 0 or not np.isfinite(costs).all():
            return math.inf
        with np.errstate(all="ignore"):
            roots = self.eliminate(results, rooted)
        k = s.size
        _, slopes, matrix, right, size = places(k)
        found[0] = results.used[self.used].sum()
        found[slopes:matrix] = results.gradient[self.used].sum(axis=0)
        if not rooted:
            found[matrix:right] = results.curvature[self.used].sum(axis=0).reshape(-1)
        elif np.isfinite(roots).all():
            found[matrix:size] = 0.0
            root: Any = np.linalg.qr(roots, mode="r")[:k]
            found[matrix:right].reshape(k, k)[: len(root)] = root[:, :k]
            found[right : right + len(root)] = root[:, k]
        else:
            return math.inf
        return float(costs.sum())

    def fitted(self, s):
        """Return the results of the curves' fits for these values of the shared parameters."""
        base, starts = self.base_of(), np.array(self.batch.problem_data.x0)
        if base is not None:
            with np.errstate(all="ignore"):
                moved = base[1].x - base[1].response @ (s - base[0])
            sound = self.used[:, None] & np.isfinite(moved)
            starts = np.where(sound, moved, starts)
        results = self.run(starts, s)
        if base is not None:
            self.try_without_derivatives(results, base[1], s)
        self.trial = s.copy(), results
        return results

    def try_without_derivatives(self, results, base, s):
        """Fit curves whose cost has risen again, from where they were, if the sum has risen.

        Their derivatives may have led them to another minimum.
        """
        with np.errstate(invalid="ignore"):
            if results.cost[self.used].sum() <= base.cost[self.used].sum():
                return
            worse = self.used & ~(results.cost <= base.cost)
            again = self.run(base.x, s, worse)
            better = worse & (again.cost < np.where(np.isnan(results.cost), math.inf, results.cost))
        for name in set(results._fields) - {"shared"}:
            getattr(results, name)[better] = getattr(again, name)[better]

    def run(self, starts, s, which=True):
        """Return the results of the fits of all curves, or of those where `which` is true."""
        shared, data = self.sharing.places, self.batch.problem_data
        low, high = np.array(data.low), np.array(data.high)
        starts = np.clip(starts, low, high)
        starts[:, shared] = low[:, shared] = high[:, shared] = s
        left = max(0.0, self.deadline - time.perf_counter())
        batch = self.batch._replace(
            problem_data=data._replace(x0=starts, low=low, high=high),
            settings=self.batch.settings._replace(maxtime=left),
        )
        results = empty(batch, shared)
        results.status[~np.broadcast_to(which, results.status.shape)] = 0  # these are not run
        given = self.objective, batch, self.threads, results, ()
        scheduler = self.fits.threads(*given, fit_target.SharedFitScheduler)
        reason = local_batch.run_until_done(scheduler, batch, None)
        fit_batch.fail_without_data(results)
        if reason:
            raise OutOfTime if time.perf_counter() >= self.deadline else KeyboardInterrupt
        if self.used is None:
            self.errors = scheduler.errors
            local_batch.raise_if_all(self.errors, batch)
        for name, counts in self.counts.items():
            counts += getattr(results, name)
        return results

    def base_of(self):
        """Return what `base` is now: the last evaluation, if the loop accepted it."""
        if self.trial is not None and np.array_equal(self.trial[0], self.accepted):
            self.base = self.trial
        return self.base

    def eliminate(self, results, rooted):
        """Complete the elimination of own parameters where J'J has too few digits.

        Return the roots of the equations of the shared ones, if the loop asks for them.
        """
        roots = []
        for b in np.flatnonzero(self.used & (np.isnan(results.gradient[:, 0]) | bool(rooted))):
            r, jacobian = self.jacobian_of(results, b)
            if not (np.isfinite(r).all() and np.isfinite(jacobian).all()):
                continue  # the gradient stays NaN
            own = fit_batch.free_of(results, self.fixed, b) == 1.0
            own[self.sharing.places] = False
            rest, response = eliminated(jacobian[:, own], jacobian[:, self.sharing.places])
            results.response[b][:] = 0.0
            results.response[b][own] = response
            results.gradient[b], results.curvature[b] = rest.T @ r, rest.T @ rest
            if rooted:
                roots.append(np.linalg.qr(np.column_stack([rest, r]), mode="r"))
        return np.concatenate(roots) if roots else np.full((1, self.accepted.size + 1), math.nan)


def eliminated(own, shared):
    """Return the part of the columns of `shared` that those of `own` do not explain.

    Return as well the coefficients of the rest.
    """
    sizes, least = np.linalg.norm(own, axis=0), EPS * max(own.shape)
    sizes[sizes == 0.0] = 1.0
    u, values, v = np.linalg.svd(own / sizes, full_matrices=False)
    sound = values > least * values.max(initial=0.0)
    inside = u[:, sound].T @ shared
    response = (v[sound].T / values[sound]) @ inside / sizes[:, None]
    rest = shared - u[:, sound] @ inside
    whole = np.linalg.norm(shared, axis=0)
    rest[:, np.linalg.norm(rest, axis=0) <= 16.0 * least * whole] = 0.0  # what is left is rounding
    return rest, response


def empty(batch, shared):
    """Return the results of curves that have not run."""
    own = fit_batch.empty(batch)
    (count, n), k = own.x.shape, shared.size
    return SharedFitResults(
        *own,
        shared=shared,
        gradient=np.full((count, k), math.nan),
        curvature=np.full((count, k, k), math.nan),
        response=np.zeros((count, n, k)),
    )


def solve(sharing, rule, batch, fits, ending, where, callback, checkpoint, results):
    """Solve a batch; return its result. `sharing` is None if no parameter is shared."""
    if sharing is None:
        return fit_batch.solve(batch, fits, ending, where, callback, checkpoint, results)
    fixed, objective, jacobian_of, threads = fit_batch.fixed_of(batch), None, None, 1
    if batch.problems:
        fits.compile(batch)
        objective = fits.objective(batch)
        jacobian_of = fit_batch.jacobians(batch, fits, objective, ending)
        threads = 1 if objective_bindings.is_parallel(fits.fun) else where.threads
    curves = CurvesOfShared(batch, fits, objective, threads, sharing, jacobian_of, fixed)
    problem = FitProblem(rule, sharing.x0, sharing.box, sharing.settings, curves)
    curves.accepted = problem.iterates.x
    try:
        status = problem.run(callback) if batch.problems else NONFINITE
    except OutOfTime:
        status = MAXTIME
    try:
        root = root_of(problem, curves)
    except OutOfTime:
        root = np.full((sharing.x0.size,) * 2, math.nan)
    base = curves.base_of()
    results = base[1] if base else empty(batch, sharing.places)
    used = curves.used if base else np.zeros(batch.problems, bool)
    results = results._replace(**curves.counts)
    # Curves that go through their few points: rounding of their residuals is all that is left.
    exact = (results.status == NO_STEP) & (results.cost <= EPS * problem.record[F])
    results.status[exact] = int(FTOL)
    if status not in SUCCESS:
        ended = np.isin(results.status, SUCCESS) & used | (results.status == NOT_RUN)
        results.status[ended] = int(status)
    how = jacobian_of, ending.scale, ending.axes
    given = status, sharing, problem, root, results, used, fixed, *how
    with np.errstate(all="ignore"):
        result = shared_result.build(*given)
    result.errors.update(sorted(curves.errors.items()))
    if sharing.settings.disp:
        print(result.message)
    return result


def root_of(problem, curves):
    """Return the triangular root of J'J of the shared parameters, which has all its digits."""
    x, record = problem.iterates.x, problem.record
    if not record[NJEV] or not math.isfinite(record[F]):
        return np.full((x.size, x.size), math.nan)
    equations = problem.workspace.equations
    if record[ROOTED]:
        return np.triu(equations)
    with np.errstate(all="ignore"):
        sizes = np.sqrt(np.diagonal(equations))
        try:
            root = np.linalg.cholesky(equations / sizes / sizes[:, None]).T
        except np.linalg.LinAlgError:
            root = np.zeros_like(equations)
    if (np.diagonal(root) ** 2).min() > LOST:
        return root * sizes
    found = np.full(places(x.size)[-1], math.nan)
    curves(1.0, x, found)
    return found[places(x.size)[2] :][: x.size**2].reshape(x.size, x.size)
