#include "harness/spec/difference.h"

#include "harness/spec/loader.h"
#include "harness/spec/params.h"
#include "harness/spec/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct difference {
    char *text;
    size_t size, count;
};

static void add(struct difference *d, const char *key, const char *here, const char *there)
{
    char a[MAX_SHOWN + 8], b[MAX_SHOWN + 8];
    excerpt(a, sizeof a, here);
    excerpt(b, sizeof b, there);
    append_text(d->text, d->size, "%s%s is %s here and %s there", d->count++ ? ", " : "", key, a,
                b);
}

/* The value of one parameter as YAML, allocated; NULL without memory or without settings. */
static char *value_of(const struct param *param, const void *settings)
{
    const struct param alone[] = {*param, {.name = NULL}};
    char *text = NULL;
    if (!settings || params_text(alone, settings, &text, NULL))
        return NULL;
    memmove(text, text + strlen(param->name) + 2, strlen(text) - strlen(param->name) - 1);
    return text;
}

/* Two settings of one table; a missing one has no value. */
static void compare_tables(struct difference *d, const char *path, const struct param *params,
                           const void *here, const void *there)
{
    for (const struct param *p = params; p && p->name; p++) {
        char key[2 * MAX_SHOWN];
        char *a = value_of(p, here), *b = value_of(p, there);
        snprintf(key, sizeof key, "%s.%s", path, p->name);
        if (!p->aside && strcmp(a ? a : "", b ? b : "") != 0)
            add(d, key, a ? a : "nothing", b ? b : "nothing");
        free(a);
        free(b);
    }
}

static void compare_nested(struct difference *d, const struct spec *here, const struct spec *there,
                           enum spec_section s)
{
    const struct param *choice = here->tables[s] ? nested_choice(here->chosen[s]) : NULL;
    for (size_t i = 0; choice && i < choice->registry->count; i++) {
        const struct descriptor *entry = choice->registry->entries[i];
        char path[2 * MAX_SHOWN];
        snprintf(path, sizeof path, "%s.%s", spec_sections[s].key, entry->name);
        compare_tables(d, path, entry->params, here->tables[s][i],
                       there->tables[s] ? there->tables[s][i] : NULL);
    }
}

size_t spec_difference(const struct spec *here, const struct spec *there, char *text, size_t size)
{
    struct difference d = {.text = text, .size = size};
    text[0] = '\0';
    if (here->seed != there->seed) {
        char a[32], b[32];
        snprintf(a, sizeof a, "%" PRIu64, here->seed);
        snprintf(b, sizeof b, "%" PRIu64, there->seed);
        add(&d, "seed", a, b);
    }
    for (int i = 0; i < SECTION_COUNT; i++) {
        const enum spec_section s = (enum spec_section)i;
        const struct descriptor *chosen = here->chosen[s];
        char key[2 * MAX_SHOWN];
        if (chosen != there->chosen[s]) { /* other keys follow from it */
            snprintf(key, sizeof key, "%s.%s", spec_sections[s].key, spec_sections[s].selector);
            add(&d, key, chosen->name, there->chosen[s]->name);
            continue;
        }
        compare_tables(&d, spec_sections[s].key, chosen->params, here->settings[s],
                       there->settings[s]);
        compare_nested(&d, here, there, s);
    }
    return d.count;
}
