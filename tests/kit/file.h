/* Files in tests: a folder of their own, the bytes of files, and output.  Use it where a test
 * writes a file, changes its bytes, or reads what a command printed. */
#pragma once

#include "store/store.h"
#include "tests/kit/testing.h"

/* A new folder in /tmp, and the paths of two files in it, which do not exist. */
struct kit_folder {
    char path[64], file[128], other[128];
};

struct kit_folder kit_folder_open(const char *file, const char *other);

/* Remove it with everything in it; 0, or nonzero if something stays. */
int kit_folder_close(const struct kit_folder *folder);

/* As the teardown of a test: for a state from `allocate` that begins with its folder. */
int kit_folder_tear_down(void **state);

/* The whole file with a zero behind it, allocated for the caller; `size` may be NULL. */
char *kit_read(const char *path, size_t *size);

/* The state of a result file that can be opened (store/store.h). */
enum store_state kit_state(const char *path);

void kit_write(const char *path, const void *bytes, size_t size);

/* From begin to end, output goes to a file: of stdout, stderr or both. */
enum { KIT_STDOUT = 1, KIT_STDERR = 2, KIT_BOTH = 3 };

struct kit_capture {
    int streams;
    FILE *file;
    int kept[3]; /* by descriptor */
};

struct kit_capture kit_capture_begin(int streams);

/* The output, allocated for the caller. */
char *kit_capture_end(struct kit_capture *capture);

/* The output of a command; `words`, ended by NULL, are its arguments, `code` its return value. */
char *kit_run(int streams, int (*command)(int argc, char **argv), const char *const *words,
              int *code);
