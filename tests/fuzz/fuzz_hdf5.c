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
#include "harness/command.h"
#include <stdbool.h>
#include <unistd.h>

/* store/store_try.c first reads every file in a child process: here once per input, not again for
 * every command.  Without a child it continues as if that had succeeded. */
static bool was_tried;

static pid_t fork_once(void)
{
    bool again = was_tried;
    was_tried = true;
    return again ? -1 : fork();
}

#define fork fork_once
#include "store/store_try.c"
#undef fork

#include "harness/verify/crosscheck/crosscheck.h"
#include "paper_figs/figures.h"

#include <pthread.h>
#include <sanitizer/common_interface_defs.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* Of libhdf5, not in its headers. */
uint32_t H5_checksum_metadata(const void *data, size_t length, uint32_t start);

enum { MAX_DATASETS = 256, EXPORTS = 3, PATH = 4096 };

/* ---- the file ---- */

static int descriptor;
static char path[PATH];

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

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/fuzz_hdf5_XXXXXX", folder ? folder : "/tmp");
    descriptor = mkstemp(path);
    demand(descriptor >= 0 && pthread_atfork(NULL, NULL, in_child) == 0, "no temporary file");
    demand(freopen("/dev/null", "w", stdout) != NULL, "no /dev/null");
    stderr = stdout; /* the errors of commands; reports of sanitizers do not use it */
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
    was_tried = false;
    if (ftruncate(descriptor, 0) != 0 || pwrite(descriptor, data, size, 0) != (ssize_t)size)
        return 0;
    if (store_open(&file, path, &err)) {
        demand(err.message[0] != '\0', "refused without a word");
        return 0;
    }
    store_visit(file, "/", keep_dataset, &names, NULL);
    run_figures(file);
    close_and_check(file);
    run_info();
    export_some(&names, H5_checksum_metadata(data, size, 0));
    run_export("--list");
    run_export("/series/losss"); /* nearly always absent: the nearest is named */
    run_crosscheck();
    close_and_check(NULL);
    return 0;
}

/* ---- checksums ---- */

static uint64_t little(const uint8_t *at, size_t bytes)
{
    uint64_t value = 0;
    while (bytes-- > 0)
        value = value << 8 | at[bytes];
    return value;
}

/* Put the checksum behind `length` bytes at `start`, if both lie in the file. */
static void mend(uint8_t *data, size_t size, size_t start, uint64_t length)
{
    if (start > size || length > size - start || size - start - length < 4)
        return;
    uint32_t sum = H5_checksum_metadata(data + start, length, 0);
    for (unsigned int i = 0; i < 4; i++)
        data[start + length + i] = (uint8_t)(sum >> 8 * i);
}

/* Object header of version 2: flags tell which fields precede the size of its messages. */
static void mend_header(uint8_t *data, size_t size, size_t at)
{
    if (size - at < 40)
        return;
    uint8_t flags = data[at + 5];
    size_t bytes = (size_t)1 << (flags & 3);
    size_t before = 6 + (flags & 0x20 ? 16 : 0) + (flags & 0x10 ? 4 : 0);
    uint64_t messages = little(data + at + before, bytes);
    if (messages <= size)
        mend(data, size, at, before + bytes + messages);
}

/* A continuation of an object header: somewhere before it, its address is followed by its length.
 */
static void mend_continuation(uint8_t *data, size_t size, size_t at)
{
    for (size_t i = 0; i + 16 <= size; i++)
        if (little(data + i, 8) == at && little(data + i + 8, 8) > 8)
            mend(data, size, at, little(data + i + 8, 8) - 4);
}

static void mend_all(uint8_t *data, size_t size)
{
    if (size > 48 && data[8] >= 2)
        mend(data, size, 0, 44); /* superblock of version 2 or 3 */
    for (size_t i = 0; i + 8 <= size; i++)
        if (memcmp(data + i, "OCHK", 4) == 0)
            mend_continuation(data, size, i);
    for (size_t i = 0; i + 8 <= size; i++)
        if (memcmp(data + i, "OHDR", 4) == 0)
            mend_header(data, size, i);
}

/* Most of a file is zeros: half of the mutations change a part that is in use. */
static size_t mutate_stretch(uint8_t *data, size_t size, unsigned int seed)
{
    enum { STRETCH = 256 };
    static const char *const mark[] = {"OHDR", "OCHK", "TREE", "SNOD", "HEAP", "GCOL"};
    const char *wanted = mark[seed % 6];
    size_t found = 0, at = 0;
    for (size_t i = 0; i + 4 <= size; i++)
        if (memcmp(data + i, wanted, 4) == 0 && (seed / 6) % ++found == 0)
            at = i;
    size_t length = size - at < STRETCH ? size - at : STRETCH;
    LLVMFuzzerMutate(data + at, length, length);
    return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    if (size > 64 && seed & 1)
        size = mutate_stretch(data, size, seed >> 4);
    else
        size = LLVMFuzzerMutate(data, size, max_size);
    if (seed & 14) /* one in eight keeps its wrong checksums */
        mend_all(data, size);
    return size;
}
