/* Speed of the published setting (specs/published.yaml), against this machine's own peak.
 *
 *   bench           the table
 *   bench epoch N   seconds per epoch of one run on N threads, for paired comparisons
 *   bench flow      only the line on the matrix flow
 *   bench features  only the lines on training by [FD]
 *
 * An epoch is one pass that measures correlations and operators and one that trains, both over
 * 64,000 samples. */
#include "analysis/latent_measure.h"
#include "analysis/probes/probes.h"
#include "core/linalg.h"
#include "core/random.h"
#include "harness/run/experiment.h"
#include "sim/flow/phase.h"
#include "sim/train/minibatch.h"
#include "theorems/ncp/ncp.h"

#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 15, EPOCHS = 20 };

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
    enum { TURNS = 20000000 };
    double best = 0, sink = 0;
    for (int i = 0; i < 3; i++) {
        double start = now();
#pragma omp parallel num_threads(threads) reduction(+ : sink)
        sink += fma_chains(TURNS, 0.999999, 1e-9);
        double flops = 2.0 * TURNS * CHAINS * (double)(sizeof(vector) / sizeof(double)) * threads;
        double rate = flops / (now() - start) / 1e9;
        best = rate > best ? rate : best;
    }
    return sink < 1e300 ? best : 0; /* uses `sink`, so that nothing is optimised away */
}

/* ---- an epoch ---- */

struct timing {
    double measure, train; /* seconds */
};

static struct trainer *trainer_of(const struct experiment *e)
{
    return &((struct minibatch *)e->training)->trainer;
}

static struct latent_measure *latents_of(const struct experiment *e)
{
    return probe_set_state(&e->probes, &measurement_of_latents);
}

static struct timing time_epoch(struct experiment *e, uint64_t epoch)
{
    double start = now();
    latents_from_samples(latents_of(e), trainer_of(e)->parameters, e->spec->seed, epoch,
                         (size_t)e->subject.settings->samples, NULL);
    double middle = now();
    trainer_epoch(trainer_of(e), epoch + 1, NULL);
    return (struct timing){.measure = middle - start, .train = now() - middle};
}

static void fail(const struct error *err)
{
    fprintf(stderr, "bench: %s\n", err->message);
    exit(2);
}

/* A run, and the spec that it borrows. */
struct bench_run {
    struct spec spec;
    struct experiment experiment;
};

static struct bench_run *open_run(const char *path, const char *const overrides[2], int threads)
{
    struct error err = {.message = "out of memory"};
    struct bench_run *r = malloc(sizeof *r);
    if (!r || spec_load(&r->spec, path, overrides, 2, &err) ||
        experiment_open(&r->experiment, &r->spec, threads, &err))
        fail(&err);
    return r;
}

static struct bench_run *open_published(int threads)
{
    const char *const overrides[] = {"measure.probes=[correlation, covop, spectrum]", "seed=1"};
    return open_run("specs/published.yaml", overrides, threads);
}

static void close_run(struct bench_run *r)
{
    experiment_free(&r->experiment);
    spec_free(&r->spec);
    free(r);
}

/* Operations of a network evaluated per sample: the same products without tables. */
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
    double samples = (double)trainer_of(e)->steps * (double)trainer_of(e)->plan.batch;
    return samples * (forward + connection + 3 * 3 * forward);
}

/* The timings of a round, in turn, so that a change in the machine's speed affects all: a run of
 * EPOCHS epochs on one thread; two such runs at the same time, which share only the machine and so
 * show the gain by its second core at that moment; one run on two threads. */
enum { ALONE, BESIDE, TOGETHER, KINDS };

struct rounds {
    struct bench_run *run[KINDS];
    double epoch[KINDS][ROUNDS]; /* seconds per epoch of a run, which measures and trains */
    double measure[ROUNDS], train[ROUNDS]; /* of that on one thread */
    double latency[ROUNDS][2];             /* before and after two threads */
};

/* Nanoseconds in which a cache line goes to the other core and back.  Some 100 if both share a
 * cache; a virtual machine's cores may move apart, and then the time is several times longer. */
static double core_latency(void)
{
    enum { TURNS = 500 };
    static _Alignas(64) atomic_int ball;
    double seconds = 0;
    atomic_store(&ball, 0);
#pragma omp parallel num_threads(2)
    {
        int me = omp_get_thread_num();
        double start = now();
        for (int i = 0; i < TURNS; i++) {
            while (atomic_load(&ball) != me)
                ;
            atomic_store(&ball, 1 - me);
        }
        if (me == 0)
            seconds = now() - start;
    }
    return 1e9 * seconds / TURNS;
}

/* The times when the second epoch and the last began: between them every epoch trains and measures
 * once, one after the other or both at the same time. */
struct epoch_clock {
    int begun; /* epochs */
    double second, last;
};

/* `step` counts all steps of the trainer, whose earlier runs trained whole epochs. */
static bool note_step(void *context, const struct experiment *e, uint64_t step, uint64_t steps)
{
    struct epoch_clock *clock = context;
    (void)steps;
    if (step % trainer_of(e)->steps != 0)
        return true;
    clock->begun++;
    if (clock->begun == 2)
        clock->second = now();
    clock->last = now();
    return true;
}

/* Seconds per epoch of one run, which continues its training. */
static double time_run(struct experiment *e)
{
    struct epoch_clock clock = {.begun = 0};
    const struct observer observer = {.training = note_step, .context = &clock};
    struct error err = {0};
    e->record.measured = 0;
    if (experiment_run(e, &observer, &err))
        fail(&err);
    return (clock.last - clock.second) / (clock.begun - 2);
}

static void time_round(struct rounds *r, int n)
{
    struct timing alone = time_epoch(&r->run[ALONE]->experiment, EPOCHS);
    double beside[2];
    r->measure[n] = alone.measure;
    r->train[n] = alone.train;
    r->epoch[ALONE][n] = time_run(&r->run[ALONE]->experiment);
    if (omp_get_num_procs() == 1)
        return;
#pragma omp parallel for num_threads(2) schedule(static, 1)
    for (int i = 0; i < 2; i++)
        beside[i] = time_run(&r->run[i]->experiment);
    r->epoch[BESIDE][n] = (beside[0] + beside[1]) / 2;
    r->latency[n][0] = core_latency();
    r->epoch[TOGETHER][n] = time_run(&r->run[TOGETHER]->experiment);
    r->latency[n][1] = core_latency();
}

static double median_of(const double *values)
{
    double copy[ROUNDS];
    memcpy(copy, values, sizeof copy);
    return median(copy, ROUNDS);
}

static void print_kind(const struct rounds *r, int kind, int threads)
{
    const struct experiment *e = &r->run[kind]->experiment;
    double all = median_of(r->epoch[kind]), peak_rate = peak(threads);
    double flops =
        latents_flops(latents_of(e), (size_t)trainer_of(e)->steps * trainer_of(e)->plan.batch) +
        (double)trainer_of(e)->steps * trainer_flops(trainer_of(e));
    double rate = flops / all / 1e9, direct = direct_flops(e) / all / 1e9;
    printf("peak       %8.1f GFLOP/s of fused multiply-adds, %d thread%s\n", peak_rate, threads,
           threads > 1 ? "s" : "");
    printf("%d thread%s  %8.4f s per epoch", threads, threads > 1 ? "s" : " ", all);
    if (kind == ALONE)
        printf(" (measure %.4f, train %.4f)", median_of(r->measure), median_of(r->train));
    printf("\n           %8.1f GFLOP/s done, %4.1f%% of the peak\n", rate, 100 * rate / peak_rate);
    printf("           %8.1f GFLOP/s of the same epoch without tables of patterns, %4.1f%%\n",
           direct, 100 * direct / peak_rate);
}

/* The speed-up by the second thread, over rounds whose latency lay in [low, high) before and after.
 */
static void print_ratio(const struct rounds *r, const char *what, double factor, int kind,
                        double low, double high)
{
    double ratio[ROUNDS];
    size_t count = 0;
    for (int n = 0; n < ROUNDS; n++)
        if (fmin(r->latency[n][0], r->latency[n][1]) >= low &&
            fmax(r->latency[n][0], r->latency[n][1]) < high)
            ratio[count++] = factor * r->epoch[ALONE][n] / r->epoch[kind][n];
    if (count == 0) {
        printf("  %-50s no such round\n", what);
        return;
    }
    double middle = median(ratio, count);
    printf("  %-50s %.2f times one (median of %zu runs; %.2f to %.2f)\n", what, middle, count,
           ratio[0], ratio[count - 1]);
}

static void print_latency(const struct rounds *r)
{
    double all[2 * ROUNDS];
    memcpy(all, r->latency, sizeof all);
    double middle = median(all, 2 * ROUNDS);
    printf("  a cache line goes to the other core and back in %.0f ns (%.0f to %.0f)\n", middle,
           all[0], all[2 * ROUNDS - 1]);
}

static void print_epochs(void)
{
    static struct rounds r;
    const bool pair = omp_get_num_procs() > 1;
    for (int kind = 0; kind < (pair ? KINDS : 1); kind++)
        r.run[kind] = open_published(kind == TOGETHER ? 2 : 1);
    for (int n = 0; n < ROUNDS; n++)
        time_round(&r, n);
    print_kind(&r, ALONE, 1);
    if (pair) {
        print_kind(&r, TOGETHER, 2);
        printf("two threads against one\n");
        print_ratio(&r, "one run", 1, TOGETHER, 0, INFINITY);
        print_ratio(&r, "... cores sharing a cache (a line back in < 200 ns)", 1, TOGETHER, 0, 200);
        print_ratio(&r, "... cores that do not", 1, TOGETHER, 200, INFINITY);
        print_ratio(&r, "two runs of one thread that share nothing", 2, BESIDE, 0, INFINITY);
        print_latency(&r);
    }
    for (int kind = 0; kind < (pair ? KINDS : 1); kind++)
        close_run(r.run[kind]);
}

static void print_sampler(void)
{
    enum { BLOCKS = 4000 };
    struct bench_run *run = open_published(1);
    const struct experiment *e = &run->experiment;
    void *scratch = malloc(e->learner.source->scratch_size(e->world));
    uint8_t *states = malloc(e->subject.tree->nodes * BLOCK);
    double start = now();
    for (uint64_t b = 0; scratch && states && b < BLOCKS; b++) {
        struct draw draw = {.seed = 1, .purpose = PURPOSE_TEST, .block = b};
        e->learner.source->latents->draw(e->world, draw, scratch, states);
    }
    double seconds = now() - start;
    printf("sampler    %8.1f million samples of %zu nodes per second\n",
           BLOCKS * BLOCK / seconds / 1e6, e->subject.tree->nodes);
    free(scratch);
    free(states);
    close_run(run);
}

/* Phase diagrams of 200 x 200 flows: tau fixed, and tau moving. */
static void print_phase(int threads)
{
    enum { GRID = 200 };
    const struct phase_mode fixed = {.sigma2 = 0.1, .alpha_p = 1, .start = START_ABOVE_P_PLUS};
    const struct phase_mode moving = {
        .sigma2 = 0.1, .alpha_p = 1, .tau_moves = true, .p = 1, .start = START_P};
    const struct phase_axis eta = {PHASE_ETA, 0, 0.3, false, GRID};
    const struct phase_axis tau = {PHASE_TAU, 0, 1, false, GRID};
    const struct phase_axis beta = {PHASE_BETA, 1e-3, 10, true, GRID};
    double *collapse = malloc(GRID * GRID * sizeof *collapse), start = now(), middle = start;
    if (collapse && !phase_grid(&fixed, &tau, &eta, threads, collapse, NULL)) {
        middle = now();
        phase_grid(&moving, &beta, &eta, threads, collapse, NULL);
    }
    printf("phase      %8.2f s for %d x %d flows over (eta, tau), %.2f s over (eta, beta), "
           "%d thread%s\n",
           middle - start, GRID, GRID, now() - middle, threads, threads > 1 ? "s" : "");
    free(collapse);
}

static int print_epoch_seconds(int threads)
{
    struct bench_run *run = open_published(threads);
    printf("%.5f\n", time_run(&run->experiment));
    close_run(run);
    return 0;
}

/* ---- learning without negative pairs: the full matrix flow, one thread ---- */

enum { FLOW_WIDTH = 64, FLOW_SQUARE = FLOW_WIDTH * FLOW_WIDTH };

/* A flow whose right-hand sides are counted. */
struct counted {
    const struct flow *flow;
    long evaluations;
};

static void counted_rate(void *context, double t, const double *state, double *rate)
{
    struct counted *c = context;
    c->evaluations++;
    c->flow->rate(c->flow->context, t, state, rate);
}

/* Seconds to t = 1,000 from drawn weights, with X and X' as given and the rates of [NCP]: a moving
 * average of 0.996 and a weight decay of 0.0004 at a learning rate of 0.01. */
static double time_flow(gsl_rng *rng, const double *x, const double *x_prime, long *evaluations)
{
    static double state[3 * FLOW_SQUARE];
    struct error err = {0};
    struct matrix_flow flow = {.inputs = FLOW_WIDTH,
                               .outputs = FLOW_WIDTH,
                               .x = x,
                               .x_prime = x_prime,
                               .alpha_p = 1,
                               .beta = 0.4,
                               .eta_p = 4e-4,
                               .eta_s = 4e-4};
    struct dynamics plain, dynamics;
    enum status status = matrix_flow_open(&flow, &plain, &err);
    struct counted counted = {.flow = &plain.flow};
    dynamics = (struct dynamics){
        .flow = {.size = 3 * FLOW_SQUARE, .context = &counted, .rate = counted_rate}};
    draw_normal(rng, 1 / sqrt(FLOW_WIDTH), 3 * FLOW_SQUARE, state);
    double start = now();
    if (status || dynamics_record(&dynamics, 1000, NCP_SAMPLES, state, NULL, &err))
        fail(&err);
    double seconds = now() - start;
    matrix_flow_close(&flow);
    *evaluations = counted.evaluations;
    return seconds;
}

static void print_flow(const char *what, gsl_rng *rng, const double *x, const double *x_prime)
{
    long evaluations;
    double seconds = time_flow(rng, x, x_prime, &evaluations), peak_rate = peak(1);
    double products = 5.0 * FLOW_WIDTH * FLOW_SQUARE; /* of a right-hand side */
    double rate = 2 * products * (double)evaluations / seconds / 1e9;
    printf("flow       %8.2f s to t = 1,000, n = %d, %s: %ld right-hand sides, %.1f GFLOP/s, "
           "%.1f%% of the peak\n",
           seconds, FLOW_WIDTH, what, evaluations, rate, 100 * rate / peak_rate);
}

static int print_flows(void)
{
    static double x[FLOW_SQUARE], x_prime[FLOW_SQUARE];
    struct error err = {0};
    gsl_rng *rng = stream_rng_alloc(1, PURPOSE_TEST, 0, 0);
    linalg_threads_are_safe(); /* one thread */
    ncp_identity(FLOW_WIDTH, 1, x);
    ncp_identity(FLOW_WIDTH, 0.25, x_prime);
    print_flow("X = I", rng, x, x_prime);
    if (ncp_symmetric(rng, FLOW_WIDTH, FLOW_WIDTH, 0.2, 1.5, x, &err) ||
        ncp_symmetric(rng, FLOW_WIDTH, FLOW_WIDTH, 0.05, 0.8, x_prime, &err))
        fail(&err);
    print_flow("any X", rng, x, x_prime);
    gsl_rng_free(rng);
    return 0;
}

/* ---- sparse coding, [FD]: specs/fd.yaml, one thread ---- */

/* The shapes of a chunk's products. */
struct chunk_shape {
    int neurons, inputs, columns, learning;
};

/* Seconds of `count` chunks by dgemm alone: W X, and the gradient of W from the first columns. */
static double time_dgemm(struct chunk_shape s, size_t count, double *w, double *x, double *y)
{
    const double start = now();
    for (size_t i = 0; i < count; i++) {
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, s.neurons, s.columns, s.inputs, 1, w,
                    s.inputs, x, s.columns, 0, y, s.columns);
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, s.neurons, s.inputs, s.learning, 1e-9,
                    y, s.columns, x, s.columns, 1, w, s.inputs);
    }
    return now() - start;
}

/* Training epochs, with the drawing of their samples, and as many products by dgemm, in turn. */
static void print_features(int neurons)
{
    enum { TURNS = 41 };
    char key[64];
    snprintf(key, sizeof key, "network.neurons=%d", neurons);
    struct bench_run *run =
        open_run("specs/fd.yaml", (const char *const[]){key, "train.samples=2560"}, 1);
    const struct experiment *e = &run->experiment;
    const struct trainer *t = trainer_of(e);
    const struct chunk_shape shape = {.neurons = neurons,
                                      .inputs = (int)e->network.leaves,
                                      .columns = (int)t->pass[0].columns,
                                      .learning = (int)t->pass[0].learning};
    const size_t inputs = e->network.leaves, columns = t->pass[0].columns;
    const size_t size = (size_t)neurons * inputs + (inputs + (size_t)neurons) * columns;
    double *w = aligned_alloc(64, (size + 24) / 8 * 64), train[TURNS], plain[TURNS], ratio[TURNS];
    double *x = w + padded((size_t)neurons * inputs);
    for (size_t i = 0; w && i < size; i++)
        w[i] = sin((double)i);
    for (int turn = 0; w && turn < TURNS; turn++) {
        const double start = now();
        trainer_epoch(trainer_of(e), (uint64_t)turn + 1, NULL);
        train[turn] = now() - start;
        plain[turn] = time_dgemm(shape, t->steps * t->chunks, w, x, x + inputs * columns);
        ratio[turn] = plain[turn] / train[turn];
    }
    const double peak_rate = peak(1), flops = (double)t->steps * trainer_flops(t) / 1e9;
    const double rate = flops / median(train, TURNS), dgemm_rate = flops / median(plain, TURNS);
    const double middle = median(ratio, TURNS); /* which sorts */
    printf("features   d_1 = %zu, m = %d: training with its samples %.1f GFLOP/s, %.1f%% of the "
           "peak; dgemm of the same shapes %.1f, %.1f%%; ratio %.2f (median of %d; quartiles %.2f "
           "to %.2f)\n",
           inputs, neurons, rate, 100 * rate / peak_rate, dgemm_rate, 100 * dgemm_rate / peak_rate,
           middle, TURNS, ratio[TURNS / 4], ratio[3 * TURNS / 4]);
    free(w);
    close_run(run);
}

static int print_all_features(void)
{
    print_features(50);
    print_features(200);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "features") == 0)
        return print_all_features();
    if (argc == 3 && strcmp(argv[1], "epoch") == 0)
        return print_epoch_seconds(atoi(argv[2]));
    if (argc == 2 && strcmp(argv[1], "flow") == 0)
        return print_flows();
    printf("published setting, specs/published.yaml: medians of %d runs of %d epochs\n", ROUNDS,
           EPOCHS);
    print_epochs();
    print_sampler();
    for (int threads = 1; threads <= 2 && threads <= omp_get_num_procs(); threads++)
        print_phase(threads);
    print_all_features();
    return print_flows();
}
