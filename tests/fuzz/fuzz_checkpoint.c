/* Fuzzes checkpoints: whatever a file holds, loading it gives an error or a state, and a state from
 * which the run goes on without a crash.
 *
 * The first byte of an input chooses the run, and what the rest is: the bytes of the file, to which
 * the right checksum is added, or changes of a state on the way: block, place in it, value. */
#include "harness/run/checkpoint.h"
#include "store/checksum.h"

#include <pthread.h>
#include <sanitizer/common_interface_defs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RUNS = 2, CHANGE = 10, ASKS = 12, PATH = 512 };

static const char *const keys[RUNS][20] = {
    {"data.depth=1", "network.width=2", "train.epochs=3", "train.samples=2100", "train.batch=100",
     "measure.samples=16", "measure.probes=[correlation]", "objective.name=comatch",
     "objective.labels=4", "objective.bank=8"},
    {"train.trainer=flow", "train.points=3", "train.end=1", "data.source=gaussian",
     "data.dimension=2", "network.kind=mlp", "network.layers=[2]", "network.bias=false",
     "network.normalize=false", "predictor.kind=linear", "objective.name=byol",
     "measure.probes=[alignment]"},
};

static char folder[PATH], file[RUNS + 1][PATH + 32]; /* of a state on the way; and of the input */
static struct spec spec[RUNS];

static void demand(int holds, const char *what)
{
    if (holds)
        return;
    dprintf(STDERR_FILENO, "%s\n", what);
    abort();
}

static void no_report(void) {}

/* A child that dies is no finding. */
static void in_child(void)
{
    __sanitizer_set_death_callback(no_report);
}

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

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    const char *where = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/fuzz_checkpoint_XXXXXX", where ? where : "/tmp");
    demand(mkdtemp(folder) != NULL && pthread_atfork(NULL, NULL, in_child) == 0, "no folder");
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
    demand(checkpoint_save(&e, file[RUNS], &err) == STATUS_OK, err.message);
    free(list.entry);
    experiment_free(&e);
}

static void write_bytes(const uint8_t *data, size_t size)
{
    char end[CHECKSUM_BYTES + 1];
    FILE *out = fopen(file[RUNS], "wb");
    checksum_end(data, size, end);
    demand(out && fwrite(data, 1, size, out) == size && fwrite(end, 1, CHECKSUM_BYTES, out) > 0 &&
               fclose(out) == 0,
           "cannot write");
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
