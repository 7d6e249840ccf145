#include "harness/run/checkpoint.h"

#include "harness/run/progress.h"
#include "harness/run/result.h"
#include "store/checksum.h"
#include "store/output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char group[] = "/state/";

void checkpoint_path(const char *result, char path[CHECKPOINT_PATH])
{
    const size_t length = strlen(result), end = strlen(".h5");
    const bool named = length > end && strcmp(result + length - end, ".h5") == 0;
    snprintf(path, CHECKPOINT_PATH, "%.*s.checkpoint", (int)(named ? length - end : length),
             result);
}

void checkpoint_remove(const char *result)
{
    char path[CHECKPOINT_PATH];
    checkpoint_path(result, path);
    unlink(path);
    store_clean(path);
}

/* The state of the experiment as it is; the caller frees list->entry, also after an error. */
static enum status list_state(const struct experiment *e, struct state_list *list,
                              struct error *err)
{
    struct state_list counted = {0};
    free(list->entry);
    experiment_state(e, &counted);
    *list = (struct state_list){.entry = calloc(counted.count + 1, sizeof *list->entry)};
    if (!list->entry)
        return error_memory(err, "the state of the run");
    experiment_state(e, list);
    return STATUS_OK;
}

static void path_of(const struct state_block *block, char path[STATE_NAME + sizeof group])
{
    snprintf(path, STATE_NAME + sizeof group, "%s%s", group, block->name);
}

/* ---- saving ---- */

static enum status put_block(struct store *store, const struct state_block *block,
                             struct error *err)
{
    char path[STATE_NAME + sizeof group];
    if (block->natural)
        return store_put_integer(store, block->name, *block->natural, err);
    path_of(block, path);
    return store_put(store, path, 1, &block->count, NULL, block->real, "", "1", err);
}

/* "step 300 of 1000"; returns the step. */
static uint64_t describe(const struct experiment *e, char text[TRAINER_DETAIL])
{
    uint64_t steps;
    const uint64_t step = e->kind->steps_done(e->training, &steps);
    snprintf(text, TRAINER_DETAIL, "step %" PRIu64 " of %" PRIu64, step, steps);
    return step;
}

enum status checkpoint_save(const struct experiment *e, const char *path, struct error *err)
{
    char detail[TRAINER_DETAIL];
    struct state_list list = {0};
    struct store *store = NULL;
    describe(e, detail);
    enum status status = list_state(e, &list, err);
    if (!status)
        status = store_create(&store, err);
    if (!status)
        status = experiment_put(e, "checkpoint", detail, store, err);
    for (size_t i = 0; i < list.count && !status; i++)
        status = put_block(store, &list.entry[i], err);
    if (!status)
        status = store_commit(store, path, err);
    store_free(store);
    free(list.entry);
    return status;
}

/* ---- loading ---- */

static enum status refuse(const char *path, const char *of, const char *difference,
                          struct error *err)
{
    return error_set(err, STATUS_INVALID,
                     "%s: is the checkpoint of a run of %s: %s; `--again` starts anew without it, "
                     "-o FILE writes elsewhere",
                     path, of, difference);
}

static enum status check_identity(const struct experiment *e, const struct store_file *file,
                                  const char *path, struct error *err)
{
    char difference[512];
    if (!spec_is_of_file(file, e->spec, difference, sizeof difference))
        return refuse(path, "another spec", difference, err);
    if (!build_is_of_file(file, difference, sizeof difference))
        return refuse(path, "another build", difference, err);
    return STATUS_OK;
}

static enum status lacks(const struct state_block *block, struct error *err)
{
    return error_set(err, STATUS_INVALID, "it has no sound %s", block->name);
}

static enum status get_real(const struct store_file *file, const struct state_block *block,
                            struct error *err)
{
    char path[STATE_NAME + sizeof group];
    struct store_array array;
    path_of(block, path);
    if (store_get(file, path, &array, err))
        return lacks(block, err);
    enum status status = STATUS_OK;
    if (array.rank == 1 && array.count == block->count)
        memcpy(block->real, array.values, array.count * sizeof *array.values);
    else
        status = lacks(block, err);
    store_array_free(&array);
    return status;
}

static enum status get_natural(const struct store_file *file, const struct state_block *block,
                               struct error *err)
{
    uint64_t value;
    if (store_get_integer(file, block->name, &value, err) || value > block->most)
        return lacks(block, err);
    *block->natural = value;
    return STATUS_OK;
}

static enum status count_dataset(const char *path, void *context, struct error *err)
{
    (void)path, (void)err;
    ++*(size_t *)context;
    return STATUS_OK;
}

/* The naturals come first: the other blocks depend on them. */
static enum status fill(struct experiment *e, const struct store_file *file, struct error *err)
{
    struct state_list list = {0};
    size_t reals = 0, there = 0;
    enum status status = list_state(e, &list, err);
    for (size_t i = 0; i < list.count && !status; i++)
        if (list.entry[i].natural)
            status = get_natural(file, &list.entry[i], err);
    if (!status)
        status = list_state(e, &list, err);
    for (size_t i = 0; i < list.count && !status; i++) {
        const bool natural = list.entry[i].natural;
        status =
            natural ? get_natural(file, &list.entry[i], err) : get_real(file, &list.entry[i], err);
        reals += !natural;
    }
    if (!status)
        status = store_visit(file, "/state", count_dataset, &there, err);
    if (!status && (there != reals || !experiment_is_sound(e)))
        status = error_set(err, STATUS_INVALID, "its parts do not fit together");
    free(list.entry);
    return status;
}

/* An experiment of which some blocks were filled becomes as new. */
static enum status open_anew(struct experiment *e, struct error *err)
{
    const struct spec *spec = e->spec;
    const int threads = e->threads;
    experiment_free(e);
    return experiment_open(e, spec, threads, err);
}

static enum status set_aside(const char *path, struct error *err)
{
    char name[CHECKPOINT_PATH + 16], why[sizeof err->message];
    snprintf(why, sizeof why, "%s", err->message);
    const char *about = strncmp(why, path, strlen(path)) == 0 ? why + strlen(path) : why;
    if (!output_keep(path, "damaged", name, sizeof name))
        return error_set(err, STATUS_SYSTEM,
                         "%s: is damaged, and cannot be renamed; remove it to start anew", path);
    error_set(err, STATUS_INVALID,
              "%s: cannot be gone on from%s%.700s; it is kept as %s, and the run starts anew", path,
              *about == ':' ? "" : ": ", about, name);
    return STATUS_OK;
}

enum status checkpoint_load(struct experiment *e, const char *path, enum checkpoint_found *found,
                            struct error *err)
{
    struct store_file *file = NULL;
    *found = CHECKPOINT_NONE;
    if (access(path, F_OK) != 0)
        return STATUS_OK;
    enum status status = store_open(&file, path, err);
    if (!status && checksum_of_file(path) != CHECKSUM_RIGHT)
        status = error_set(err, STATUS_INVALID, "%s: its bytes do not have their checksum", path);
    if (status == STATUS_SYSTEM)
        return status;
    if (!status && store_has_attribute(file, "spec_hash")) {
        status = check_identity(e, file, path, err);
        if (status) {
            store_close(file);
            return status;
        }
        status = fill(e, file, err);
    } else if (!status)
        status = error_set(err, STATUS_INVALID, "it is no checkpoint");
    store_close(file);
    *found = status ? CHECKPOINT_DAMAGED : CHECKPOINT_LOADED;
    if (!status)
        return STATUS_OK;
    struct error why = *err;
    status = open_anew(e, err);
    if (status)
        return status;
    status = set_aside(path, &why);
    *err = why;
    return status;
}

/* ---- a run with checkpoints ---- */

struct keeper {
    struct checkpointed *run;
    char path[CHECKPOINT_PATH];
    double seconds, next; /* between checkpoints; the time of the next */
    bool stops;
};

static void tell(const struct keeper *k, const char *what)
{
    if (k->run->tell)
        k->run->tell(k->run->observer ? k->run->observer->context : NULL, what);
}

static void measured(void *context, const struct experiment *e, uint64_t step, uint64_t steps)
{
    const struct keeper *k = context;
    const struct observer *o = k->run->observer;
    if (o && o->measured)
        o->measured(o->context, e, step, steps);
}

static bool training(void *context, const struct experiment *e, uint64_t step, uint64_t steps)
{
    struct keeper *k = context;
    const struct observer *o = k->run->observer;
    k->stops = o && o->training && !o->training(o->context, e, step, steps);
    return !k->stops;
}

static bool due(void *context)
{
    const struct keeper *k = context;
    return seconds_now() >= k->next;
}

/* That it cannot be written is no reason to end the run. */
static enum status save(void *context, const struct experiment *e, struct error *err)
{
    enum { SHARE = 9 }; /* the time for checkpoints is at most 1 / (1 + SHARE) of all */
    struct keeper *k = context;
    struct error problem;
    (void)err;
    const double start = seconds_now();
    const bool failed = checkpoint_save(e, k->path, &problem);
    const double now = seconds_now(), rest = SHARE * (now - start);
    k->next = now + (rest > k->seconds ? rest : k->seconds);
    k->run->kept |= !failed;
    if (failed)
        tell(k, problem.message);
    return STATUS_OK;
}

static void tell_place(const struct keeper *k, const struct experiment *e)
{
    char place[TRAINER_DETAIL], what[TRAINER_DETAIL + 32];
    k->run->from = describe(e, place);
    snprintf(what, sizeof what, "goes on from %s", place);
    tell(k, what);
}

enum status checkpoint_run(struct experiment *e, struct checkpointed *run, struct error *err)
{
    const struct trainer_settings *settings = e->spec->settings[SECTION_TRAIN];
    struct keeper k = {.run = run, .seconds = settings->checkpoint};
    const bool saves = k.seconds > 0;
    const struct observer observer = {.measured = measured,
                                      .training = training,
                                      .context = &k,
                                      .due = saves ? due : NULL,
                                      .save = saves ? save : NULL};
    enum checkpoint_found found;
    checkpoint_path(run->result, k.path);
    store_clean(k.path);
    enum status status = checkpoint_load(e, k.path, &found, err);
    run->refused = status == STATUS_INVALID;
    if (status)
        return status;
    if (found == CHECKPOINT_DAMAGED)
        tell(&k, err->message);
    if (found == CHECKPOINT_LOADED)
        tell_place(&k, e);
    run->kept = found == CHECKPOINT_LOADED;
    k.next = seconds_now() + k.seconds;
    return experiment_run(e, &observer, err);
}
