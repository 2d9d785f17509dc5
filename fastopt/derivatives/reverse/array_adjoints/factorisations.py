"""Adjoints of factorisations and eigenvalues of matrices.

NumPy reads only the lower triangle of a symmetric matrix, so only that triangle has a derivative.
"""

import numpy as np

from fastopt.derivatives.reverse.array_adjoints.adjoint import adjoint, helper
from fastopt.derivatives.reverse.array_adjoints.linear_systems import finite, transposed_solution

_L = np.linalg


@helper
def _to_lower_triangle(bar, s):
    """Add the derivative by a symmetric matrix, of which the lower triangle is read."""
    if bar is not None:
        for i in range(s.shape[0]):
            for j in range(i):
                bar[i, j] += s[i, j] + s[j, i]
            bar[i, i] += s[i, i]


@helper
def _half_of_product(turned, factor_bar):
    """Return the lower triangle of ``turned @ factor_bar``, with half of its diagonal."""
    n = turned.shape[0]
    half = np.zeros(turned.shape, turned.dtype)
    for i in range(n):
        half[i] += np.dot(turned[i, i:], factor_bar[i:])
        half[i, i] /= 2
        for j in range(i + 1, n):
            half[i, j] = 0
    return half


@helper
def _solve_triangle(turned, b):
    """Solve ``turned @ y = b`` in place, for an upper triangle."""
    n = turned.shape[0]
    for i in range(n - 1, -1, -1):
        if i + 1 < n:
            b[i] -= np.dot(turned[i, i + 1 :], b[i + 1 :])
        b[i] /= turned[i, i]


@helper
def _to_product(bar, factor, factor_bar):
    """Add the derivative by the product of a lower triangle and its transpose.

    Row by row: one product of a vector and a matrix compiles much sooner than solutions of general
    systems (Murray 2016, arXiv:1602.07527, section 4).
    """
    if bar is not None:
        turned = factor.T.copy()
        half = _half_of_product(turned, factor_bar)
        if finite(factor):
            _solve_triangle(turned, half)
            half = half.T.copy()
            _solve_triangle(turned, half)
        else:
            half[:] = np.nan
        _to_lower_triangle(bar, half)


def _cholesky(out, out_bar, args, bars):
    _to_product(bars[0], out, out_bar)
    return ()


@helper
def _of_vectors(w, v, w_bar, v_bar):
    """Return the derivative by the matrix of its eigenvalues and eigenvectors."""
    inner = v.T @ v_bar
    for i in range(w.size):
        for j in range(w.size):
            if i != j:
                gap = w[j] - w[i]
                if gap == 0.0:  # equal eigenvalues have no vectors of their own
                    mixed = inner[i, j] - inner[j, i]
                    inner[i, j] = 0.0 if mixed == 0.0 else np.nan
                else:
                    inner[i, j] = inner[i, j] / gap
    for i in range(w.size):
        inner[i, i] = w_bar[i]
    return v @ inner @ v.T


def _eigh(out, out_bar, args, bars):
    _to_lower_triangle(bars[0], _of_vectors(out[0], out[1], out_bar[0], out_bar[1]))
    return ()


@helper
def _of_values(a, w_bar):
    if not finite(a):
        return a * np.nan
    v = np.linalg.eigh(a)[1]
    return (v * w_bar) @ v.T


def _eigvalsh(out, out_bar, args, bars):
    _to_lower_triangle(bars[0], _of_values(args[0], out_bar))
    return ()


@helper
def _to_factored(bar, q, r, q_bar, r_bar):
    if bar is not None:
        mixed = r @ r_bar.T - q_bar.T @ q
        for i in range(mixed.shape[0]):
            for j in range(i):
                mixed[j, i] = mixed[i, j]
        bar += transposed_solution(r.T, (q_bar + q @ mixed).T).T


def _qr(out, out_bar, args, bars):
    """Reverse the reduced factorisation of a matrix with as many rows as columns, or more."""
    if args[0].shape[0] < args[0].shape[1]:
        raise ValueError("qr has a known derivative for as many rows as columns, or more")
    _to_factored(bars[0], out[0], out[1], out_bar[0], np.triu(out_bar[1]))
    return ()


ADJOINTS = {
    _L.cholesky: adjoint(_cholesky, "a", needs_result=True, axes=(2,)),
    _L.eigh: adjoint(_eigh, "a", needs_result=True, axes=(2,)),
    _L.eigvalsh: adjoint(_eigvalsh, "a", needs=(0,), axes=(2,)),
    _L.qr: adjoint(_qr, "a", needs_result=True, needs=(0,), axes=(2,)),
}
