/* What names a run: what is computed, and the content of what it reads outside the spec. */
#include "core/hash.h"
#include "harness/spec/loader.h"
#include "harness/spec/params.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hash_of_text(const char *text, char hash[HASH_SIZE])
{
    snprintf(hash, HASH_SIZE, "%016" PRIx64, hash_more(HASH_OF_NOTHING, text, strlen(text)));
}

/* `kind`: the hash of everything except the seed. */
static void name(struct spec *spec, uint64_t kind)
{
    char seed[32];
    snprintf(spec->kind, HASH_SIZE, "%016" PRIx64, kind);
    const int length = snprintf(seed, sizeof seed, "seed: %" PRIu64 "\n", spec->seed);
    snprintf(spec->hash, HASH_SIZE, "%016" PRIx64, hash_more(kind, seed, (size_t)length));
}

void spec_name_alone(struct spec *spec)
{
    name(spec, spec->computed);
}

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
    if ((*found = content)) {
        free(text);
        return STATUS_OK;
    }
    content = malloc(sizeof *content);
    status = content ? chosen->content(spec->settings[section], &content->hash, err)
                     : error_memory(err, "the name of a run");
    if (status) {
        free(content);
        free(text);
        return status;
    }
    *content = (struct spec_content){*known, chosen, text, content->hash};
    *found = *known = content;
    return STATUS_OK;
}

enum status spec_name(struct spec *spec, struct spec_content **known, struct error *err)
{
    uint64_t kind = spec->computed;
    enum status status = STATUS_OK;
    for (int s = 0; s < SECTION_COUNT && !status; s++) {
        const struct spec_content *content = NULL;
        if (spec->chosen[s]->content)
            status = find(spec, s, known, &content, err);
        if (!content)
            continue;
        spec->content[s] = content->hash;
        kind = hash_more(kind, &content->hash, sizeof content->hash);
    }
    if (!status)
        name(spec, kind);
    return status;
}
