#include "harness/sweep/sweep_folder.h"

#include "core/text.h"
#include "harness/run/progress.h"
#include "harness/run/run.h"
#include "harness/sweep/lease.h"
#include "store/store_each.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH = RUN_PATH + 64, NAMED = 20 /* damaged files */ };

void sweep_folder_free(struct sweep_folder *folder)
{
    names_free(&folder->left);
    names_free(&folder->finished);
    names_free(&folder->failed);
    *folder = (struct sweep_folder){0};
}

static bool ends_with(const char *name, const char *end)
{
    const size_t length = strlen(name), of_end = strlen(end);
    return length >= of_end && strcmp(name + length - of_end, end) == 0;
}

/* Whether it begins with a hash. */
static bool has_hash(const char *name)
{
    return strspn(name, "0123456789abcdef") >= SWEEP_HASH - 1;
}

/* See store_commit, harness/sweep/sweep_plan.h. */
static bool is_left(const char *name)
{
    const char *start = name + strspn(name, ".");
    const char *end = start + SWEEP_HASH - 1;
    if (start > name && ends_with(name, ".tmp"))
        return true;
    if (start == name || !has_hash(start))
        return false;
    return strncmp(end, ".part", 5) == 0 || strncmp(end, ".lease", 6) == 0;
}

static bool note_file(struct sweep_folder *folder, const char *name)
{
    char hash[SWEEP_HASH];
    if (!has_hash(name))
        return !is_left(name) || names_add(&folder->left, name);
    const char *end = name + SWEEP_HASH - 1;
    snprintf(hash, sizeof hash, "%.*s", SWEEP_HASH - 1, name);
    if (strcmp(end, ".h5") == 0)
        return names_add(&folder->finished, hash);
    if (strcmp(end, ".failed") == 0)
        return names_add(&folder->failed, hash) && names_add(&folder->left, name);
    return true;
}

enum status sweep_folder_read(struct sweep_folder *folder, const char *path, struct error *err)
{
    bool good = true;
    *folder = (struct sweep_folder){0};
    DIR *stream = opendir(path);
    for (struct dirent *entry; good && stream && (entry = readdir(stream));)
        good = note_file(folder, entry->d_name);
    if (stream)
        closedir(stream);
    names_sort(&folder->finished);
    names_sort(&folder->failed);
    return good ? STATUS_OK : error_memory(err, "the files of a sweep");
}

/* ---- leftovers ---- */

/* Whether nobody works on the point of a leftover.  Then this process holds its lease until it is
 * released. */
static bool take_leftover(const struct lessee *lessee, const char *hash)
{
    struct lease_sight sight = {0};
    struct error unwanted;
    bool taken;
    lease_look(lessee, hash, &sight);
    return lease_take(lessee, hash, &taken, &unwanted) == STATUS_OK && taken;
}

/* ".HASH.part", "..HASH.part.PID.tmp", ".HASH.lease", "HASH.failed" and so on. */
static void clean_point(const struct lessee *lessee, const char *name)
{
    char path[PATH], finished[PATH], hash[SWEEP_HASH];
    snprintf(hash, sizeof hash, "%.*s", SWEEP_HASH - 1, name + strspn(name, "."));
    snprintf(path, sizeof path, "%s/%s", lessee->folder, name);
    snprintf(finished, sizeof finished, "%s/%s.h5", lessee->folder, hash);
    if (store_verify(finished, NULL) == STATUS_OK) {
        unlink(path); /* nobody needs it any more */
    } else if (name[0] == '.' && take_leftover(lessee, hash)) {
        unlink(path);
        lease_release(lessee, hash);
    }
}

/* ".sweep.yaml.PID.tmp" and so on, see store_commit.  If the process runs on another machine, it
 * writes the file again. */
static void clean_temporary(const char *folder, const char *name)
{
    char path[PATH];
    const size_t length = strlen(name) - strlen(".tmp");
    size_t digits = 0;
    while (digits < length && strchr("0123456789", name[length - digits - 1]))
        digits++;
    if (digits == 0 || lease_process_runs(atol(name + length - digits)))
        return;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
}

void sweep_clean(const char *path)
{
    struct lessee lessee;
    struct sweep_folder folder;
    lessee_open(&lessee, path);
    const bool read = sweep_folder_read(&folder, path, NULL) == STATUS_OK;
    for (size_t i = 0; read && i < folder.left.count; i++) {
        const char *name = folder.left.name[i];
        if (has_hash(name + strspn(name, ".")))
            clean_point(&lessee, name);
        else
            clean_temporary(path, name);
    }
    sweep_folder_free(&folder);
}

/* ---- the work ---- */

/* Files of points on their way through store_each. */
struct finished {
    const struct sweep_work *work;
    size_t *point; /* of each file */
    size_t count;
    bool *sound; /* [plan->count]; NULL: they are counted only */
    size_t diverged, damaged;
    struct progress progress;
};

static void name_finished(void *context, size_t i, char *path, size_t size)
{
    const struct finished *finished = context;
    sweep_plan_path(finished->work->plan, finished->work->folder, finished->point[i], ".h5", path,
                    size);
}

static enum status read_finished(void *context, size_t i, const struct store_file *file, FILE *out,
                                 struct error *err)
{
    char *word;
    (void)context, (void)i;
    enum status status = store_get_text(file, "status", &word, err);
    if (status)
        return status;
    fputs(word, out);
    free(word);
    return STATUS_OK;
}

/* Note whether the file of the point is undamaged; name it if not. */
static enum status take_finished(void *context, size_t i, const char *bytes, size_t size,
                                 const struct error *problem, struct error *err)
{
    struct finished *finished = context;
    (void)size;
    finished->diverged += !problem && strcmp(bytes, "diverged") == 0;
    if (!finished->sound)
        return STATUS_OK;
    progress_update(&finished->progress, i + 1, finished->count, "checking the files");
    if (interrupted())
        return error_set(err, STATUS_INTERRUPTED, "interrupted; nothing was started");
    finished->sound[finished->point[i]] = !problem;
    if (problem && ++finished->damaged <= NAMED) {
        fputs("duet: ", stderr);
        print_plain(stderr, problem->message);
        fputs("; its point is run again\n", stderr);
    }
    return STATUS_OK;
}

static enum status read_files(struct finished *finished, bool quiet, struct error *err)
{
    const struct store_each each = {finished->count, finished, name_finished, read_finished,
                                    take_finished};
    progress_start(&finished->progress, quiet);
    const enum status status = finished->count > 0 ? store_each(&each, err) : STATUS_OK;
    progress_end(&finished->progress);
    if (!status && finished->damaged > NAMED)
        fprintf(stderr, "duet: and %zu more damaged files\n", finished->damaged - NAMED);
    return status;
}

enum status sweep_work_find(struct sweep_work *work, struct error *err)
{
    const struct sweep_options *options = work->options;
    const size_t points = work->plan->count;
    struct sweep_folder there;
    struct finished finished = {.work = work,
                                .point = calloc(points + 1, sizeof *finished.point),
                                .sound = calloc(points + 1, sizeof *finished.sound)};
    work->todo = malloc((points + 1) * sizeof *work->todo);
    enum status status = sweep_folder_read(&there, work->folder, err);
    if (!status && (!work->todo || !finished.point || !finished.sound))
        status = error_memory(err, "points");
    for (size_t i = options->shard; i < points && !status; i += options->shards)
        if (names_have_sorted(&there.finished, work->plan->point[i].hash))
            finished.point[finished.count++] = i;
    if (!status)
        status = read_files(&finished, options->quiet, err);
    work->diverged_before = finished.diverged;
    for (size_t i = options->shard; i < points && !status; i += options->shards) {
        work->all++;
        work->before += finished.sound[i];
        if (!finished.sound[i])
            work->todo[work->count++] = i;
    }
    sweep_folder_free(&there);
    free(finished.point);
    free(finished.sound);
    return status;
}

enum status sweep_work_count_diverged(struct sweep_work *work, struct error *err)
{
    struct finished finished = {.work = work, .point = work->todo, .count = work->count};
    const enum status status = read_files(&finished, true, err);
    work->diverged += finished.diverged;
    return status;
}
