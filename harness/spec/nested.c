#include "harness/spec/loader.h"

#include <string.h>

const struct param *nested_choice(const struct descriptor *descriptor)
{
    for (const struct param *p = descriptor->params; p && p->name; p++)
        if (p->type == PARAM_CHOICES && p->registry)
            return p;
    return NULL;
}

bool nested_is_table(enum spec_section section, const char *key)
{
    const struct registry *registry = spec_sections[section].registry;
    for (size_t i = 0; i < registry->count; i++) {
        const struct param *choice = nested_choice(registry->entries[i]);
        if (choice && registry_find(choice->registry, key))
            return true;
    }
    return false;
}

bool nested_split(const struct descriptor *chosen, const char *key, struct nested *nested)
{
    const struct param *choice = nested_choice(chosen);
    const char *dot = strchr(key, '.');
    *nested = (struct nested){.choice = choice};
    for (size_t i = 0; choice && dot && i < choice->registry->count; i++) {
        const struct descriptor *entry = choice->registry->entries[i];
        if (strlen(entry->name) != (size_t)(dot - key) ||
            strncmp(entry->name, key, (size_t)(dot - key)) != 0)
            continue;
        nested->index = i;
        nested->entry = entry;
        nested->param = descriptor_param(entry, dot + 1);
        return true;
    }
    return false;
}
