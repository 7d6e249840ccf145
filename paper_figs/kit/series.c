#include "paper_figs/kit/series.h"

#include "harness/run/progress.h"

#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- along flows ---- */

void series_times(size_t count, double first, double last, double *t)
{
    double ratio = count > 2 ? pow(last / first, 1 / (double)(count - 2)) : 1;
    t[0] = 0;
    for (size_t i = 1; i < count; i++)
        t[i] = i + 1 == count ? last : first * pow(ratio, (double)(i - 1));
}

struct series series_open(struct sheet *sheet, size_t quantities, size_t times, size_t runs,
                          double first, double last)
{
    double *t = sheet_numbers(sheet, times + quantities * times * runs);
    if (t)
        series_times(times, first, last, t);
    return (struct series){quantities, times, runs, t, t ? t + times : NULL};
}

void series_run(struct sheet *sheet, struct series *series, size_t run,
                const struct dynamics *dynamics, const struct series_measure *measure,
                double *state)
{
    double *value = sheet_numbers(sheet, series->quantities);
    for (size_t i = 0; i < series->times && !sheet->status; i++) {
        if (i > 0) /* the flows do not depend on time */
            sheet->status = dynamics_record(dynamics, series->t[i] - series->t[i - 1], 1, state,
                                            NULL, sheet->err);
        if (!sheet->status)
            sheet->status = measure->measure(measure->context, state, value, sheet->err);
        for (size_t q = 0; q < series->quantities && !sheet->status; q++)
            series_quantity(series, q)[i * series->runs + run] = value[q];
    }
}

/* ---- storing ---- */

enum status sheet_fill(const struct figure_job *job, struct store *store, size_t panels,
                       void (*panel)(struct sheet *sheet, const struct figure_job *job, size_t i),
                       struct error *err)
{
    struct progress progress;
    struct sheet sheet = {.store = store, .err = err};
    gsl_error_handler_t *handler = gsl_set_error_handler_off();
    progress_start(&progress, job->quiet);
    for (size_t i = 0; i < panels && !sheet.status; i++) {
        panel(&sheet, job, i);
        if (!sheet.status)
            progress_line(&progress, i + 1, panels, sheet.group);
    }
    progress_end(&progress);
    gsl_set_error_handler(handler);
    return sheet_close(&sheet);
}

enum status sheet_close(struct sheet *sheet)
{
    pool_free(&sheet->memory);
    return sheet->status;
}

void *sheet_room(struct sheet *sheet, size_t count, size_t size)
{
    void *room = sheet->status ? NULL : pool_take(&sheet->memory, count, size);
    if (!room && !sheet->status)
        sheet->status = error_memory(sheet->err, "the numbers of a figure");
    return room;
}

double *sheet_numbers(struct sheet *sheet, size_t count)
{
    return sheet_room(sheet, count, sizeof(double));
}

/* "/group/name", or "/name" in the root */
static void path_of(const char *group, const char *name, char path[SHEET_PATH])
{
    snprintf(path, SHEET_PATH, "%s%s/%s", *group ? "/" : "", group, name);
}

void sheet_group(struct sheet *sheet, const char *group)
{
    size_t kept = 0;
    for (size_t i = 0; i < sheet->axes; i++)
        if (!strchr(sheet->axis[i].path + 1, '/')) /* of the root */
            sheet->axis[kept++] = sheet->axis[i];
    sheet->axes = kept;
    snprintf(sheet->group, sizeof sheet->group, "%s", group);
}

void sheet_axis(struct sheet *sheet, const char *name, size_t length, const double *values,
                const char *long_name, const char *units)
{
    if (sheet->status)
        return;
    if (sheet->axes == SHEET_AXES) {
        sheet->status = error_set(sheet->err, STATUS_INVALID, "more than %d axes", SHEET_AXES);
        return;
    }
    char *path = sheet->axis[sheet->axes].path;
    path_of(sheet->group, name, path);
    sheet->axis[sheet->axes++].length = length;
    sheet->status =
        store_put_axis(sheet->store, path, length, values, long_name, units, sheet->err);
}

void sheet_seeds(struct sheet *sheet, size_t count, const char *long_name)
{
    double *seed = sheet_numbers(sheet, count);
    for (size_t i = 0; seed && i < count; i++)
        seed[i] = (double)(i + 1);
    sheet_axis(sheet, "seed", count, seed, long_name, "1");
}

void sheet_words(struct sheet *sheet, const char *attribute, const char *const *words, size_t count)
{
    char text[4096] = "";
    for (size_t i = 0, used = 0; i < count && used < sizeof text && !sheet->status; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? " " : "", words[i]);
    if (!sheet->status)
        sheet->status = store_put_text(sheet->store, attribute, text, sheet->err);
}

const char *word_at(const char *text, size_t i, int *length)
{
    for (; i > 0 && *text; i--) {
        text += strcspn(text, " ");
        text += *text == ' ';
    }
    *length = (int)strcspn(text, " ");
    return text;
}

size_t word_place(const char *text, const char *word)
{
    size_t place = 0;
    int length;
    for (const char *at = word_at(text, 0, &length); *at; at = word_at(at, 1, &length), place++)
        if (strlen(word) == (size_t)length && strncmp(at, word, (size_t)length) == 0)
            break;
    return place;
}

/* The place of the axis with a name of `length` characters, in the group or in the root */
static size_t find_axis(const struct sheet *sheet, const char *name, size_t length)
{
    const char *const groups[] = {sheet->group, ""};
    char word[SHEET_NAME], path[SHEET_PATH];
    snprintf(word, sizeof word, "%.*s", (int)length, name);
    for (size_t g = 0; g < 2; g++) {
        path_of(groups[g], word, path);
        for (size_t i = 0; i < sheet->axes; i++)
            if (strcmp(sheet->axis[i].path, path) == 0)
                return i;
    }
    return sheet->axes;
}

void sheet_put(struct sheet *sheet, const char *name, const char *axes, const double *values,
               const char *long_name, const char *units)
{
    const char *paths[STORE_MAX_RANK];
    size_t shape[STORE_MAX_RANK], length;
    int rank = 0;
    char path[SHEET_PATH];
    for (const char *word = axes; !sheet->status && *word && rank < STORE_MAX_RANK;
         word += length + (word[length] == ' ')) {
        length = strcspn(word, " ");
        size_t i = find_axis(sheet, word, length);
        if (i == sheet->axes) {
            sheet->status = error_set(sheet->err, STATUS_INVALID, "/%s/%s: no axis %s",
                                      sheet->group, name, word);
            return;
        }
        paths[rank] = sheet->axis[i].path;
        shape[rank++] = sheet->axis[i].length;
    }
    path_of(sheet->group, name, path);
    if (!sheet->status)
        sheet->status =
            store_put(sheet->store, path, rank, shape, paths, values, long_name, units, sheet->err);
}

void sheet_series(struct sheet *sheet, const struct series *series, size_t quantity,
                  const char *name, const char *runs, const char *long_name)
{
    char axes[SHEET_PATH];
    snprintf(axes, sizeof axes, "t %s", runs);
    sheet_put(sheet, name, axes, series_quantity(series, quantity), long_name, "1");
}
