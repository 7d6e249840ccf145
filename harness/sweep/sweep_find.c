#include "harness/sweep/sweep_find.h"

#include "core/text.h"
#include "harness/run/progress.h"
#include "harness/spec/words.h"
#include "harness/sweep/lease.h"
#include "harness/sweep/sweep_folder.h"
#include "store/output.h"
#include "store/store_each.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    NAME = 300, /* bytes of the name of a file in the folder */
    PATH = RUN_PATH + NAME + 16,
    NAMED = 20, /* files that are named one by one */
};

/* ---- files by their names ---- */

void sweep_files_free(struct sweep_files *files)
{
    free(files->own);
    names_free(&files->others);
    *files = (struct sweep_files){0};
}

enum status sweep_files_list(struct sweep_files *files, const struct sweep_plan *plan,
                             const char *folder, struct error *err)
{
    struct sweep_folder there;
    bool good = true;
    *files = (struct sweep_files){.own = calloc(plan->count + 1, sizeof *files->own)};
    enum status status = sweep_folder_read(&there, folder, err);
    for (size_t i = 0; files->own && i < plan->count && !status; i++)
        if (names_have_sorted(&there.finished, plan->point[i].hash))
            files->own[files->own_count++] = i;
    for (size_t i = 0; i < there.finished.count && good && !status; i++) {
        char name[SWEEP_HASH + 4];
        snprintf(name, sizeof name, "%s.h5", there.finished.name[i]);
        if (sweep_plan_find(plan, there.finished.name[i]) < plan->count)
            continue;
        good = names_add(&files->others, name);
        files->elsewhere++;
    }
    for (size_t i = 0; i < there.strays.count && good && !status; i++)
        good = names_add(&files->others, there.strays.name[i]);
    sweep_folder_free(&there);
    return status || (good && files->own) ? status : error_memory(err, "the files of a sweep");
}

/* ---- files that are read ---- */

/* A file that has to be moved before the work begins. */
struct misplaced {
    char old[NAME], name[NAME]; /* in the folder: at first, and now */
    char hash[SWEEP_HASH];      /* of its content */
    bool aside;                 /* it has a point's name and is not its result */
    bool usable;                /* its numbers are as they were written */
    bool diverged, moved, placed;
    char build[BUILD_TEXT];
};

struct search {
    struct sweep_work *work;
    const struct sweep_files *files;
    size_t *point; /* of each file with a point's name, [count] */
    size_t count;
    bool others; /* the other files are read, not those with a point's name */
    bool *sound; /* [plan->count]; NULL: files are only counted */
    struct misplaced *misplaced;
    size_t misplaced_count;
    size_t diverged, damaged, older;
    struct builds builds;
    struct progress progress;
};

static void name_file(void *context, size_t i, char *path, size_t size)
{
    const struct search *search = context;
    const struct sweep_work *work = search->work;
    if (search->others)
        snprintf(path, size, "%s/%s", work->folder, search->files->others.name[i]);
    else
        sweep_plan_path(work->plan, work->folder, search->point[i], ".h5", path, size);
}

static enum status read_file(void *context, size_t i, const struct store_file *file, FILE *out,
                             struct error *err)
{
    (void)context, (void)i;
    return result_note_write(file, out, err);
}

static bool is_mine(const struct search *search, size_t point)
{
    const struct sweep_options *options = search->work->options;
    return point < search->work->plan->count && point % options->shards == options->shard;
}

static bool has_diverged(const struct result_note *note)
{
    return strcmp(note->status, "diverged") == 0;
}

static bool is_finished(const struct result_note *note)
{
    return strcmp(note->status, "complete") == 0 || has_diverged(note);
}

static void accept_file(struct search *search, size_t point, bool diverged, const char *build)
{
    if (search->sound)
        search->sound[point] = true;
    search->diverged += diverged;
    builds_add(&search->builds, build);
}

static enum status add_misplaced(struct search *search, const char *name,
                                 const struct result_note *note, bool aside, struct error *err)
{
    struct misplaced *more =
        realloc(search->misplaced, (search->misplaced_count + 1) * sizeof *more);
    if (!more)
        return error_memory(err, "the files of a sweep");
    search->misplaced = more;
    struct misplaced *file = &more[search->misplaced_count++];
    *file = (struct misplaced){.aside = aside,
                               .usable = note->state != STORE_CHANGED && is_finished(note),
                               .diverged = has_diverged(note)};
    snprintf(file->old, NAME, "%s", name);
    snprintf(file->name, NAME, "%s", name);
    snprintf(file->hash, sizeof file->hash, "%s", note->hash);
    snprintf(file->build, sizeof file->build, "%s", note->build);
    return STATUS_OK;
}

static void tell_damage(struct search *search, const struct error *problem)
{
    if (++search->damaged > NAMED)
        return;
    fputs("duet: ", stderr);
    print_plain(stderr, problem->message);
    fputs("; its point is run again\n", stderr);
}

/* A file that has the name of a point. */
static enum status take_own(struct search *search, size_t point, const struct result_note *note,
                            struct error *err)
{
    const char *hash = search->work->plan->point[point].hash;
    char name[SWEEP_HASH + 4];
    snprintf(name, sizeof name, "%s.h5", hash);
    if (strcmp(note->hash, hash) != 0 || note->state == STORE_CHANGED)
        return add_misplaced(search, name, note, true, err);
    if (is_finished(note))
        accept_file(search, point, has_diverged(note), note->build);
    else
        search->work->partial[point] = sweep_mark(search->work, point, ".h5");
    return STATUS_OK;
}

/* A file of another name: it may be the result of a point that has none. */
static enum status take_other(struct search *search, size_t i, const struct result_note *note,
                              struct error *err)
{
    const size_t point = sweep_plan_find(search->work->plan, note->hash);
    search->older += note->older;
    if (!search->sound || !is_mine(search, point) || search->sound[point])
        return STATUS_OK;
    return add_misplaced(search, search->files->others.name[i], note, false, err);
}

static enum status take_file(void *context, size_t i, const char *bytes, size_t size,
                             const struct error *problem, struct error *err)
{
    struct search *search = context;
    struct result_note note;
    if (search->sound)
        progress_update(&search->progress, i + 1, search->count, "checking the files");
    if (search->sound && interrupted())
        return error_set(err, STATUS_INTERRUPTED, "interrupted; nothing was started");
    if (problem) { /* other files may be anything */
        if (!search->others && search->sound)
            tell_damage(search, problem);
        return STATUS_OK;
    }
    if (!result_note_read(bytes, size, &note))
        return error_set(err, STATUS_SYSTEM,
                         "the process that reads the files sent half a message");
    return search->others ? take_other(search, i, &note, err)
                          : take_own(search, search->point[i], &note, err);
}

static enum status read_files(struct search *search, size_t count, bool quiet, struct error *err)
{
    const struct store_each each = {count, search, name_file, read_file, take_file};
    search->count = count;
    progress_start(&search->progress, quiet);
    const enum status status = count > 0 ? store_each(&each, err) : STATUS_OK;
    progress_end(&search->progress);
    return status;
}

/* ---- files that are moved ---- */

/* Whether the file at `path` is still the result of that hash: another sweep may have moved it. */
static bool is_still(const char *path, const char *hash)
{
    struct store_file *file;
    char *found = NULL;
    if (store_open(&file, path, NULL))
        return false;
    const bool same =
        store_get_text(file, "spec_hash", &found, NULL) == STATUS_OK && strcmp(found, hash) == 0;
    free(found);
    store_close(file);
    return same;
}

/* Move a file to the first free of NAME.aside, NAME.aside.2, ...; its new name replaces the old.
 * The lease keeps other sweeps from storing the point meanwhile. */
static bool put_aside(const struct search *search, const struct lessee *lessee,
                      struct misplaced *file)
{
    char from[PATH], to[PATH + 16], point[SWEEP_HASH];
    struct lease_sight sight = {0};
    struct error unwanted;
    bool taken = false, moved = false;
    snprintf(point, sizeof point, "%.*s", SWEEP_HASH - 1, file->name);
    snprintf(from, sizeof from, "%s/%s", search->work->folder, file->name);
    lease_look(lessee, point, &sight);
    if (lease_take(lessee, point, &taken, &unwanted) || !taken)
        return false;
    moved = is_still(from, file->hash) && output_keep(from, "aside", to, sizeof to);
    lease_release(lessee, point);
    if (moved)
        snprintf(file->name, NAME, "%s", strrchr(to, '/') + 1);
    return moved;
}

/* Give the file the name of its point, if that is free; a file of the user's keeps its own, too.
 * `act` false: only tell whether this could be. */
static bool put_in_place(const struct search *search, const struct misplaced *file, bool act)
{
    char from[PATH], to[PATH];
    const size_t point = sweep_plan_find(search->work->plan, file->hash);
    if (!file->usable || point == search->work->plan->count || (act && file->aside && !file->moved))
        return false;
    snprintf(from, sizeof from, "%s/%s", search->work->folder, file->name);
    sweep_plan_path(search->work->plan, search->work->folder, point, ".h5", to, sizeof to);
    if (!act)
        return access(to, F_OK) != 0;
    return file->aside ? output_move(from, to) : link(from, to) == 0;
}

/* Whether the point that a file is named after is to be run. */
static bool lacks_result(const struct search *search, const char *name)
{
    char hash[SWEEP_HASH];
    snprintf(hash, sizeof hash, "%.*s", SWEEP_HASH - 1, name);
    const size_t point = sweep_plan_find(search->work->plan, hash);
    return point < search->work->plan->count && !search->sound[point];
}

static void tell_misplaced(const struct search *search, const struct misplaced *file, bool act)
{
    char line[2 * PATH];
    const bool changed = strncmp(file->old, file->hash, SWEEP_HASH - 1) == 0;
    snprintf(line, sizeof line, "duet: %s/%s: ", search->work->folder, file->old);
    if (changed)
        append_text(line, sizeof line, "%s", store_state_words[STORE_CHANGED]);
    else
        append_text(line, sizeof line, "is the result of %s", file->hash);
    if (file->aside && !changed)
        append_text(line, sizeof line, ", not of the point that it is named after");
    if (file->aside && lacks_result(search, file->old))
        append_text(line, sizeof line, "; its point is run again");
    if (file->placed)
        append_text(line, sizeof line, "; it %s %s.h5", act ? "is now" : "would become",
                    file->hash);
    else if (file->moved)
        append_text(line, sizeof line, "; it is kept as %s", file->name);
    print_plain(stderr, line);
    fputc('\n', stderr);
}

/* First all that are in the way, then each to its place: two may have changed names. */
static void move_files(struct search *search)
{
    struct lessee lessee;
    const bool act = !search->work->options->dry_run && !search->work->options->job;
    lessee_open(&lessee, search->work->folder);
    for (size_t i = 0; i < search->misplaced_count && act; i++) {
        struct misplaced *file = &search->misplaced[i];
        file->moved = file->aside && put_aside(search, &lessee, file);
    }
    for (size_t i = 0; i < search->misplaced_count; i++) {
        struct misplaced *file = &search->misplaced[i];
        const size_t point = sweep_plan_find(search->work->plan, file->hash);
        file->placed = put_in_place(search, file, act);
        if (file->placed && is_mine(search, point))
            accept_file(search, point, file->diverged, file->build);
    }
    for (size_t i = 0; i < search->misplaced_count && i < NAMED; i++)
        tell_misplaced(search, &search->misplaced[i], act);
    if (search->misplaced_count > NAMED)
        fprintf(stderr, "duet: and %zu more files that are not what their names say\n",
                search->misplaced_count - NAMED);
}

/* ---- the work ---- */

/* Say what the files are beside sound results of points. */
static void tell_findings(const struct search *search)
{
    enum { WORDS = 1024 };
    char words[WORDS], here[BUILD_TEXT];
    const struct sweep_work *work = search->work;
    const size_t others = search->files->elsewhere;
    if (search->damaged > NAMED)
        fprintf(stderr, "duet: and %zu more damaged files\n", search->damaged - NAMED);
    if (others > 0 && !work->options->quiet)
        fprintf(stderr, "%zu other result%s in the folder, of another grid\n", others,
                others == 1 ? "" : "s");
    if (search->older > 0)
        fprintf(stderr,
                "duet: %zu of them are named by the rule of an older duet, by which `name` was a "
                "part of what names a result; they stay, and are not found\n",
                search->older);
    const bool compare = work->count > 0 && search->builds.count > 0 && build_text_apart(here);
    if (builds_are_mixed(&search->builds, compare ? here : NULL, words, sizeof words))
        fprintf(stderr, "duet: %s; last digits may differ\n", words);
}

static enum status read_all(struct search *search, struct error *err)
{
    const struct sweep_work *work = search->work;
    const struct sweep_files *files = search->files;
    size_t own = 0, mine = 0;
    for (size_t i = 0; i < files->own_count; i++)
        if (is_mine(search, files->own[i]))
            search->point[own++] = files->own[i];
    enum status status = read_files(search, own, work->options->quiet, err);
    for (size_t i = 0; i < work->plan->count; i++)
        mine += is_mine(search, i) && search->sound[i];
    search->others = true; /* where points lack a result */
    if (!status && mine < work->all)
        status = read_files(search, files->others.count, work->options->quiet, err);
    return status;
}

enum status sweep_work_find(struct sweep_work *work, struct error *err)
{
    const struct sweep_options *options = work->options;
    const size_t points = work->plan->count;
    struct sweep_files files;
    struct search search = {.work = work,
                            .files = &files,
                            .point = calloc(points + 1, sizeof *search.point),
                            .sound = calloc(points + 1, sizeof *search.sound)};
    work->todo = malloc((points + 1) * sizeof *work->todo);
    work->partial = calloc(points + 1, sizeof *work->partial);
    enum status status = sweep_files_list(&files, work->plan, work->folder, err);
    for (size_t i = options->shard; i < points; i += options->shards)
        work->all++;
    const bool room = work->todo && work->partial && search.point && search.sound;
    if (!status)
        status = room ? read_all(&search, err) : error_memory(err, "points");
    if (!status)
        move_files(&search);
    work->diverged_before = search.diverged;
    for (size_t i = options->shard; i < points && !status; i += options->shards) {
        work->before += search.sound[i];
        if (!search.sound[i])
            work->todo[work->count++] = i;
    }
    if (!status)
        tell_findings(&search);
    sweep_files_free(&files);
    free(search.misplaced);
    free(search.point);
    free(search.sound);
    return status;
}

enum status sweep_work_count_diverged(struct sweep_work *work, struct error *err)
{
    struct search search = {.work = work, .point = work->todo};
    const enum status status = read_files(&search, work->count, true, err);
    work->diverged += search.diverged;
    free(search.misplaced);
    return status;
}
