#include "harness/sweep/sweep_plan.h"

#include "harness/run/run.h"
#include "harness/spec/difference.h"
#include "harness/spec/words.h"
#include "store/output.h"
#include "store/store.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- base and grid ---- */

static enum status load_base(struct sweep_plan *plan, const char *const *arguments, size_t count,
                             struct error *err)
{
    plan->fixed = calloc(count + 1, sizeof *plan->fixed);
    if (!plan->fixed)
        return error_memory(err, "the sweep; sweep fewer values");
    for (size_t i = 0; i < count; i++)
        if (!grid_sweeps(arguments[i]))
            plan->fixed[plan->fixed_count++] = arguments[i];
    return spec_read(&plan->base, plan->path, plan->fixed, plan->fixed_count, err);
}

enum status sweep_plan_open(struct sweep_plan *plan, const char *path, const char *const *arguments,
                            size_t count, const char *const *zips, size_t zip_count,
                            struct error *err)
{
    *plan = (struct sweep_plan){.path = path};
    enum status status = load_base(plan, arguments, count, err);
    if (!status)
        status = grid_make(&plan->grid, &plan->base, arguments, count, zips, zip_count, err);
    if (status)
        return status;
    if (plan->grid.axes == 0)
        return error_set(err, STATUS_INVALID,
                         "%s%snothing is swept; give KEY=VALUE,VALUE, or write a section `sweep` "
                         "into the spec",
                         path ? path : "", path ? ": " : "");
    if (plan->grid.most + plan->fixed_count > RUN_MAX_OVERRIDES)
        return error_set(err, STATUS_INVALID, "more than %d keys are set; set fewer",
                         RUN_MAX_OVERRIDES);
    return STATUS_OK;
}

void sweep_plan_free(struct sweep_plan *plan)
{
    spec_free(&plan->base);
    grid_free(&plan->grid);
    free(plan->fixed);
    free(plan->point);
    free(plan->by_hash);
    *plan = (struct sweep_plan){0};
}

/* ---- points ---- */

/* The spec from the file, with places. */
static enum status load_written(const struct sweep_plan *plan, size_t index, struct spec *spec,
                                struct error *err)
{
    const char *override[2 * RUN_MAX_OVERRIDES];
    memcpy(override, plan->fixed, plan->fixed_count * sizeof *override);
    const size_t count = grid_overrides(&plan->grid, index, override + plan->fixed_count);
    return spec_load(spec, plan->path, override, plan->fixed_count + count, err);
}

/* The keys of the base are read from their short form, which has no sweep to go through and no
 * places; where something is wrong, from the file. */
static enum status load_point(const struct sweep_plan *plan, size_t index,
                              struct spec_content **known, struct spec *spec, struct error *err)
{
    const char *override[RUN_MAX_OVERRIDES], *base = plan->base.written;
    const size_t count = grid_overrides(&plan->grid, index, override);
    enum status status = spec_parse(spec, plan->path ? plan->path : "command line", base,
                                    strlen(base), override, count, err);
    if (!status && (status = spec_name(spec, known, err)))
        spec_free(spec);
    if (!status)
        return STATUS_OK;
    struct spec again;
    if (load_written(plan, index, &again, err) == STATUS_OK)
        spec_free(&again);
    return status;
}

enum status sweep_plan_spec(const struct sweep_plan *plan, size_t point, struct spec *spec,
                            struct error *err)
{
    struct spec_content *known = NULL; /* what the files hold now */
    enum status status = load_point(plan, plan->point[point].index, &known, spec, err);
    spec_contents_free(&known);
    if (status || strcmp(spec->hash, plan->point[point].hash) == 0)
        return status;
    spec_free(spec);
    return error_set(err, STATUS_INVALID,
                     "a file that the point reads has changed since the sweep was planned; the "
                     "same command plans it again with what the file holds now");
}

void sweep_plan_locate(const struct sweep_plan *plan, size_t point, struct error *err)
{
    struct spec spec;
    struct error unwanted;
    if (!err->key[0] || load_written(plan, plan->point[point].index, &spec, &unwanted))
        return;
    spec_locate(&spec, err);
    spec_free(&spec);
}

const char *sweep_plan_path(const struct sweep_plan *plan, const char *folder, size_t point,
                            const char *end, char *path, size_t size)
{
    snprintf(path, size, "%s/%s%s", folder, plan->point[point].hash, end);
    return path;
}

static int compare_indices(const void *a, const void *b)
{
    const struct sweep_point *x = a, *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

static int compare_hashes(const void *a, const void *b)
{
    const struct sweep_point *x = a, *y = b;
    const int order = strcmp(x->hash, y->hash);
    return order ? order : compare_indices(a, b);
}

size_t sweep_distinct(struct sweep_point *point, size_t count)
{
    size_t kept = 0;
    qsort(point, count, sizeof *point, compare_hashes);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || strcmp(point[i].hash, point[kept - 1].hash) != 0)
            point[kept++] = point[i];
    qsort(point, kept, sizeof *point, compare_indices);
    return kept;
}

static int compare_places(const void *a, const void *b, void *point)
{
    const struct sweep_point *const all = point;
    return strcmp(all[*(const size_t *)a].hash, all[*(const size_t *)b].hash);
}

static enum status order_by_hash(struct sweep_plan *plan, struct error *err)
{
    plan->by_hash = malloc((plan->count + 1) * sizeof *plan->by_hash);
    if (!plan->by_hash)
        return error_memory(err, "the sweep; sweep fewer values");
    for (size_t i = 0; i < plan->count; i++)
        plan->by_hash[i] = i;
    qsort_r(plan->by_hash, plan->count, sizeof *plan->by_hash, compare_places, plan->point);
    return STATUS_OK;
}

size_t sweep_plan_find(const struct sweep_plan *plan, const char *hash)
{
    size_t low = 0, high = plan->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(plan->point[plan->by_hash[middle]].hash, hash);
        if (order == 0)
            return plan->by_hash[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return plan->count;
}

/* The name and the kind of the point at `index` of the grid. */
static enum status number_point(const struct sweep_plan *plan, size_t index,
                                struct spec_content **known, struct sweep_point *point,
                                struct error *err)
{
    struct spec spec;
    enum status status = load_point(plan, index, known, &spec, err);
    if (status)
        return status;
    memcpy(point->hash, spec.hash, sizeof spec.hash);
    memcpy(point->kind, spec.kind, sizeof spec.kind);
    point->index = index;
    spec_free(&spec);
    return STATUS_OK;
}

enum status sweep_plan_number(struct sweep_plan *plan, struct progress *progress, struct error *err)
{
    enum { TELL_EVERY = 256 };
    const size_t all = plan->grid.points;
    struct spec_content *known = NULL;
    enum status status = STATUS_OK;
    plan->point = malloc(all * sizeof *plan->point);
    if (!plan->point)
        return error_memory(err, "the sweep; sweep fewer values");
    for (plan->count = 0; plan->count < all && !status; plan->count += !status) {
        if (progress && plan->count % TELL_EVERY == 0)
            progress_update(progress, plan->count, all, "reading the points");
        status = interrupted()
                     ? error_set(err, STATUS_INTERRUPTED, "interrupted; nothing was started")
                     : number_point(plan, plan->count, &known, &plan->point[plan->count], err);
    }
    spec_contents_free(&known);
    if (!status)
        plan->count = sweep_distinct(plan->point, plan->count);
    return status ? status : order_by_hash(plan, err);
}

/* ---- words ---- */

void sweep_plan_describe(const struct sweep_plan *plan, size_t point, char text[SWEEP_TEXT])
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t c = 0; c < plan->grid.columns && used < SWEEP_TEXT; c++)
        used += (size_t)snprintf(text + used, SWEEP_TEXT - used, "%s%s=%s", c ? " " : "",
                                 grid_column(&plan->grid, c),
                                 grid_label(&plan->grid, plan->point[point].index, c));
}

void sweep_put_quoted(FILE *out, const char *word)
{
    const char *safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+=/:,";
    if (strspn(word, safe) == strlen(word)) {
        fprintf(out, " %s", word);
        return;
    }
    fputs(" '", out);
    for (; *word; word++)
        if (*word == '\'')
            fputs("'\\''", out);
        else
            fputc(*word, out);
    fputc('\'', out);
}

char *sweep_plan_command(const struct sweep_plan *plan, size_t point, const char *results,
                         bool again)
{
    const char *override[RUN_MAX_OVERRIDES];
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return NULL;
    fputs(again ? "duet run --again" : "duet run", out);
    if (strcmp(results, "results") != 0) {
        fputs(" --results", out);
        sweep_put_quoted(out, results);
    }
    if (plan->path)
        sweep_put_quoted(out, plan->path);
    for (size_t i = 0; i < plan->fixed_count; i++)
        sweep_put_quoted(out, plan->fixed[i]);
    const size_t count = grid_overrides(&plan->grid, plan->point[point].index, override);
    for (size_t i = 0; i < count; i++)
        sweep_put_quoted(out, spec_without_place(override[i]));
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* ---- the folder ---- */

static void list_columns(const struct grid *grid, char text[SWEEP_TEXT])
{
    text[0] = '\0';
    for (size_t c = 0; c < grid->columns; c++)
        append_text(text, SWEEP_TEXT, "%s%s", c ? ", " : "", grid_column(grid, c));
}

/* How the sweep differs from the one in a manifest, in words. */
static void describe_change(const struct sweep_plan *plan, const struct sweep_plan *other,
                            char change[SWEEP_CHANGE])
{
    char here[SWEEP_TEXT], there[SWEEP_TEXT];
    const bool same_base =
        spec_difference(plan->base.yaml, other->base.yaml, change, SWEEP_CHANGE) == 0;
    list_columns(&plan->grid, here);
    list_columns(&other->grid, there);
    if (strcmp(here, there) != 0)
        append_text(change, SWEEP_CHANGE, "%sswept keys are %s here and %s there",
                    same_base ? "" : ", ", here, there);
    else if (same_base && strcmp(plan->grid.yaml, other->grid.yaml) != 0)
        append_text(change, SWEEP_CHANGE, "other values of the same keys");
}

/* Compare with the sweep in `manifest`. */
static enum status compare(const struct sweep_plan *plan, const char *manifest,
                           char change[SWEEP_CHANGE], bool *same, struct error *err)
{
    struct sweep_plan other;
    enum status status = sweep_plan_open(&other, manifest, NULL, 0, NULL, 0, err);
    if (status) {
        error_context(err, "this is no folder of a sweep; give another name=NAME or --results DIR, "
                           "or remove the folder");
    } else {
        describe_change(plan, &other, change);
        *same = strcmp(plan->base.written, other.base.written) == 0 &&
                strcmp(plan->grid.yaml, other.grid.yaml) == 0;
    }
    sweep_plan_free(&other);
    return status;
}

static enum status write_manifest(const struct sweep_plan *plan, const char *path,
                                  struct error *err)
{
    enum { MANIFEST_BYTES = 1 << 20 };
    char *text;
    const int length = asprintf(&text, "%s%s", plan->base.written, plan->grid.yaml);
    if (length < 0)
        return error_memory(err, "the sweep; sweep fewer values");
    enum status status = STATUS_OK;
    if (length > MANIFEST_BYTES)
        status = error_set(err, STATUS_INVALID,
                           "the sweep needs more than 1 MiB to write down; sweep ranges such as "
                           "a:b:step in place of long lists");
    else
        status = output_write(path, NULL, text, (size_t)length, err);
    free(text);
    return status;
}

enum status sweep_plan_settle(const struct sweep_plan *plan, const char *folder, bool write,
                              char change[SWEEP_CHANGE], struct error *err)
{
    char path[RUN_PATH + 16];
    bool same = false;
    snprintf(path, sizeof path, "%s/sweep.yaml", folder);
    change[0] = '\0';
    enum status status =
        access(path, F_OK) == 0 ? compare(plan, path, change, &same, err) : STATUS_OK;
    return status || !write || same ? status : write_manifest(plan, path, err);
}
