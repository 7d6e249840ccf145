#include "harness/spec/spec.h"

#include "core/hash.h"
#include "core/text.h"
#include "harness/spec/loader.h"
#include "harness/spec/params.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES = 1 << 20 }; /* of a spec file */

static void emit_section(FILE *out, const struct spec *spec, enum spec_section s,
                         enum emitted which)
{
    const struct descriptor *chosen = spec->chosen[s];
    const char *separator = "";
    fprintf(out, "%s: {", spec_sections[s].key);
    if (spec_sections[s].selector) {
        fprintf(out, "%s: ", spec_sections[s].selector);
        emit_text(out, chosen->name);
        separator = ", ";
    }
    emit_params(out, chosen->params, spec->settings[s], which, separator);
    const struct param *choice = spec->tables[s] ? nested_choice(chosen) : NULL;
    for (size_t i = 0; choice && i < choice->registry->count; i++)
        if (spec->tables[s][i]) {
            fprintf(out, ", %s: {", choice->registry->entries[i]->name);
            emit_params(out, choice->registry->entries[i]->params, spec->tables[s][i], which, "");
            fputc('}', out);
        }
    fputs("}\n", out);
}

bool spec_is_default(const struct spec *spec, enum spec_section section, const char *name)
{
    const struct param *param = descriptor_param(spec->chosen[section], name);
    const struct param alone[] = {*param, {.name = NULL}};
    char *text = NULL;
    bool same = !find_entry(spec->origin, section, name);
    if (!same && param->fallback &&
        params_text(alone, spec->settings[section], &text, NULL) == STATUS_OK)
        same = strcmp(text + strlen(name) + strlen(": "), param->fallback) == 0;
    free(text);
    return same;
}

/* The keys that were written: name and seed, then section by section, without `sweep`. */
static enum status keep_written(struct spec *spec, struct error *err)
{
    size_t length;
    const struct spec_source *origin = spec->origin;
    FILE *out = open_memstream(&spec->written, &length);
    for (size_t i = 0; out && i < origin->count; i++) {
        const struct entry *entry = &origin->entries[i];
        if (entry->section < SECTION_COUNT || entry->value == spec->sweep)
            continue;
        fprintf(out, "%s: ", entry->key);
        emit_node(out, entry->value);
        fputc('\n', out);
    }
    for (int s = 0; out && s < SECTION_COUNT; s++) {
        bool any = false;
        for (size_t i = 0; i < origin->count; i++) {
            const struct entry *entry = &origin->entries[i];
            if (entry->section != (enum spec_section)s || !entry->key)
                continue;
            fprintf(out, "%s%s%s: ", any ? "" : spec_sections[s].key, any ? ", " : ": {",
                    entry->key);
            emit_node(out, entry->value);
            any = true;
        }
        fputs(any ? "}\n" : "", out);
    }
    return close_text(out, "a spec", err);
}

/* Hash the sections without the keys that are aside. */
static enum status hash_computed(struct spec *spec, struct error *err)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    for (int s = 0; out && s < SECTION_COUNT; s++)
        emit_section(out, spec, (enum spec_section)s, EMIT_COMPUTED);
    enum status status = close_text(out, "a spec", err);
    if (!status)
        spec->computed = hash_more(HASH_OF_NOTHING, text, length);
    free(text);
    return status;
}

static enum status emit(struct spec *spec, struct error *err)
{
    size_t length;
    FILE *out = open_memstream(&spec->yaml, &length);
    if (out) {
        fputs("name: ", out);
        emit_text(out, spec->name);
        fprintf(out, "\nseed: %" PRIu64 "\n", spec->seed);
    }
    for (int s = 0; out && s < SECTION_COUNT; s++)
        emit_section(out, spec, (enum spec_section)s, EMIT_ALL);
    enum status status = close_text(out, "a spec", err);
    if (!status)
        status = hash_computed(spec, err);
    if (!status)
        spec_name_alone(spec);
    return status;
}

/* ---- loading ---- */

static enum status load(struct loader *loader, const char *yaml, size_t length,
                        const char *const *overrides, size_t override_count)
{
    struct spec_source *origin = loader->spec->origin;
    enum status status = STATUS_OK;
    if (origin->file) {
        const struct node *root;
        status = yaml_parse(&origin->pool, origin->file, yaml, length, &root, loader->err);
        if (!status)
            status = loader_add_document(loader, root);
    }
    for (size_t i = 0; !status && i < override_count; i++) {
        loader->turn = i + 1;
        status = loader_add_override(loader, overrides[i]);
    }
    if (!status)
        status = loader_fill_top(loader);
    for (int s = 0; !status && s < SECTION_COUNT; s++)
        status = loader_fill_section(loader, (enum spec_section)s);
    if (!status)
        status = emit(loader->spec, loader->err);
    if (!status)
        status = keep_written(loader->spec, loader->err);
    if (!status)
        status = loader_check_sweep(loader);
    return status;
}

enum status spec_parse(struct spec *spec, const char *name, const char *yaml, size_t length,
                       const char *const *overrides, size_t override_count, struct error *err)
{
    *spec = (struct spec){.origin = calloc(1, sizeof *spec->origin)};
    struct loader loader = {.spec = spec, .err = err};
    if (!spec->origin)
        return error_memory(err, "a spec");
    struct pool *pool = &spec->origin->pool;
    enum status status = STATUS_OK;
    if (name) {
        struct text *file = spec->origin->file = pool_take(pool, 1, sizeof *file);
        if (!file || !(file->name = pool_text(pool, name, strlen(name))))
            status = error_memory(err, "a spec");
        else
            file->located = true;
    }
    if (!status && length > MAX_BYTES)
        status = error_set(err, STATUS_INVALID,
                           "%s: larger than 1 MiB; a spec is a short YAML text", name);
    if (!status)
        status = load(&loader, yaml, length, overrides, override_count);
    if (status)
        spec_free(spec);
    return status;
}

enum status spec_read(struct spec *spec, const char *path, const char *const *overrides,
                      size_t override_count, struct error *err)
{
    *spec = (struct spec){0};
    if (!path)
        return spec_parse(spec, NULL, "", 0, overrides, override_count, err);
    FILE *file = fopen(path, "rb");
    if (!file)
        return error_set(err, STATUS_SYSTEM, "%s: %s; give the path of a spec that can be read%s",
                         path, strerror(errno),
                         spec_is_key(path, strlen(path)) ? ", or KEY=VALUE for a key" : "");
    char *yaml = malloc(MAX_BYTES + 1);
    size_t length = yaml ? fread(yaml, 1, MAX_BYTES + 1, file) : 0;
    enum status status;
    if (!yaml)
        status = error_memory(err, "a spec");
    else if (ferror(file))
        status = error_set(err, STATUS_SYSTEM, "%s: %s; give the path of a spec that can be read",
                           path, strerror(errno));
    else
        status = spec_parse(spec, path, yaml, length, overrides, override_count, err);
    fclose(file);
    free(yaml);
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

/* ---- places and memory ---- */

void spec_locate(const struct spec *spec, struct error *err)
{
    if (!err || !spec->origin || !err->key[0])
        return;
    char key[sizeof err->key];
    memcpy(key, err->key, sizeof key);
    char *dot = strchr(key, '.');
    if (dot)
        *dot = '\0';
    const enum spec_section section = find_section(key);
    const char *inner = section == SECTION_COUNT ? key : dot ? dot + 1 : NULL;
    const struct entry *entry = find_entry(spec->origin, section, inner);
    if (entry && entry->place.text->located)
        error_context(err, "%s:%d:%d", entry->place.text->name, entry->place.line,
                      entry->place.column);
    else if (entry)
        error_context(err, "%s", entry->place.text->name);
    else if (spec->origin->file)
        error_context(err, "%s: %s", spec->origin->file->name, err->key);
    else
        error_context(err, "%s", err->key);
}

void spec_free(struct spec *spec)
{
    if (spec->origin)
        pool_free(&spec->origin->pool);
    free(spec->origin);
    free(spec->yaml);
    free(spec->written);
    *spec = (struct spec){0};
}
