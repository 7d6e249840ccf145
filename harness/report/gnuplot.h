/* Drawing with gnuplot, by duet's own scripts. */
#pragma once

#include "core/error.h"

/* Path (RUN_PATH bytes) of a spec or script such as "plots/style.gp": in $DUET_SHARE, the current
 * folder, or the checkout or installation of the program. */
enum status find_shared_file(const char *name, char *path, struct error *err);

/* An error if gnuplot or all fonts are missing, or gnuplot is too old. */
enum status gnuplot_check(struct error *err);

/* Draw `file` by a script into the picture `out`, of a format of picture.h, whole or not at all, as
 * store/output.h says.  The script reads from its environment DUET (the program), DUET_FILE,
 * DUET_OUT (a pipe), DUET_FORMAT, DUET_STYLE (plots/style.gp) and the variables that the caller has
 * set.  The user's own settings of gnuplot and of the language do not count.  A warning of
 * gnuplot's is printed. */
enum status gnuplot_draw(const char *script, const char *file, const char *out, const char *format,
                         struct error *err);
