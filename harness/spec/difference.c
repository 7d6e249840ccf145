#include "harness/spec/difference.h"

#include "harness/spec/loader.h"
#include "harness/spec/words.h"

#include <stdio.h>
#include <string.h>

enum { PAIRS = 256, SHOWN_PAIRS = 3, SHOWN_VALUE = 60 };

/* A key and its value as they stand in a spec. */
struct pair {
    char path[2 * MAX_SHOWN];
    enum spec_section section;
    const char *key, *value;
    size_t key_length, length;
};

struct pairs {
    struct pair pair[PAIRS];
    size_t count;
};

/* The end of a value: a comma or bracket that is not within brackets or quotes, or `end`. */
static const char *end_of_value(const char *at, const char *end)
{
    int depth = 0;
    bool quoted = false;
    for (; at < end; at++) {
        if (quoted && *at == '\\' && at + 1 < end)
            at++;
        else if (*at == '"')
            quoted = !quoted;
        else if (!quoted && (*at == '{' || *at == '['))
            depth++;
        else if (!quoted && (*at == '}' || *at == ']') && depth-- == 0)
            return at;
        else if (!quoted && *at == ',' && depth == 0)
            return at;
    }
    return end;
}

static void add_pair(struct pairs *pairs, const char *section, size_t section_length,
                     const char *key, size_t key_length, const char *value, const char *end)
{
    if (pairs->count == PAIRS)
        return;
    struct pair *p = &pairs->pair[pairs->count++];
    char word[32];
    snprintf(word, sizeof word, "%.*s", (int)section_length, section);
    *p = (struct pair){.section = find_section(word),
                       .key = key,
                       .value = value,
                       .key_length = key_length,
                       .length = (size_t)(end - value)};
    snprintf(p->path, sizeof p->path, "%.*s%s%.*s", (int)section_length, section,
             section_length ? "." : "", (int)key_length, key);
}

/* The pairs of "{KEY: VALUE, KEY: VALUE}". */
static void split_section(struct pairs *pairs, const char *section, size_t section_length,
                          const char *at, const char *end)
{
    while (at < end && *at != '}') {
        at += strspn(at, "{, ");
        const char *colon = memchr(at, ':', (size_t)(end - at));
        if (!colon)
            return;
        const char *value = colon + 1 + (colon[1] == ' '), *after = end_of_value(value, end);
        add_pair(pairs, section, section_length, at, (size_t)(colon - at), value, after);
        at = after;
    }
}

static void split(const char *yaml, struct pairs *pairs)
{
    pairs->count = 0;
    for (const char *line = yaml, *end; *line; line = *end ? end + 1 : end) {
        end = strchrnul(line, '\n');
        const char *colon = memchr(line, ':', (size_t)(end - line));
        if (!colon)
            continue;
        const char *value = colon + 1 + (colon[1] == ' ');
        if (*value == '{')
            split_section(pairs, line, (size_t)(colon - line), value, end);
        else
            add_pair(pairs, "", 0, line, (size_t)(colon - line), value, end);
    }
}

static bool is_aside(const struct pair *p)
{
    char key[MAX_SHOWN];
    if (strcmp(p->path, "name") == 0)
        return true;
    if (p->section == SECTION_COUNT)
        return false;
    snprintf(key, sizeof key, "%.*s", (int)p->key_length, p->key);
    const struct registry *registry = spec_sections[p->section].registry;
    for (size_t i = 0; i < registry->count; i++) {
        const struct param *param = descriptor_param(registry->entries[i], key);
        if (param && param->aside)
            return true;
    }
    return false;
}

static const struct pair *find(const struct pairs *pairs, const char *path)
{
    for (size_t i = 0; i < pairs->count; i++)
        if (strcmp(pairs->pair[i].path, path) == 0)
            return &pairs->pair[i];
    return NULL;
}

/* "20", or the beginning of something long; "not set" where there is none. */
static void show(const struct pair *p, char *text, size_t size)
{
    if (!p)
        snprintf(text, size, "not set");
    else
        snprintf(text, size, "%.*s%s", (int)(p->length < SHOWN_VALUE ? p->length : SHOWN_VALUE),
                 p->value, p->length > SHOWN_VALUE ? "..." : "");
}

static bool same(const struct pair *a, const struct pair *b)
{
    return a && b && a->length == b->length && memcmp(a->value, b->value, a->length) == 0;
}

size_t spec_difference(const char *here, const char *there, char *text, size_t size)
{
    struct pairs of[2];
    size_t found = 0;
    split(here, &of[0]);
    split(there, &of[1]);
    text[0] = '\0';
    for (int side = 0; side < 2; side++)
        for (size_t i = 0; i < of[side].count; i++) {
            const struct pair *p = &of[side].pair[i], *other = find(&of[1 - side], p->path);
            char a[SHOWN_VALUE + 8], b[SHOWN_VALUE + 8];
            if (is_aside(p) || same(p, other) || (side == 1 && other))
                continue;
            show(side == 0 ? p : other, a, sizeof a);
            show(side == 0 ? other : p, b, sizeof b);
            if (found++ < SHOWN_PAIRS)
                append_text(text, size, "%s%s is %s here and %s there", found > 1 ? ", " : "",
                            p->path, a, b);
        }
    if (found > SHOWN_PAIRS)
        append_text(text, size, ", and %zu more", found - SHOWN_PAIRS);
    return found;
}
