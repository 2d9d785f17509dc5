"""The equations of a least-squares step: the residuals and their derivatives, added up.

A source of residuals is bound by `source`, `count`, `dual_at` and `weigh`. It is a function that
returns them all, or the model of a curve. If that is called for one point after the other, no array
of residuals exists. `data` is ``(args, scratch, row, f_scale)``.
"""

import math

from fastopt.algorithms.compile_hints import separate_refcounted
from fastopt.algorithms.fits.fit_state import places
from fastopt.algorithms.fits.triangles import add_equation
from fastopt.algorithms.placeholders import (
    DUAL,
    SIZE,
    X_2,
    X_3,
    W,
    X,
    Y,
    as_dual,
    at,
    count,
    dual_at,
    equations,
    fresh,
    fun,
    listed,
    load_value,
    loss,
    model,
    model_count,
    no_sums,
    root_in,
    seeded,
    seeded_items,
    source,
    value_at,
    value_of,
    weigh,
    weight,
    with_residual,
    write_partials,
    write_sums,
    x_at,
)


@separate_refcounted
def evaluate(what, x, found, unused, pointer):
    """Return the cost at x, and write its equations: J'J, or its triangular root."""
    data, like_x, like_found = load_value(pointer)
    own, target = at(x, like_x), at(found, like_found)
    if what == 0:
        return 1.0 * equations(own, target, data)
    return 1.0 * rotated(own, target, data)


@separate_refcounted
def in_registers(x, found, data):
    """Add up J'J and J'r in registers."""
    points = source(x, data)
    sums, used = no_sums(DUAL, SIZE), 0
    for i in range(count(points, data)):
        r = dual_at(points, data, i)
        loss, slope, curvature, use = weigh(value_of(r), data, i)
        sums = with_residual(sums, r, loss, slope, curvature)
        used += int(use)  # floats would be added in order, one by one
    found[0] = used
    return 0.5 * write_sums(sums, found)


@separate_refcounted
def in_memory(x, found, data):
    """Do the same for more parameters."""
    points, row, used, total = source(x, data), data[2], 0.0, 0.0
    _, slopes, matrix, _, size = places(SIZE)
    for k in range(size):
        found[k] = 0.0
    for i in range(count(points, data)):
        r = dual_at(points, data, i)
        loss, slope, curvature, use = weigh(value_of(r), data, i)
        write_partials(r, row, 0, SIZE)
        used, total = used + use, total + loss
        for k in range(SIZE):
            found[slopes + k] += slope * row[k]
            a = curvature * row[k]
            for j in range(k + 1):
                found[matrix + k * SIZE + j] += a * row[j]
    found[0] = used
    return 0.5 * total


@separate_refcounted
def rotated(x, found, data):
    """Add up the triangular root of J'J, which keeps the digits that J'J would lose."""
    points, row, used, total = source(x, data), data[2], 0.0, 0.0
    _, slopes, matrix, last, size = places(SIZE)
    for k in range(size):
        found[k] = 0.0
    root, right = root_in(found, matrix), found[last:size]
    for i in range(count(points, data)):
        r = dual_at(points, data, i)
        loss, slope, curvature, use = weigh(value_of(r), data, i)
        write_partials(r, row, 0, SIZE)
        used, total = used + use, total + loss
        scale = math.sqrt(curvature)
        for k in range(SIZE):
            found[slopes + k] += slope * row[k]
            row[k] *= scale
        add_equation(root, right, row, slope / scale if scale > 0.0 else 0.0)
    found[0] = used
    return 0.5 * total


def transposed(found, first):
    """Return the matrix at a place of `found` in the form that `add_equation` wants."""
    return found[first : first + SIZE * SIZE].reshape(SIZE, SIZE).T


@separate_refcounted
def residuals_and_jacobian(x, values, jacobian, data):
    """Write the residuals, or the values of the model, and their derivatives."""
    points = source(x, data)
    for i in range(count(points, data)):
        r = dual_at(points, data, i)
        values[i] = value_of(r)
        write_partials(r, jacobian[i], 0, SIZE)


# The residuals as one function of all parameters.


def all_residuals(x, data):
    return listed(DUAL, fun(seeded(DUAL, x, data[1], 0, SIZE), *data[0]))


def residual_count(residuals, data):
    return residuals.size


def residual_at(residuals, data, i):
    return residuals[i]


def weigh_residual(value, data, i):
    """Return the loss, its slope and curvature by the residual, and 1 if the residual is used."""
    return loss(value, data[3])


# The model of a curve for one point.


def value_count(values, data):
    """Return the number of values of a model that got all points."""
    if values.size != data[0][Y].size:
        raise ValueError("f must return a value for each point of ydata")
    return values.size


def model_parameters(x, data):
    return seeded_items(DUAL, x, SIZE)


def model_values(x, data):
    return listed(DUAL, fun(data[0][X], *seeded_items(DUAL, x, SIZE)))


def point_count(parameters, data):
    return data[0][Y].size


def model_at(parameters, data, i):
    return as_dual(DUAL, fun(x_at(data[0], i), *parameters))


def weigh_model(value, data, i):
    """Do the same for a value of the model."""
    w = weight(data[0], i)
    rho, slope, curvature, use = loss((value - data[0][Y][i]) * w, data[3])
    return rho, slope * w, curvature * (w * w), use


def weigh_present(value, data, i):
    """Do the same, and leave out a point whose y is NaN."""
    y = data[0][Y][i]
    missing = y != y
    w = weight(data[0], i)
    rho, slope, curvature, _ = loss(0.0 if missing else (value - y) * w, data[3])
    if missing:
        return 0.0, 0.0, 0.0, 0.0
    return rho, slope * w, curvature * (w * w), 1.0


def weigh_count(value, data, i):
    """Do the same for a value of the model where y is counted."""
    return loss(value, data[0][Y][i])


def weigh_present_count(value, data, i):
    """Do the same, and leave out a point whose y is NaN."""
    y = data[0][Y][i]
    if y != y:
        return 0.0, 0.0, 0.0, 0.0
    return loss(value, y)


def no_weight(args, i):
    return 1.0


def own_weight(args, i):
    return args[W][i]


def one_coordinate(args, i):
    return args[X][i]


def two_coordinates(args, i):
    return args[X][i], args[X_2][i]


def three_coordinates(args, i):
    return args[X][i], args[X_2][i], args[X_3][i]


# The model of a curve whose errors are correlated.


def whitened(x, data):
    """Return the residuals, multiplied by the inverse of the root of their covariances.

    A pivot of the root that is infinite leaves out a point.
    """
    values, y, root = model(x, data), data[0][Y], data[0][W]
    found = fresh(DUAL, model_count(values, data))
    for i in range(found.size):
        found[i] = as_dual(DUAL, 0.0)
        if root[i, i] < math.inf:
            r = value_at(values, data, i) - 1.0 * y[i]
            for j in range(i):
                r = r - root[i, j] * found[j]
            found[i] = r / root[i, i]
    return found


def weigh_whitened(value, data, i):
    """Return the loss, its slope and curvature by the residual, and 1 if the residual is used."""
    rho, slope, curvature, _ = loss(value, data[3])
    return rho, slope, curvature, 1.0 if data[0][W][i, i] < math.inf else 0.0


ARRAY = {
    "source": all_residuals,
    "count": residual_count,
    "dual_at": residual_at,
    "weigh": weigh_residual,
}
POINTS = {
    "source": model_parameters,
    "count": point_count,
    "dual_at": model_at,
    "weigh": weigh_model,
}
ALL_POINTS = {**ARRAY, "source": model_values, "count": value_count, "weigh": weigh_model}
CORRELATED = {**ARRAY, "source": whitened, "weigh": weigh_whitened}
MODEL = {"model": "source", "model_count": "count", "value_at": "dual_at"}
COORDINATES = one_coordinate, two_coordinates, three_coordinates


def probe(x, args):
    """Call the function of all residuals with numbers."""
    return fun(x, *args)


def probe_curve(x, parameters):
    """Call the model with numbers, for all points."""
    return fun(x, *parameters)


def probe_points(args, parameters, values):
    """Call the model with numbers, for one point after the other."""
    for i in range(values.size):
        values[i] = fun(x_at(args, i), *parameters)
