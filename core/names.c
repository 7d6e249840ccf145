#include "core/names.h"

#include <stdlib.h>
#include <string.h>

bool names_add(struct names *names, const char *name)
{
    if (names->count == names->capacity) {
        size_t capacity = names->capacity ? 2 * names->capacity : 32;
        char **more = realloc(names->name, capacity * sizeof *more);
        if (!more)
            return false;
        names->name = more;
        names->capacity = capacity;
    }
    names->name[names->count] = strdup(name);
    return names->name[names->count] && ++names->count;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void names_sort(struct names *names)
{
    if (names->count > 1)
        qsort(names->name, names->count, sizeof *names->name, compare);
}

bool names_have(const struct names *names, const char *name)
{
    size_t i = 0;
    while (i < names->count && strcmp(names->name[i], name) != 0)
        i++;
    return i < names->count;
}

bool names_have_sorted(const struct names *names, const char *name)
{
    return names->count > 0 &&
           bsearch(&name, names->name, names->count, sizeof *names->name, compare);
}

void names_free(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->name[i]);
    free(names->name);
    *names = (struct names){0};
}
