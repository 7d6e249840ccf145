/* Arrays of a result file, read one after another and kept until the reader is closed.  The first
 * error stays, and what follows it does nothing, so that it is asked for once. */
#pragma once

#include "store/store.h"

enum { READER_ARRAYS = 32 };

struct reader {
    const struct store_file *file;
    struct store_array array[READER_ARRAYS];
    size_t arrays;
    enum status status;
    struct error *err;
};

/* The array at a path: not a single number, not empty, of `rows` times `columns` values (0: any
 * number).  After an error its values are NULL and its count is 0. */
struct store_array reader_get(struct reader *reader, size_t rows, size_t columns,
                              const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Frees what was read and returns the status. */
enum status reader_close(struct reader *reader);
