#include "harness/verify/crosscheck/crosscheck.h"

#include "core/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum status crosscheck_compare(struct crosscheck *check, const char *path, struct extent extent,
                               const double *measured, struct error *err)
{
    struct store_array expected;
    enum status status = reference_get(check->file, path, extent, &expected, err);
    if (status)
        return status;
    double difference = 0, largest = 0;
    bool finite = true;
    for (size_t i = 0; i < expected.count; i++) {
        difference = fmax(difference, fabs(measured[i] - expected.values[i]));
        largest = fmax(largest, fabs(expected.values[i]));
        finite &= isfinite(measured[i]) != 0;
    }
    store_array_free(&expected);
    double scale = fmax(largest, CROSSCHECK_ROUNDING / CROSSCHECK_TOLERANCE);
    double error = finite ? difference / scale : INFINITY;
    bool passed = error <= CROSSCHECK_TOLERANCE;
    check->passed += passed;
    check->failed += !passed;
    check->worst = fmax(check->worst, error);
    if (check->out)
        fprintf(check->out, "%-48s %9.2e  %s\n", path, error, passed ? "ok" : "FAILS");
    return names_add(&check->compared, path) ? STATUS_OK
                                             : error_memory(err, "the name of %s", path);
}

static size_t entries(struct extent extent)
{
    size_t count = 1;
    for (int i = 0; i < extent.rank; i++)
        count *= extent.length[i];
    return count;
}

enum status compare_rows(struct crosscheck *check, const char *path, struct extent extent,
                         const double *in, size_t stride, struct error *err)
{
    size_t samples = extent.length[0], rows = entries(extent) / samples;
    double *out = malloc(rows * samples * sizeof *out);
    if (!out)
        return error_memory(err, "%s", path);
    for (size_t sample = 0; sample < samples; sample++)
        for (size_t row = 0; row < rows; row++)
            out[sample * rows + row] = in[row * stride + sample];
    enum status status = crosscheck_compare(check, path, extent, out, err);
    free(out);
    return status;
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

static void visit_leftover(const char *path, void *context)
{
    struct leftover *left = context;
    char name[REFERENCE_PATH];
    if (names_have(&left->check->compared, path) || !name_leftover(left->check, path, name) ||
        strcmp(name, left->last) == 0)
        return;
    snprintf(left->last, sizeof left->last, "%s", name);
    left->check->not_built++;
    if (!left->check->out)
        return;
    print_plain(left->check->out, name);
    fprintf(left->check->out, "%*s %9s  not built yet\n",
            strlen(name) < 48 ? 48 - (int)strlen(name) : 0, "", "-");
}

enum status crosscheck_report_rest(struct crosscheck *check, struct error *err)
{
    struct leftover left = {.check = check};
    return store_visit(check->file, "/expect", visit_leftover, &left, err);
}
