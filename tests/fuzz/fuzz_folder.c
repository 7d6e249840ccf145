/* Fuzzes the folder of a sweep: `duet collect`, the data of `duet plot`, and a sweep that goes on.
 *
 * The sweep has two points.  One has its sound result; an input's first byte says what the rest is:
 * the file of the other point, a file of another name, its HASH.failed, lease or checkpoint, or
 * sweep.yaml.  Nothing that is in the folder may be lost, and a point counts as finished only with
 * a sound result. */
#include "harness/command.h"
#include "harness/report/plot_data.h"
#include "harness/run/checkpoint.h"
#include "harness/sweep/lease.h"
#include "harness/sweep/sweep_folder.h"
#include "tests/fuzz/kit/each_twice.h"
#include "tests/fuzz/kit/fuzz.h"
#include "tests/fuzz/kit/hdf5.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

/* ---- the sweep ---- */

/* Of the file that the input is. */
enum role { RESULT, OTHER, FAILED, LEASE, CHECKPOINT, MANIFEST, ROLES };

enum { FILE_PATH = FUZZ_PATH + 64, MOST_POINTS = 64 };

static const char *const keys[] = {
    "data.depth=1",          "network.width=1", "network.normalize=false",
    "train.epochs=2",        "train.batch=4",   "train.samples=8",
    "train.checkpoint=3600", "measure.every=2", "seed=1,2",
    "measure.samples=16",    "name=fuzzed"};

struct bytes {
    uint8_t *data;
    size_t size;
};

static char folder[FUZZ_PATH];
static struct sweep_plan plan;
static struct bytes sound, manifest; /* the result of point 1, and sweep.yaml */

/* The file of a role, of point 0. */
static const char *path_of(enum role role, char path[FILE_PATH])
{
    static const char *const start[ROLES] = {"", "copy_of_", "", ".", "", "sweep"};
    static const char *const end[ROLES] = {".h5",    ".h5",         ".failed",
                                           ".lease", ".checkpoint", ".yaml"};
    snprintf(path, FILE_PATH, "%s/%s%s%s", folder, start[role],
             role == MANIFEST ? "" : plan.point[0].hash, end[role]);
    return path;
}

static struct bytes read_bytes(const char *path)
{
    struct bytes bytes;
    bytes.data = fuzz_read(path, &bytes.size);
    return bytes;
}

static bool is_same(struct bytes a, const void *data, size_t size)
{
    return a.size == size && memcmp(a.data, data, size) == 0;
}

/* Call for every file in the folder; returns whether one call did. */
static bool any_file(bool (*call)(const char *path, const struct bytes *context),
                     const struct bytes *context)
{
    bool found = false;
    DIR *stream = opendir(folder);
    demand(stream != NULL, "the folder is lost");
    for (struct dirent *entry; !found && (entry = readdir(stream));) {
        char path[FUZZ_PATH + 300];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        found = entry->d_type == DT_REG && call(path, context);
    }
    closedir(stream);
    return found;
}

static bool remove_file(const char *path, const struct bytes *context)
{
    (void)context;
    unlink(path);
    return false;
}

static bool has_bytes(const char *path, const struct bytes *wanted)
{
    struct bytes there = read_bytes(path);
    const bool same = is_same(there, wanted->data, wanted->size);
    free(there.data);
    return same;
}

/* ---- what inputs start from ---- */

static bool stop(void *context, const struct experiment *e, uint64_t step, uint64_t steps)
{
    (void)context, (void)e, (void)steps;
    return step == 0;
}

/* Run the point, and keep its result or, where it is stopped, its checkpoint at `path`. */
static struct bytes run_point(size_t point, bool stopped, const char *path)
{
    struct spec spec;
    struct experiment e;
    struct error err = {0};
    const struct observer observer = {.training = stop};
    demand(sweep_plan_spec(&plan, point, &spec, &err) == STATUS_OK, err.message);
    demand(experiment_open(&e, &spec, 1, &err) == STATUS_OK, err.message);
    const enum status status = experiment_run(&e, stopped ? &observer : NULL, &err);
    demand(status == (stopped ? STATUS_INTERRUPTED : STATUS_OK), err.message);
    demand((stopped ? checkpoint_save : experiment_store)(&e, path, &err) == STATUS_OK,
           err.message);
    experiment_free(&e);
    spec_free(&spec);
    return read_bytes(path);
}

static void seed(const char *name, enum role role, struct bytes bytes)
{
    fuzz_seed(name, (int)role, bytes.data, bytes.size);
}

static void make_seeds(void)
{
    char path[FILE_PATH];
    struct lessee lessee;
    struct bytes whole = run_point(0, false, path_of(RESULT, path));
    struct bytes state = run_point(0, true, path_of(CHECKPOINT, path));
    lessee_open(&lessee, folder);
    seed("result", RESULT, whole);
    seed("without_checksum", RESULT, (struct bytes){whole.data, whole.size - CHECKSUM_BYTES});
    seed("other_point", RESULT, sound);
    seed("other_name", OTHER, whole);
    seed("failed", FAILED, manifest);
    seed("lease", LEASE, (struct bytes){(uint8_t *)lessee.text, strlen(lessee.text)});
    seed("checkpoint", CHECKPOINT, state);
    seed("sweep", MANIFEST, manifest);
    free(whole.data);
    free(state.data);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    char path[FILE_PATH], change[SWEEP_CHANGE];
    struct error err = {0};
    (void)argc, (void)argv;
    fuzz_begin("folder", folder);
    demand(!sweep_plan_open(&plan, NULL, keys, sizeof keys / sizeof *keys, NULL, 0, &err) &&
               !sweep_plan_number(&plan, NULL, &err) &&
               !sweep_plan_settle(&plan, folder, true, change, &err),
           err.message);
    manifest = read_bytes(path_of(MANIFEST, path));
    sweep_plan_path(&plan, folder, 1, ".h5", path, sizeof path);
    sound = run_point(1, false, path);
    make_seeds();
    return 0;
}

/* ---- the commands ---- */

/* Other grids may be large, and are as slow as they are large. */
static bool is_small(void)
{
    char path[FILE_PATH];
    struct sweep_plan there;
    struct error err = {0};
    const bool small =
        sweep_plan_open(&there, path_of(MANIFEST, path), NULL, 0, NULL, 0, &err) != STATUS_OK ||
        there.grid.points <= MOST_POINTS;
    sweep_plan_free(&there);
    return small;
}

static void collect(void)
{
    char *argv[] = {"duet collect", "--over", "seed", folder, NULL};
    const int code = command_collect(4, argv);
    demand(code >= 0 && code <= 2, "collect ends with an unknown code");
}

static void plot(void)
{
    const struct plot_choice choice = {.x = "seed", .y = "loss"};
    const struct collect_options options = {.folder = folder, .also = "loss", .quiet = true};
    struct collect_table table = {0};
    struct plot_data data = {0};
    struct error err = {0};
    enum status status = collect_table_read(&table, &options, &err);
    if (!status)
        status = plot_data_make(&data, &table, &choice, &err);
    if (!status)
        plot_data_print(stdout, &data);
    demand(!status || err.message[0] != '\0', "no plot and no word");
    plot_data_free(&data);
    collect_table_free(&table);
}

/* What the sweep has to do; a point that it has not must be finished. */
static void go_on(void)
{
    static struct sweep_options options = {.results = "", .shards = 1, .quiet = true};
    struct sweep_work work = {.options = &options, .plan = &plan};
    struct error err = {0};
    char change[SWEEP_CHANGE], path[FILE_PATH];
    snprintf(work.folder, sizeof work.folder, "%s", folder);
    enum status status = sweep_plan_settle(&plan, folder, false, change, &err);
    if (!status)
        status = sweep_work_find(&work, &err);
    demand(!status || err.message[0] != '\0', "does not go on, without a word");
    demand(status || work.before + work.count == plan.count, "a point is lost");
    bool finished[2] = {!status, !status};
    for (size_t i = 0; i < work.count; i++)
        finished[work.todo[i]] = false;
    sweep_work_free(&work);
    demand(status || finished[1], "a sound result does not count");
    demand(!finished[0] || store_verify(path_of(RESULT, path), &err) == STATUS_OK,
           "a point without a sound result counts as finished");
    sweep_clean(folder);
}

/* A lease that nobody renews comes to its end. */
static void wait_for_lease(void)
{
    enum { LONG = 2 * LEASE_LONGEST };
    struct lessee lessee;
    struct lease_sight sight = {0};
    const char *hash = plan.point[0].hash;
    lessee_open(&lessee, folder);
    if (lease_look(&lessee, hash, &sight) || seconds_now() < LONG)
        return;
    sight.since = seconds_now() - LONG;
    demand(lease_look(&lessee, hash, &sight), "a lease is for ever");
}

/* The run of point 0, as a worker has it. */
static void resume(void)
{
    char path[FILE_PATH];
    struct spec spec;
    struct experiment e;
    struct error err = {0};
    struct checkpointed run = {.result = path_of(RESULT, path)};
    demand(sweep_plan_spec(&plan, 0, &spec, &err) == STATUS_OK, err.message);
    demand(experiment_open(&e, &spec, 1, &err) == STATUS_OK, err.message);
    const enum status status = checkpoint_run(&e, &run, &err);
    demand(!status || err.message[0] != '\0', "does not resume, without a word");
    experiment_free(&e);
    spec_free(&spec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[FILE_PATH], of_sound[FILE_PATH];
    if (size == 0)
        return 0;
    const enum role role = (enum role)(data[0] % ROLES);
    const struct bytes input = {(uint8_t *)data + 1, size - 1};
    any_file(remove_file, NULL);
    sweep_plan_path(&plan, folder, 1, ".h5", of_sound, sizeof of_sound);
    fuzz_write(of_sound, sound.data, sound.size);
    fuzz_write(path_of(MANIFEST, path), manifest.data, manifest.size);
    fuzz_write(path_of(role, path), input.data, input.size);
    if (role != MANIFEST || is_small()) {
        collect();
        plot();
    }
    if (role == LEASE)
        wait_for_lease();
    if (role == CHECKPOINT)
        resume();
    go_on();
    demand(role == LEASE || any_file(has_bytes, &input), "the input is lost");
    demand(has_bytes(of_sound, &sound), "a sound result is lost");
    demand(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) == 0, "an object stays open");
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    return hdf5_mutate_behind(data, size, max_size, seed);
}
