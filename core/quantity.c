#include "core/quantity.h"

#include <stdarg.h>
#include <stdio.h>

struct quantity *quantity_add(struct quantity_list *list, const char *long_name, const char *format,
                              ...)
{
    struct quantity *q = list->entry ? &list->entry[list->count] : &list->ignored;
    list->count++;
    *q = (struct quantity){.long_name = long_name};
    va_list args;
    va_start(args, format);
    vsnprintf(q->path, sizeof q->path, format, args);
    va_end(args);
    return q;
}

void quantity_axis(struct quantity *q, size_t length, const char *long_name, const char *format,
                   ...)
{
    if (q->rank == QUANTITY_RANK)
        return;
    struct axis *axis = &q->axis[q->rank++];
    *axis = (struct axis){.length = length, .long_name = long_name};
    va_list args;
    va_start(args, format);
    vsnprintf(axis->path, sizeof axis->path, format, args);
    va_end(args);
}

size_t quantity_size(const struct quantity *q)
{
    size_t size = 1;
    for (int i = 0; i < q->rank; i++)
        size *= q->axis[i].length;
    return size;
}
