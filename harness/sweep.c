#include "harness/command.h"
#include "harness/progress.h"
#include "harness/run.h"
#include "harness/store.h"
#include "harness/summary.h"
#include "harness/sweep_trial.h"
#include "harness/sweep_work.h"

#include <argp.h>
#include <dirent.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ASK_ABOVE = 1000000, PATH = RUN_PATH + 64 };

struct options {
    const char *spec;
    const char *arguments[RUN_MAX_OVERRIDES], *zips[RUN_MAX_OVERRIDES];
    size_t argument_count, zip_count;
    const char *results;
    int workers, threads; /* workers 0: as many as processors */
    size_t shard, shards; /* shard counts from 0 here */
    double limit;         /* seconds; 0: none */
    bool dry_run, quiet, yes;
};

/* ---- the folder ---- */

struct names {
    char **name;
    size_t count, capacity;
};

/* Files of points that are there. */
struct folder {
    uint64_t *hash; /* in order */
    size_t count, capacity;
    struct names left; /* temporary files, leases */
};

static void folder_free(struct folder *folder)
{
    for (size_t i = 0; i < folder->left.count; i++)
        free(folder->left.name[i]);
    free(folder->left.name);
    free(folder->hash);
}

static bool grow(void **array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return true;
    void *more = realloc(*array, (2 * *capacity + 256) * size);
    if (!more)
        return false;
    *array = more;
    *capacity = 2 * *capacity + 256;
    return true;
}

static bool note_file(struct folder *folder, const char *name)
{
    uint64_t hash;
    const char *start = name + strspn(name, ".");
    if (!sweep_hash_read(start, &hash))
        return true;
    const char *end = start + SWEEP_HASH - 1;
    if (start == name && strcmp(end, ".h5") == 0) {
        if (!grow((void **)&folder->hash, folder->count, &folder->capacity, sizeof *folder->hash))
            return false;
        folder->hash[folder->count++] = hash;
    } else if (start > name && (strncmp(end, ".part", 5) == 0 || strncmp(end, ".lease", 6) == 0)) {
        struct names *left = &folder->left;
        if (!grow((void **)&left->name, left->count, &left->capacity, sizeof *left->name))
            return false;
        left->name[left->count] = strdup(name);
        return left->name[left->count++] != NULL;
    }
    return true;
}

static int compare_hashes(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* A folder that is not there has no files. */
static enum status folder_read(struct folder *folder, const char *path, struct error *err)
{
    bool good = true;
    *folder = (struct folder){0};
    DIR *stream = opendir(path);
    for (struct dirent *entry; good && stream && (entry = readdir(stream));)
        good = note_file(folder, entry->d_name);
    if (stream)
        closedir(stream);
    if (folder->count > 1)
        qsort(folder->hash, folder->count, sizeof *folder->hash, compare_hashes);
    return good ? STATUS_OK : error_set(err, STATUS_SYSTEM, "out of memory");
}

static bool folder_has(const struct folder *folder, uint64_t hash)
{
    return folder->count > 0 &&
           bsearch(&hash, folder->hash, folder->count, sizeof hash, compare_hashes);
}

/* ---- what there is to do ---- */

struct todo {
    size_t *point;
    size_t count;
    size_t all;            /* points of this shard */
    size_t done, diverged; /* before */
};

static bool is_diverged(const char *folder, uint64_t number)
{
    char path[PATH], hash[SWEEP_HASH], *status = NULL;
    struct store_file *file;
    sweep_hash_text(number, hash);
    snprintf(path, sizeof path, "%s/%s.h5", folder, hash);
    if (store_open(&file, path, NULL))
        return false;
    const bool diverged = store_get_text(file, "status", &status, NULL) == STATUS_OK &&
                          strcmp(status, "diverged") == 0;
    free(status);
    store_close(file);
    return diverged;
}

static enum status find_todo(const struct options *options, const struct sweep_plan *plan,
                             const char *folder, const struct folder *there, struct todo *todo,
                             struct error *err)
{
    *todo = (struct todo){.point = malloc((plan->count + 1) * sizeof *todo->point)};
    if (!todo->point)
        return error_set(err, STATUS_SYSTEM, "out of memory");
    for (size_t i = options->shard; i < plan->count; i += options->shards) {
        todo->all++;
        if (!folder_has(there, plan->point[i].hash)) {
            todo->point[todo->count++] = i;
        } else {
            todo->done++;
            todo->diverged += is_diverged(folder, plan->point[i].hash);
        }
    }
    return STATUS_OK;
}

/* ---- words ---- */

static void print_duration(FILE *out, double seconds)
{
    if (seconds < 120)
        fprintf(out, "%.3g s", seconds);
    else if (seconds < 7200)
        fprintf(out, "%.3g min", seconds / 60);
    else
        fprintf(out, "%.4g h", seconds / 3600);
}

static void print_axes(const struct sweep_plan *plan)
{
    const struct grid *grid = &plan->grid;
    fputs("plan: ", stderr);
    for (size_t a = 0; a < grid->axes; a++) {
        fprintf(stderr, "%s%zu ", a ? " x " : "", grid->axis[a].count);
        for (size_t k = 0; k < grid->axis[a].columns; k++)
            fprintf(stderr, "%s%s", k ? "+" : "", grid->axis[a].column[k]);
    }
    fprintf(stderr, ": %zu points", plan->count);
    if (plan->count < grid->points)
        fprintf(stderr, " (%zu are equal to others)", grid->points - plan->count);
    fputc('\n', stderr);
}

static void print_plan(const struct options *options, const struct sweep_plan *plan,
                       const struct todo *todo, int workers, const struct sweep_trial *trial)
{
    const double mib = 1048576;
    print_axes(plan);
    if (options->shards > 1)
        fprintf(stderr, "shard %zu of %zu: %zu points\n", options->shard + 1, options->shards,
                todo->all);
    fprintf(stderr, "work: %zu done, %zu to do, %d worker%s of %d thread%s\n", todo->done,
            todo->count, workers, workers == 1 ? "" : "s", options->threads,
            options->threads == 1 ? "" : "s");
    if (trial->checked < trial->kinds)
        fprintf(stderr, "checked: %zu of %zu settings, for lack of time\n", trial->checked,
                trial->kinds);
    if (trial->checked > 0)
        fprintf(stderr, "memory: %.1f MiB, at most %.1f a worker, beside program and libraries\n",
                workers * (double)trial->bytes / mib, (double)trial->bytes / mib);
    if (trial->tried > 0) {
        fputs("time: about ", stderr);
        print_duration(stderr, trial->seconds * ceil((double)todo->count / workers));
        fprintf(stderr, ", from a short trial of %zu point%s\n", trial->tried,
                trial->tried == 1 ? "" : "s");
    } else if (todo->count > 0) {
        fputs("time: unknown, a point takes more than some seconds\n", stderr);
    }
}

static bool tell_numbering(void *context, size_t done, size_t all)
{
    progress_update(context, done, all, "reading the points");
    return !interrupted();
}

static void print_failures(const struct sweep_work *work)
{
    for (size_t i = 0; i < work->failures; i++) {
        const struct sweep_failure *failure = &work->failure[i];
        char described[SWEEP_TEXT], line[3 * SWEEP_TEXT];
        char *command = sweep_plan_command(work->plan, failure->point, work->results);
        sweep_plan_describe(work->plan, failure->point, described);
        snprintf(line, sizeof line, "duet: point %zu: %s: failed: %s", failure->point + 1,
                 described, failure->reason ? failure->reason : "");
        print_plain(stderr, line);
        fputs("\n    ", stderr);
        print_plain(stderr, command ? command : "");
        fputc('\n', stderr);
        free(command);
    }
}

/* ---- the sweep ---- */

static int processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

static int count_workers(const struct options *options, size_t points)
{
    const int wanted = options->workers > 0 ? options->workers : processors();
    return points < (size_t)wanted ? (points > 0 ? (int)points : 1) : wanted;
}

static enum status number_points(const struct options *options, struct sweep_plan *plan,
                                 struct error *err)
{
    if (plan->grid.points > ASK_ABOVE && !options->yes)
        return error_set(err, STATUS_INVALID,
                         "the grid has %zu points; give --yes if more than %d are meant",
                         plan->grid.points, (int)ASK_ABOVE);
    struct progress progress;
    progress_start(&progress, options->quiet);
    enum status status = sweep_plan_number(plan, tell_numbering, &progress, err);
    progress_end(&progress);
    return status;
}

static void print_end(size_t done, size_t all, size_t diverged, size_t failed)
{
    fprintf(stderr, "%s: %zu of %zu points are done", failed ? "incomplete" : "complete", done,
            all);
    if (diverged > 0)
        fprintf(stderr, ", %zu of them diverged", diverged);
    if (failed > 0)
        fprintf(stderr, "; %zu failed", failed);
    fputc('\n', stderr);
}

/* Ends the sweep: what came of it in words, and the exit code. */
static int conclude(const struct options *options, const struct sweep_work *work,
                    const struct todo *todo, enum status status, const struct error *err)
{
    const size_t done = todo->done + work->done + work->elsewhere;
    const size_t diverged = todo->diverged + work->diverged;
    print_failures(work);
    if (status == STATUS_INTERRUPTED) {
        fprintf(stderr, "duet: interrupted; %zu of %zu points are done, the same command goes on\n",
                done, todo->all);
        return error_exit_code(status);
    }
    if (status)
        return command_fail(err);
    if (!options->quiet)
        print_end(done, todo->all, diverged, work->failures);
    if (work->failures > 0)
        return error_exit_code(STATUS_FAILED);
    return diverged > 0 ? error_exit_code(STATUS_DIVERGED) : print_finish(0);
}

static int run_sweep(const struct options *options, const struct sweep_plan *plan,
                     const char *folder, struct todo *todo)
{
    struct error err = {0};
    bool resized;
    struct sweep_trial trial;
    const int workers = count_workers(options, todo->count);
    enum status status =
        sweep_try(plan, todo->point, todo->count, options->threads, !options->quiet, &trial, &err);
    if (status)
        return command_fail(&err);
    if (!options->quiet || options->dry_run) {
        print_plan(options, plan, todo, workers, &trial);
        fprintf(stderr, "folder: %s\n", folder);
    }
    if (options->dry_run)
        return print_finish(0);
    status = sweep_plan_settle(plan, folder, true, &resized, &err);
    if (status)
        return command_fail(&err);
    if (resized && !options->quiet)
        fputs("the folder's sweep had other values of the same keys; its files stay\n", stderr);
    struct sweep_work work = {.plan = plan,
                              .folder = folder,
                              .results = options->results,
                              .todo = todo->point,
                              .count = todo->count,
                              .workers = workers,
                              .threads = options->threads,
                              .limit = options->limit,
                              .quiet = options->quiet};
    status = sweep_work(&work, &err);
    const int code = conclude(options, &work, todo, status, &err);
    sweep_work_free(&work);
    return code;
}

static int prepare(const struct options *options, struct sweep_plan *plan)
{
    char folder[RUN_PATH], probe[PATH];
    struct folder there = {0};
    struct todo todo = {0};
    struct error err = {0};
    bool resized;
    int code;
    enum status status =
        sweep_plan_open(plan, options->spec, options->arguments, options->argument_count,
                        options->zips, options->zip_count, &err);
    if (!status)
        status = number_points(options, plan, &err);
    if (status)
        return command_fail(&err);
    snprintf(folder, sizeof folder, "%s/%s", options->results, plan->base.name);
    snprintf(probe, sizeof probe, "%s/sweep.yaml", folder);
    status = sweep_plan_settle(plan, folder, false, &resized, &err);
    if (!status && !options->dry_run)
        status = store_check_writable(probe, &err);
    if (!status)
        status = folder_read(&there, folder, &err);
    if (!status)
        status = find_todo(options, plan, folder, &there, &todo, &err);
    if (!status && !options->dry_run)
        sweep_clean(folder, there.left.name, there.left.count);
    code = status ? command_fail(&err) : run_sweep(options, plan, folder, &todo);
    folder_free(&there);
    free(todo.point);
    return code;
}

/* ---- the command ---- */

enum { OPTION_RESULTS = 256, OPTION_SHARD, OPTION_YES, OPTION_ZIP, OPTION_LIMIT };

static const struct argp_option argp_options[] = {
    {"jobs", 'j', "N", 0, "worker processes; default: as many as there are processors", 0},
    {"shard", OPTION_SHARD, "I/N", 0,
     "run the I-th of N parts, I from 1; all parts share the folder", 0},
    {"dry-run", 'n', NULL, 0, "check all points, print the plan, and stop", 0},
    {"zip", OPTION_ZIP, "KEY,KEY", 0, "let these swept keys go together; may be repeated", 0},
    {"limit", OPTION_LIMIT, "SECONDS", 0, "a point that takes longer has failed", 0},
    {"threads", 't', "N", 0, "threads of each worker; default: 1", 0},
    {"results", OPTION_RESULTS, "DIR", 0, "folder of all results; default: results", 0},
    {"yes", OPTION_YES, NULL, 0, "run more than 1,000,000 points", 0},
    {"quiet", 'q', NULL, 0, "no plan and no progress; failures are shown", 0},
    {0},
};

static void parse_shard(const char *text, struct options *options, struct argp_state *state)
{
    char end;
    long shard, shards;
    if (sscanf(text, "%ld/%ld%c", &shard, &shards, &end) != 2 || shard < 1 || shard > shards ||
        shards > GRID_MAX_POINTS)
        argp_error(state, "--shard is '%s'; give I/N with I from 1 to N, such as 1/4", text);
    options->shard = (size_t)shard - 1;
    options->shards = (size_t)shards;
}

static void parse_limit(const char *text, struct options *options, struct argp_state *state)
{
    char *end;
    options->limit = strtod(text, &end);
    if (*end || end == text || !(options->limit > 0) || !isfinite(options->limit))
        argp_error(state, "--limit is '%s'; give seconds above 0", text);
}

static void add_word(const char *text, const char **words, size_t *count, struct argp_state *state)
{
    if (*count == RUN_MAX_OVERRIDES)
        argp_error(state, "more than %d overrides", RUN_MAX_OVERRIDES);
    words[(*count)++] = text;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'j':
        options->workers = parse_threads("--jobs", arg, state);
        return 0;
    case 't':
        options->threads = parse_threads("--threads", arg, state);
        return 0;
    case OPTION_SHARD:
        parse_shard(arg, options, state);
        return 0;
    case OPTION_ZIP:
        add_word(arg, options->zips, &options->zip_count, state);
        return 0;
    case OPTION_LIMIT:
        parse_limit(arg, options, state);
        return 0;
    case OPTION_RESULTS:
        options->results = arg;
        return 0;
    case OPTION_YES:
        options->yes = true;
        return 0;
    case 'n':
        options->dry_run = true;
        return 0;
    case 'q':
        options->quiet = true;
        return 0;
    case ARGP_KEY_ARG:
        if (!options->spec && options->argument_count == 0 && !strchr(arg, '='))
            options->spec = arg;
        else
            add_word(arg, options->arguments, &options->argument_count, state);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "no SPEC given");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int command_sweep(int argc, char **argv)
{
    static const struct argp argp = {
        .options = argp_options,
        .parser = parse,
        .args_doc = "SPEC [KEY=V1,V2 ...]",
        .doc = "Run a grid of points, each a run of its own whose file is named by the hash of its "
               "complete spec. What is finished is never run again: the same command goes on after "
               "a stop, and several of them on one folder share the work.\v"
               "KEY=V1,V2 sweeps a key through values, KEY=a:b:step from a to b, KEY=log:a:b:n "
               "through n values of equal ratios; a comma inside brackets does not part values. "
               "KEY=VALUE sets a key for all points. The section `sweep` of SPEC says the same "
               "(see docs/sweeps.md); an argument replaces what it says of its key.\n\n"
               "A worker that crashes costs its point a second try, then the point has failed: "
               "FOLDER/HASH.failed says why. The same command tries failed points again.\n\n"
               "Exit code: 0 all points of the sweep or shard are complete; 1 points failed; 2 bad "
               "input, nothing was run; 3 none failed, but some diverged; 130 interrupted.",
    };
    struct options options = {.results = "results", .threads = 1, .shards = 1};
    struct sweep_plan plan = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    interrupt_catch();
    const int code = prepare(&options, &plan);
    sweep_plan_free(&plan);
    return code;
}
