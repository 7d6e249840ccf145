/* A list of texts that grows. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Zeroed, it is empty. */
struct names {
    char **name;
    size_t count, capacity;
};

/* A copy of `name` at the end; false for lack of memory. */
bool names_add(struct names *names, const char *name);
bool names_have(const struct names *names, const char *name);
void names_sort(struct names *names);
bool names_have_sorted(const struct names *names, const char *name); /* after names_sort */
void names_free(struct names *names);
