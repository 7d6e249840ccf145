/* The summary of a run from its result file: the same tables as after the run. */
#pragma once

#include "core/error.h"
#include "store/store.h"

#include <stdio.h>

/* All datasets with a headline: first the single numbers, after the text `before`, then the
 * sentences on those whose last value is 0, then a table for each that has an axis. */
enum status summary_print_file(FILE *out, const char *before, const struct store_file *file,
                               struct error *err);
