/* Protects the store (store/store.h) and the commands that read its files, export and info. */
#include "harness/command.h"
#include "store/checksum.h"
#include "store/store.h"
#include "tests/kit/file.h"
#include "tests/kit/testing.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <hdf5.h>
#include <hdf5_hl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a valid result file ---- */

static const double correlation[2 * 3 * 2] = {0.1,  -0.2, 1.0 / 3, 5e-324, 1e300, -0.0,
                                              0.75, 2,    3,       1e22,   0.3,   -1};
static const double best[2 * 2] = {0.125, 0.25, 0.5, 0.875};
static const double ceiling[3] = {0.9, 0.8, 1.0};
static const char spec[] = "name: t\ntrain:\n  epochs: 1\n";

static void put_axes(struct store *store)
{
    struct error err;
    const double epochs[] = {0, 10};
    check_ok(store_put_axis(store, "/series/epoch", 2, epochs, "epoch", "1", &err), &err);
    check_ok(store_put_axis(store, "/level_1_node", 3, NULL, "node of level 1", "1", &err), &err);
    check_ok(store_put_axis(store, "/series/neuron", 2, NULL, "neuron", "1", &err), &err);
    check_ok(store_put_axis(store, "/series/level", 2, NULL, "level", "1", &err), &err);
}

static struct store *filled_store(void)
{
    struct store *store;
    struct error err;
    const char *three[] = {"/series/epoch", "/level_1_node", "/series/neuron"};
    const char *two[] = {"/series/epoch", "/series/level"}, *one[] = {"/level_1_node"};
    check_ok(store_create(&store, &err), &err);
    check_ok(store_put_text(store, "duet_version", "1.2.3", &err), &err);
    check_ok(store_put_text(store, "spec", spec, &err), &err);
    check_ok(store_put_text(store, "status_detail", "", &err), &err);
    check_ok(store_put_integer(store, "seed", UINT64_MAX, &err), &err);
    put_axes(store);
    check_ok(store_put(store, "/series/correlation/level_1", 3, (size_t[]){2, 3, 2}, three,
                       correlation, "signed correlation", "1", &err),
             &err);
    check_ok(store_put(store, "/series/best_correlation", 2, (size_t[]){2, 2}, two, best, "best",
                       "1", &err),
             &err);
    check_ok(
        store_put(store, "/ceiling/level_1", 1, (size_t[]){3}, one, ceiling, "ceiling", "1", &err),
        &err);
    check_ok(store_put(store, "/loss", 0, NULL, NULL, &best[1], "loss", "nat", &err), &err);
    check_ok(
        store_put_note(store, "/series/best_correlation", "headline", "the best of a\nlevel", &err),
        &err);
    check_ok(store_put_note(store, "/series/best_correlation", "limit", "/ceiling/level", &err),
             &err);
    assert_int_equal(store_put_note(store, "/nothing", "headline", "x", &err), STATUS_INVALID);
    return store;
}

static void write_filled(const char *path)
{
    struct error err;
    struct store *store = filled_store();
    check_ok(store_commit(store, path, &err), &err);
    store_free(store);
}

static int set_up(void **state)
{
    struct kit_folder *fixture = allocate(1, sizeof *fixture);
    *fixture = kit_folder_open("run.h5", "other.h5");
    write_filled(fixture->file);
    *state = fixture;
    return 0;
}

static void assert_no_temporary(const char *folder)
{
    char pattern[160];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/.*.tmp", folder);
    assert_int_equal(glob(pattern, 0, NULL, &found), GLOB_NOMATCH);
    globfree(&found);
}

/* ---- writing ---- */

static void round_trip_keeps_values_shapes_and_texts(void **state)
{
    struct kit_folder *fixture = *state;
    struct store_file *file;
    struct store_array array;
    struct store_info info;
    struct error err;
    char *text;
    check_ok(store_open(&file, fixture->file, &err), &err);
    check_ok(store_get(file, "/series/correlation/level_1", &array, &err), &err);
    assert_int_equal(array.rank, 3);
    assert_int_equal(array.shape[0], 2);
    assert_int_equal(array.shape[1], 3);
    assert_int_equal(array.shape[2], 2);
    assert_int_equal(array.count, 12);
    assert_memory_equal(array.values, correlation, sizeof correlation);
    store_array_free(&array);
    check_ok(store_get(file, "/loss", &array, &err), &err);
    assert_int_equal(array.rank, 0);
    assert_true(array.count == 1 && array.values[0] == best[1]);
    store_array_free(&array);
    check_ok(store_describe(file, "/loss", &info, &err), &err);
    assert_string_equal(info.long_name, "loss");
    assert_string_equal(info.units, "nat");
    assert_false(info.axis);
    store_info_free(&info);
    check_ok(store_get_text(file, "spec", &text, &err), &err);
    assert_string_equal(text, spec);
    free(text);
    check_ok(store_get_text(file, "status_detail", &text, &err), &err);
    assert_string_equal(text, "");
    free(text);
    store_close(file);
}

static void integers_are_exact(void **state)
{
    struct kit_folder *fixture = *state;
    struct store_file *file;
    struct error err;
    uint64_t seed = 0;
    char *text;
    check_ok(store_open(&file, fixture->file, &err), &err);
    check_ok(store_get_integer(file, "seed", &seed, &err), &err);
    assert_true(seed == UINT64_MAX);
    check_ok(store_show_attribute(file, "seed", &text, &err), &err);
    assert_string_equal(text, "18446744073709551615");
    free(text);
    store_close(file);
}

static void an_axis_without_values_counts_from_0(void **state)
{
    struct kit_folder *fixture = *state;
    struct store_file *file;
    struct store_array array;
    struct error err;
    check_ok(store_open(&file, fixture->file, &err), &err);
    check_ok(store_get(file, "/level_1_node", &array, &err), &err);
    assert_int_equal(array.count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(array.values[i] == (double)i);
    store_array_free(&array);
    store_close(file);
}

/* Old contents of the stack must not get into a file. */
static void __attribute__((noinline)) dirty_stack(int value)
{
    volatile char junk[1 << 16];
    for (size_t i = 0; i < sizeof junk; i++)
        junk[i] = (char)value;
}

static void same_calls_give_same_bytes(void **state)
{
    struct kit_folder *fixture = *state;
    size_t size, again;
    mallopt(M_PERTURB, 85);
    dirty_stack(85);
    write_filled(fixture->file);
    char *bytes = kit_read(fixture->file, &size);
    struct store *busy = filled_store(); /* another file open at the same time */
    mallopt(M_PERTURB, 170);
    dirty_stack(170);
    write_filled(fixture->other);
    mallopt(M_PERTURB, 0);
    store_free(busy);
    char *second = kit_read(fixture->other, &again);
    assert_int_equal(size, again);
    assert_memory_equal(bytes, second, size);
    free(bytes);
    free(second);
}

static void committing_twice_gives_same_bytes(void **state)
{
    struct kit_folder *fixture = *state;
    struct error err;
    size_t size, again;
    struct store *store = filled_store();
    check_ok(store_commit(store, fixture->file, &err), &err);
    check_ok(store_commit(store, fixture->other, &err), &err);
    store_free(store);
    char *bytes = kit_read(fixture->file, &size), *second = kit_read(fixture->other, &again);
    assert_int_equal(size, again);
    assert_memory_equal(bytes, second, size);
    free(bytes);
    free(second);
}

static herr_t check_times(hid_t object, const char *name, const H5O_info_t *info, void *context)
{
    (void)object, (void)name;
    *(size_t *)context += 1;
    return info->mtime || info->ctime || info->atime || info->btime;
}

static void no_object_keeps_a_time(void **state)
{
    struct kit_folder *fixture = *state;
    size_t objects = 0;
    hid_t file = H5Fopen(fixture->file, H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_int_equal(H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, check_times, &objects), 0);
    assert_int_equal(objects, 12); /* 4 groups, 4 axes, 4 datasets */
    H5Fclose(file);
}

/* The list of references has holes of 4 bytes, which must be 0. */
static void references_have_no_stray_bytes(void **state)
{
    struct kit_folder *fixture = *state;
    unsigned char entries[2][16];
    dirty_stack(255);
    write_filled(fixture->file);
    hid_t file = H5Fopen(fixture->file, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t list = H5Aopen_by_name(file, "/series/epoch", "REFERENCE_LIST", H5P_DEFAULT, H5P_DEFAULT);
    hid_t type = H5Aget_type(list);
    assert_int_equal(H5Aget_storage_size(list), sizeof entries);
    assert_true(H5Aread(list, type, entries) >= 0);
    for (int i = 0; i < 2; i++)
        for (int j = 12; j < 16; j++)
            assert_int_equal(entries[i][j], 0);
    H5Tclose(type);
    H5Aclose(list);
    H5Fclose(file);
}

static void axes_are_attached_dimension_scales(void **state)
{
    struct kit_folder *fixture = *state;
    const char *axes[] = {"/series/epoch", "/level_1_node", "/series/neuron"};
    hid_t file = H5Fopen(fixture->file, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t dataset = H5Dopen2(file, "/series/correlation/level_1", H5P_DEFAULT);
    for (unsigned i = 0; i < 3; i++) {
        hid_t axis = H5Dopen2(file, axes[i], H5P_DEFAULT);
        char name[32] = "";
        assert_int_equal(H5DSis_scale(axis), 1);
        assert_int_equal(H5DSget_num_scales(dataset, i), 1);
        for (unsigned j = 0; j < 3; j++)
            assert_int_equal(H5DSis_attached(dataset, axis, j), i == j);
        assert_true(H5DSget_scale_name(axis, name, sizeof name) > 0);
        assert_string_equal(name, strrchr(axes[i], '/') + 1);
        H5Dclose(axis);
    }
    H5Dclose(dataset);
    H5Fclose(file);
}

static void every_dataset_has_long_name_and_units(void **state)
{
    struct kit_folder *fixture = *state;
    const char *paths[] = {"/series/epoch", "/series/best_correlation", "/level_1_node", "/loss"};
    hid_t file = H5Fopen(fixture->file, H5F_ACC_RDONLY, H5P_DEFAULT);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_true(H5Aexists_by_name(file, paths[i], "long_name", H5P_DEFAULT) > 0);
        assert_true(H5Aexists_by_name(file, paths[i], "units", H5P_DEFAULT) > 0);
    }
    H5Fclose(file);
}

static void get_axes_finds_them_again(void **state)
{
    struct kit_folder *fixture = *state;
    struct store_file *file;
    struct error err;
    char *axes[STORE_MAX_RANK];
    check_ok(store_open(&file, fixture->file, &err), &err);
    check_ok(store_get_axes(file, "/series/correlation/level_1", axes, &err), &err);
    assert_string_equal(axes[0], "/series/epoch");
    assert_string_equal(axes[1], "/level_1_node");
    assert_string_equal(axes[2], "/series/neuron");
    assert_null(axes[3]);
    store_axes_free(axes);
    check_ok(store_get_axes(file, "/loss", axes, &err), &err);
    assert_null(axes[0]);
    store_close(file);
}

static void put_refuses_wrong_axes(void **state)
{
    (void)state;
    struct error err;
    struct store *store = filled_store();
    const size_t shape[] = {2};
    const struct {
        const char *path, *axis, *words;
    } wrong[] = {
        {"/series/a", "/series/nothing", "/series/nothing is no axis"},
        {"/series/b", "/loss", "/loss is no axis"},
        {"/series/c", "/level_1_node", "has 3 values, not 2"},
        {"/elsewhere/d", "/series/epoch", "neither in the group"},
        {"/series/e", NULL, "is no axis"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(
            store_put(store, wrong[i].path, 1, shape, &wrong[i].axis, best, "x", "1", &err),
            STATUS_INVALID);
        assert_contains(err.message, wrong[i].words);
        assert_contains(err.message, wrong[i].path);
    }
    store_free(store);
}

static void put_refuses_wrong_paths(void **state)
{
    (void)state;
    struct error err;
    struct store *store = filled_store();
    const char *wrong[] = {"loss", "", "/", "/a/", "/a//b", "/loss", "/loss/below"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(store_put(store, wrong[i], 0, NULL, NULL, best, "x", "1", &err),
                         STATUS_INVALID);
    assert_int_equal(
        store_put(store, "/five", 5, (size_t[]){1, 1, 1, 1, 1}, NULL, best, "x", "1", &err),
        STATUS_INVALID);
    store_free(store);
}

static void long_texts_and_many_attributes_fit(void **state)
{
    struct kit_folder *fixture = *state;
    struct store *store;
    struct store_file *file;
    struct error err;
    const size_t length = 200000;
    char *text = malloc(length + 1), *back, name[32];
    memset(text, 'y', length);
    text[length] = '\0';
    check_ok(store_create(&store, &err), &err);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "attribute_%d", i);
        check_ok(store_put_integer(store, name, (uint64_t)i, &err), &err);
    }
    check_ok(store_put_text(store, "spec", text, &err), &err);
    check_ok(store_commit(store, fixture->file, &err), &err);
    store_free(store);
    check_ok(store_open(&file, fixture->file, &err), &err);
    check_ok(store_get_text(file, "spec", &back, &err), &err);
    assert_string_equal(back, text);
    store_close(file);
    free(back);
    free(text);
}

static void commit_makes_folders(void **state)
{
    struct kit_folder *fixture = *state;
    struct store_file *file;
    struct error err;
    char path[160];
    snprintf(path, sizeof path, "%s/a/b/c/run.h5", fixture->path);
    write_filled(path);
    check_ok(store_open(&file, path, &err), &err);
    store_close(file);
    assert_no_temporary(fixture->path);
}

static void a_folder_that_cannot_be_made_is_an_error(void **state)
{
    struct kit_folder *fixture = *state;
    struct error err;
    char path[160], below[192];
    struct store *store = filled_store();
    kit_write(fixture->other, "x", 1);
    snprintf(path, sizeof path, "%s/run.h5", fixture->other);
    snprintf(below, sizeof below, "%s/deep/run.h5", fixture->other);
    assert_int_equal(store_commit(store, path, &err), STATUS_SYSTEM);
    assert_contains(err.message, path);
    assert_contains(err.message, strerror(ENOTDIR));
    assert_int_equal(store_commit(store, below, &err), STATUS_SYSTEM);
    assert_contains(err.message, below);
    assert_int_equal(store_commit(store, "/proc/duet/run.h5", &err), STATUS_SYSTEM);
    assert_contains(err.message, "cannot make the folder");
    assert_no_temporary(fixture->path);
    store_free(store);
}

/* A limit on the size of files simulates a full disk. */
static enum status commit_limited(struct store *store, const char *path, struct error *err)
{
    struct rlimit before, small;
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 2000;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    enum status status = store_commit(store, path, err);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, handler);
    return status;
}

static void a_failed_write_leaves_the_old_file_and_no_other(void **state)
{
    struct kit_folder *fixture = *state;
    struct error err;
    struct stat about;
    size_t old_size;
    struct store *store = filled_store();
    check_ok(store_commit(store, fixture->file, &err), &err);
    char *old = kit_read(fixture->file, &old_size);
    check_ok(store_put_text(store, "more", "text", &err), &err);
    assert_int_equal(commit_limited(store, fixture->file, &err), STATUS_SYSTEM);
    assert_contains(err.message, fixture->file);
    assert_contains(err.message, strerror(EFBIG));
    assert_int_equal(commit_limited(store, fixture->other, &err), STATUS_SYSTEM);
    assert_int_equal(stat(fixture->other, &about), -1);
    assert_no_temporary(fixture->path);
    size_t size;
    char *bytes = kit_read(fixture->file, &size);
    assert_int_equal(size, old_size);
    assert_memory_equal(bytes, old, size);
    free(bytes);
    free(old);
    store_free(store);
}

/* ---- reading damaged files ---- */

static enum status ignore_path(const char *path, void *context, struct error *err)
{
    (void)path, (void)context, (void)err;
    return STATUS_OK;
}

/* Read everything in every way; only crashes and hangs are failures. */
static enum status read_dataset(const char *path, void *context, struct error *unused)
{
    const struct store_file *file = context;
    struct store_array array;
    struct store_info info;
    struct error err;
    if (store_get(file, path, &array, &err) == STATUS_OK) {
        volatile double sum = 0;
        for (size_t i = 0; i < array.count; i++)
            sum += array.values[i];
        (void)sum;
        store_array_free(&array);
    }
    if (store_describe(file, path, &info, &err) == STATUS_OK)
        store_info_free(&info);
    (void)unused;
    return STATUS_OK;
}

static enum status read_attribute(const char *name, void *context, struct error *unused)
{
    struct error err;
    char *text;
    if (store_show_attribute(context, name, &text, &err) == STATUS_OK)
        free(text);
    (void)unused;
    return STATUS_OK;
}

static enum status read_everything(const char *path, struct error *err)
{
    struct store_file *file;
    char *axes[STORE_MAX_RANK];
    enum status status = store_open(&file, path, err);
    if (status)
        return status;
    status = store_visit_attributes(file, read_attribute, file, err);
    if (!status)
        status = store_visit(file, "/", read_dataset, file, err);
    if (store_get_axes(file, "/series/correlation/level_1", axes, NULL) == STATUS_OK)
        store_axes_free(axes);
    store_close(file);
    return status;
}

static void truncated_files_are_errors_that_name_them(void **state)
{
    struct kit_folder *fixture = *state;
    struct error err;
    size_t size;
    char *bytes = kit_read(fixture->file, &size);
    for (size_t length = 0; length < size; length += length < 600 ? 1 : 97) {
        kit_write(fixture->other, bytes, length);
        err.message[0] = '\0';
        assert_int_equal(read_everything(fixture->other, &err), STATUS_INVALID);
        assert_contains(err.message, fixture->other);
    }
    assert_contains(err.message, "truncated");
    free(bytes);
}

enum { READ_WELL = 40, READ_ERROR = 41 };

/* In a separate process: crashes are detected, and leaks of HDF5 over damaged metadata are not. */
static int read_in_child(const char *path)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL); /* cmocka would continue with the next test */
        signal(SIGBUS, SIG_DFL);
        signal(SIGFPE, SIG_DFL);
    }
    if (child == 0)
        _exit(read_everything(path, NULL) == STATUS_OK ? READ_WELL : READ_ERROR);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Read copies of `path` with three bits flipped each, with a corrected checksum if `resum`; return
 * the number of copies that were refused. */
static size_t flip_bits(const char *path, const char *copy, int trials, bool resum)
{
    size_t size, errors = 0;
    uint64_t random = 12345;
    char *bytes = kit_read(path, &size);
    for (int trial = 0; trial < trials; trial++) {
        size_t at[3];
        char old[3];
        for (int i = 0; i < 3; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            at[i] = (random >> 33) % size;
            old[i] = bytes[at[i]];
            bytes[at[i]] = (char)(old[i] ^ (1 << (random >> 30 & 7)));
        }
        if (resum) /* as by a hostile program, so that HDF5 reads it */
            checksum_end(bytes, size - CHECKSUM_BYTES, bytes + size - CHECKSUM_BYTES);
        kit_write(copy, bytes, size);
        int code = read_in_child(copy);
        if (code != READ_WELL && code != READ_ERROR)
            fail_msg("reading crashed in trial %d", trial);
        errors += code == READ_ERROR;
        for (int i = 2; i >= 0; i--)
            bytes[at[i]] = old[i];
    }
    free(bytes);
    return errors;
}

static void flipped_bits_never_crash(void **state)
{
    struct kit_folder *fixture = *state;
    size_t errors = flip_bits(fixture->file, fixture->other, 400, true);
    assert_true(errors > 200); /* nearly all metadata have checksums */
}

/* One bit anywhere: in data, metadata, gaps, or the checksum; but where the end is no longer that
 * of a checksum, the digest finds the numbers as they were. */
static void any_flipped_bit_is_found(void **state)
{
    struct kit_folder *fixture = *state;
    struct error err;
    size_t size;
    char *bytes = kit_read(fixture->file, &size);
    assert_int_equal(store_verify(fixture->file, &err), STATUS_OK);
    for (size_t at = 0; at < size; at += at + 3 * CHECKSUM_BYTES < size ? 13 : 1) {
        const char flipped = (char)(1 << at % 8);
        bytes[at] ^= flipped;
        kit_write(fixture->other, bytes, size);
        err.message[0] = '\0';
        if (at == size - 1 || (at >= size - CHECKSUM_BYTES && at < size - CHECKSUM_BYTES + 7)) {
            check_ok(store_verify(fixture->other, &err), &err);
        } else {
            assert_int_equal(store_verify(fixture->other, &err), STATUS_INVALID);
            assert_contains(err.message, fixture->other);
        }
        bytes[at] ^= flipped;
    }
    kit_write(fixture->other, bytes, size);
    assert_int_equal(store_verify(fixture->other, &err), STATUS_OK);
    free(bytes);
}

/* Of the checksum alone nothing is lost with the end of the file. */
static void a_cut_file_is_found_where_its_numbers_are_cut(void **state)
{
    struct kit_folder *fixture = *state;
    struct error err;
    size_t size;
    char *bytes = kit_read(fixture->file, &size);
    for (size_t cut = 1; cut <= 2 * CHECKSUM_BYTES; cut++) {
        kit_write(fixture->other, bytes, size - cut);
        if (cut <= CHECKSUM_BYTES) {
            assert_int_equal(kit_state(fixture->other), STORE_REWRITTEN);
            continue;
        }
        assert_int_equal(store_verify(fixture->other, &err), STATUS_INVALID);
        assert_contains(err.message, fixture->other);
    }
    kit_write(fixture->other, bytes, size + 1); /* with the terminating zero */
    assert_int_equal(kit_state(fixture->other), STORE_REWRITTEN);
    free(bytes);
}

/* The check value of CRC-32 in catalogues of checksums. */
static void checksum_is_that_of_zlib(void **state)
{
    (void)state;
    char end[CHECKSUM_BYTES + 1];
    checksum_end("123456789", 9, end);
    assert_string_equal(end, "\ncrc32 cbf43926\n");
    checksum_end("", 0, end);
    assert_string_equal(end, "\ncrc32 00000000\n");
}

static void open_says_what_is_wrong_with_a_file(void **state)
{
    struct kit_folder *fixture = *state;
    struct store_file *file;
    struct error err;
    assert_int_equal(store_open(&file, "/nonexistent/run.h5", &err), STATUS_INVALID);
    assert_string_equal(err.message, "/nonexistent/run.h5: no such file");
    assert_null(file);
    kit_write(fixture->other, "epoch\tloss\n", 11);
    assert_int_equal(store_open(&file, fixture->other, &err), STATUS_INVALID);
    assert_contains(err.message, "is no HDF5 file");
    assert_contains(err.message, fixture->other);
    kit_write(fixture->other, "", 0);
    assert_int_equal(store_open(&file, fixture->other, &err), STATUS_INVALID);
    assert_contains(err.message, "is empty");
    assert_int_equal(store_open(&file, fixture->path, &err), STATUS_INVALID);
    assert_contains(err.message, "is a folder");
    assert_int_equal(store_open(&file, "/dev/null", &err), STATUS_INVALID);
}

/* HDF5 asks for the gigabyte, fails, and at the second call does without: the trial in a child must
 * not take the failure for an attribute that is missing. */
static void a_header_that_claims_a_gigabyte_is_refused(void **state)
{
    static const char path[] = "tests/fuzz/corpus/hdf5/gigabyte_header.h5";
    struct store_file *file;
    struct error err;
    (void)state;
    assert_int_equal(access(path, R_OK), 0);
    assert_int_equal(store_open(&file, path, &err), STATUS_INVALID);
    assert_contains(err.message, path);
    assert_contains(err.message, "damaged");
    assert_null(file);
}

static void missing_names_are_errors_that_name_them(void **state)
{
    struct kit_folder *fixture = *state;
    struct store_file *file;
    struct store_array array;
    struct error err;
    double number;
    char *text;
    check_ok(store_open(&file, fixture->file, &err), &err);
    assert_int_equal(store_get(file, "/series/nothing", &array, &err), STATUS_INVALID);
    assert_contains(err.message, fixture->file);
    assert_contains(err.message, "/series/nothing");
    assert_int_equal(store_get(file, "/loss/below", &array, &err), STATUS_INVALID);
    assert_int_equal(store_get(file, "/series", &array, &err), STATUS_INVALID);
    assert_contains(err.message, "/series is no dataset");
    assert_int_equal(store_get_number(file, "tau", &number, &err), STATUS_INVALID);
    assert_contains(err.message, "tau");
    assert_int_equal(store_get_number(file, "spec", &number, &err), STATUS_INVALID);
    assert_contains(err.message, "holds text");
    assert_int_equal(store_get_text(file, "seed", &text, &err), STATUS_INVALID);
    assert_int_equal(store_visit(file, "/none", ignore_path, NULL, &err), STATUS_INVALID);
    assert_false(store_has(file, "/series/nothing"));
    assert_true(store_has(file, "/series") && store_has(file, "/loss"));
    assert_false(store_has_attribute(file, "tau"));
    assert_true(store_has_attribute(file, "seed"));
    store_close(file);
}

/* ---- files from other programs ---- */

static hid_t put_foreign(hid_t file, const char *name, hid_t type, int rank, const hsize_t *shape)
{
    hid_t space = rank ? H5Screate_simple(rank, shape, NULL) : H5Screate(H5S_SCALAR);
    hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Sclose(space);
    return dataset;
}

static void put_foreign_attribute(hid_t file, const char *name, hid_t type, hsize_t length,
                                  const void *value)
{
    hid_t space = length ? H5Screate_simple(1, &length, NULL) : H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, type, value);
    H5Aclose(attribute);
    H5Sclose(space);
}

static void files_of_others_need_no_checksum(void **state)
{
    struct kit_folder *fixture = *state;
    hid_t raw = H5Fcreate(fixture->other, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    const double foreign = 7;
    assert_true(raw >= 0);
    put_foreign_attribute(raw, "checksum", H5T_NATIVE_DOUBLE, 0, &foreign);
    H5Fclose(raw);
    assert_int_equal(store_verify(fixture->other, NULL), STATUS_OK);
    assert_int_equal(store_verify("/nonexistent/run.h5", NULL), STATUS_INVALID);
}

static void integers_floats_and_booleans_become_doubles(void **state)
{
    struct kit_folder *fixture = *state;
    struct store_file *file;
    struct store_array array;
    struct error err;
    const hsize_t three[] = {3};
    const int64_t integers[] = {-5, 0, 7};
    const float floats[] = {0.5f, -2, 8};
    const signed char booleans[] = {1, 0, 1}, values[] = {0, 1};
    hid_t raw = H5Fcreate(fixture->other, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t boolean = H5Tenum_create(H5T_STD_I8LE);
    H5Tenum_insert(boolean, "FALSE", &values[0]);
    H5Tenum_insert(boolean, "TRUE", &values[1]);
    hid_t set[] = {put_foreign(raw, "integer", H5T_STD_I16BE, 1, three),
                   put_foreign(raw, "float", H5T_IEEE_F32LE, 1, three),
                   put_foreign(raw, "boolean", boolean, 1, three)};
    H5Dwrite(set[0], H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, integers);
    H5Dwrite(set[1], H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, floats);
    H5Dwrite(set[2], boolean, H5S_ALL, H5S_ALL, H5P_DEFAULT, booleans);
    for (int i = 0; i < 3; i++)
        H5Dclose(set[i]);
    H5Tclose(boolean);
    H5Fclose(raw);
    check_ok(store_open(&file, fixture->other, &err), &err);
    const char *names[] = {"/integer", "/float", "/boolean"};
    const double expected[3][3] = {{-5, 0, 7}, {0.5, -2, 8}, {1, 0, 1}};
    for (int i = 0; i < 3; i++) {
        check_ok(store_get(file, names[i], &array, &err), &err);
        assert_memory_equal(array.values, expected[i], sizeof expected[i]);
        store_array_free(&array);
    }
    store_close(file);
}

static void attributes_of_h5py_can_be_read(void **state)
{
    struct kit_folder *fixture = *state;
    struct store_file *file;
    struct store_array array;
    struct error err;
    const char *kind = "tree", fixed[8] = "fixed   ";
    const int64_t sizes[] = {12, 16, 9, 5};
    const double tau = 0.37;
    const int64_t negative = -3;
    uint64_t natural;
    char *text;
    double number;
    hid_t raw = H5Fcreate(fixture->other, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t varying = H5Tcopy(H5T_C_S1), padded = H5Tcopy(H5T_C_S1);
    H5Tset_size(varying, H5T_VARIABLE);
    H5Tset_cset(varying, H5T_CSET_UTF8);
    H5Tset_size(padded, sizeof fixed);
    H5Tset_strpad(padded, H5T_STR_SPACEPAD);
    put_foreign_attribute(raw, "kind", varying, 0, &kind);
    put_foreign_attribute(raw, "padded", padded, 0, fixed);
    put_foreign_attribute(raw, "sizes", H5T_NATIVE_INT64, 4, sizes);
    put_foreign_attribute(raw, "tau", H5T_NATIVE_DOUBLE, 0, &tau);
    put_foreign_attribute(raw, "negative", H5T_NATIVE_INT64, 0, &negative);
    H5Tclose(varying);
    H5Tclose(padded);
    H5Fclose(raw);
    check_ok(store_open(&file, fixture->other, &err), &err);
    check_ok(store_get_text(file, "kind", &text, &err), &err);
    assert_string_equal(text, "tree");
    free(text);
    check_ok(store_get_text(file, "padded", &text, &err), &err);
    assert_string_equal(text, "fixed");
    free(text);
    check_ok(store_get_number(file, "tau", &number, &err), &err);
    assert_true(number == tau);
    check_ok(store_get_number(file, "negative", &number, &err), &err);
    assert_true(number == -3);
    assert_int_equal(store_get_integer(file, "tau", &natural, &err), STATUS_INVALID);
    assert_int_equal(store_get_integer(file, "negative", &natural, &err), STATUS_INVALID);
    check_ok(store_show_attribute(file, "negative", &text, &err), &err);
    assert_string_equal(text, "-3");
    free(text);
    check_ok(store_get_numbers(file, "sizes", &array, &err), &err);
    assert_true(array.count == 4 && array.values[0] == 12 && array.values[3] == 5);
    store_array_free(&array);
    assert_int_equal(store_get_number(file, "sizes", &number, &err), STATUS_INVALID);
    check_ok(store_show_attribute(file, "sizes", &text, &err), &err);
    assert_string_equal(text, "[12, 16, 9, 5]");
    free(text);
    store_close(file);
}

/* As h5py writes by default: no checksums, texts of variable length; here also compressed chunks.
 */
static void write_foreign(const char *path)
{
    const char *text = "a text of varying length";
    const hsize_t shape[] = {40, 5}, chunk[] = {7, 2};
    double values[200];
    for (int i = 0; i < 200; i++)
        values[i] = i % 7;
    hid_t raw = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t varying = H5Tcopy(H5T_C_S1), properties = H5Pcreate(H5P_DATASET_CREATE);
    H5Tset_size(varying, H5T_VARIABLE);
    H5Pset_chunk(properties, 2, chunk);
    H5Pset_deflate(properties, 6);
    hid_t space = H5Screate_simple(2, shape, NULL);
    for (int i = 0; i < 12; i++) {
        char name[16];
        snprintf(name, sizeof name, "set_%d", i);
        hid_t dataset = H5Dcreate2(raw, name, H5T_IEEE_F64LE, space, H5P_DEFAULT,
                                   i % 2 ? properties : H5P_DEFAULT, H5P_DEFAULT);
        H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
        put_foreign_attribute(dataset, "long_name", varying, 0, &text);
        H5Dclose(dataset);
        put_foreign_attribute(raw, name, varying, 0, &text);
    }
    H5Sclose(space);
    H5Pclose(properties);
    H5Tclose(varying);
    H5Fclose(raw);
}

static void flipped_bits_of_other_writers_never_crash(void **state)
{
    struct kit_folder *fixture = *state;
    const char *preload = getenv("LD_PRELOAD");
    if (preload && strstr(preload, "valgrind"))
        skip(); /* HDF5 itself reads beyond its buffers on such files */
    write_foreign(fixture->file);
    assert_int_equal(read_in_child(fixture->file), READ_WELL);
    flip_bits(fixture->file, fixture->other, 120, false);
}

static void expect_refusal(const struct store_file *file, const char *path, const char *words)
{
    struct store_array array;
    struct error err;
    assert_int_equal(store_get(file, path, &array, &err), STATUS_INVALID);
    assert_contains(err.message, path);
    assert_contains(err.message, words);
    assert_contains(err.message, "other.h5: ");
}

/* A dataset of `rows` rows that were never written. */
static void put_chunked(hid_t file, const char *name, hsize_t rows)
{
    const hsize_t shape[] = {rows, 1 << 20}, chunk[] = {1, 16};
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(2, shape, NULL);
    H5Pset_chunk(properties, 2, chunk);
    H5Dclose(H5Dcreate2(file, name, H5T_IEEE_F64LE, space, H5P_DEFAULT, properties, H5P_DEFAULT));
    H5Sclose(space);
    H5Pclose(properties);
}

static void absurd_datasets_are_refused(void **state)
{
    struct kit_folder *fixture = *state;
    struct store_file *file;
    struct error err;
    const hsize_t five[] = {1, 1, 1, 1, 2}, one[] = {1};
    hid_t raw = H5Fcreate(fixture->other, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t text = H5Tcopy(H5T_C_S1), records = H5Tcreate(H5T_COMPOUND, 8);
    H5Tset_size(text, 5);
    H5Tinsert(records, "x", 0, H5T_IEEE_F64LE);
    H5Dclose(put_foreign(raw, "rank", H5T_IEEE_F64LE, 5, five));
    H5Dclose(put_foreign(raw, "text", text, 1, one));
    H5Dclose(put_foreign(raw, "records", records, 1, one));
    put_chunked(raw, "huge", (hsize_t)1 << 40);
    put_chunked(raw, "above", 1025); /* one row more than 8 GiB */
    put_chunked(raw, "claim", 64);   /* within the limit, but larger than the file */
    H5Lcreate_external(fixture->file, "/loss", raw, "external", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/nowhere", raw, "dangling", H5P_DEFAULT, H5P_DEFAULT);
    H5Tclose(text);
    H5Tclose(records);
    H5Fclose(raw);
    check_ok(store_open(&file, fixture->other, &err), &err);
    expect_refusal(file, "/rank", "rank 5");
    expect_refusal(file, "/text", "holds text; numbers are needed");
    expect_refusal(file, "/records", "holds records");
    expect_refusal(file, "/huge", "8 GiB");
    expect_refusal(file, "/above", "8 GiB");
    expect_refusal(file, "/claim", "claims 67108864 values");
    expect_refusal(file, "/external", "is not followed");
    expect_refusal(file, "/dangling", "leads nowhere");
    store_close(file);
}

static void data_in_other_files_are_refused(void **state)
{
    struct kit_folder *fixture = *state;
    struct store_file *file;
    struct error err;
    const hsize_t one[] = {4};
    hid_t raw = H5Fcreate(fixture->other, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(1, one, NULL);
    H5Pset_external(properties, "/etc/passwd", 0, 32);
    H5Dclose(
        H5Dcreate2(raw, "outside", H5T_IEEE_F64LE, space, H5P_DEFAULT, properties, H5P_DEFAULT));
    H5Sclose(space);
    H5Pclose(properties);
    H5Fclose(raw);
    check_ok(store_open(&file, fixture->other, &err), &err);
    expect_refusal(file, "/outside", "lies in other files");
    store_close(file);
}

static void links_in_a_circle_are_an_error(void **state)
{
    struct kit_folder *fixture = *state;
    struct store_file *file;
    struct error err;
    hid_t raw = H5Fcreate(fixture->other, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(H5Gcreate2(raw, "group", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Lcreate_hard(raw, "/", raw, "/group/above", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(raw);
    check_ok(store_open(&file, fixture->other, &err), &err);
    assert_int_equal(store_visit(file, "/", ignore_path, NULL, &err), STATUS_INVALID);
    assert_contains(err.message, "links in a circle");
    store_close(file);
}

static enum status collect(const char *path, void *context, struct error *err)
{
    (void)err;
    strcat(context, path);
    strcat(context, " ");
    return STATUS_OK;
}

static void visit_goes_in_order_of_name(void **state)
{
    struct kit_folder *fixture = *state;
    struct store_file *file;
    struct error err;
    char all[512] = "", some[512] = "";
    check_ok(store_open(&file, fixture->file, &err), &err);
    check_ok(store_visit(file, "/", collect, all, &err), &err);
    assert_string_equal(all, "/ceiling/level_1 /level_1_node /loss /series/best_correlation "
                             "/series/correlation/level_1 /series/epoch /series/level "
                             "/series/neuron ");
    check_ok(store_visit(file, "/series/correlation", collect, some, &err), &err);
    assert_string_equal(some, "/series/correlation/level_1 ");
    store_close(file);
}

static void visit_follows_no_soft_links(void **state)
{
    struct kit_folder *fixture = *state;
    struct store_file *file;
    struct error err;
    char all[512] = "";
    hid_t raw = H5Fcreate(fixture->other, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Dclose(put_foreign(raw, "x", H5T_IEEE_F64LE, 0, NULL));
    H5Lcreate_soft("/x", raw, "again", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(raw);
    check_ok(store_open(&file, fixture->other, &err), &err);
    check_ok(store_visit(file, "/", collect, all, &err), &err);
    assert_string_equal(all, "/x ");
    assert_int_equal(store_kind(file, "/again"), STORE_DATASET);
    store_close(file);
}

/* ---- numbers and commands ---- */

static void numbers_are_shortest_and_read_back(void **state)
{
    (void)state;
    const struct {
        double value;
        const char *text;
    } known[] = {
        {0, "0"},
        {-0.0, "-0"},
        {0.1, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {1e22, "1e+22"},
        {5e-324, "5e-324"},
        {0.1 + 0.2, "0.30000000000000004"},
        {-2.5, "-2.5"},
        {INFINITY, "inf"},
        {-INFINITY, "-inf"},
        {NAN, "nan"},
        {-NAN, "nan"},
        {64000, "64000"},
        {1e-7, "1e-07"},
    };
    char text[STORE_NUMBER_SIZE];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        store_format_number(known[i].value, text);
        assert_string_equal(text, known[i].text);
    }
    uint64_t random = 1;
    for (int i = 0; i < 20000; i++) {
        double value;
        random = random * 6364136223846793005u + 1442695040888963407u;
        memcpy(&value, &random, sizeof value);
        store_format_number(value, text);
        assert_true(isnan(value) || strtod(text, NULL) == value);
    }
}

static void expect_export(const struct kit_folder *fixture, const char *dataset,
                          const char *expected)
{
    int code;
    const char *words[] = {"export", fixture->file, dataset, NULL};
    char *text = kit_run(KIT_STDOUT, command_export, words, &code);
    assert_int_equal(code, 0);
    assert_string_equal(text, expected);
    free(text);
}

static void export_writes_axes_and_columns(void **state)
{
    struct kit_folder *fixture = *state;
    expect_export(fixture, "/series/correlation/level_1",
                  "epoch\tnode_0.neuron_0\tnode_0.neuron_1\tnode_1.neuron_0\tnode_1.neuron_1\t"
                  "node_2.neuron_0\tnode_2.neuron_1\n"
                  "0\t0.1\t-0.2\t0.3333333333333333\t5e-324\t1e+300\t-0\n"
                  "10\t0.75\t2\t3\t1e+22\t0.3\t-1\n");
    expect_export(fixture, "series/best_correlation/",
                  "epoch\tlevel_0\tlevel_1\n0\t0.125\t0.25\n10\t0.5\t0.875\n");
    expect_export(fixture, "ceiling/level_1", "node\tlevel_1\n0\t0.9\n1\t0.8\n2\t1\n");
    expect_export(fixture, "series/epoch", "epoch\n0\n10\n");
    expect_export(fixture, "loss", "loss\n0.25\n");
}

static void export_counts_rows_without_an_axis(void **state)
{
    struct kit_folder *fixture = *state;
    int code;
    const hsize_t shape[] = {2, 2};
    const double values[] = {1, 2, 3, 4};
    const char *words[] = {"export", fixture->other, "x", NULL};
    hid_t raw = H5Fcreate(fixture->other, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t dataset = put_foreign(raw, "x", H5T_IEEE_F64LE, 2, shape);
    H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    H5Dclose(dataset);
    H5Fclose(raw);
    char *text = kit_run(KIT_STDOUT, command_export, words, &code);
    assert_string_equal(text, "index\tdim1_0\tdim1_1\n0\t1\t2\n1\t3\t4\n");
    free(text);
}

static void export_lists_datasets(void **state)
{
    struct kit_folder *fixture = *state;
    int code;
    const char *words[] = {"export", "--list", fixture->file, NULL};
    char *text = kit_run(KIT_STDOUT, command_export, words, &code);
    assert_int_equal(code, 0);
    assert_contains(text, "dataset\tshape\tlong_name\tunits\n");
    assert_contains(text, "\n/loss\tscalar\tloss\tnat\n");
    assert_contains(text, "\n/series/correlation/level_1\t2 x 3 x 2\tsigned correlation\t1\n");
    free(text);
}

static void expect_export_error(const struct kit_folder *fixture, const char *dataset,
                                const char *words)
{
    int code;
    const char *call[] = {"export", fixture->file, dataset, NULL};
    char *text = kit_run(KIT_STDERR, command_export, call, &code);
    assert_int_equal(code, 2);
    assert_contains(text, words);
    free(text);
}

static void export_of_what_is_not_there_names_what_is_near(void **state)
{
    struct kit_folder *fixture = *state;
    expect_export_error(fixture, "best_correlation", "nearest: /series/best_correlation");
    expect_export_error(fixture, "series/epohc", "nearest: /series/epoch");
    expect_export_error(fixture, "zzzzzz", "--list");
    expect_export_error(fixture, "series",
                        "holds best_correlation, correlation/, epoch, level, neuron");
}

static int export_to_full_disk(int argc, char **argv)
{
    int full = open("/dev/full", O_WRONLY), kept = dup(1);
    dup2(full, 1);
    int code = command_export(argc, argv);
    dup2(kept, 1);
    close(kept);
    close(full);
    return code;
}

static int export_to_closed_pipe(int argc, char **argv)
{
    int ends[2], kept = dup(1);
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    dup2(ends[1], 1);
    int code = command_export(argc, argv);
    dup2(kept, 1);
    close(kept);
    close(ends[1]);
    return code;
}

/* More than the buffer of stdout, so that it fails before the end. */
static void export_reports_a_disk_that_fills_on_the_way(void **state)
{
    struct kit_folder *fixture = *state;
    int code;
    const hsize_t many[] = {100000};
    const char *words[] = {"export", fixture->other, "x", NULL};
    double *values = calloc(many[0], sizeof *values);
    hid_t raw = H5Fcreate(fixture->other, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t dataset = put_foreign(raw, "x", H5T_IEEE_F64LE, 1, many);
    H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    H5Dclose(dataset);
    H5Fclose(raw);
    free(values);
    char *text = kit_run(KIT_STDERR, export_to_full_disk, words, &code);
    assert_int_equal(code, 2);
    assert_contains(text, strerror(ENOSPC));
    free(text);
    clearerr(stdout);
}

static void export_reports_a_full_disk_but_no_closed_pipe(void **state)
{
    struct kit_folder *fixture = *state;
    int code;
    const char *words[] = {"export", fixture->file, "loss", NULL};
    char *text = kit_run(KIT_STDERR, export_to_full_disk, words, &code);
    assert_int_equal(code, 2);
    assert_contains(text, strerror(ENOSPC));
    free(text);
    clearerr(stdout);
    text = kit_run(KIT_STDERR, export_to_closed_pipe, words, &code);
    assert_int_equal(code, 2);
    assert_string_equal(text, "");
    free(text);
    clearerr(stdout);
}

static void info_shows_the_run_and_its_summary(void **state)
{
    struct kit_folder *fixture = *state;
    int code;
    const char *words[] = {"info", fixture->file, NULL};
    char *text = kit_run(KIT_STDOUT, command_info, words, &code);
    assert_int_equal(code, 0);
    assert_contains(text, "seed          18446744073709551615\n");
    assert_contains(text, "duet          1.2.3\n");
    assert_contains(text, "measured      2 epochs, 0 to 10\n");
    assert_contains(text, "\nspec\n  name: t\n  train:\n    epochs: 1\n\n");
    assert_contains(text, "  /series/correlation/level_1           2 x 3 x 2");
    assert_contains(text, "\nthe best of a?level\n"
                          "level   nodes    before     after   ceiling\n");
    assert_contains(text, "\n    0       -    0.1250    0.5000         -\n");
    assert_contains(text, "\n    1       3    0.2500    0.8750    0.9000\n");
    free(text);
}

static void info_of_a_damaged_file_fails(void **state)
{
    struct kit_folder *fixture = *state;
    int code;
    const char *words[] = {"info", fixture->other, NULL};
    kit_write(fixture->other, "\211HDF\r\n\032\n damaged", 16);
    char *text = kit_run(KIT_STDERR, command_info, words, &code);
    assert_int_equal(code, 2);
    assert_contains(text, "is truncated or damaged");
    free(text);
}

static int fail_in_hdf5(int argc, char **argv)
{
    struct store_file *file;
    struct store_array array;
    struct store *store;
    (void)argc;
    H5Eset_auto2(H5E_DEFAULT, (H5E_auto2_t)H5Eprint2, NULL);
    assert_int_equal(store_open(&file, argv[0], NULL), STATUS_OK);
    assert_int_equal(store_get(file, "/nothing", &array, NULL), STATUS_INVALID);
    store_close(file);
    H5Eset_auto2(H5E_DEFAULT, (H5E_auto2_t)H5Eprint2, NULL);
    assert_int_equal(store_create(&store, NULL), STATUS_OK);
    assert_int_equal(store_put(store, "/a/", 0, NULL, NULL, best, "x", "1", NULL), STATUS_INVALID);
    assert_int_equal(store_put_text(store, "twice", "x", NULL), STATUS_OK);
    assert_int_equal(store_put_text(store, "twice", "x", NULL), STATUS_SYSTEM);
    store_free(store);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return 0;
}

static void hdf5_prints_nothing_by_itself(void **state)
{
    struct kit_folder *fixture = *state;
    int code;
    const char *words[] = {fixture->file, NULL};
    char *text = kit_run(KIT_STDERR, fail_in_hdf5, words, &code);
    assert_string_equal(text, "");
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, kit_folder_tear_down)

int main(void)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    const struct CMUnitTest tests[] = {
        TEST(round_trip_keeps_values_shapes_and_texts),
        TEST(integers_are_exact),
        TEST(an_axis_without_values_counts_from_0),
        TEST(same_calls_give_same_bytes),
        TEST(committing_twice_gives_same_bytes),
        TEST(no_object_keeps_a_time),
        TEST(references_have_no_stray_bytes),
        TEST(axes_are_attached_dimension_scales),
        TEST(every_dataset_has_long_name_and_units),
        TEST(get_axes_finds_them_again),
        TEST(put_refuses_wrong_axes),
        TEST(put_refuses_wrong_paths),
        TEST(long_texts_and_many_attributes_fit),
        TEST(commit_makes_folders),
        TEST(a_folder_that_cannot_be_made_is_an_error),
        TEST(a_failed_write_leaves_the_old_file_and_no_other),
        TEST(truncated_files_are_errors_that_name_them),
        TEST(flipped_bits_never_crash),
        TEST(any_flipped_bit_is_found),
        TEST(a_cut_file_is_found_where_its_numbers_are_cut),
        TEST(files_of_others_need_no_checksum),
        TEST(checksum_is_that_of_zlib),
        TEST(flipped_bits_of_other_writers_never_crash),
        TEST(open_says_what_is_wrong_with_a_file),
        TEST(a_header_that_claims_a_gigabyte_is_refused),
        TEST(missing_names_are_errors_that_name_them),
        TEST(integers_floats_and_booleans_become_doubles),
        TEST(attributes_of_h5py_can_be_read),
        TEST(absurd_datasets_are_refused),
        TEST(data_in_other_files_are_refused),
        TEST(links_in_a_circle_are_an_error),
        TEST(visit_goes_in_order_of_name),
        TEST(visit_follows_no_soft_links),
        TEST(numbers_are_shortest_and_read_back),
        TEST(export_writes_axes_and_columns),
        TEST(export_counts_rows_without_an_axis),
        TEST(export_lists_datasets),
        TEST(export_of_what_is_not_there_names_what_is_near),
        TEST(export_reports_a_full_disk_but_no_closed_pipe),
        TEST(export_reports_a_disk_that_fills_on_the_way),
        TEST(info_shows_the_run_and_its_summary),
        TEST(info_of_a_damaged_file_fails),
        TEST(hdf5_prints_nothing_by_itself),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
