"""Adjoints of products of vectors and matrices."""

import numpy as np
from numba.extending import overload

from fastopt.derivatives.reverse.array_adjoints.adjoint import add, adjoint, helper
from fastopt.derivatives.reverse.array_adjoints.matrix_product import add_matrix_product


def _add_outer(bar, u, v):
    """Add the products of all elements of u with all of v."""
    bar += np.outer(u, v)


def _add_product(bar, a, u):
    """Add the transpose of a times u."""
    bar += a.T @ u


def _add_scaled(bar, factor, u):
    """Add a vector times a number."""
    bar += factor * u


# Compiled code needs loops instead: they make no arrays and compile in a tenth of the time.
@overload(_add_outer)
def _add_outer_compiled(bar, u, v):
    def loops(bar, u, v):
        for i in range(u.size):
            for j in range(v.size):
                bar[i, j] += u[i] * v[j]

    return loops


@overload(_add_scaled)
def _add_scaled_compiled(bar, factor, u):
    def loop(bar, factor, u):
        for i in range(u.size):
            bar[i] += factor * u[i]

    return loop


@overload(_add_product)
def _add_product_compiled(bar, a, u):
    def loops(bar, a, u):
        if a.strides[0] >= a.strides[1]:
            for i in range(a.shape[0]):
                for j in range(a.shape[1]):
                    bar[j] += a[i, j] * u[i]
        else:
            for j in range(a.shape[1]):
                for i in range(a.shape[0]):
                    bar[j] += a[i, j] * u[i]

    return loops


@helper
def _to_left(bar, out_bar, a, b):
    if bar is not None:
        if a.ndim == 1:
            if b.ndim == 1:
                _add_scaled(bar, out_bar, b)
            else:
                _add_product(bar, b.T, out_bar)
        elif b.ndim == 1:
            _add_outer(bar, out_bar, b)
        else:
            add_matrix_product(bar, out_bar, b.T)


@helper
def _to_right(bar, out_bar, a, b):
    if bar is not None:
        if b.ndim == 1:
            if a.ndim == 1:
                _add_scaled(bar, out_bar, a)
            else:
                _add_product(bar, a, out_bar)
        elif a.ndim == 1:
            _add_outer(bar, a, out_bar)
        else:
            add_matrix_product(bar, a.T, out_bar)


def _dot(out, out_bar, args, bars):
    _to_left(bars[0], out_bar, args[0], args[1])
    _to_right(bars[1], out_bar, args[0], args[1])
    return ()


@helper
def _scaled(bar, out_bar, other):
    if bar is not None:
        if bar.ndim == other.ndim:
            bar += out_bar * other
        else:
            for i in range(bar.size):
                bar.flat[i] += out_bar * other.flat[i]


def _vdot(out, out_bar, args, bars):
    _scaled(bars[0], out_bar, args[1])
    _scaled(bars[1], out_bar, args[0])
    return ()


@helper
def _inner_to_left(bar, out_bar, a, b):
    if bar is not None:
        if a.ndim == 1:
            if b.ndim == 1:
                _add_scaled(bar, out_bar, b)
            else:
                bar += b.T @ out_bar
        elif b.ndim == 1:
            for i in range(a.shape[0]):
                bar[i] += out_bar[i] * b
        else:
            add_matrix_product(bar, out_bar, b)


@helper
def _inner_to_right(bar, out_bar, a, b):
    if bar is not None:
        if a.ndim == 2 and b.ndim == 2:
            add_matrix_product(bar, out_bar.T, a)
        else:
            _inner_to_left(bar, out_bar, b, a)


def _inner(out, out_bar, args, bars):
    _inner_to_left(bars[0], out_bar, args[0], args[1])
    _inner_to_right(bars[1], out_bar, args[0], args[1])
    return ()


@helper
def _outer_to(bar, out_bar, other, transposed):
    if bar is not None:
        items = other.flatten()
        for i in range(bar.size):
            row = out_bar[:, i] if transposed else out_bar[i]
            bar.flat[i] += np.sum(row * items)


def _outer(out, out_bar, args, bars):
    _outer_to(bars[0], out_bar, args[1], False)
    _outer_to(bars[1], out_bar, args[0], True)
    return ()


@helper
def _kron_to_left(bar, out_bar, b):
    if bar is not None:
        if b.ndim == 1:
            for i in range(bar.size):
                bar[i] += np.sum(out_bar[i * b.size : (i + 1) * b.size] * b)
        else:
            high, wide = b.shape
            for i in range(bar.shape[0]):
                for j in range(bar.shape[1]):
                    part = out_bar[i * high : (i + 1) * high, j * wide : (j + 1) * wide]
                    bar[i, j] += np.sum(part * b)


@helper
def _kron_to_right(bar, out_bar, a):
    if bar is not None:
        if a.ndim == 1:
            for i in range(a.size):
                bar += a[i] * out_bar[i * bar.size : (i + 1) * bar.size]
        else:
            high, wide = bar.shape
            for i in range(a.shape[0]):
                for j in range(a.shape[1]):
                    part = out_bar[i * high : (i + 1) * high, j * wide : (j + 1) * wide]
                    bar += a[i, j] * part


def _kron(out, out_bar, args, bars):
    """Reverse the product of two vectors or of two matrices."""
    _kron_to_left(bars[0], out_bar, args[1])
    _kron_to_right(bars[1], out_bar, args[0])
    return ()


@helper
def _crossed(bar, a, b):
    if bar is not None:
        bar += np.cross(a, b)


def _cross(out, out_bar, args, bars):
    """Reverse the product of vectors of three components, or of rows of three."""
    _crossed(bars[0], args[1], out_bar)
    _crossed(bars[1], out_bar, args[0])
    return ()


@helper
def _to_diagonal(bar, out_bar, k):
    if bar is not None:
        if bar.ndim == 1:
            for i in range(bar.size):
                bar[i] += out_bar[i + max(0, -k), i + max(0, k)]
        else:
            for i in range(out_bar.size):
                bar[i + max(0, -k), i + max(0, k)] += out_bar[i]


def _diag(out, out_bar, args, bars):
    _to_diagonal(bars[0], out_bar, args[1])
    return ()


@helper
def _along_diagonal(bar, out_bar, k):
    if bar is not None:
        size = min(bar.shape[0] + min(0, k), bar.shape[1] - max(0, k))
        for i in range(size):
            bar[i + max(0, -k), i + max(0, k)] += out_bar


def _trace(out, out_bar, args, bars):
    _along_diagonal(bars[0], out_bar, args[1])
    return ()


def _triangle(upper):
    def backward(out, out_bar, args, bars):
        add(bars[0], np.triu(out_bar, args[1]) if upper else np.tril(out_bar, args[1]))
        return ()

    return backward


ADJOINTS = {
    np.dot: adjoint(_dot, "a b", needs=(0, 1), axes=(1, 2)),
    np.vdot: adjoint(_vdot, "a b", needs=(0, 1)),
    np.inner: adjoint(_inner, "a b", needs=(0, 1), axes=(1, 2)),
    np.outer: adjoint(_outer, "a b", needs=(0, 1)),
    np.kron: adjoint(_kron, "a b", needs=(0, 1), axes=(1, 2)),
    np.cross: adjoint(_cross, "a b", needs=(0, 1), axes=(1, 2)),
    np.diag: adjoint(_diag, "v k=0", axes=(1, 2)),
    np.trace: adjoint(_trace, "a offset=0", axes=(2,)),
    np.tril: adjoint(_triangle(False), "m k=0", axes=(2,)),
    np.triu: adjoint(_triangle(True), "m k=0", axes=(2,)),
}
ADJOINTS[np.matmul] = ADJOINTS[np.dot]
