/* The least time this machine needs for fastopt's main jobs, each written by hand for that job only.
 *
 *   cc -O3 -march=native -ffast-math -fopenmp limits.c -o limits -lm
 *   ./limits stream float32 SLOTS N THREADS
 *   ./limits rmsprop float32 N
 *   ./limits rmsprop float32 N THREADS
 *   ./limits rosenbrock
 *
 * Prints one line: the job, median seconds, a checksum that keeps the work from being optimised away.
 *   stream       one in-place pass over N elements that reads p, g and SLOTS (0 to 3) arrays of state
 *                and writes p and the state: 3 + 2 SLOTS words an element, as a step of a rule, but
 *                no root and no division
 *   rmsprop      one step of RMSProp over N elements, root and division included, by the clock; with
 *                no THREADS on one thread, in processor time
 *   rosenbrock   one iteration of RMSProp on the 2-D Rosenbrock function, its gradient only,
 *                everything in registers
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { REPEATS = 9, FEWEST = 3, MOST_SLOTS = 3, ITERATIONS = 1000000, HUGE_PAGE = 1 << 21, RMSPROP = 4 };

static clockid_t source = CLOCK_MONOTONIC;

static double seconds(void) {
    struct timespec t;
    clock_gettime(source, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int print_median(const char *name, double *times, int repeats, double check) {
    qsort(times, repeats, sizeof *times, by_size);
    printf("%s %.6e %.9g\n", name, times[repeats / 2], check);
    return 0;
}

/* Array k: on huge pages where there are any, as NumPy's; each begins elsewhere in its page, since
 * arrays that begin alike meet in the same sets of the caches: three times slower, at worst. */
static void *array(int k, size_t bytes) {
    size_t whole = (bytes + 2 * HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    char *a = aligned_alloc(HUGE_PAGE, whole);
    if (!a) exit(1);
#ifdef MADV_HUGEPAGE
    if (bytes > 2 * HUGE_PAGE) madvise(a, whole, MADV_HUGEPAGE);
#endif
    return a + 832 * k;
}

/* A pass is a call that is not inlined, so that no two of them can become one. */
#define DEFINE_PASS(SLOTS, REAL, BODY)                                                       \
    static __attribute__((noinline)) void pass_##REAL##_##SLOTS(                             \
        REAL *restrict p, const REAL *restrict g, REAL *restrict a, REAL *restrict b,        \
        REAL *restrict c, size_t begin, size_t end) {                                        \
        (void)a, (void)b, (void)c;                                                           \
        for (size_t i = begin; i < end; i++) {                                               \
            REAL s = g[i];                                                                   \
            BODY p[i] -= (REAL)1e-3 * s;                                                     \
        }                                                                                    \
    }
#define SLOT(REAL, V) s = V[i] = (REAL)0.9 * V[i] + (REAL)0.1 * s;

#define DEFINE_STREAM(REAL)                                                                  \
    DEFINE_PASS(0, REAL, )                                                                   \
    DEFINE_PASS(1, REAL, SLOT(REAL, a))                                                      \
    DEFINE_PASS(2, REAL, SLOT(REAL, a) SLOT(REAL, b))                                        \
    DEFINE_PASS(3, REAL, SLOT(REAL, a) SLOT(REAL, b) SLOT(REAL, c))                          \
    DEFINE_PASS(4, REAL, a[i] = (REAL)0.9 * a[i] + (REAL)0.1 * s * s;                        \
                s /= (REAL)sqrt(a[i] + (REAL)1e-8);)                                         \
    static int stream_##REAL(int slots, size_t n, int threads) {                             \
        void (*pass[])(REAL *, const REAL *, REAL *, REAL *, REAL *, size_t, size_t) = {     \
            pass_##REAL##_0, pass_##REAL##_1, pass_##REAL##_2, pass_##REAL##_3,              \
            pass_##REAL##_4};                                                                \
        int count = slots == RMSPROP ? 3 : 2 + slots;                                        \
        REAL *x[2 + MOST_SLOTS] = {0};                                                       \
        for (int k = 0; k < count; k++) {                                                    \
            x[k] = array(k, n * sizeof(REAL));                                               \
            _Pragma("omp parallel for num_threads(threads)") for (size_t i = 0; i < n; i++)  \
                x[k][i] = k == 0 ? 1 : (REAL)0.1;                                            \
        }                                                                                    \
        double times[REPEATS], began = 0, all = 0;                                           \
        long passes = 1;                                                                     \
        int r = -1; /* first: how many passes take a millisecond; fewer repeats if slow */   \
        for (; r < REPEATS && (r < FEWEST || all < 0.3); r++) {                              \
            do {                                                                             \
                if (r < 0 && began > 0) passes *= 2;                                         \
                began = seconds();                                                           \
                for (long k = 0; k < passes; k++) {                                          \
                    if (threads < 2) {                                                       \
                        pass[slots](x[0], x[1], x[2], x[3], x[4], 0, n);                     \
                    } else {                                                                 \
                        _Pragma("omp parallel for num_threads(threads) schedule(static, 1)") \
                        for (int t = 0; t < threads; t++)                                    \
                            pass[slots](x[0], x[1], x[2], x[3], x[4], n * t / threads,       \
                                        n * (t + 1) / threads);                              \
                    }                                                                        \
                }                                                                            \
            } while (r < 0 && seconds() - began < 1e-3);                                     \
            double took = seconds() - began;                                                 \
            all += took;                                                                     \
            if (r >= 0) times[r] = took / passes;                                            \
        }                                                                                    \
        const char *name = slots == RMSPROP ? "rmsprop" : "stream";                          \
        return print_median(name, times, r, (double)x[0][n / 3]);                            \
    }

DEFINE_STREAM(float)
DEFINE_STREAM(double)

static int rosenbrock(void) {
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
    return print_median("rosenbrock", times, REPEATS, check);
}

int main(int count, char **words) {
    if (count == 2 && !strcmp(words[1], "rosenbrock")) return rosenbrock();
    if ((count == 4 || count == 5) && !strcmp(words[1], "rmsprop")) {
        size_t n = strtoull(words[3], NULL, 10);
        int threads = count == 5 ? atoi(words[4]) : 1;
        if (count == 4) source = CLOCK_PROCESS_CPUTIME_ID;
        if (n > 0 && threads > 0) {
            if (!strcmp(words[2], "float32")) return stream_float(RMSPROP, n, threads);
            if (!strcmp(words[2], "float64")) return stream_double(RMSPROP, n, threads);
        }
    }
    if (count == 6 && !strcmp(words[1], "stream")) {
        int slots = atoi(words[3]), threads = atoi(words[5]);
        size_t n = strtoull(words[4], NULL, 10);
        if (slots >= 0 && slots <= MOST_SLOTS && n > 0 && threads > 0) {
            if (!strcmp(words[2], "float32")) return stream_float(slots, n, threads);
            if (!strcmp(words[2], "float64")) return stream_double(slots, n, threads);
        }
    }
    fprintf(stderr, "limits stream float32|float64 SLOTS N THREADS, limits rmsprop float32|float64 N "
                    "[THREADS], or limits rosenbrock\n");
    return 2;
}
