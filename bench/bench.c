/* Speed of the published setting (specs/published.yaml), against this machine's own peak.
 *
 *   bench           the table
 *   bench epoch N   seconds of one epoch on N threads, for paired comparisons
 *
 * An epoch is one pass that measures correlations and operators and one that trains, both over
 * 64,000 samples. */
#include "core/random.h"
#include "harness/experiment.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { REPEATS = 21 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, ascending);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* ---- peak: independent fused multiply-adds in registers ---- */

#if defined(__AVX512F__)
typedef double vector __attribute__((vector_size(64)));
enum { CHAINS = 24 };
#else
typedef double vector __attribute__((vector_size(32)));
enum { CHAINS = 12 };
#endif

static double fma_chains(long rounds, double x, double y)
{
    vector sum[CHAINS], a = x - (vector){0}, b = y - (vector){0};
    for (int i = 0; i < CHAINS; i++)
        sum[i] = a * (double)i;
    for (long r = 0; r < rounds; r++) {
#pragma GCC unroll 24
        for (int i = 0; i < CHAINS; i++)
            sum[i] = sum[i] * a + b;
    }
    double total = 0;
    for (int i = 0; i < CHAINS; i++)
        total += sum[i][0];
    return total;
}

/* GFLOP/s of `threads` threads, the best of a few tries. */
static double peak(int threads)
{
    enum { ROUNDS = 20000000 };
    double best = 0, sink = 0;
    for (int i = 0; i < 3; i++) {
        double start = now();
#pragma omp parallel num_threads(threads) reduction(+ : sink)
        sink += fma_chains(ROUNDS, 0.999999, 1e-9);
        double flops = 2.0 * ROUNDS * CHAINS * (double)(sizeof(vector) / sizeof(double)) * threads;
        double rate = flops / (now() - start) / 1e9;
        best = rate > best ? rate : best;
    }
    return sink < 1e300 ? best : 0; /* `sink` is used, so that nothing is optimised away */
}

/* ---- an epoch ---- */

struct timing {
    double measure, train; /* seconds */
};

static struct timing time_epoch(struct experiment *e, uint64_t epoch)
{
    const struct measure_settings *m = e->spec->settings[SECTION_MEASURE];
    double start = now();
    measure_samples(&e->measure, e->trainer.parameters, e->spec->seed, epoch, (size_t)m->samples,
                    NULL);
    double middle = now();
    trainer_epoch(&e->trainer, epoch + 1, NULL, NULL);
    return (struct timing){.measure = middle - start, .train = now() - middle};
}

static struct experiment *open_published(struct spec *spec, int threads,
                                         const char *const *overrides, size_t count)
{
    struct error err = {0};
    struct experiment *e = malloc(sizeof *e);
    if (!e || spec_load(spec, "specs/published.yaml", overrides, count, &err) ||
        experiment_open(e, spec, threads, &err)) {
        fprintf(stderr, "bench: %s\n", err.message);
        exit(2);
    }
    return e;
}

/* What a network evaluated sample by sample would need: the same products without tables. */
static double direct_flops(const struct experiment *e)
{
    const struct network *n = &e->network;
    double forward = 0, connection = 0, out = n->level[0].width;
    for (int l = 0; l < n->levels; l++) {
        double weights = (double)n->level[l].nodes * n->level[l].width * n->level[l].fan_in;
        forward += 2 * weights;
        connection += 2 * weights * out; /* f (x) J */
        if (l > 1)                       /* J of the node from its parent's */
            connection +=
                2 * out * (double)n->level[l].nodes * n->level[l].width * n->level[l - 1].width;
    }
    double samples = (double)e->trainer.steps * (double)e->trainer.plan.batch;
    return samples * (forward + connection + 3 * 3 * forward);
}

/* Epochs of one experiment. */
struct record {
    struct spec spec;
    struct experiment *experiment;
    double measure[REPEATS], train[REPEATS], both[REPEATS];
};

static void print_record(struct record *r, int threads, double peak_rate)
{
    const struct experiment *e = r->experiment;
    double both[REPEATS];
    memcpy(both, r->both, sizeof both);
    double all = median(both, REPEATS);
    double flops = measure_flops(&e->measure, (size_t)e->trainer.steps * e->trainer.plan.batch) +
                   (double)e->trainer.steps * trainer_flops(&e->trainer);
    double rate = flops / all / 1e9, direct = direct_flops(e) / all / 1e9;
    printf("%d thread%s  %8.4f s an epoch (measure %.4f, train %.4f; fastest %.4f, slowest %.4f)\n",
           threads, threads > 1 ? "s" : " ", all, median(r->measure, REPEATS),
           median(r->train, REPEATS), both[0], both[REPEATS - 1]);
    printf("           %8.1f GFLOP/s done, %4.1f%% of the peak\n", rate, 100 * rate / peak_rate);
    printf("           %8.1f GFLOP/s of the same epoch without tables of patterns, %4.1f%%\n",
           direct, 100 * direct / peak_rate);
}

/* One thread and two, turn and turn about, so that a change in the machine's speed meets both. */
static void print_epochs(void)
{
    static struct record record[2];
    int kinds = omp_get_num_procs() > 1 ? 2 : 1;
    for (int i = 0; i < kinds; i++) {
        record[i].experiment = open_published(&record[i].spec, i + 1, NULL, 0);
        time_epoch(record[i].experiment, 0);
    }
    double rate[2] = {peak(1), kinds > 1 ? peak(2) : 0};
    for (uint64_t n = 0; n < REPEATS; n++)
        for (int i = 0; i < kinds; i++) {
            struct timing t = time_epoch(record[i].experiment, n + 1);
            record[i].measure[n] = t.measure;
            record[i].train[n] = t.train;
            record[i].both[n] = t.measure + t.train;
        }
    for (int i = 0; i < kinds; i++) {
        printf("peak       %8.1f GFLOP/s of fused multiply-adds, %d thread%s\n", rate[i], i + 1,
               i ? "s" : "");
        print_record(&record[i], i + 1, rate[i]);
    }
    double ratio[REPEATS];
    for (int n = 0; n < REPEATS && kinds > 1; n++)
        ratio[n] = record[0].both[n] / record[1].both[n];
    if (kinds > 1) {
        double middle = median(ratio, REPEATS);
        printf("two threads are %.2f times as fast as one (median of pairs; %.2f to %.2f)\n",
               middle, ratio[0], ratio[REPEATS - 1]);
    }
    for (int i = 0; i < kinds; i++) {
        experiment_free(record[i].experiment);
        free(record[i].experiment);
        spec_free(&record[i].spec);
    }
}

/* The same comparison by many short epochs, of which the fastest tenth counts: what the program can
 * do where neighbours on the machine do not slow down one core or the other meanwhile. */
static void print_short_epochs(void)
{
    enum { SHORT = 200 };
    static const char *const short_epoch[] = {"train.samples=12800", "measure.samples=12800"};
    static double seconds[2][SHORT];
    struct spec spec[2];
    struct experiment *e[2];
    for (int i = 0; i < 2; i++)
        e[i] = open_published(&spec[i], i + 1, short_epoch, 2);
    for (uint64_t n = 0; n < SHORT; n++)
        for (int i = 0; i < 2; i++) {
            struct timing t = time_epoch(e[i], n);
            seconds[i][n] = t.measure + t.train;
        }
    for (int i = 0; i < 2; i++) {
        qsort(seconds[i], SHORT, sizeof *seconds[i], ascending);
        experiment_free(e[i]);
        free(e[i]);
        spec_free(&spec[i]);
    }
    printf("           %.2f times by the fastest tenth of %d short epochs, %.2f by their medians\n",
           seconds[0][SHORT / 10] / seconds[1][SHORT / 10], SHORT,
           seconds[0][SHORT / 2] / seconds[1][SHORT / 2]);
}

static void print_sampler(void)
{
    struct spec spec;
    struct experiment *e = open_published(&spec, 1, NULL, 0);
    enum { BLOCKS = 4000 };
    void *scratch = malloc(e->source->scratch_size(e->world));
    uint8_t *states = malloc(e->tree->nodes * BLOCK);
    double start = now();
    for (uint64_t b = 0; scratch && states && b < BLOCKS; b++) {
        struct draw draw = {.seed = 1, .purpose = PURPOSE_TEST, .block = b};
        e->source->latents(e->world, draw, scratch, states);
    }
    double seconds = now() - start;
    printf("sampler    %8.1f million samples of %zu nodes a second\n",
           BLOCKS * BLOCK / seconds / 1e6, e->tree->nodes);
    free(scratch);
    free(states);
    experiment_free(e);
    spec_free(&spec);
    free(e);
}

static int print_epoch_seconds(int threads)
{
    struct spec spec;
    struct experiment *e = open_published(&spec, threads, NULL, 0);
    double both[3];
    time_epoch(e, 0);
    for (uint64_t i = 0; i < 3; i++) {
        struct timing t = time_epoch(e, i + 1);
        both[i] = t.measure + t.train;
    }
    printf("%.5f\n", median(both, 3));
    experiment_free(e);
    spec_free(&spec);
    free(e);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "epoch") == 0)
        return print_epoch_seconds(atoi(argv[2]));
    printf("published setting, specs/published.yaml: medians of %d epochs\n", REPEATS);
    print_epochs();
    if (omp_get_num_procs() > 1)
        print_short_epochs();
    print_sampler();
    return 0;
}
