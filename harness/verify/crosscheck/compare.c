#include "harness/verify/crosscheck/reference.h"

#include "core/extreme.h"
#include "core/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void judge(struct crosscheck *check, const char *path, size_t count, const double *expected,
                  const double *measured)
{
    double difference = 0, largest = 0;
    for (size_t i = 0; i < count; i++) {
        difference = larger(difference, fabs(measured[i] - expected[i]));
        largest = larger(largest, fabs(expected[i]));
    }
    const double scale = larger(largest, CROSSCHECK_ROUNDING / CROSSCHECK_TOLERANCE);
    const double share = difference / scale; /* NaN where either side has one, or is infinite */
    const double error = isfinite(difference) && isfinite(scale) ? share : INFINITY;
    bool passed = error <= CROSSCHECK_TOLERANCE;
    check->passed += passed;
    check->failed += !passed;
    check->worst = larger(check->worst, error);
    if (check->out)
        fprintf(check->out, "%-48s %9.2e  %s\n", path, error, passed ? "ok" : "FAILS");
    if (!names_add(&check->compared, path))
        check->status = error_memory(check->err, "the name of %s", path);
}

void crosscheck_compare(struct crosscheck *check, const double *measured, struct extent extent,
                        const char *format, ...)
{
    char path[REFERENCE_PATH];
    va_list args;
    va_start(args, format);
    vsnprintf(path, sizeof path, format, args);
    va_end(args);
    double *expected = reference_get(check, extent, "%s", path);
    if (expected)
        judge(check, path, extent_entries(extent), expected, measured);
    free(expected);
}

void compare_rows(struct crosscheck *check, const double *in, size_t stride, struct extent extent,
                  const char *path)
{
    const size_t count = extent_entries(extent), samples = extent.length[0], rows = count / samples;
    double *out = crosscheck_take(check, count, sizeof *out, path);
    for (size_t i = 0; out && i < count; i++)
        out[i] = in[i % rows * stride + i / rows];
    crosscheck_compare(check, out, extent, "%s", path);
    free(out);
}

bool crosscheck_expects(const struct crosscheck *check, const char *root, const char *name)
{
    char loss[REFERENCE_PATH], gradient[REFERENCE_PATH];
    snprintf(loss, sizeof loss, "%s/loss/%s", root, name);
    snprintf(gradient, sizeof gradient, "%s/grad/%s", root, name);
    return store_kind(check->file, loss) != STORE_NOTHING ||
           store_kind(check->file, gradient) != STORE_NOTHING;
}

struct leftover {
    struct crosscheck *check;
    char last[REFERENCE_PATH];
};

/* Gradients are listed with their loss. */
static bool name_leftover(const struct crosscheck *check, const char *path,
                          char name[REFERENCE_PATH])
{
    const char *gradient = strstr(path, "/grad/");
    snprintf(name, REFERENCE_PATH, "%s", path);
    if (gradient) {
        const char *objective = gradient + 6;
        char loss[REFERENCE_PATH];
        snprintf(loss, sizeof loss, "%.*s/loss/%.*s", (int)(gradient - path), path,
                 (int)strcspn(objective, "/"), objective);
        return names_have(&check->compared, loss) || !store_has(check->file, loss);
    }
    return true;
}

static enum status visit_leftover(const char *path, void *context, struct error *err)
{
    (void)err;
    struct leftover *left = context;
    char name[REFERENCE_PATH];
    if (names_have(&left->check->compared, path) || !name_leftover(left->check, path, name) ||
        strcmp(name, left->last) == 0)
        return STATUS_OK;
    snprintf(left->last, sizeof left->last, "%s", name);
    left->check->not_built++;
    if (!left->check->out)
        return STATUS_OK;
    print_plain(left->check->out, name);
    fprintf(left->check->out, "%*s %9s  not built yet\n",
            strlen(name) < 48 ? 48 - (int)strlen(name) : 0, "", "-");
    return STATUS_OK;
}

void crosscheck_report_rest(struct crosscheck *check)
{
    struct leftover left = {.check = check};
    if (!check->status)
        check->status = store_visit(check->file, "/expect", visit_leftover, &left, check->err);
}
