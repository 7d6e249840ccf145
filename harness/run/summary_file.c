#include "harness/run/summary_file.h"

#include "harness/run/summary.h"

#include <stdlib.h>

enum { SHOWN_PATH = 256 }; /* bytes of a path */

struct page {
    FILE *out;
    const struct store_file *file;
    const char *before;
    enum { NUMBERS, REMARKS, TABLES, ROUNDS } round;
    int printed; /* numbers */
};

/* Rank of the headlines of a round.  Remarks are on numbers. */
static int rank_of(const struct page *page)
{
    return page->round == TABLES ? 2 : 1;
}

/* The limits of entry k, and the axis that they have. */
static enum status read_limit(const struct page *page, const char *limit_path, size_t k,
                              struct summary_limit *limit, char axis[SHOWN_PATH], struct error *err)
{
    char path[SHOWN_PATH], *axes[STORE_MAX_RANK];
    struct store_array array;
    *limit = summary_limit(NULL, 0);
    snprintf(path, sizeof path, "%s_%zu", limit_path, k);
    if (store_kind(page->file, path) != STORE_DATASET)
        return STATUS_OK;
    enum status status = store_get_axes(page->file, path, axes, err);
    if (status)
        return status;
    if (axes[0])
        snprintf(axis, SHOWN_PATH, "%s", axes[0]);
    store_axes_free(axes);
    status = store_get(page->file, path, &array, err);
    if (status)
        return status;
    *limit = summary_limit(array.values, array.count);
    store_array_free(&array);
    return STATUS_OK;
}

static enum status print_table(const struct page *page, const char *axis,
                               const struct store_info *info, const struct store_array *series,
                               struct error *err)
{
    const size_t count = series->shape[1];
    const bool limited = *info->limit != '\0';
    struct summary_limit *limit = calloc(count + 1, sizeof *limit);
    char limit_axis[SHOWN_PATH] = "";
    enum status status = limit ? STATUS_OK : error_memory(err, "the summary");
    for (size_t k = 0; limited && k < count && !status; k++)
        status = read_limit(page, info->limit, k, &limit[k], limit_axis, err);
    const struct summary_table table = {.headline = info->headline,
                                        .axis = axis ? axis : "",
                                        .count = count,
                                        .before = series->values,
                                        .after = series->values + (series->shape[0] - 1) * count,
                                        .limit = limited ? limit : NULL,
                                        .limit_path = info->limit,
                                        .limit_axis = limit_axis};
    if (!status)
        summary_print_table(page->out, &table);
    free(limit);
    return status;
}

static enum status print_headline(struct page *page, const char *path,
                                  const struct store_info *info, struct error *err)
{
    struct store_array series;
    char *axes[STORE_MAX_RANK];
    enum status status = store_get(page->file, path, &series, err);
    if (status)
        return status;
    if (series.count > 0 && page->round == REMARKS) {
        if (*info->at_zero && series.values[series.count - 1] == 0)
            summary_print_remark(page->out, info->at_zero);
    } else if (series.count > 0 && page->round == NUMBERS) {
        if (page->printed++ == 0) {
            fputs(page->before, page->out);
            summary_print_head(page->out);
        }
        summary_print_line(page->out, info->headline, series.values[0],
                           series.values[series.count - 1]);
    } else if (series.count > 0) {
        status = store_get_axes(page->file, path, axes, err);
        if (!status)
            status = print_table(page, axes[1], info, &series, err);
        store_axes_free(axes);
    }
    store_array_free(&series);
    return status;
}

static enum status visit_headline(const char *path, void *context, struct error *err)
{
    struct page *page = context;
    struct store_info info;
    enum status status = store_describe(page->file, path, &info, err);
    if (!status && *info.headline && info.rank == rank_of(page))
        status = print_headline(page, path, &info, err);
    store_info_free(&info);
    return status;
}

enum status summary_print_file(FILE *out, const char *before, const struct store_file *file,
                               struct error *err)
{
    struct page page = {.out = out, .file = file, .before = before};
    enum status status = STATUS_OK;
    for (page.round = NUMBERS; page.round < ROUNDS && !status; page.round++)
        status = store_visit(file, "/", visit_headline, &page, err);
    return status;
}
