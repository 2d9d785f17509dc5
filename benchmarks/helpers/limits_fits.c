/* The least time this machine needs for a batch of decay fits, written by hand for these fits only.
 *
 *   cc -O3 -march=native -ffast-math -fopenmp limits_fits.c -o limits_fits -lm && ./limits_fits
 *
 * 10,000 fits of a exp(-k t) + c to 64 points, from (1, 1, 1). One line a job: name, median seconds
 * over the repeats, a checksum (the mean of the sums of squares).
 *   fits_fixed   500 iterations of RMSProp with a learning rate of 0.01
 *   fits_auto    to a largest gradient component of 1e-6: a Barzilai-Borwein step in AdaGrad's
 *                metric and a nonmonotone search
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { REPEATS = 9, FITS = 10000, POINTS = 64, ITERATIONS = 500, MOST = 2000 };

static double t[POINTS], y[FITS][POINTS];

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
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

static double fixed(const double *data) {
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

static double automatic(const double *data) {
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

static void all(const char *name, double (*fit)(const double *)) {
    double times[REPEATS], sum = 0;
    for (int r = 0; r < REPEATS; r++) {
        double begin = seconds();
        sum = 0;
#pragma omp parallel for schedule(dynamic, 64) reduction(+ : sum)
        for (int b = 0; b < FITS; b++) sum += fit(y[b]);
        times[r] = seconds() - begin;
    }
    qsort(times, REPEATS, sizeof *times, by_size);
    printf("%s %.6e %.9g\n", name, times[REPEATS / 2], sum / FITS);
}

int main(void) {
    make_fits();
    all("fits_fixed", fixed);
    all("fits_auto", automatic);
    return 0;
}
