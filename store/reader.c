#include "store/reader.h"

#include <stdarg.h>
#include <stdio.h>

enum { PATH = 96 };

struct store_array reader_get(struct reader *reader, size_t rows, size_t columns,
                              const char *format, ...)
{
    char path[PATH];
    va_list args;
    va_start(args, format);
    vsnprintf(path, sizeof path, format, args);
    va_end(args);
    if (!reader->status && reader->arrays == READER_ARRAYS)
        reader->status = error_set(reader->err, STATUS_INVALID, "more than %d arrays are looked at",
                                   READER_ARRAYS);
    if (reader->status)
        return (struct store_array){.values = NULL};
    struct store_array *array = &reader->array[reader->arrays];
    reader->status = store_get(reader->file, path, array, reader->err);
    if (reader->status)
        return (struct store_array){.values = NULL};
    reader->arrays++;
    const bool fits = array->rank > 0 && array->count > 0 && (!rows || array->shape[0] == rows) &&
                      (!columns || array->count == columns * array->shape[0]);
    if (!fits) {
        reader->status = error_set(reader->err, STATUS_INVALID, "%s has another shape", path);
        return (struct store_array){.values = NULL};
    }
    return *array;
}

enum status reader_close(struct reader *reader)
{
    for (size_t i = 0; i < reader->arrays; i++)
        store_array_free(&reader->array[i]);
    reader->arrays = 0;
    return reader->status;
}
