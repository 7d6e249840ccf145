#include "harness/spec/loader.h"
#include "harness/spec/value.h"
#include "harness/spec/words.h"

#include <stdio.h>
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

enum status nested_refuse(struct loader *loader, const struct entry *entry,
                          const struct nested *nested)
{
    const char *what = nested->choice->registry->what, *name = nested->entry->name;
    const char *names[MAX_KEYS];
    char path[2 * MAX_SHOWN], right[PHRASE];
    size_t count = 0;
    write_path(path, sizeof path, entry->section, entry->key);
    if (nested->param)
        return error_at(loader->err, entry->text, entry->line, entry->column, path,
                        "%s is of the %s %s, which %s.%s does not name; name it, or leave the key "
                        "out",
                        path, what, name, spec_sections[entry->section].key, nested->choice->name);
    for (const struct param *p = nested->entry->params; p && p->name && count < MAX_KEYS; p++)
        names[count++] = p->name;
    suggest_word(right, sizeof right, strchr(entry->key, '.') + 1, names, count, "the keys are");
    return error_at(loader->err, entry->text, entry->line, entry->column, path,
                    "unknown key %s of %s %s; %s", path, what, name,
                    count ? right : "it has no keys");
}
