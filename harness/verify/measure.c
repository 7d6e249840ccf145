/* All instances of the chosen claims on several threads, and what they say of each claim. */
#include "core/linalg.h"
#include "core/processors.h"
#include "harness/verify/verify.h"
#include "theorems/memo.h"

#include <gsl/gsl_errno.h>
#include <math.h>
#include <omp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* ---- jobs ---- */

enum { CURVE = -1, CURVE_STREAM = 1000 }; /* a part that is drawn, and its random stream */

/* One instance of a part, or the curve of a claim. */
struct job {
    struct outcome *outcome;
    int part, instance;
    double cost;
    struct reading reading;
    double seconds;
    enum status status;
    char *why; /* where status is not OK */
};

struct battery {
    struct verification *v;
    struct job *job;    /* as listed, claim by claim */
    struct job **queue; /* the dearest first */
    size_t count, done;
    double cost, cost_done;
    size_t *left; /* jobs of each claim */
    struct memo *memo;
    atomic_bool stop;
    struct progress *progress;
};

static int planned(const struct verification *v, const struct part *part)
{
    return v->options->quick ? part->plan.quick : part->plan.instances;
}

/* List the jobs of a claim at `job` (NULL: only count them). */
static size_t list_claim(const struct verification *v, struct outcome *o, struct job *job)
{
    size_t count = 0;
    if (v->options->report && o->claim->draw) {
        if (job)
            job[count] = (struct job){.outcome = o, .part = CURVE, .cost = 1};
        count++;
    }
    for (int p = 0; p < o->claim->part_count; p++)
        for (int i = 0; i < planned(v, &o->claim->parts[p]); i++, count++)
            if (job)
                job[count] = (struct job){
                    .outcome = o, .part = p, .instance = i, .cost = o->claim->parts[p].plan.cost};
    return count;
}

static int dearest_first(const void *left, const void *right)
{
    const struct job *a = *(struct job *const *)left, *b = *(struct job *const *)right;
    if (a->cost != b->cost)
        return a->cost > b->cost ? -1 : 1;
    return a < b ? -1 : a > b;
}

static enum status list_jobs(struct battery *b, struct error *err)
{
    struct verification *v = b->v;
    for (size_t i = 0; i < v->count; i++)
        b->count += list_claim(v, &v->outcome[i], NULL);
    b->job = calloc(b->count + 1, sizeof *b->job);
    b->queue = calloc(b->count + 1, sizeof *b->queue);
    b->left = calloc(v->count + 1, sizeof *b->left);
    if (!b->job || !b->queue || !b->left)
        return error_memory(err, "%zu instances", b->count);
    size_t at = 0;
    for (size_t i = 0; i < v->count; i++) {
        b->left[i] = list_claim(v, &v->outcome[i], b->job + at);
        at += b->left[i];
    }
    for (size_t i = 0; i < b->count; i++) {
        b->queue[i] = &b->job[i];
        b->cost += b->job[i].cost;
    }
    qsort(b->queue, b->count, sizeof *b->queue, dearest_first);
    return STATUS_OK;
}

static void free_jobs(struct battery *b)
{
    for (size_t i = 0; b->job && i < b->count; i++)
        free(b->job[i].why);
    free(b->job);
    free(b->queue);
    free(b->left);
    memo_free(b->memo);
}

/* ---- measuring ---- */

static enum status draw_curve(const struct verification *v, struct outcome *o, struct error *err)
{
    struct trial trial = {.seed = v->options->seed,
                          .rng = claim_rng(o->claim, v->options->seed, CURVE_STREAM, 0),
                          .settings = o->settings,
                          .err = err};
    if (!trial.rng)
        return error_memory(err, "a random stream");
    enum status status = o->claim->draw(&trial, &o->curves);
    gsl_rng_free(trial.rng);
    return status;
}

static bool go_on(void)
{
    return !interrupted();
}

static void run_job(const struct battery *b, struct job *job)
{
    struct error err = {0};
    const struct trial common = {.seed = b->v->options->seed,
                                 .settings = job->outcome->settings,
                                 .keep_going = go_on,
                                 .memo = b->memo};
    double start = omp_get_wtime();
    if (job->part == CURVE)
        job->status = draw_curve(b->v, job->outcome, &err);
    else
        job->status = claim_measure(job->outcome->claim, job->part, job->instance, &common,
                                    &job->reading, &err);
    job->seconds = omp_get_wtime() - start;
    if (job->status)
        job->why = strdup(err.message);
}

/* Jobs done, weighted by their costs; one thread at a time. */
static void report_progress(struct battery *b, const struct job *job)
{
    const double fine = 1e6;
    size_t claim = (size_t)(job->outcome - b->v->outcome);
    char what[160];
    b->done++;
    b->cost_done += job->cost;
    double share = b->cost > 0 ? b->cost_done / b->cost : (double)b->done / (double)b->count;
    snprintf(what, sizeof what, "%zu of %zu instances  %s", b->done, b->count,
             job->outcome->claim->about.name);
    if (--b->left[claim] == 0)
        progress_line(b->progress, (uint64_t)(fine * share), (uint64_t)fine, what);
    else
        progress_update(b->progress, (uint64_t)(fine * share), (uint64_t)fine, what);
}

static void run_jobs(struct battery *b, int threads)
{
#pragma omp parallel num_threads(threads)
    {
        omp_set_num_threads(1); /* inside a measurement */
#pragma omp for schedule(dynamic, 1)
        for (size_t i = 0; i < b->count; i++) {
            struct job *job = b->queue[i];
            if (interrupted() || atomic_load(&b->stop))
                continue;
            run_job(b, job);
            if (job->status && job->status != STATUS_INVALID)
                atomic_store(&b->stop, true);
#pragma omp critical(verify_progress)
            report_progress(b, job);
        }
    }
}

/* The first job, as listed, that ended in an error. */
static enum status first_error(const struct battery *b, struct error *err)
{
    if (interrupted())
        return error_set(err, STATUS_INTERRUPTED,
                         "interrupted after %zu of %zu instances; nothing was written", b->done,
                         b->count);
    for (size_t i = 0; i < b->count; i++) {
        const struct job *job = &b->job[i];
        if (job->status && job->status != STATUS_INVALID)
            return error_set(err, job->status, "%s, %s %d, instance %d: %s",
                             job->outcome->claim->about.name, job->part == CURVE ? "curve" : "part",
                             job->part, job->instance, job->why ? job->why : "no memory");
    }
    return STATUS_OK;
}

/* ---- judging ---- */

/* Effects of a claim that are measured. */
static int effects_of(const struct verification *v, const struct claim *claim)
{
    int count = 0;
    for (int p = 0; p < claim->part_count; p++)
        count += claim->parts[p].kind == PART_EFFECT && planned(v, &claim->parts[p]) > 0;
    return count;
}

static enum status judge_part(const struct verification *v, struct outcome *o, int p,
                              const struct job *job, int count, struct error *err)
{
    struct judgement *j = &o->part[p];
    const struct job *invalid = NULL;
    struct reading *readings = calloc((size_t)count + 1, sizeof *readings);
    gsl_rng *rng = claim_rng(o->claim, v->options->seed, p, -1);
    if (!readings || !rng) {
        free(readings);
        gsl_rng_free(rng);
        return error_memory(err, "the judgement of %s", o->claim->about.name);
    }
    *j = (struct judgement){0};
    for (int i = 0; i < count; i++) {
        readings[i] = job[i].reading;
        j->seconds += job[i].seconds;
        invalid = !invalid && job[i].status ? &job[i] : invalid;
    }
    part_judge(&o->claim->parts[p], readings, invalid ? 0 : count, effects_of(v, o->claim), rng, j);
    if (invalid)
        snprintf(j->why, sizeof j->why, "%s", invalid->why ? invalid->why : "no memory");
    o->left_out[p] = count == 0;
    gsl_rng_free(rng);
    free(readings);
    return STATUS_OK;
}

/* A claim of which nothing was to be measured. */
static void nothing_planned(struct outcome *o)
{
    o->left_out[0] = false;
    snprintf(o->part[0].why, sizeof o->part[0].why, "none of its parts has a quick measurement");
}

/* `job`: the jobs of the claim, as listed. */
static enum status judge_claim(const struct verification *v, struct outcome *o, struct job *job,
                               struct error *err)
{
    bool any = false;
    if (v->options->report && o->claim->draw) {
        o->undrawn = job->why;
        job->why = NULL;
        job++;
    }
    for (int p = 0; p < o->claim->part_count; p++) {
        int count = planned(v, &o->claim->parts[p]);
        enum status status = judge_part(v, o, p, job, count, err);
        if (status)
            return status;
        job += count;
        any = any || count > 0;
        o->instances += o->part[p].instances;
        o->seconds += o->part[p].seconds;
    }
    if (!any)
        nothing_planned(o);
    o->worst = claim_worst(o->claim, o->part);
    o->parts_measured = claim_parts_measured(o->claim, o->part);
    o->verdict = claim_verdict(o->claim, o->part);
    return STATUS_OK;
}

static enum status judge_all(struct battery *b, struct error *err)
{
    struct job *job = b->job;
    enum status status = STATUS_OK;
    for (size_t i = 0; !status && i < b->v->count; i++) {
        status = judge_claim(b->v, &b->v->outcome[i], job, err);
        job += list_claim(b->v, &b->v->outcome[i], NULL);
    }
    return status;
}

/* No more threads than OpenMP would give; one if BLAS is not safe with more. */
static int usable_threads(int asked)
{
    int threads = asked > 0 ? asked : processors_threads();
    if (!linalg_threads_are_safe())
        return 1;
    return threads < omp_get_thread_limit() ? threads : omp_get_thread_limit();
}

enum status verification_run(struct verification *v, struct progress *progress, struct error *err)
{
    struct battery b = {.v = v, .progress = progress};
    enum status status = list_jobs(&b, err);
    if (!status)
        status = memo_create(&b.memo, err);
    if (!status) {
        int threads = usable_threads(v->options->jobs), asked = omp_get_max_threads();
        gsl_error_handler_t *handler = gsl_set_error_handler_off();
        omp_set_dynamic(0);
        const int team = threads > (int)b.count ? (int)b.count + !b.count : threads;
        status = linalg_reserve(team, err);
        if (!status)
            run_jobs(&b, team);
        omp_set_num_threads(asked);
        gsl_set_error_handler(handler);
        if (!status)
            status = first_error(&b, err);
    }
    if (!status)
        status = judge_all(&b, err);
    free_jobs(&b);
    return status;
}

enum status verification_status(const struct verification *v)
{
    bool checked = false;
    for (size_t i = 0; i < v->count; i++) {
        enum verdict verdict = v->outcome[i].verdict;
        if (verdict == VERDICT_FAILS || verdict == VERDICT_NO_CONTROL)
            return STATUS_FAILED;
        checked = checked || verdict != VERDICT_NOT_CHECKED;
    }
    return checked ? STATUS_OK : STATUS_FAILED;
}
