#include "tests/fuzz/kit/fuzz.h"

#include <pthread.h>
#include <sanitizer/common_interface_defs.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void demand(int holds, const char *words)
{
    if (holds)
        return;
    dprintf(STDERR_FILENO, "%s\n", words);
    abort();
}

static void no_report(void) {}

static void in_child(void)
{
    __sanitizer_set_death_callback(no_report);
}

void fuzz_begin(const char *name, char folder[FUZZ_PATH])
{
    const char *where = getenv("TMPDIR");
    snprintf(folder, FUZZ_PATH, "%s/fuzz_%s_XXXXXX", where ? where : "/tmp", name);
    demand(mkdtemp(folder) != NULL, "no temporary folder");
    demand(pthread_atfork(NULL, NULL, in_child) == 0, "no watch over children");
    demand(freopen("/dev/null", "w", stdout) != NULL, "no /dev/null");
    stderr = stdout; /* reports of sanitizers do not use it */
}

void fuzz_write(const char *path, const void *bytes, size_t size)
{
    unlink(path);
    FILE *out = fopen(path, "wb");
    demand(out != NULL, "cannot write a file");
    demand((size == 0 || fwrite(bytes, size, 1, out) == 1) && fclose(out) == 0,
           "cannot write a file");
}

uint8_t *fuzz_read(const char *path, size_t *size)
{
    FILE *in = fopen(path, "rb");
    demand(in && fseek(in, 0, SEEK_END) == 0, "cannot read a file");
    *size = (size_t)ftell(in);
    rewind(in);
    uint8_t *bytes = malloc(*size + 1);
    demand(bytes && (*size == 0 || fread(bytes, *size, 1, in) == 1) && fclose(in) == 0,
           "cannot read a file");
    return bytes;
}

void fuzz_seed(const char *name, int first, const void *bytes, size_t size)
{
    char path[FUZZ_PATH];
    const char *folder = getenv("FUZZ_SEEDS");
    if (!folder)
        return;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *out = fopen(path, "wb");
    demand(out != NULL, "cannot write a seed");
    if (first >= 0)
        fputc(first, out);
    demand(fwrite(bytes, 1, size, out) == size && fclose(out) == 0, "cannot write a seed");
}
