#include "paper_figs/kit/run_list.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum status run_list_open(struct run_list *runs, size_t count, struct error *err)
{
    runs->count = count;
    runs->run = calloc(count + 1, sizeof *runs->run);
    runs->text = calloc(count + 1, sizeof *runs->text);
    return runs->run && runs->text ? STATUS_OK : error_memory(err, "runs");
}

void run_list_free(struct run_list *runs)
{
    free(runs->run);
    free(runs->text);
}

void run_list_set(struct run_list *runs, size_t i, const char *format, ...)
{
    size_t k = 0;
    while (runs->run[i].overrides[k])
        k++;
    va_list args;
    va_start(args, format);
    vsnprintf(runs->text[i][k], sizeof runs->text[i][k], format, args);
    va_end(args);
    runs->run[i].overrides[k] = runs->text[i][k];
}

void run_series(struct sheet *sheet, const char *path, const char *series, size_t points,
                size_t width, size_t stride, double *values)
{
    struct store_file *file = NULL;
    struct store_array a = {0};
    if (!sheet->status)
        sheet->status = store_open(&file, path, sheet->err);
    if (!sheet->status)
        sheet->status = store_get(file, series, &a, sheet->err);
    if (!sheet->status && (a.rank < 1 || a.shape[0] > points || a.count != a.shape[0] * width))
        sheet->status = error_set(sheet->err, STATUS_INVALID,
                                  "%s of a run has not the shape of the others", series);
    for (size_t i = 0; i < points * width && !sheet->status; i++)
        values[i / width * stride + i % width] = i < a.count ? a.values[i] : NAN;
    store_array_free(&a);
    store_close(file);
}

void run_ends(struct sheet *sheet, const char *path, const char *series, double *first,
              double *last)
{
    struct store_file *file = NULL;
    struct store_array a = {0};
    char *ended = NULL;
    *first = *last = NAN;
    if (!sheet->status)
        sheet->status = store_open(&file, path, sheet->err);
    if (!sheet->status)
        sheet->status = store_get_text(file, "status", &ended, sheet->err);
    if (!sheet->status)
        sheet->status = store_get(file, series, &a, sheet->err);
    if (!sheet->status && a.count > 0)
        *first = a.values[0];
    if (!sheet->status && a.count > 0 && strcmp(ended, "complete") == 0)
        *last = a.values[a.count - 1];
    store_array_free(&a);
    free(ended);
    store_close(file);
}
