#include "theorems/source_settings.h"

#include <string.h>

static void *field(const struct descriptor *about, struct opaque_settings *settings,
                   const char *name)
{
    return (char *)settings + descriptor_param(about, name)->offset;
}

void opaque_integer(const struct descriptor *about, struct opaque_settings *settings,
                    const char *name, int64_t value)
{
    memcpy(field(about, settings, name), &value, sizeof value);
}

void opaque_boolean(const struct descriptor *about, struct opaque_settings *settings,
                    const char *name, bool value)
{
    memcpy(field(about, settings, name), &value, sizeof value);
}

void opaque_choice(const struct descriptor *about, struct opaque_settings *settings,
                   const char *name, const char *word)
{
    const size_t length = strlen(word);
    const char *c = descriptor_param(about, name)->choices;
    int choice = 0;
    for (; strncmp(c, word, length) != 0 || (c[length] != ' ' && c[length] != '\0'); choice++)
        c = strchr(c, ' ') + 1;
    memcpy(field(about, settings, name), &choice, sizeof choice);
}

void opaque_matrix(const struct descriptor *about, struct opaque_settings *settings,
                   const char *name, size_t n, const size_t *length, const double *value)
{
    const struct reals reals = {.rank = 2, .rows = n, .length = length, .value = value};
    memcpy(field(about, settings, name), &reals, sizeof reals);
}
