/* Shared by figures: the sheet that a figure fills, its memory, and quantities along flows. */
#pragma once

#include "core/pool.h"
#include "paper_figs/figure.h"
#include "sim/flow/noncontrastive.h"
#include "store/reader.h"

/* ---- storing ---- */

enum { SHEET_AXES = 16, SHEET_PATH = 96, SHEET_NAME = 64 };

/* A store that is filled group by group, and memory for its numbers.  The first error stays in
 * `status`; all calls after it do nothing. */
struct sheet {
    struct store *store;
    char group[SHEET_NAME]; /* "" is the root */
    struct {
        char path[SHEET_PATH];
        size_t length;
    } axis[SHEET_AXES];
    size_t axes;
    struct pool memory;
    enum status status;
    struct error *err;
};

/* Fill a figure's store panel by panel, and show the progress. */
enum status sheet_fill(const struct figure_job *job, struct store *store, size_t panels,
                       void (*panel)(struct sheet *sheet, const struct figure_job *job, size_t i),
                       struct error *err);

/* Frees the memory and returns the status. */
enum status sheet_close(struct sheet *sheet);

/* Zeroed memory until the sheet is closed; NULL after an error. */
void *sheet_room(struct sheet *sheet, size_t count, size_t size);
double *sheet_numbers(struct sheet *sheet, size_t count);

/* Put the next datasets into this group; they can name its axes and the axes of the root. */
void sheet_group(struct sheet *sheet, const char *group);

/* An axis; NULL values are 0, 1, 2, ... */
void sheet_axis(struct sheet *sheet, const char *name, size_t length, const double *values,
                const char *long_name, const char *units);

/* The axis "seed": 1, 2, ..., `count`. */
void sheet_seeds(struct sheet *sheet, size_t count, const char *long_name);

/* A text attribute of the file: `count` words, separated by spaces. */
void sheet_words(struct sheet *sheet, const char *attribute, const char *const *words,
                 size_t count);

/* Word i of such a text, and its length; the place of a word, or the number of words. */
const char *word_at(const char *text, size_t i, int *length);
size_t word_place(const char *text, const char *word);

/* A dataset over axes that were put, by name: "t run". */
void sheet_put(struct sheet *sheet, const char *name, const char *axes, const double *values,
               const char *long_name, const char *units);

/* ---- along flows ---- */

/* `count` times: 0, then from `first` to `last` at equal ratios. */
void series_times(size_t count, double first, double last, double *t);

/* Quantities of several runs at the same times. */
struct series {
    size_t quantities, times, runs;
    double *t;     /* [time], t[0] = 0 */
    double *value; /* [quantity][time][run] */
};

/* Runs at `times` times, as series_times counts them; all values are 0.  The memory is the sheet's;
 * t is NULL after an error. */
struct series series_open(struct sheet *sheet, size_t quantities, size_t times, size_t runs,
                          double first, double last);

static inline double *series_quantity(const struct series *series, size_t quantity)
{
    return series->value + quantity * series->times * series->runs;
}

/* Computes the quantities of a state, value[quantity]. */
struct series_measure {
    enum status (*measure)(const void *context, const double *state, double *value,
                           struct error *err);
    const void *context;
};

/* Fill one run: the flow from `state`, which is overwritten, at relative tolerance 1e-12. */
void series_run(struct sheet *sheet, struct series *series, size_t run,
                const struct dynamics *dynamics, const struct series_measure *measure,
                double *state);

/* Put one quantity: sheet_put over "t" and the axis of the runs. */
void sheet_series(struct sheet *sheet, const struct series *series, size_t quantity,
                  const char *name, const char *runs, const char *long_name);
