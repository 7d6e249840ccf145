/* Remarks: what a user should know of a run before it begins and would not read off its spec, such
 * as data that are left out.  They are no errors.  One sentence per line; what does not fit any
 * more is left out with "...". */
#pragma once

#include <stdbool.h>

enum { REMARKS_SIZE = 2048 };

/* Starts zeroed. */
struct remarks {
    char text[REMARKS_SIZE]; /* each line ends with a newline */
};

/* Add a line, unless it is there already. */
void remark(struct remarks *remarks, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Add all lines of `more`. */
void remarks_join(struct remarks *remarks, const struct remarks *more);
