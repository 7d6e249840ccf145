#include "analysis/registry.h"
#include "harness/spec/loader.h"
#include "harness/spec/words.h"
#include "sim/registry.h"

const struct param top_params[] = {
    {.name = "name",
     .type = PARAM_TEXT,
     .fallback = "run",
     .doc = "folder of the results",
     .offset = offsetof(struct top, name)},
    {.name = "seed",
     .type = PARAM_INTEGER,
     .fallback = "1",
     .low = 0,
     .high = UNBOUNDED,
     .doc = "of every random stream",
     .offset = offsetof(struct top, seed)},
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

const char *spec_section_key(enum spec_section section)
{
    return spec_sections[section].key;
}

const char *spec_section_selector(enum spec_section section)
{
    return spec_sections[section].selector;
}

const struct registry *spec_section_registry(enum spec_section section)
{
    return spec_sections[section].registry;
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
