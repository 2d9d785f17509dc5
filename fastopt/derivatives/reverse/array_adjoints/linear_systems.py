"""Adjoints of inverses, determinants, solutions of linear systems, and norms.

An inverse of numbers that are not finite is NaN, without an error: forward code decides about that.
"""

import numpy as np

from fastopt.derivatives.reverse.array_adjoints.adjoint import adjoint, helper

_L = np.linalg


@helper
def finite(a):
    wrong = 0  # a loop compiles sooner than np.all
    for number in a.flat:
        wrong += not np.isfinite(number)
    return wrong == 0


@helper
def transposed_solution(a, b):
    """Solve with the transpose of `a`; return NaN for numbers that are not finite."""
    if finite(a) and finite(b):
        return np.linalg.solve(a.T, b)
    return b * np.nan


@helper
def _to_system(bar, y, x):
    if bar is not None:
        if x.ndim == 1:
            for i in range(bar.shape[0]):
                bar[i] -= y[i] * x
        else:
            bar -= np.ascontiguousarray(y) @ np.ascontiguousarray(x).T


@helper
def _to_right_side(bar, y):
    if bar is not None:
        bar += y


def _solve(out, out_bar, args, bars):
    if finite(out):
        y = transposed_solution(args[0], out_bar)
        _to_system(bars[0], y, out)
        _to_right_side(bars[1], y)
    else:
        _to_system(bars[0], out_bar * np.nan, out)
        _to_right_side(bars[1], out_bar * np.nan)
    return ()


@helper
def _to_inverted(bar, out, out_bar):
    if bar is not None:
        bar -= out.T @ out_bar @ out.T


def _inv(out, out_bar, args, bars):
    _to_inverted(bars[0], out, out_bar)
    return ()


@helper
def _cofactors(a, determinant):
    """Return the derivative of the determinant by each element."""
    if not finite(a):
        return a * np.nan
    if determinant != 0.0:
        return determinant * np.linalg.inv(a).T
    u, s, v = np.linalg.svd(a)
    n = s.size
    others = np.ones(n, s.dtype)
    for i in range(n):
        for j in range(n):
            if i != j:
                others[i] = others[i] * s[j]
    return np.linalg.det(u) * np.linalg.det(v) * ((u * others) @ v)


@helper
def _to_determinant(bar, out_bar, a, out):
    if bar is not None:
        bar += out_bar * _cofactors(a, out)


def _det(out, out_bar, args, bars):
    _to_determinant(bars[0], out_bar, args[0], out)
    return ()


@helper
def _to_logarithm(bar, out_bar, a, sign):
    if bar is not None:
        if finite(a) and sign != 0.0:
            bar += out_bar * np.linalg.inv(a).T
        else:
            bar += out_bar * np.nan


def _slogdet(out, out_bar, args, bars):
    """Reverse (sign, logarithm of the absolute determinant); the sign has no derivative."""
    _to_logarithm(bars[0], out_bar[1], args[0], out[0])
    return ()


@helper
def _to_length(bar, out_bar, a, out):
    """Add the direction of `a`; the derivative at the tip of the cone is defined as 0."""
    if bar is not None and out != 0.0:
        bar += out_bar * (a / out)


@helper
def _to_normed(bar, out_bar, a, out, ord):
    if bar is not None:
        if ord is None:
            _to_length(bar, out_bar, a, out)
        elif ord == 1:
            bar += out_bar * np.sign(a)
        elif ord == 2:
            _to_length(bar, out_bar, a, out)
        elif ord == np.inf:
            at = np.argmax(np.abs(a))
            bar.flat[at] += out_bar * np.sign(a.flat[at])
        else:
            raise ValueError("ord of a norm must be 1, 2 or inf")


def _norm(out, out_bar, args, bars):
    """Reverse the norm of a vector or, without `ord`, of a matrix."""
    _to_normed(bars[0], out_bar, args[0], out, args[1])
    return ()


@helper
def _to_pseudoinverted(bar, a, p, g):
    if bar is not None:
        left = np.eye(a.shape[0], dtype=a.dtype) - a @ p
        right = np.eye(a.shape[1], dtype=a.dtype) - p @ a
        bar -= p.T @ g @ p.T
        bar += left @ g.T @ p @ p.T
        bar += p.T @ p @ g.T @ right


def _pinv(out, out_bar, args, bars):
    """Reverse the pseudoinverse of a matrix of full rank."""
    _to_pseudoinverted(bars[0], args[0], out, out_bar)
    return ()


ADJOINTS = {
    _L.solve: adjoint(_solve, "a b", needs_result=True, needs=(0,), axes=(1, 2)),
    _L.inv: adjoint(_inv, "a", needs_result=True, axes=(2,)),
    _L.det: adjoint(_det, "a", needs_result=True, needs=(0,), axes=(2,)),
    _L.slogdet: adjoint(_slogdet, "a", needs_result=True, needs=(0,), axes=(2,)),
    _L.norm: adjoint(_norm, "x ord=None", needs_result=True, needs=(0,)),
    _L.pinv: adjoint(_pinv, "a", needs_result=True, needs=(0,), axes=(2,)),
}
