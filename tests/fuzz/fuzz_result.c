/* Fuzzes `duet run` onto a file that is there: what it is (harness/run/result.h), its summary, and
 * whether an output of any kind may replace it (store/output.h).
 *
 * An input is the file.  The answers must agree, none may change the file, and no object of it may
 * stay open. */
#include "harness/run/experiment.h"
#include "harness/run/result.h"
#include "store/output.h"
#include "tests/fuzz/kit/fuzz.h"
#include "tests/fuzz/kit/hdf5.h"
#include "tests/fuzz/kit/try_once.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

static const char *const keys[] = {
    "data.depth=1",  "network.width=1",    "train.epochs=1",         "train.samples=8",
    "train.batch=4", "measure.samples=16", "network.normalize=false"};

static char path[FUZZ_PATH + 16];
static struct spec spec;

/* The result of the spec is what inputs start from. */
static void make_result(void)
{
    struct experiment e;
    struct error err = {0};
    size_t size;
    demand(experiment_open(&e, &spec, 1, &err) == STATUS_OK, err.message);
    demand(experiment_run(&e, NULL, &err) == STATUS_OK, err.message);
    demand(experiment_store(&e, path, &err) == STATUS_OK, err.message);
    experiment_free(&e);
    uint8_t *bytes = fuzz_read(path, &size);
    fuzz_seed("complete", -1, bytes, size);
    fuzz_seed("without_checksum", -1, bytes, size - CHECKSUM_BYTES);
    free(bytes);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    char folder[FUZZ_PATH];
    struct error err = {0};
    (void)argc, (void)argv;
    fuzz_begin("result", folder);
    snprintf(path, sizeof path, "%s/result.h5", folder);
    demand(spec_load(&spec, NULL, keys, sizeof keys / sizeof *keys, &err) == STATUS_OK,
           err.message);
    make_result();
    return 0;
}

/* Whether an output may replace the file, which is asked without a change. */
static bool may_replace(const struct output_kind *kind)
{
    struct error err = {0};
    const bool may = output_check(path, kind, &err) == STATUS_OK;
    demand(may || err.message[0] != '\0', "an output is refused without a word");
    return may;
}

static void check_outputs(bool opens)
{
    static const struct output_kind table = {.name = "table", .start = "point\t", .mark = ""};
    static const struct output_kind *const others[] = {&output_pdf, &output_png, &output_svg,
                                                       &table};
    may_replace(&output_result);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        demand(!may_replace(others[i]) || !opens, "another output would replace an HDF5 file");
}

static void check_result(bool opens)
{
    struct result result;
    struct error err = {0};
    result_look(path, &spec, &result);
    demand(opens || result.kind == RESULT_NONE, "a file that cannot be opened is a result");
    demand(result.kind != RESULT_OTHER || result.difference[0] != '\0',
           "another spec without a difference");
    const bool whole = result.kind == RESULT_WHOLE;
    demand(result_is_finished(path, spec.hash) == whole, "whole, or not finished");
    demand(run_is_complete(path, spec.hash) == (whole && !result.outcome), "complete, or not");
    demand(result_print(stdout, path, &err) == STATUS_OK || err.message[0] != '\0',
           "no summary and no word");
}

/* Seconds of processor time that child processes took. */
static double seconds_in_children(void)
{
    struct rusage used;
    getrusage(RUSAGE_CHILDREN, &used);
    return (double)used.ru_utime.tv_sec + 1e-6 * (double)used.ru_utime.tv_usec;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { SLOW = 1 };
    const double before = seconds_in_children();
    struct store_file *file;
    struct error err = {0};
    size_t left;
    was_taken = false;
    fuzz_write(path, data, size);
    const bool opens = store_open(&file, path, &err) == STATUS_OK;
    demand(opens || err.message[0] != '\0', "refused without a word");
    store_close(file);
    if (!opens && seconds_in_children() - before > SLOW)
        return 0; /* libhdf5 goes round in circles; each of the trials below would, too */
    was_taken = opens;
    check_result(opens);
    check_outputs(opens);
    demand(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) == 0, "an object stays open");
    uint8_t *bytes = fuzz_read(path, &left);
    demand(left == size && memcmp(bytes, data, size) == 0, "the file changed");
    free(bytes);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    return hdf5_mutate(data, size, max_size, seed);
}
