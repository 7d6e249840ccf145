#include "tests/kit/file.h"

#include <ftw.h>
#include <unistd.h>

struct kit_folder kit_folder_open(const char *file, const char *other)
{
    struct kit_folder folder = {.path = "/tmp/duet_test_XXXXXX"};
    assert_non_null(mkdtemp(folder.path));
    snprintf(folder.file, sizeof folder.file, "%s/%s", folder.path, file);
    snprintf(folder.other, sizeof folder.other, "%s/%s", folder.path, other);
    return folder;
}

static int remove_entry(const char *path, const struct stat *about, int type, struct FTW *where)
{
    (void)about, (void)type, (void)where;
    return remove(path);
}

int kit_folder_close(const struct kit_folder *folder)
{
    return nftw(folder->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int kit_folder_tear_down(void **state)
{
    const int failed = kit_folder_close(*state);
    free(*state);
    return failed;
}

static char *read_all(FILE *in, size_t *size)
{
    size_t length;
    assert_int_equal(fseek(in, 0, SEEK_END), 0);
    length = (size_t)ftell(in);
    rewind(in);
    char *bytes = allocate(length + 1, 1);
    assert_int_equal(fread(bytes, 1, length, in), length);
    fclose(in);
    if (size)
        *size = length;
    return bytes;
}

char *kit_read(const char *path, size_t *size)
{
    FILE *in = fopen(path, "rb");
    if (!in)
        fail_msg("cannot read %s", path);
    return read_all(in, size);
}

enum store_state kit_state(const char *path)
{
    struct store_file *file;
    struct error err;
    check_ok(store_open(&file, path, &err), &err);
    const enum store_state state = store_state(file);
    store_close(file);
    return state;
}

void kit_write(const char *path, const void *bytes, size_t size)
{
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, size, out), size);
    assert_int_equal(fclose(out), 0);
}

struct kit_capture kit_capture_begin(int streams)
{
    struct kit_capture capture = {.streams = streams, .file = tmpfile()};
    assert_non_null(capture.file);
    fflush(stdout);
    for (int stream = 1; stream <= 2; stream++)
        if (streams & stream) {
            capture.kept[stream] = dup(stream);
            assert_true(capture.kept[stream] >= 0);
            dup2(fileno(capture.file), stream);
        }
    return capture;
}

char *kit_capture_end(struct kit_capture *capture)
{
    fflush(stdout);
    for (int stream = 1; stream <= 2; stream++)
        if (capture->streams & stream) {
            dup2(capture->kept[stream], stream);
            close(capture->kept[stream]);
        }
    return read_all(capture->file, NULL);
}

char *kit_run(int streams, int (*command)(int argc, char **argv), const char *const *words,
              int *code)
{
    char *argv[8];
    int argc = 0;
    for (; words[argc]; argc++) {
        assert_true(argc < 7);
        argv[argc] = strdup(words[argc]);
    }
    argv[argc] = NULL;
    struct kit_capture capture = kit_capture_begin(streams);
    *code = command(argc, argv);
    char *output = kit_capture_end(&capture);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    return output;
}
