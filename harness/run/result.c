#include "harness/run/result.h"

#include "core/build.h"
#include "harness/run/result_note.h"
#include "harness/run/summary_file.h"
#include "harness/spec/difference.h"
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

/* The text attribute, "" where there is none.  Allocated; NULL without memory. */
static char *text_of(const struct store_file *file, const char *name)
{
    char *text;
    return store_get_text(file, name, &text, NULL) ? strdup("") : text;
}

static bool has_text(const struct store_file *file, const char *name, const char *wanted)
{
    char *text = text_of(file, name);
    const bool same = text && strcmp(text, wanted) == 0;
    free(text);
    return same;
}

bool build_is_of_file(const struct store_file *file, char *difference, size_t size)
{
    struct build_fact fact[BUILD_FACTS];
    char here[BUILD_TEXT], there[BUILD_TEXT];
    build_facts(fact);
    build_text(fact, here);
    build_text_of(file, there);
    return build_compare(here, there, difference, size);
}

bool spec_is_of_file(const struct store_file *file, const struct spec *spec, char *difference,
                     size_t size)
{
    difference[0] = '\0';
    if (has_text(file, "spec_hash", spec->hash))
        return true;
    char *theirs = text_of(file, "spec");
    if (theirs)
        spec_difference(spec->yaml, theirs, difference, size);
    if (!*difference)
        snprintf(difference, size, "the files that it reads hold something else now");
    free(theirs);
    return false;
}

static void look(const struct store_file *file, const struct spec *spec, struct result *r)
{
    if (!spec_is_of_file(file, spec, r->difference, sizeof r->difference)) {
        r->kind = RESULT_OTHER;
        return;
    }
    if (store_state(file) == STORE_CHANGED) {
        r->kind = RESULT_CHANGED;
        return;
    }
    const bool diverged = has_text(file, "status", "diverged");
    const bool whole = diverged || has_text(file, "status", "complete");
    char *detail = text_of(file, "status_detail");
    r->kind = whole ? RESULT_WHOLE : RESULT_INTERRUPTED;
    r->outcome = diverged ? STATUS_DIVERGED : STATUS_OK;
    snprintf(r->detail, sizeof r->detail, "%s", detail ? detail : "");
    free(detail);
    build_is_of_file(file, r->difference, sizeof r->difference);
}

void result_look(const char *path, const struct spec *spec, struct result *result)
{
    struct store_file *file;
    *result = (struct result){.kind = RESULT_NONE};
    if (store_open(&file, path, NULL))
        return;
    if (store_has_attribute(file, "spec_hash"))
        look(file, spec, result);
    store_close(file);
}

enum status result_print(FILE *out, const char *path, struct error *err)
{
    struct store_file *file;
    enum status status = store_open(&file, path, err);
    if (!status)
        status = summary_print_file(out, "", file, err);
    store_close(file);
    return status;
}

/* How a sound result of that hash ended; STATUS_INVALID: there is none. */
static enum status outcome_of(const char *path, const char *hash)
{
    struct store_file *file;
    enum status outcome = STATUS_INVALID;
    if (store_open(&file, path, NULL))
        return outcome;
    if (store_state(file) == STORE_CHANGED || !has_text(file, "spec_hash", hash))
        outcome = STATUS_INVALID;
    else if (has_text(file, "status", "complete"))
        outcome = STATUS_OK;
    else if (has_text(file, "status", "diverged"))
        outcome = STATUS_DIVERGED;
    store_close(file);
    return outcome;
}

bool run_is_complete(const char *path, const char *hash)
{
    return outcome_of(path, hash) == STATUS_OK;
}

bool result_is_finished(const char *path, const char *hash)
{
    const enum status outcome = outcome_of(path, hash);
    return outcome == STATUS_OK || outcome == STATUS_DIVERGED;
}
