#include "harness/verify/verify.h"

#include "core/text.h"
#include "harness/command.h"

#include "core/linalg.h"
#include "harness/spec/params.h"
#include "harness/spec/spec.h"
#include "harness/spec/words.h"
#include "store/store.h"
#include "theorems/claims.h"
#include "theorems/shelf.h"

#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <omp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* ---- selection ---- */

bool verify_selects(const char *id, const char *name)
{
    size_t length = strlen(id);
    if (length == 0 || strncasecmp(id, name, length) != 0)
        return false;
    unsigned char last = (unsigned char)id[length - 1], next = (unsigned char)name[length];
    return next == '\0' || last == '-' || next == '-' || (isdigit(last) && !isdigit(next));
}

static bool selected(const struct verify_options *options, const char *name)
{
    for (size_t i = 0; i < options->id_count; i++)
        if (verify_selects(options->ids[i], name))
            return true;
    return options->id_count == 0;
}

/* The nearest names, at most three. */
static void suggest_ids(const char *id, const struct registry *registry, char *text, size_t size)
{
    const char *names[256];
    size_t count = 0, used = 0;
    for (; count < registry->count && count < 256; count++)
        names[count] = registry->entries[count]->name;
    text[0] = '\0';
    for (int n = 0; n < 3 && used < size; n++) {
        const char *nearest = nearest_word(id, names, count);
        for (size_t i = 0; nearest && i < count; i++)
            if (names[i] == nearest)
                names[i] = names[--count];
        if (nearest)
            used +=
                (size_t)snprintf(text + used, size - used, "%s %s", n ? "," : " near it:", nearest);
    }
    if (used == 0)
        snprintf(text, size, " give an ID such as %s, or a prefix such as %.*s",
                 registry->entries[0]->name, (int)strcspn(registry->entries[0]->name, "-"),
                 registry->entries[0]->name);
}

static enum status check_ids(const struct verify_options *options, const struct registry *registry,
                             struct error *err)
{
    for (size_t i = 0; i < options->id_count; i++) {
        char nearest[256];
        size_t found = 0;
        for (size_t k = 0; k < registry->count; k++)
            found += verify_selects(options->ids[i], registry->entries[k]->name);
        if (found > 0)
            continue;
        suggest_ids(options->ids[i], registry, nearest, sizeof nearest);
        return error_set(err, STATUS_INVALID,
                         "there is no claim '%s';%s (`duet list theorems` shows all)",
                         options->ids[i], nearest);
    }
    return STATUS_OK;
}

/* ---- settings ---- */

static bool has_key(const struct claim *claim, const char *key, size_t length)
{
    for (const struct param *p = claim->about.params; p && p->name; p++)
        if (strlen(p->name) == length && strncmp(p->name, key, length) == 0)
            return true;
    return false;
}

/* Every key of the selected claims once. */
static size_t all_keys(const struct verification *v, const char **keys, size_t room)
{
    size_t count = 0;
    for (size_t i = 0; i < v->count; i++)
        for (const struct param *p = v->outcome[i].claim->about.params; p && p->name; p++) {
            size_t k = 0;
            while (k < count && strcmp(keys[k], p->name) != 0)
                k++;
            if (k == count && count < room)
                keys[count++] = p->name;
        }
    return count;
}

static enum status unknown_key(const struct verification *v, const char *override, size_t length,
                               struct error *err)
{
    const char *keys[64];
    char key[64], list[512] = "";
    size_t count = all_keys(v, keys, 64);
    snprintf(key, sizeof key, "%.*s", (int)length, override);
    const char *nearest = nearest_word(key, keys, count);
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", keys[i]);
    }
    return error_key(err, key, "command line: %.100s: no chosen claim has a parameter '%s'; %s%s",
                     override, key,
                     nearest     ? "the nearest is "
                     : count > 0 ? "their parameters are "
                                 : "they have none",
                     nearest ? nearest : list);
}

static enum status check_overrides(const struct verification *v, struct error *err)
{
    for (size_t i = 0; i < v->options->override_count; i++) {
        const char *override = v->options->overrides[i];
        size_t length = strcspn(override, "="), found = 0;
        for (size_t k = 0; k < v->count; k++)
            found += has_key(v->outcome[k].claim, override, length);
        if (found == 0)
            return unknown_key(v, override, length, err);
    }
    return STATUS_OK;
}

static enum status fill_settings(struct verification *v, struct error *err)
{
    for (size_t i = 0; i < v->count; i++) {
        const struct descriptor *about = &v->outcome[i].claim->about;
        void *settings = calloc(1, about->settings_size + 1);
        v->outcome[i].settings = settings;
        if (!settings)
            return error_set(err, STATUS_SYSTEM, "no memory for settings");
        enum status status = params_fill(about->params, v->options->overrides,
                                         v->options->override_count, settings, err);
        if (status)
            return status;
    }
    return STATUS_OK;
}

enum status verification_create(struct verification *v, const struct verify_options *options,
                                const struct registry *registry, struct error *err)
{
    *v = (struct verification){.options = options};
    enum status status = check_ids(options, registry, err);
    if (status)
        return status;
    v->outcome = calloc(registry->count + 1, sizeof *v->outcome);
    if (!v->outcome)
        return error_set(err, STATUS_SYSTEM, "no memory for claims");
    for (size_t i = 0; i < registry->count; i++)
        if (selected(options, registry->entries[i]->name))
            v->outcome[v->count++].claim = (const void *)registry->entries[i];
    status = check_overrides(v, err);
    if (!status)
        status = fill_settings(v, err);
    if (status)
        verification_free(v);
    return status;
}

void verification_free(struct verification *v)
{
    for (size_t i = 0; i < v->count; i++) {
        free(v->outcome[i].settings);
        free(v->outcome[i].undrawn);
        curves_free(&v->outcome[i].curves);
    }
    free(v->outcome);
    *v = (struct verification){.options = v->options};
}

/* ---- jobs ---- */

enum { CURVE = -1, CURVE_STREAM = 1000 }; /* a part that is drawn, and its random stream */

/* One instance of a part, or the curve of a claim. */
struct job {
    struct outcome *outcome;
    int part, instance;
    double cost;
    size_t order; /* in which they are listed */
    struct reading reading;
    double seconds;
    enum status status;
    char *why; /* where status is not OK */
};

struct battery {
    struct verification *v;
    struct job *job;
    size_t count, done;
    double cost, cost_done;
    size_t *left; /* jobs of each claim */
    struct shelf *shelf;
    atomic_bool stop;
    struct progress *progress;
};

static int planned(const struct verification *v, const struct part *part)
{
    return v->options->quick ? part->quick : part->instances;
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
                    .outcome = o, .part = p, .instance = i, .cost = o->claim->parts[p].cost};
    return count;
}

static int dearest_first(const void *left, const void *right)
{
    const struct job *a = left, *b = right;
    if (a->cost != b->cost)
        return a->cost > b->cost ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static int as_listed(const void *left, const void *right)
{
    const struct job *a = left, *b = right;
    return a->order < b->order ? -1 : a->order > b->order;
}

static enum status list_jobs(struct battery *b, struct error *err)
{
    struct verification *v = b->v;
    for (size_t i = 0; i < v->count; i++)
        b->count += list_claim(v, &v->outcome[i], NULL);
    b->job = calloc(b->count + 1, sizeof *b->job);
    b->left = calloc(v->count + 1, sizeof *b->left);
    if (!b->job || !b->left)
        return error_set(err, STATUS_SYSTEM, "no memory for %zu instances", b->count);
    size_t at = 0;
    for (size_t i = 0; i < v->count; i++) {
        b->left[i] = list_claim(v, &v->outcome[i], b->job + at);
        at += b->left[i];
    }
    for (size_t i = 0; i < b->count; i++) {
        b->job[i].order = i;
        b->cost += b->job[i].cost;
    }
    return STATUS_OK;
}

static void free_jobs(struct battery *b)
{
    for (size_t i = 0; b->job && i < b->count; i++)
        free(b->job[i].why);
    free(b->job);
    free(b->left);
    shelf_free(b->shelf);
}

/* ---- measuring ---- */

static enum status draw_curve(const struct verification *v, struct outcome *o, struct error *err)
{
    struct trial trial = {.seed = v->options->seed,
                          .rng = claim_rng(o->claim, v->options->seed, CURVE_STREAM, 0),
                          .settings = o->settings};
    if (!trial.rng)
        return error_set(err, STATUS_SYSTEM, "no memory for a random stream");
    enum status status = o->claim->draw(&trial, &o->curves, err);
    gsl_rng_free(trial.rng);
    return status;
}

static void run_job(const struct battery *b, struct job *job)
{
    struct error err = {0};
    const struct trial common = {
        .seed = b->v->options->seed, .settings = job->outcome->settings, .shelf = b->shelf};
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

/* Jobs done, weighted by what they cost; one thread at a time. */
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
        omp_set_num_threads(1); /* what is inside a measurement */
#pragma omp for schedule(dynamic, 1)
        for (size_t i = 0; i < b->count; i++) {
            struct job *job = &b->job[i];
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
        return error_set(err, STATUS_SYSTEM, "no memory to judge %s", o->claim->about.name);
    }
    *j = (struct judgement){0};
    for (int i = 0; i < count; i++) {
        readings[i] = job[i].reading;
        j->seconds += job[i].seconds;
        invalid = !invalid && job[i].status ? &job[i] : invalid;
    }
    part_judge(&o->claim->parts[p], readings, invalid ? 0 : count, rng, j);
    if (invalid)
        snprintf(j->why, sizeof j->why, "%s", invalid->why ? invalid->why : "no memory");
    o->left_out[p] = count == 0;
    if (count == 0) /* loses against any part that was measured */
        *j = (struct judgement){.verdict = VERDICT_HOLDS, .control = NAN, .ratio = -INFINITY};
    gsl_rng_free(rng);
    free(readings);
    return STATUS_OK;
}

/* A claim of which nothing was measured. */
static void not_measured(struct outcome *o)
{
    o->part[0] = (struct judgement){
        .verdict = VERDICT_NOT_CHECKED, .error = NAN, .tolerance = NAN, .control = NAN};
    o->left_out[0] = false;
    snprintf(o->part[0].why, sizeof o->part[0].why, "none of its parts has a quick measurement");
}

/* `job`: those of the claim, as listed.  Returns their number in `used`. */
static enum status judge_claim(const struct verification *v, struct outcome *o, struct job *job,
                               size_t *used, struct error *err)
{
    bool any = false;
    *used = 0;
    if (v->options->report && o->claim->draw) {
        o->undrawn = job->why;
        job->why = NULL;
        ++*used;
    }
    for (int p = 0; p < o->claim->part_count; p++) {
        int count = planned(v, &o->claim->parts[p]);
        enum status status = judge_part(v, o, p, job + *used, count, err);
        if (status)
            return status;
        *used += (size_t)count;
        any = any || count > 0;
        o->instances += o->part[p].instances;
        o->seconds += o->part[p].seconds;
    }
    if (!any)
        not_measured(o);
    o->worst = claim_worst(o->claim, o->part);
    return STATUS_OK;
}

static enum status judge_all(struct battery *b, struct error *err)
{
    size_t at = 0, used = 0;
    enum status status = STATUS_OK;
    qsort(b->job, b->count, sizeof *b->job, as_listed);
    for (size_t i = 0; !status && i < b->v->count; i++, at += used)
        status = judge_claim(b->v, &b->v->outcome[i], b->job + at, &used, err);
    return status;
}

/* No more threads than OpenMP would give, or than BLAS can stand. */
static int usable_threads(int asked)
{
    int threads = asked > 0 ? asked : omp_get_max_threads();
    if (!linalg_threads_are_safe())
        return 1;
    return threads < omp_get_thread_limit() ? threads : omp_get_thread_limit();
}

enum status verification_run(struct verification *v, struct progress *progress, struct error *err)
{
    struct battery b = {.v = v, .progress = progress};
    enum status status = list_jobs(&b, err);
    if (!status)
        status = shelf_create(&b.shelf, err);
    if (!status) {
        int threads = usable_threads(v->options->jobs), asked = omp_get_max_threads();
        gsl_error_handler_t *handler = gsl_set_error_handler_off();
        omp_set_dynamic(0);
        qsort(b.job, b.count, sizeof *b.job, dearest_first);
        run_jobs(&b, threads > (int)b.count ? (int)b.count + !b.count : threads);
        omp_set_num_threads(asked);
        gsl_set_error_handler(handler);
        qsort(b.job, b.count, sizeof *b.job, as_listed);
        status = first_error(&b, err);
    }
    if (!status)
        status = judge_all(&b, err);
    free_jobs(&b);
    return status;
}

enum status verification_status(const struct verification *v)
{
    for (size_t i = 0; i < v->count; i++) {
        enum verdict verdict = v->outcome[i].worst->verdict;
        if (verdict == VERDICT_FAILS || verdict == VERDICT_NO_CONTROL)
            return STATUS_FAILED;
    }
    return STATUS_OK;
}

/* ---- the command ---- */

static bool json_on_stdout(const struct verify_options *options)
{
    return options->json && strcmp(options->json, "-") == 0;
}

static enum status check_files(const struct verify_options *options, struct error *err)
{
    enum status status = STATUS_OK;
    if (options->json && !json_on_stdout(options))
        status = store_check_writable(options->json, err);
    if (!status && options->report)
        status = store_check_writable(options->report, err);
    return status;
}

static enum status write_json(const struct verification *v, struct error *err)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return error_set(err, STATUS_SYSTEM, "no memory for %s", v->options->json);
    verdicts_json(v, out);
    bool failed = ferror(out) != 0;
    enum status status = STATUS_OK;
    if (fclose(out) != 0 || failed)
        status = error_set(err, STATUS_SYSTEM, "no memory for %s", v->options->json);
    else
        status = store_write_text(v->options->json, text, size, err);
    free(text);
    return status;
}

static enum status write_files(const struct verification *v, struct error *err)
{
    enum status status = STATUS_OK;
    if (v->options->json && !json_on_stdout(v->options))
        status = write_json(v, err);
    if (!status && v->options->report)
        status = report_write(v, v->options->report, err);
    return status;
}

static enum status verify(struct verification *v, struct error *err)
{
    struct progress progress;
    enum status status = check_files(v->options, err);
    if (status)
        return status;
    progress_start(&progress, v->options->quiet);
    interrupt_catch();
    status = verification_run(v, &progress, err);
    progress_end(&progress);
    if (!status)
        status = write_files(v, err);
    return status;
}

static int print_outcome(const struct verification *v)
{
    bool json = json_on_stdout(v->options);
    errno = 0;
    if (json)
        verdicts_json(v, stdout);
    if (!v->options->quiet)
        verdicts_print(v, json ? stderr : stdout);
    int code = print_finish(0);
    return code ? code : error_exit_code(verification_status(v));
}

enum { OPTION_SEED = 256, OPTION_QUICK, OPTION_JSON, OPTION_REPORT };

static const struct argp_option argp_options[] = {
    {"seed", OPTION_SEED, "S", 0, "seed of every random stream; default: 1", 0},
    {"quick", OPTION_QUICK, NULL, 0, "fewer instances; the longest measurements are left out", 0},
    {"jobs", 'j', "N", 0, "threads to use; default: all processors. Verdicts do not depend on it",
     0},
    {"json", OPTION_JSON, "FILE", 0, "write the table as JSON; - for stdout", 0},
    {"report", OPTION_REPORT, "FILE.md", 0,
     "write statements, numbers and verdicts as Markdown, and curves in the folder FILE", 0},
    {"quiet", 'q', NULL, 0, "no progress and no table", 0},
    {0},
};

static uint64_t parse_seed(const char *text, struct argp_state *state)
{
    char *end;
    errno = 0;
    unsigned long long seed = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end || errno || seed > INT64_MAX)
        argp_error(state, "--seed is '%s'; give an integer from 0 to 2^63 - 1", text);
    return seed;
}

static const char *parse_report(const char *path, struct argp_state *state)
{
    size_t length = strlen(path);
    const char *slash = strrchr(path, '/');
    if (length > RUN_PATH / 2 || strlen(slash ? slash + 1 : path) < 4 ||
        strcmp(path + length - 3, ".md") != 0)
        argp_error(state, "--report is '%s'; give a name that ends in .md", path);
    return path;
}

static void parse_argument(struct verify_options *options, const char *arg,
                           struct argp_state *state)
{
    const char *equals = strchr(arg, '=');
    if (equals == arg)
        argp_error(state, "'%s' has no key; write KEY=VALUE, such as width=8", arg);
    if (equals && options->override_count == RUN_MAX_OVERRIDES)
        argp_error(state, "more than %d overrides", RUN_MAX_OVERRIDES);
    if (!equals && options->id_count == VERIFY_MAX_IDS)
        argp_error(state, "more than %d IDs; a prefix such as DDN selects many", VERIFY_MAX_IDS);
    if (equals)
        options->overrides[options->override_count++] = arg;
    else
        options->ids[options->id_count++] = arg;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct verify_options *options = state->input;
    switch (key) {
    case OPTION_SEED:
        options->seed = parse_seed(arg, state);
        return 0;
    case OPTION_QUICK:
        options->quick = true;
        return 0;
    case 'j':
        options->jobs = parse_threads("--jobs", arg, state);
        return 0;
    case OPTION_JSON:
        options->json = arg;
        return 0;
    case OPTION_REPORT:
        options->report = parse_report(arg, state);
        return 0;
    case 'q':
        options->quiet = true;
        return 0;
    case ARGP_KEY_ARG:
        parse_argument(options, arg, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int command_verify(int argc, char **argv)
{
    static const struct argp argp = {
        .options = argp_options,
        .parser = parse,
        .args_doc = "[ID ...] [KEY=VALUE ...]",
        .doc = "Measure what the theory claims, each claim beside controls in which a hypothesis "
               "is removed.\v"
               "ID is a claim, such as DDN-4, or a prefix, such as HLTM; without any, all claims "
               "are measured. KEY=VALUE sets a parameter of all chosen claims that have it. "
               "`duet list theorems` shows claims and parameters.\n\n"
               "Of each claim the table has the part that came out worst: its error, what is "
               "tolerated, and the smallest error of its controls; the seconds are those of all "
               "parts, summed over threads.\n\n"
               "Exit code: 0; 1 a claim fails, or a control does not; 2 bad input; 130 interrupted "
               "(nothing is written).",
    };
    struct verify_options options = {.seed = 1};
    struct verification v;
    struct error err = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is a failed write */
    if (verification_create(&v, &options, &claim_registry, &err))
        return command_fail(&err);
    int code = verify(&v, &err) ? command_fail(&err) : print_outcome(&v);
    verification_free(&v);
    return code;
}
