#include "core/state.h"

#include <stdarg.h>
#include <stdio.h>

static struct state_block *add(struct state_list *list)
{
    struct state_block *block = list->entry ? &list->entry[list->count] : &list->ignored;
    list->count++;
    return block;
}

void state_reals(struct state_list *list, size_t count, double *value, const char *format, ...)
{
    if (count == 0 || !value)
        return;
    struct state_block *block = add(list);
    list->reals += count;
    *block = (struct state_block){.real = value, .count = count};
    va_list args;
    va_start(args, format);
    vsnprintf(block->name, sizeof block->name, format, args);
    va_end(args);
}

void state_natural(struct state_list *list, uint64_t *value, uint64_t most, const char *name)
{
    struct state_block *block = add(list);
    *block = (struct state_block){.natural = value, .most = most, .count = 1};
    snprintf(block->name, sizeof block->name, "%s", name);
}
