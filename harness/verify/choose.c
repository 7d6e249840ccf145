/* Which claims are measured, and with what settings. */
#include "harness/spec/params.h"
#include "harness/spec/words.h"
#include "harness/verify/verify.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

bool verify_selects(const char *id, const char *name)
{
    size_t length = strlen(id);
    if (length == 0 || strncasecmp(id, name, length) != 0)
        return false;
    unsigned char last = (unsigned char)id[length - 1], next = (unsigned char)name[length];
    return next == '\0' || last == '-' || next == '-' || (isdigit(last) && !isdigit(next));
}

static bool selected(const struct verify_options *options, const char *name)
{
    for (size_t i = 0; i < options->id_count; i++)
        if (verify_selects(options->ids[i], name))
            return true;
    return options->id_count == 0;
}

/* The nearest names, at most three. */
static void suggest_ids(const char *id, const struct registry *registry, char *text, size_t size)
{
    const char *names[256], *first = registry->entries[0]->name, *nearest;
    size_t count = 0;
    for (; count < registry->count && count < 256; count++)
        names[count] = registry->entries[count]->name;
    text[0] = '\0';
    for (int n = 0; n < 3 && (nearest = nearest_word(id, names, count)); n++) {
        append_text(text, size, "%s %s", n ? "," : " near it:", nearest);
        for (size_t i = 0; i < count; i++)
            if (names[i] == nearest)
                names[i] = names[--count];
    }
    if (!text[0])
        append_text(text, size, " give an ID such as %s, or a prefix such as %.*s", first,
                    (int)strcspn(first, "-"), first);
}

static enum status check_ids(const struct verify_options *options, const struct registry *registry,
                             struct error *err)
{
    for (size_t i = 0; i < options->id_count; i++) {
        char nearest[256];
        size_t found = 0;
        for (size_t k = 0; k < registry->count; k++)
            found += verify_selects(options->ids[i], registry->entries[k]->name);
        if (found > 0)
            continue;
        suggest_ids(options->ids[i], registry, nearest, sizeof nearest);
        return error_set(err, STATUS_INVALID,
                         "there is no claim '%s';%s (`duet list theorems` shows all)",
                         options->ids[i], nearest);
    }
    return STATUS_OK;
}

/* ---- settings ---- */

static bool has_key(const struct claim *claim, const char *key, size_t length)
{
    for (const struct param *p = claim->about.params; p && p->name; p++)
        if (strlen(p->name) == length && strncmp(p->name, key, length) == 0)
            return true;
    return false;
}

/* Every key of the selected claims once. */
static size_t all_keys(const struct verification *v, const char **keys, size_t room)
{
    size_t count = 0;
    for (size_t i = 0; i < v->count; i++)
        for (const struct param *p = v->outcome[i].claim->about.params; p && p->name; p++) {
            size_t k = 0;
            while (k < count && strcmp(keys[k], p->name) != 0)
                k++;
            if (k == count && count < room)
                keys[count++] = p->name;
        }
    return count;
}

static enum status unknown_key(const struct verification *v, const char *override, size_t length,
                               struct error *err)
{
    const char *keys[64];
    char key[64], right[512];
    size_t count = all_keys(v, keys, 64);
    snprintf(key, sizeof key, "%.*s", (int)length, override);
    suggest_word(right, sizeof right, key, keys, count,
                 count > 0 ? "their parameters are" : "they have none");
    return error_key(err, key, "command line: %.100s: no chosen claim has a parameter '%s'; %s",
                     override, key, right);
}

static enum status check_overrides(const struct verification *v, struct error *err)
{
    for (size_t i = 0; i < v->options->override_count; i++) {
        const char *override = v->options->overrides[i];
        size_t length = strcspn(override, "="), found = 0;
        for (size_t k = 0; k < v->count; k++)
            found += has_key(v->outcome[k].claim, override, length);
        if (found == 0)
            return unknown_key(v, override, length, err);
    }
    return STATUS_OK;
}

static enum status fill_settings(struct verification *v, struct error *err)
{
    for (size_t i = 0; i < v->count; i++) {
        const struct descriptor *about = &v->outcome[i].claim->about;
        void *settings = calloc(1, about->settings_size + 1);
        v->outcome[i].settings = settings;
        if (!settings)
            return error_memory(err, "settings");
        enum status status = params_fill(about->params, v->options->overrides,
                                         v->options->override_count, settings, err);
        if (status)
            return status;
    }
    return STATUS_OK;
}

enum status verification_create(struct verification *v, const struct verify_options *options,
                                const struct registry *registry, struct error *err)
{
    size_t count = 0;
    *v = (struct verification){.options = options};
    enum status status = check_ids(options, registry, err);
    if (status)
        return status;
    v->outcome = calloc(registry->count + 1, sizeof *v->outcome);
    if (!v->outcome)
        return error_memory(err, "claims");
    for (size_t i = 0; i < registry->count; i++)
        if (selected(options, registry->entries[i]->name))
            v->outcome[count++].claim = (const void *)registry->entries[i];
    v->count = count;
    status = check_overrides(v, err);
    if (!status)
        status = fill_settings(v, err);
    if (status)
        verification_free(v);
    return status;
}

void verification_free(struct verification *v)
{
    for (size_t i = 0; i < v->count; i++) {
        free(v->outcome[i].settings);
        free(v->outcome[i].undrawn);
        curves_free(&v->outcome[i].curves);
    }
    free(v->outcome);
    *v = (struct verification){.options = v->options};
}
