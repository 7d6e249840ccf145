#include "analysis/registry.h"
#include "harness/spec/loader.h"
#include "harness/spec/words.h"
#include "sim/registry.h"

#include <string.h>

const struct param top_params[] = {
    TEXT_PARAM(struct top, name, "run", "folder of the results"),
    INTEGER_PARAM(struct top, seed, "1", 0, UNBOUNDED, "of every random stream"),
    {.name = NULL},
};

const struct section spec_sections[SECTION_COUNT] = {
    [SECTION_DATA] = {"data", "source", "hltm", "data", &source_registry},
    [SECTION_NETWORK] = {"network", "kind", "tree", "networks", &network_registry},
    [SECTION_OBJECTIVE] = {"objective", "name", "infonce", "objectives", &objective_registry},
    [SECTION_PREDICTOR] = {"predictor", "kind", "none", "predictors", &predictor_registry},
    [SECTION_PREDICTOR_OPTIMISER] = {"predictor_optimiser", "name", "gradient",
                                     "predictor_optimisers", &predictor_optimiser_registry},
    [SECTION_OPTIMISER] = {"optimiser", "name", "sgd", "optimisers", &optimiser_registry},
    [SECTION_TRAIN] = {"train", "trainer", "minibatch", "trainers", &trainer_registry},
    [SECTION_MEASURE] = {"measure", NULL, NULL, NULL, &measure_registry},
};

enum spec_section find_section(const char *key)
{
    int s = 0;
    while (s < SECTION_COUNT && strcmp(spec_sections[s].key, key) != 0)
        s++;
    return (enum spec_section)s;
}

bool spec_is_key(const char *text, size_t length)
{
    char first[MAX_SHOWN];
    const char *dot = memchr(text, '.', length);
    const size_t part = dot ? (size_t)(dot - text) : length;
    if (part >= sizeof first)
        return false;
    memcpy(first, text, part);
    first[part] = '\0';
    for (const struct param *p = top_params; p->name; p++)
        if (strcmp(p->name, first) == 0)
            return true;
    return find_section(first) < SECTION_COUNT || strcmp(first, "sweep") == 0;
}

void write_path(char *path, size_t size, enum spec_section section, const char *key)
{
    char shown[MAX_SHOWN];
    path[0] = '\0';
    excerpt(shown, sizeof shown, key ? key : "");
    if (section < SECTION_COUNT)
        append_text(path, size, "%s%s", spec_sections[section].key, key ? "." : "");
    append_text(path, size, "%s", shown);
}

/* ---- tables within a section ---- */

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
