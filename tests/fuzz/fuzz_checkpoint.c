/* Fuzzes checkpoints: whatever a file holds, loading it gives an error or a state, and a state from
 * which the run goes on without a crash.
 *
 * The first byte of an input chooses the run, and what the rest is: the bytes of the file, to which
 * the right checksum is added, or changes of a state on the way: block, place in it, value. */
#include "harness/run/checkpoint.h"
#include "store/checksum.h"
#include "tests/fuzz/kit/fuzz.h"
#include "tests/fuzz/kit/hdf5.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

enum { RUNS = 2, CHANGE = 10, ASKS = 12 };

static const char *const keys[RUNS][20] = {
    {"data.depth=1", "network.width=2", "train.epochs=3", "train.samples=240", "train.batch=12",
     "measure.samples=16", "measure.probes=[correlation]", "objective.name=comatch",
     "objective.labels=4", "objective.bank=2"},
    {"train.trainer=flow", "train.points=3", "train.end=1", "data.source=gaussian",
     "data.dimension=2", "network.kind=mlp", "network.layers=[2]", "network.bias=false",
     "network.normalize=false", "predictor.kind=linear", "objective.name=byol",
     "measure.probes=[alignment]"},
};

static char folder[FUZZ_PATH],
    file[RUNS + 1][FUZZ_PATH + 32]; /* of a state on the way; and of the input */
static struct spec spec[RUNS];

static bool count_down(void *context, const struct experiment *e, uint64_t step, uint64_t steps)
{
    (void)e, (void)step, (void)steps;
    return (*(int *)context)-- > 0;
}

/* From the state as it is, for so many questions. */
static void go_on(struct experiment *e, int asks)
{
    struct error err = {0};
    const struct observer observer = {.training = count_down, .context = &asks};
    const enum status status = experiment_run(e, &observer, &err);
    demand(!status || err.message[0] != '\0', "ended without a word");
}

static void open_run(struct experiment *e, int run)
{
    struct error err = {0};
    demand(experiment_open(e, &spec[run], 1, &err) == STATUS_OK, err.message);
}

/* The state on the way, as it is and as the bytes of a file. */
static void make_seed(int run)
{
    char name[32];
    size_t size;
    uint8_t *bytes = fuzz_read(file[run], &size);
    snprintf(name, sizeof name, "run_%d", run);
    fuzz_seed(name, run, "", 0);
    snprintf(name, sizeof name, "run_%d_bytes", run);
    fuzz_seed(name, RUNS + run, bytes, size - CHECKSUM_BYTES);
    free(bytes);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    fuzz_begin("checkpoint", folder);
    for (int i = 0; i <= RUNS; i++)
        snprintf(file[i], sizeof file[i], "%s/%d.checkpoint", folder, i);
    for (int i = 0; i < RUNS; i++) {
        struct experiment e;
        struct error err = {0};
        size_t count = 0;
        while (keys[i][count])
            count++;
        demand(spec_load(&spec[i], NULL, keys[i], count, &err) == STATUS_OK, err.message);
        open_run(&e, i);
        go_on(&e, 2);
        demand(checkpoint_save(&e, file[i], &err) == STATUS_OK, err.message);
        experiment_free(&e);
        make_seed(i);
    }
    return 0;
}

/* A number of any kind from eight bytes. */
static void change(const struct state_block *block, size_t at, const uint8_t *bytes)
{
    if (block->natural)
        memcpy(block->natural, bytes, sizeof *block->natural);
    else
        memcpy(&block->real[at % block->count], bytes, sizeof *block->real);
}

/* The state on the way, with changes. */
static void write_changed(int run, const uint8_t *data, size_t size)
{
    struct experiment e;
    struct error err = {0};
    struct state_list counted = {0}, list = {0};
    enum checkpoint_found found;
    open_run(&e, run);
    demand(checkpoint_load(&e, file[run], &found, &err) == STATUS_OK && found == CHECKPOINT_LOADED,
           err.message);
    experiment_state(&e, &counted);
    list.entry = calloc(counted.count + 1, sizeof *list.entry);
    demand(list.entry != NULL, "no memory");
    experiment_state(&e, &list);
    const uint64_t measured = e.record.measured;
    for (; size >= CHANGE && list.count > 0; data += CHANGE, size -= CHANGE)
        change(&list.entry[data[0] % list.count], data[1], data + 2);
    if (e.record.measured > e.record.points) /* its series would be read beyond their end */
        e.record.measured = measured;
    unlink(file[RUNS]);
    demand(checkpoint_save(&e, file[RUNS], &err) == STATUS_OK, err.message);
    free(list.entry);
    experiment_free(&e);
}

/* The bytes of an input are of a file without its checksum. */
static void write_bytes(const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(size + CHECKSUM_BYTES + 1);
    demand(bytes != NULL, "no memory");
    if (size > 0)
        memcpy(bytes, data, size);
    checksum_end(data, size, (char *)bytes + size);
    fuzz_write(file[RUNS], bytes, size + CHECKSUM_BYTES);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct experiment e;
    struct error err = {0};
    enum checkpoint_found found;
    if (size == 0)
        return 0;
    const int run = data[0] % RUNS;
    if (data[0] / RUNS % 2)
        write_bytes(data + 1, size - 1);
    else
        write_changed(run, data + 1, size - 1);
    open_run(&e, run);
    const enum status status = checkpoint_load(&e, file[RUNS], &found, &err);
    demand((!status && found != CHECKPOINT_DAMAGED) || err.message[0] != '\0',
           "refused without a word");
    if (!status)
        go_on(&e, ASKS);
    experiment_free(&e);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    const bool bytes = size > 1 && data[0] / RUNS % 2;
    return bytes ? hdf5_mutate_behind(data, size, max_size, seed)
                 : LLVMFuzzerMutate(data, size, max_size);
}
