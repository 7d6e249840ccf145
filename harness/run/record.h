/* The record of a run: the quantities of its parts (core/quantity.h) at all points in time.
 *
 * It knows none of them by name.  It has room for every point before the run begins, keeps a point
 * part by part, and stores, summarises and finds what was kept. */
#pragma once

#include "core/arena.h"
#include "core/quantity.h"
#include "core/state.h"
#include "store/store.h"

#include <stdio.h>

enum { RECORD_PARTS = 2 };

/* Owns its memory. */
struct record {
    const char *time_path, *time_name; /* of the axis of time */
    bool whole_times;                  /* which are whole numbers */
    size_t points;                     /* points in time: room for */
    uint64_t measured;                 /* kept whole */
    double *time;                      /* [points] */
    struct quantity *quantity;         /* [count], those of part i from first[i] on */
    double **series;                   /* [count]: [point][size]; NULL where it is constant */
    size_t count, first[RECORD_PARTS + 1];
    struct arena arena;
};

/* Room for `points` points of what the parts give; `record->time_path`, `time_name` and
 * `whole_times` are the caller's.  Free with record_free, also after an error. */
enum status record_open(struct record *record, size_t points,
                        const struct quantity_source part[RECORD_PARTS], struct error *err);
void record_free(struct record *record);

/* The present values of part `part` become its share of the point after the last whole one. */
void record_keep(struct record *record, size_t part);

/* Add the points that are whole to the state of a run. */
void record_state(struct record *record, struct state_list *list);

/* The series or the constants at `path`; NULL: there is none.  `quantity`: what it is, or NULL. */
const double *record_find(const struct record *record, const char *path,
                          const struct quantity **quantity);

/* The last point in a few words: "loss 0.0123  best |correlation| at the root 0.9876". */
void record_brief(const struct record *record, char *text, size_t size);

/* The headlines before and after training: single numbers as lines of one table, and a table for
 * each that has an axis. */
void record_print(const struct record *record, FILE *out);

/* Store the points that are whole, and `constants` beside them.  An axis is made when it is first
 * named. */
enum status record_store(const struct record *record, const struct quantity_source *constants,
                         struct store *store, struct error *err);
