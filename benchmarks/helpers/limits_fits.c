/* The least time this machine needs for a batch of decay fits, written by hand for these fits only.
 *
 *   cc -O3 -march=native -ffast-math -fopenmp limits_fits.c -o limits_fits -lm && ./limits_fits
 *
 * One line a job: name, median seconds over the repeats, a checksum (the mean of the sums of
 * squares). Without an argument, 10,000 fits of a exp(-k t) + c to 64 points, from (1, 1, 1):
 *   fits_fixed   500 iterations of RMSProp with a learning rate of 0.01
 *   fits_auto    to a largest gradient component of 1e-6: a Barzilai-Borwein step in AdaGrad's
 *                metric and a nonmonotone search
 * With the argument peaks, 100,000 fits of a exp(-((x - m) / s)^2 / 2) + c, 20 % off at the start:
 *   peaks        Levenberg's and Marquardt's method to the minimum, and the standard errors
 * If FASTOPT_CLOCK is "processor", seconds are those of all threads together.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { REPEATS = 9, FITS = 10000, PEAKS = 100000, POINTS = 64, ITERATIONS = 500, MOST = 2000 };
enum { N = 4 }; /* parameters of a peak */

static double t[POINTS], y[PEAKS][POINTS];
static double start[PEAKS][N], found[PEAKS][N], errors[PEAKS][N];

static double seconds(void) {
    const char *clock = getenv("FASTOPT_CLOCK");
    int processor = clock && !strcmp(clock, "processor");
    struct timespec now;
    clock_gettime(processor ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, z = *(const double *)b;
    return (x > z) - (x < z);
}

static double uniform(void) {
    static unsigned long long u = 88172645463325252ULL;
    u ^= u << 13, u ^= u >> 7, u ^= u << 17;
    return (double)(u >> 11) * 0x1p-53;
}

static void make_fits(void) {
    for (int i = 0; i < POINTS; i++) t[i] = 4.0 * i / (POINTS - 1);
    for (int b = 0; b < FITS; b++) {
        double a = uniform(), k = uniform(), c = uniform();
        for (int i = 0; i < POINTS; i++)
            y[b][i] = (1 + 2 * a) * exp(-(0.5 + 1.5 * k) * t[i]) + c + 0.034 * (uniform() - 0.5);
    }
}

static inline double value_and_gradient(const double *x, double *g, const double *data) {
    double f = 0, a = 0, k = 0, c = 0;
    for (int i = 0; i < POINTS; i++) {
        double e = exp(-x[1] * t[i]), r = x[0] * e + x[2] - data[i];
        f += r * r, a += r * e, k -= r * t[i] * e, c += r;
    }
    g[0] = 2 * a, g[1] = 2 * x[0] * k, g[2] = 2 * c;
    return f;
}

static double fixed(int b) {
    const double *data = y[b];
    double x[3] = {1, 1, 1}, v[3] = {0, 0, 0}, g[3], f = 0;
    for (int k = 0; k < ITERATIONS; k++) {
        f = value_and_gradient(x, g, data);
        for (int j = 0; j < 3; j++) {
            v[j] = 0.9 * v[j] + 0.1 * g[j] * g[j];
            x[j] -= 0.01 * g[j] / sqrt(v[j] + 1e-8);
        }
    }
    return f;
}

static double automatic(int b) {
    const double *data = y[b];
    double x[3] = {1, 1, 1}, v[3] = {0, 0, 0}, g[3], p[3], new[3], new_g[3];
    double f = value_and_gradient(x, g, data), reference = f, weight = 1, step = 1;
    for (int evaluations = 1; evaluations < MOST;) {
        double top = 0, slope = 0, ss = 0, sy = 0, new_f;
        for (int j = 0; j < 3; j++) {
            v[j] += g[j] * g[j];
            p[j] = g[j] / sqrt(v[j] + 1e-16);
            slope += g[j] * p[j];
            top = fmax(top, fabs(g[j]));
        }
        if (top <= 1e-6) break;
        for (;; step *= 0.5) {
            for (int j = 0; j < 3; j++) new[j] = x[j] - step * p[j];
            new_f = value_and_gradient(new, new_g, data);
            if (++evaluations >= MOST || new_f <= reference - 1e-4 * step * slope) break;
        }
        for (int j = 0; j < 3; j++) {
            double s = new[j] - x[j];
            ss += s * s * sqrt(v[j] + 1e-16);
            sy += s * (new_g[j] - g[j]);
            x[j] = new[j], g[j] = new_g[j];
        }
        f = new_f;
        reference = (0.85 * weight * reference + f) / (0.85 * weight + 1);
        weight = 0.85 * weight + 1;
        step = sy > 0 ? fmin(fmax(ss / sy, 1e-12), 1e6) : 4 * step;
    }
    return f;
}

/* The cost of a peak, its gradient, and the lower triangle of J'J. */
static inline double equations(const double *p, double *g, double h[N][N], const double *data) {
    double f = 0, ra = 0, rm = 0, rs = 0, rc = 0;
    double aa = 0, am = 0, as = 0, ac = 0, ms = 0, mc = 0, ss = 0, sc = 0;
    double inverse = 1 / p[2], k = p[0] * inverse;
    for (int i = 0; i < POINTS; i++) {
        double z = (t[i] - p[1]) * inverse, e = exp(-0.5 * z * z), r = p[0] * e + p[3] - data[i];
        double m = e * z, s = m * z; /* the slopes by m and s, over k */
        f += r * r, ra += r * e, rm += r * m, rs += r * s, rc += r;
        aa += e * e, am += e * m, as += e * s, ac += e, ms += m * s, mc += m, ss += s * s, sc += s;
    }
    g[0] = ra, g[1] = k * rm, g[2] = k * rs, g[3] = rc;
    h[0][0] = aa, h[1][0] = k * am, h[2][0] = k * as, h[3][0] = ac;
    h[1][1] = k * k * as, h[2][1] = k * k * ms, h[3][1] = k * mc; /* m * m = e * s */
    h[2][2] = k * k * ss, h[3][2] = k * sc, h[3][3] = POINTS;
    return 0.5 * f;
}

/* Cholesky's factor of H + damping D, with an inverted diagonal. */
static inline void factorise(double h[N][N], double damping, const double *d, double l[N][N]) {
    for (int i = 0; i < N; i++)
        for (int j = 0; j <= i; j++) {
            double v = h[i][j] + (i == j ? damping * d[i] : 0);
            for (int k = 0; k < j; k++) v -= l[i][k] * l[j][k];
            l[i][j] = i == j ? 1 / sqrt(v) : v * l[j][j];
        }
}

static inline void solve(double l[N][N], const double *g, double *step) {
    double v[N];
    for (int i = 0; i < N; i++) {
        v[i] = -g[i];
        for (int k = 0; k < i; k++) v[i] -= l[i][k] * v[k];
        v[i] *= l[i][i];
    }
    for (int i = N - 1; i >= 0; i--) {
        step[i] = v[i];
        for (int k = i + 1; k < N; k++) step[i] -= l[k][i] * step[k];
        step[i] *= l[i][i];
    }
}

static double peak(int b) {
    double p[N], g[N], h[N][N], l[N][N], d[N] = {0}, step[N], new[N], new_g[N], new_h[N][N];
    memcpy(p, start[b], sizeof p);
    double f = equations(p, g, h, y[b]), damping = 0.01, previous = 1;
    for (int evaluations = 1, over = 0; evaluations < MOST && !over; evaluations++) {
        double predicted = 0;
        for (int j = 0; j < N; j++) d[j] = fmax(d[j], h[j][j]);
        factorise(h, damping, d, l);
        solve(l, g, step);
        for (int j = 0; j < N; j++) {
            new[j] = p[j] + step[j];
            predicted += 0.5 * step[j] * (damping * d[j] * step[j] - g[j]);
        }
        double new_f = equations(new, new_g, new_h, y[b]);
        double ratio = (f - new_f) / predicted, share = predicted / f;
        /* the next reduction is as much smaller as this one is than the one before */
        over = share <= 3e-7 && share * fmin(share / previous, 1) <= 1e-13;
        if (new_f <= f || over) {
            f = new_f, previous = share;
            memcpy(p, new, sizeof p), memcpy(g, new_g, sizeof g), memcpy(h, new_h, sizeof h);
            if (ratio > 0.75) damping = damping < 1e-6 ? 0 : 0.02 * damping;
            if (ratio < 0.25) damping *= 4;
        } else
            damping = fmax(8 * damping, 1e-4);
    }
    factorise(h, 0, d, l);
    for (int k = 0; k < N; k++) {
        double unit[N] = {0};
        unit[k] = -1;
        solve(l, unit, step);
        errors[b][k] = sqrt(2 * f / (POINTS - N) * step[k]);
        found[b][k] = p[k];
    }
    return 2 * f;
}

static void make_peaks(void) {
    static const double least[N] = {50, 24, 5, 5}, most[N] = {150, 40, 10, 20};
    for (int i = 0; i < POINTS; i++) t[i] = i;
    for (int b = 0; b < PEAKS; b++) {
        double p[N];
        for (int j = 0; j < N; j++) p[j] = least[j] + (most[j] - least[j]) * uniform();
        for (int j = 0; j < N; j++) start[b][j] = p[j] * (0.8 + 0.4 * uniform());
        for (int i = 0; i < POINTS; i++) {
            double z = (t[i] - p[1]) / p[2];
            y[b][i] = p[0] * exp(-0.5 * z * z) + p[3] + 5 * sqrt(12) * (uniform() - 0.5);
        }
    }
}

static void all(const char *name, int fits, double (*fit)(int)) {
    double times[REPEATS], sum = 0;
    for (int r = 0; r < REPEATS; r++) {
        double begin = seconds();
        sum = 0;
#pragma omp parallel for schedule(dynamic, 64) reduction(+ : sum)
        for (int b = 0; b < fits; b++) sum += fit(b);
        times[r] = seconds() - begin;
    }
    qsort(times, REPEATS, sizeof *times, by_size);
    printf("%s %.6e %.9g\n", name, times[REPEATS / 2], sum / fits);
}

int main(int count, char **words) {
    if (count > 1 && !strcmp(words[1], "peaks")) {
        make_peaks();
        all("peaks", PEAKS, peak);
    } else {
        make_fits();
        all("fits_fixed", FITS, fixed);
        all("fits_auto", FITS, automatic);
    }
    return 0;
}
