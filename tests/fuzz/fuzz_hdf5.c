/* Fuzzes the readers of HDF5 files: `duet info`, `duet export` of every dataset, `duet crosscheck`,
 * and the data and checks of every figure.
 *
 * An input is a file.  Its contents must not cause a crash, leak, hang or more memory than its size
 * allows, and no command may leave an object of the file open.  Mutations correct the checksums of
 * the file, or else nearly all would end at the first checksum.
 *
 * HDF5 1.10.8 itself crashes on such files (crash_in_own_format.h5, crash_behind_damage.h5 of the
 * corpus: a null pointer in H5F__accum_read, for a B-tree whose header lies nowhere) and loops
 * (loop_in_libhdf5.h5, until the limit of processor time ends the child, 5 to 7 s).  store_open
 * tries every file in a child process and refuses these.  Leaks of libhdf5 (leak_in_libhdf5.h5) are
 * in leaks.supp, its reads of freed memory (use_after_free_in_libhdf5.h5) in address.supp: the
 * commands run in a separate process (store/isolate.h), but not here. */
#include "core/hash.h"
#include "harness/command.h"
#include "tests/fuzz/kit/fuzz.h"
#include "tests/fuzz/kit/hdf5.h"
#include "tests/fuzz/kit/try_once.h"

#include "harness/verify/crosscheck/crosscheck.h"
#include "paper_figs/figures.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

enum { MAX_DATASETS = 256, EXPORTS = 3 };

static char path[FUZZ_PATH + 16];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    char folder[FUZZ_PATH];
    (void)argc, (void)argv;
    fuzz_begin("hdf5", folder);
    snprintf(path, sizeof path, "%s/file.h5", folder);
    return 0;
}

/* ---- the commands ---- */

struct datasets {
    char *name[MAX_DATASETS];
    size_t count;
};

static enum status keep_dataset(const char *name, void *context, struct error *err)
{
    struct datasets *names = context;
    (void)err;
    char *copy = names->count < MAX_DATASETS ? strdup(name) : NULL;
    if (copy)
        names->name[names->count++] = copy;
    return STATUS_OK;
}

static void close_and_check(struct store_file *file)
{
    store_close(file);
    demand(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) == 0, "an object stays open");
}

static void run_figures(const struct store_file *file)
{
    struct error err = {0};
    for (size_t i = 0; i < figure_registry.count; i++) {
        const struct figure *figure = (const void *)figure_registry.entries[i];
        struct sights sights = {.out = stdout};
        if (figure->write_data)
            figure->write_data(file, stdout, &err);
        if (figure->check)
            figure->check(file, &sights, &err);
    }
}

static void run_info(void)
{
    char *argv[] = {"duet info", path, NULL};
    command_info(2, argv);
}

static void run_export(char *dataset)
{
    char *argv[] = {"duet export", path, dataset, NULL};
    command_export(3, argv);
}

/* All datasets would take most of the time: a few, different for every input. */
static void export_some(struct datasets *names, uint32_t seed)
{
    for (size_t i = 0; i < names->count && i < EXPORTS; i++)
        run_export(names->name[(seed + i) % names->count]);
    for (size_t i = 0; i < names->count; i++)
        free(names->name[i]);
}

static void run_crosscheck(void)
{
    struct crosscheck check = {.out = stdout};
    struct error err = {0};
    crosscheck_file(&check, path, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct store_file *file;
    struct datasets names = {.count = 0};
    struct error err = {0};
    was_taken = false;
    fuzz_write(path, data, size);
    if (store_open(&file, path, &err)) {
        demand(err.message[0] != '\0', "refused without a word");
        return 0;
    }
    was_taken = true;
    store_visit(file, "/", keep_dataset, &names, NULL);
    run_figures(file);
    close_and_check(file);
    run_info();
    export_some(&names, (uint32_t)hash_more(HASH_OF_NOTHING, data, size));
    run_export("--list");
    run_export("/series/losss"); /* nearly always absent: the nearest is named */
    run_crosscheck();
    close_and_check(NULL);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    return hdf5_mutate(data, size, max_size, seed);
}
