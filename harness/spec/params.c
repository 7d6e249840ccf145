#include "harness/spec/params.h"

#include "core/text.h"
#include "harness/spec/emit.h"
#include "harness/spec/value.h"
#include "harness/spec/words.h"

#include <stdio.h>
#include <string.h>

/* The last of `overrides` that sets `key`, or NULL. */
static const char *find_override(const char *key, const char *const *overrides, size_t count)
{
    size_t length = strlen(key);
    while (count-- > 0)
        if (strncmp(overrides[count], key, length) == 0 && overrides[count][length] == '=')
            return overrides[count];
    return NULL;
}

static enum status fill_param(const struct param *param, const char *override, struct pool *scratch,
                              void *settings, struct error *err)
{
    char shown[2 * MAX_SHOWN], name[3 * MAX_SHOWN], expected[PHRASE];
    excerpt(shown, sizeof shown, override ? override : param->name);
    snprintf(name, sizeof name, override ? "command line: %s" : "default of %s", shown);
    const struct text text = {.name = name};
    const struct slot slot = {.param = param,
                              .path = param->name,
                              .pool = scratch,
                              .err = err,
                              .field = (char *)settings + param->offset};
    const char *value = override ? strchr(override, '=') + 1 : param->fallback;
    const struct node *root = NULL;
    enum status status = STATUS_OK;
    if (value)
        status = yaml_parse(scratch, &text, value, strlen(value), &root, err);
    if (status)
        return status;
    if (root)
        return value_read(&slot, root);
    value_expected(expected, sizeof expected, param, NULL);
    return error_at(err, &(struct place){.text = &text}, param->name,
                    "%s has no value; it must be %s", param->name, expected);
}

enum status params_fill(const struct param *params, const char *const *overrides, size_t count,
                        void *settings, struct error *err)
{
    struct pool scratch = {0};
    enum status status = STATUS_OK;
    for (const struct param *p = params; !status && p && p->name; p++) {
        if (p->type == PARAM_TEXT || p->type == PARAM_INTEGERS || p->type == PARAM_REALS)
            status =
                error_key(err, p->name, "%s is text or a list, which cannot be kept here", p->name);
        else
            status =
                fill_param(p, find_override(p->name, overrides, count), &scratch, settings, err);
    }
    pool_free(&scratch);
    return status;
}

enum status params_text(const struct param *params, const void *settings, char **text,
                        struct error *err)
{
    size_t length;
    FILE *out = open_memstream(text, &length);
    if (out)
        emit_params(out, params, settings, "");
    return close_text(out, "settings", err);
}
