/* The numbers of a figure as one table: a header line with names, one row per point, cells
 * separated by tabs, "nan" where a row has no such number.
 *
 * The columns are `panel`, the group that a dataset lies in ("-": none); all axes; and all
 * datasets. Datasets of one group that have the same axes share their rows, one per point of these
 * axes.  A unit other than 1 stands behind the name: "t (s)". */
#pragma once

#include "store/store.h"

#include <stdio.h>

enum status figure_write_points(const struct store_file *file, FILE *out, struct error *err);
