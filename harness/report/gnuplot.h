/* Drawing with gnuplot, by scripts that come with duet. */
#ifndef DUET_HARNESS_GNUPLOT_H
#define DUET_HARNESS_GNUPLOT_H

#include "core/error.h"

/* Path (RUN_PATH bytes) of a spec or script, "plots/style.gp": in $DUET_SHARE, this folder, the
 * checkout or the installation that the program stands in. */
enum status find_shared_file(const char *name, char *path, struct error *err);

/* Draw `file` by a script into `out`.  The script reads from its environment DUET (the program),
 * DUET_FILE, DUET_OUT, DUET_FORMAT ("pdf" or "png"), DUET_STYLE (plots/style.gp) and what the
 * caller has put there. */
enum status gnuplot_draw(const char *script, const char *file, const char *out, const char *format,
                         struct error *err);

#endif
