/* Text of a file that is too long for a page, such as a spec with thousands of values in a line. */
#pragma once

#include <stdio.h>

/* Print one line of YAML without its newline.  In a line of more than SHORTEN_LINE bytes a list of
 * more than SHORTEN_LIST values is shown by its first ones, its last one and their number, and text
 * that is still too long is cut. Control characters are shown as '?'. */
enum { SHORTEN_LINE = 400, SHORTEN_LIST = 16 };

void print_shortened(FILE *out, const char *line);
