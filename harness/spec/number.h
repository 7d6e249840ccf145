/* Numbers as a spec writes them: decimal, 6.4e4 also for an integer. */
#ifndef DUET_HARNESS_SPEC_NUMBER_H
#define DUET_HARNESS_SPEC_NUMBER_H

#include <stddef.h>
#include <stdint.h>

/* The shortest decimal that reads back the same double: 0.1, 64000, 1e-6. */
void format_real(char *text, size_t size, double value);

/* Returns the reason why `text` is no such number: NULL if it is one, "" if it is no number at all.
 */
const char *parse_integer(const char *text, int64_t *value);
const char *parse_real(const char *text, double *value);

#endif
