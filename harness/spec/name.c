/* The name of a run: a hash of its complete spec, and of the files that its data are read from. */
#include "core/hash.h"
#include "harness/spec/params.h"
#include "harness/spec/spec.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The content of a section that was met before. */
struct spec_content {
    struct spec_content *next;
    const struct descriptor *chosen;
    char *settings; /* as YAML */
    uint64_t hash;
};

void spec_contents_free(struct spec_content **known)
{
    for (struct spec_content *next; *known; *known = next) {
        next = (*known)->next;
        free((*known)->settings);
        free(*known);
    }
}

/* The content of a section whose descriptor has one. */
static enum status find(const struct spec *spec, int section, struct spec_content **known,
                        const struct spec_content **found, struct error *err)
{
    const struct descriptor *chosen = spec->chosen[section];
    char *text = NULL;
    enum status status = params_text(chosen->params, spec->settings[section], &text, err);
    if (status)
        return status;
    struct spec_content *content = *known;
    while (content && (content->chosen != chosen || strcmp(content->settings, text) != 0))
        content = content->next;
    *found = content;
    if (content) {
        free(text);
        return STATUS_OK;
    }
    content = malloc(sizeof *content);
    status = content ? chosen->content(spec->settings[section], &content->hash, err)
                     : error_set(err, STATUS_SYSTEM, "no memory for the name of a run");
    if (status) {
        free(content);
        free(text);
        return status;
    }
    content->chosen = chosen;
    content->settings = text;
    content->next = *known;
    *found = *known = content;
    return STATUS_OK;
}

enum status spec_name(struct spec *spec, struct spec_content **known, struct error *err)
{
    uint64_t hash = hash_more(HASH_OF_NOTHING, spec->yaml, strlen(spec->yaml));
    enum status status = STATUS_OK;
    for (int s = 0; s < SECTION_COUNT && !status; s++) {
        const struct spec_content *content = NULL;
        if (spec->chosen[s]->content)
            status = find(spec, s, known, &content, err);
        if (content)
            hash = hash_more(hash, &content->hash, sizeof content->hash);
    }
    if (!status)
        snprintf(spec->hash, sizeof spec->hash, "%016" PRIx64, hash);
    return status;
}

enum status spec_load(struct spec *spec, const char *path, const char *const *overrides,
                      size_t override_count, struct error *err)
{
    struct spec_content *known = NULL;
    enum status status = spec_read(spec, path, overrides, override_count, err);
    if (status)
        return status;
    status = spec_name(spec, &known, err);
    if (status) {
        spec_locate(spec, err);
        spec_free(spec);
    }
    spec_contents_free(&known);
    return status;
}
