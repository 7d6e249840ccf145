/* Cells of tab-separated tables: numbers in full, texts without what would break a line or cell. */
#pragma once

#include <stdio.h>

/* As store_format_number writes it. */
void tsv_number(FILE *out, double value);

/* Text in which control characters, tabs among them, are spaces. */
void tsv_text(FILE *out, const char *text);

/* One word for gnuplot and others: spaces and control characters are '_'. */
void tsv_word(FILE *out, const char *text);
