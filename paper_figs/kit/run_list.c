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

enum status run_series(const struct store_file *file, const char *path, size_t points, size_t width,
                       double *values, struct error *err)
{
    struct store_array array;
    enum status status = store_get(file, path, &array, err);
    if (status)
        return status;
    if (array.rank < 1 || array.shape[0] > points || array.count != array.shape[0] * width)
        status =
            error_set(err, STATUS_INVALID, "%s of a run has not the shape of the others", path);
    for (size_t i = 0; i < points * width && !status; i++)
        values[i] = i < array.count ? array.values[i] : NAN;
    store_array_free(&array);
    return status;
}

enum status run_ends(const char *path, const char *series, double *first, double *last,
                     struct error *err)
{
    struct store_file *file;
    struct store_array a = {0};
    char *run_status = NULL;
    *first = *last = NAN;
    enum status status = store_open(&file, path, err);
    if (status)
        return status;
    status = store_get_text(file, "status", &run_status, err);
    if (!status)
        status = store_get(file, series, &a, err);
    if (!status && a.count > 0)
        *first = a.values[0];
    if (!status && a.count > 0 && strcmp(run_status, "complete") == 0)
        *last = a.values[a.count - 1];
    store_array_free(&a);
    free(run_status);
    store_close(file);
    return status;
}
