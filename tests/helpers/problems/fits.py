"""Problems of Moré, Garbow and Hillstrom (1981) that fit a model to data, numbers as there."""

import math

BARD_Y = (0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.1, 4.39)
GAUSSIAN_Y = (0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521, 0.3989)
MEYER_Y = (
    *(34780.0, 28610.0, 23650.0, 19630.0, 16370.0, 13720.0, 11540.0, 9744.0, 8261.0, 7030.0),
    *(6005.0, 5147.0, 4427.0, 3820.0, 3307.0, 2872.0),
)
KOWALIK_Y = (0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246)
KOWALIK_U = (4.0, 2.0, 1.0, 0.5, 0.25, 0.1670, 0.1250, 0.1, 0.0833, 0.0714, 0.0625)
OSBORNE_1_Y = (
    *(0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751, 0.718, 0.685),
    *(0.658, 0.628, 0.603, 0.580, 0.558, 0.538, 0.522, 0.506, 0.490, 0.478, 0.467, 0.457, 0.448),
    *(0.438, 0.431, 0.424, 0.420, 0.414, 0.411, 0.406),
)
OSBORNE_2_Y = (
    *(1.366, 1.191, 1.112, 1.013, 0.991, 0.885, 0.831, 0.847, 0.786, 0.725, 0.746, 0.679, 0.608),
    *(0.655, 0.616, 0.606, 0.602, 0.626, 0.651, 0.724, 0.649, 0.649, 0.694, 0.644, 0.624, 0.661),
    *(0.612, 0.558, 0.533, 0.495, 0.500, 0.423, 0.395, 0.375, 0.372, 0.391, 0.396, 0.405, 0.428),
    *(0.429, 0.523, 0.562, 0.607, 0.653, 0.672, 0.708, 0.633, 0.668, 0.645, 0.632, 0.591, 0.559),
    *(0.597, 0.625, 0.739, 0.710, 0.729, 0.720, 0.636, 0.581, 0.428, 0.292, 0.162, 0.098, 0.054),
)


def jennrich_sampson(x):
    f = 0.0
    for i in range(1, 11):
        f += (2.0 + 2.0 * i - (math.exp(i * x[0]) + math.exp(i * x[1]))) ** 2
    return f


def bard(x):
    f = 0.0
    for i in range(15):
        u, v = i + 1.0, 15.0 - i
        f += (BARD_Y[i] - (x[0] + u / (v * x[1] + min(u, v) * x[2]))) ** 2
    return f


def gaussian(x):
    f = 0.0
    for i in range(15):
        d = 0.5 * (7.0 - i) - x[2]
        f += (x[0] * math.exp(-0.5 * x[1] * d * d) - GAUSSIAN_Y[min(i, 14 - i)]) ** 2
    return f


def meyer(x):
    f = 0.0
    for i in range(16):
        f += (x[0] * math.exp(x[1] / (50.0 + 5.0 * i + x[2])) - MEYER_Y[i]) ** 2
    return f


def gulf(x):
    """With m = 99. The paper prints |y m i x2|; its authors' program has |y - x2|, as here."""
    f = 0.0
    for i in range(1, 100):
        t = 0.01 * i
        y = 25.0 + (-50.0 * math.log(t)) ** (2.0 / 3.0)
        f += (math.exp(-(abs(y - x[1]) ** x[2]) / x[0]) - t) ** 2
    return f


def box_3d(x):
    """Ten terms, the usual choice of the paper's free m."""
    f = 0.0
    for i in range(10):
        t = 0.1 * (i + 1.0)
        c = math.exp(-t) - math.exp(-10.0 * t)
        f += (math.exp(-t * x[0]) - math.exp(-t * x[1]) - x[2] * c) ** 2
    return f


def kowalik(x):
    f = 0.0
    for i in range(11):
        u = KOWALIK_U[i]
        f += (KOWALIK_Y[i] - x[0] * (u * (u + x[1])) / (u * (u + x[2]) + x[3])) ** 2
    return f


def brown_dennis(x):
    """Twenty terms, the m for which the paper gives the minimum."""
    f = 0.0
    for i in range(20):
        t = 0.2 * (i + 1.0)
        a = x[0] + t * x[1] - math.exp(t)
        b = x[2] + x[3] * math.sin(t) - math.cos(t)
        f += (a * a + b * b) ** 2
    return f


def osborne_1(x):
    f = 0.0
    for i in range(33):
        t = 10.0 * i
        f += (
            OSBORNE_1_Y[i] - (x[0] + x[1] * math.exp(-t * x[3]) + x[2] * math.exp(-t * x[4]))
        ) ** 2
    return f


def biggs_exp6(x):
    """Thirteen terms, the m for which the paper gives the second minimum."""
    f = 0.0
    for i in range(1, 14):
        t = 0.1 * i
        y = math.exp(-t) - 5.0 * math.exp(-10.0 * t) + 3.0 * math.exp(-4.0 * t)
        model = x[2] * math.exp(-t * x[0]) - x[3] * math.exp(-t * x[1])
        f += (model + x[5] * math.exp(-t * x[4]) - y) ** 2
    return f


def osborne_2(x):
    f = 0.0
    for i in range(65):
        t = 0.1 * i
        model = x[0] * math.exp(-t * x[4])
        for k in range(3):
            model += x[1 + k] * math.exp(-((t - x[8 + k]) ** 2) * x[5 + k])
        f += (OSBORNE_2_Y[i] - model) ** 2
    return f


def watson(x):
    f = x[0] ** 2 + (x[1] - x[0] ** 2 - 1.0) ** 2
    for i in range(1, 30):
        t = i / 29.0
        slope, value, power = 0.0, 0.0, 1.0
        for j in range(len(x)):
            value += x[j] * power
            if j < len(x) - 1:
                slope += (j + 1.0) * x[j + 1] * power
            power *= t
        f += (slope - value**2 - 1.0) ** 2
    return f
