#include "harness/sweep/sweep_todo.h"

#include "core/text.h"
#include "harness/run/progress.h"
#include "harness/run/run.h"
#include "store/store_each.h"

#include <stdlib.h>
#include <string.h>

enum { NAMED = 20 }; /* damaged files */

/* Files of points on their way through store_each. */
struct finished {
    const struct sweep_plan *plan;
    const char *folder;
    size_t *point; /* of each file */
    size_t count;
    bool *sound; /* [plan->count] */
    struct sweep_todo *todo;
    struct progress progress;
};

static void name_finished(void *context, size_t i, char *path, size_t size)
{
    const struct finished *finished = context;
    sweep_plan_path(finished->plan, finished->folder, finished->point[i], ".h5", path, size);
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
    struct sweep_todo *todo = finished->todo;
    (void)size;
    progress_update(&finished->progress, i + 1, finished->count, "checking the files");
    if (interrupted())
        return error_set(err, STATUS_INTERRUPTED, "interrupted; nothing was started");
    if (!problem) {
        finished->sound[finished->point[i]] = true;
        todo->diverged += strcmp(bytes, "diverged") == 0;
    } else if (++todo->damaged <= NAMED) {
        fputs("duet: ", stderr);
        print_plain(stderr, problem->message);
        fputs("; its point is run again\n", stderr);
    }
    return STATUS_OK;
}

static enum status check_files(const struct sweep_options *options, struct finished *finished,
                               struct error *err)
{
    const struct store_each each = {finished->count, finished, name_finished, read_finished,
                                    take_finished};
    progress_start(&finished->progress, options->quiet);
    const enum status status = finished->count > 0 ? store_each(&each, err) : STATUS_OK;
    progress_end(&finished->progress);
    if (!status && finished->todo->damaged > NAMED)
        fprintf(stderr, "duet: and %zu more damaged files\n", finished->todo->damaged - NAMED);
    return status;
}

enum status sweep_todo_find(const struct sweep_options *options, const struct sweep_plan *plan,
                            const char *folder, const struct sweep_folder *there,
                            struct sweep_todo *todo, struct error *err)
{
    struct finished finished = {.plan = plan,
                                .folder = folder,
                                .point = calloc(plan->count + 1, sizeof *finished.point),
                                .sound = calloc(plan->count + 1, sizeof *finished.sound),
                                .todo = todo};
    *todo = (struct sweep_todo){.point = malloc((plan->count + 1) * sizeof *todo->point)};
    enum status status = STATUS_OK;
    if (!todo->point || !finished.point || !finished.sound)
        status = error_memory(err, "points");
    for (size_t i = options->shard; i < plan->count && !status; i += options->shards)
        if (sweep_hashes_have(&there->finished, plan->point[i].hash))
            finished.point[finished.count++] = i;
    if (!status)
        status = check_files(options, &finished, err);
    for (size_t i = options->shard; i < plan->count && !status; i += options->shards) {
        todo->all++;
        todo->done += finished.sound[i];
        if (!finished.sound[i])
            todo->point[todo->count++] = i;
    }
    free(finished.point);
    free(finished.sound);
    return status;
}

static enum status take_diverged(void *context, size_t i, const char *bytes, size_t size,
                                 const struct error *problem, struct error *err)
{
    struct finished *finished = context;
    (void)i, (void)size, (void)err;
    finished->todo->diverged += !problem && strcmp(bytes, "diverged") == 0;
    return STATUS_OK;
}

enum status sweep_todo_count_diverged(struct sweep_work *work, const struct sweep_todo *todo,
                                      struct error *err)
{
    struct sweep_todo seen = {0};
    struct finished finished = {.plan = work->plan,
                                .folder = work->folder,
                                .point = todo->point,
                                .count = todo->count,
                                .todo = &seen};
    const struct store_each each = {finished.count, &finished, name_finished, read_finished,
                                    take_diverged};
    const enum status status = finished.count > 0 ? store_each(&each, err) : STATUS_OK;
    work->diverged += seen.diverged;
    return status;
}
