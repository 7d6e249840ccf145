/* Drawing with gnuplot, by duet's own scripts. */
#pragma once

#include "core/error.h"

/* Path (RUN_PATH bytes) of a spec or script such as "plots/style.gp": in $DUET_SHARE, the current
 * folder, or the checkout or installation of the program. */
enum status find_shared_file(const char *name, char *path, struct error *err);

/* Draw `file` by a script into `out`.  The script reads from its environment DUET (the program),
 * DUET_FILE, DUET_OUT, DUET_FORMAT ("pdf" or "png"), DUET_STYLE (plots/style.gp) and the variables
 * that the caller has set. */
enum status gnuplot_draw(const char *script, const char *file, const char *out, const char *format,
                         struct error *err);
