#include "core/descriptor.h"

#include <string.h>

const struct descriptor *registry_find(const struct registry *registry, const char *name)
{
    for (size_t i = 0; i < registry->count; i++)
        if (strcmp(registry->entries[i]->name, name) == 0)
            return registry->entries[i];
    return NULL;
}

const struct param *descriptor_param(const struct descriptor *descriptor, const char *name)
{
    for (const struct param *p = descriptor->params; p && p->name; p++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

double *descriptor_real(const struct descriptor *descriptor, void *settings, const char *name)
{
    return (double *)((char *)settings + descriptor_param(descriptor, name)->offset);
}
