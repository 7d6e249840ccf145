/* The reading of many files of store/store_each.c, where each file that a child could read is read
 * here again: coverage and findings of a child, the death of which is none, would be lost.  The two
 * readings may differ: HDF5 takes what lies in memory for some texts of a damaged file.
 * Included by the one file of a fuzz program, whose own copy of store_each.c this is. */
#pragma once

#include "store/store_each.h"
#include "tests/fuzz/kit/fuzz.h"

#include <sys/resource.h>

static enum status store_each_in_children(const struct store_each *each, struct error *err);

/* Its other names must not meet those of other headers. */
#define BLOCK FILES_IN_A_BLOCK
#define store_each(each, err) store_each_in_children(each, err)
#include "store/store_each.c"
#undef store_each
#undef BLOCK

/* The limits are the child's alone. */
static enum status read_again(const struct store_each *each, size_t i, FILE *out)
{
    struct rlimit time, memory;
    struct error problem = {0};
    getrlimit(RLIMIT_CPU, &time);
    getrlimit(RLIMIT_AS, &memory);
    const enum status status = read_file(each, i, out, &problem);
    setrlimit(RLIMIT_CPU, &time);
    setrlimit(RLIMIT_AS, &memory);
    return status;
}

static void name_again(void *context, size_t i, char *path, size_t size)
{
    const struct store_each *each = context;
    each->name(each->context, i, path, size);
}

static enum status read_in_child(void *context, size_t i, const struct store_file *file, FILE *out,
                                 struct error *err)
{
    const struct store_each *each = context;
    return each->read(each->context, i, file, out, err);
}

static enum status take_again(void *context, size_t i, const char *bytes, size_t size,
                              const struct error *problem, struct error *err)
{
    const struct store_each *each = context;
    char *again = NULL;
    size_t length = 0;
    FILE *out = problem ? NULL : open_memstream(&again, &length);
    if (out) {
        read_again(each, i, out);
        demand(fclose(out) == 0, "out of memory");
    }
    free(again);
    return each->take(each->context, i, bytes, size, problem, err);
}

enum status store_each(const struct store_each *each, struct error *err)
{
    const struct store_each twice = {each->count, (void *)each, name_again, read_in_child,
                                     take_again};
    return store_each_in_children(&twice, err);
}
