"""Six objectives of many parameters on whole arrays, for any module with NumPy's functions."""

STEPS, STATES = 200, 10  # of the Runge-Kutta method
ROWS, INPUTS, HIDDEN, CLASSES = 256, 64, 32, 10  # of the network
USERS, ITEMS, RANK = 200, 80, 10  # of the factorisation
SIDE, STRENGTH, EPS = 64, 0.2, 1e-3  # of the image


def rosenbrock(xp, x):
    return xp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def logistic(xp, x, a, y):
    return xp.sum(xp.log1p(xp.exp(-y * (a @ x))))


def network(xp, x, a, k):
    """Return the cross entropy of a network with one hidden layer; `k` are the classes."""
    w, rest = x[: INPUTS * HIDDEN].reshape(INPUTS, HIDDEN), x[INPUTS * HIDDEN :]
    b, rest = rest[:HIDDEN], rest[HIDDEN:]
    v, c = rest[: HIDDEN * CLASSES].reshape(HIDDEN, CLASSES), rest[HIDDEN * CLASSES :]
    z = xp.tanh(a @ w + b) @ v + c
    return xp.sum(xp.log(xp.sum(xp.exp(z), axis=1)) - z[xp.arange(ROWS), k])


def variation(xp, x, y):
    """Return the misfit of an image and its smoothed total variation."""
    u = x.reshape(SIDE, SIDE)
    across, down = u[:-1, 1:] - u[:-1, :-1], u[1:, :-1] - u[:-1, :-1]
    return xp.sum((x - y) ** 2) + STRENGTH * xp.sum(xp.sqrt(across**2 + down**2 + EPS))


def factorisation(xp, x, i, j, r):
    """Return the misfit of ratings `r` of items `j` by users `i`, and a penalty."""
    p = x[: USERS * RANK].reshape(USERS, RANK)
    q = x[USERS * RANK :].reshape(ITEMS, RANK)
    return xp.sum((xp.sum(p[i] * q[j], axis=1) - r) ** 2) + 0.1 * xp.sum(x**2)


def step(xp, matrix, y, h):
    """Return the states after a step of the Runge-Kutta method of order 4."""
    a = xp.tanh(matrix @ y)
    b = xp.tanh(matrix @ (y + 0.5 * h * a))
    c = xp.tanh(matrix @ (y + 0.5 * h * b))
    d = xp.tanh(matrix @ (y + h * c))
    return y + h / 6.0 * (a + 2.0 * b + 2.0 * c + d)


def trajectory(xp, x, start, end):
    """Return the squared distance of the last states from the wanted ones."""
    y, matrix = start, x.reshape(STATES, STATES)
    for _ in range(STEPS):
        y = step(xp, matrix, y, 2.0 / STEPS)
    return xp.sum((y - end) ** 2)


OBJECTIVES = {f.__name__: f for f in (rosenbrock, logistic, network, variation, factorisation)}
OBJECTIVES["trajectory"] = trajectory
