/* The least time this machine needs for fastopt's main jobs, each written by hand for that job only.
 *
 *   cc -O3 -march=native -ffast-math -fopenmp limits.c -o limits -lm && ./limits
 *
 * One line a job: name, median seconds over the repeats, a checksum that keeps the work from being
 * optimised away.
 *   stream_f32, stream_f64   one in-place pass over 20 million elements, reading p, g, v and writing
 *                            p, v (5 words an element): the traffic of an RMSProp step, no root
 *   rosenbrock               seconds an iteration of RMSProp on the 2-D Rosenbrock function, its
 *                            gradient only, everything in registers
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { REPEATS = 9, N = 20000000, ITERATIONS = 1000000 };

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_median(const char *name, double *times, double check) {
    qsort(times, REPEATS, sizeof *times, by_size);
    printf("%s %.6e %.9g\n", name, times[REPEATS / 2], check);
}

#define DEFINE_STREAM(NAME, REAL)                                                   \
    static void NAME(void) {                                                        \
        REAL *p = malloc(N * sizeof *p), *g = malloc(N * sizeof *g);                \
        REAL *v = malloc(N * sizeof *v);                                            \
        double times[REPEATS];                                                      \
        _Pragma("omp parallel for") for (int i = 0; i < N; i++) {                   \
            p[i] = 1, g[i] = (REAL)(0.1 + 1e-9 * i), v[i] = 0;                      \
        }                                                                           \
        for (int r = 0; r < REPEATS; r++) {                                         \
            double begin = seconds();                                               \
            _Pragma("omp parallel for simd") for (int i = 0; i < N; i++) {          \
                v[i] = (REAL)0.9 * v[i] + (REAL)0.1 * g[i];                         \
                p[i] -= (REAL)1e-3 * v[i];                                          \
            }                                                                       \
            times[r] = seconds() - begin;                                           \
        }                                                                           \
        print_median(#NAME, times, (double)p[N / 3]);                               \
        free(p), free(g), free(v);                                                  \
    }

DEFINE_STREAM(stream_f32, float)
DEFINE_STREAM(stream_f64, double)

static void rosenbrock(void) {
    double times[REPEATS], check = 0;
    for (int r = 0; r < REPEATS; r++) {
        double x = -1.2, y = 1, v = 0, w = 0, begin = seconds();
        for (int k = 0; k < ITERATIONS; k++) {
            double a = y - x * x, g = -400 * x * a - 2 * (1 - x), h = 200 * a;
            v = 0.9 * v + 0.1 * g * g;
            w = 0.9 * w + 0.1 * h * h;
            x -= 1e-4 * g / sqrt(v + 1e-8);
            y -= 1e-4 * h / sqrt(w + 1e-8);
        }
        times[r] = (seconds() - begin) / ITERATIONS;
        check = x + y;
    }
    print_median("rosenbrock", times, check);
}

int main(void) {
    stream_f32();
    stream_f64();
    rosenbrock();
    return 0;
}
