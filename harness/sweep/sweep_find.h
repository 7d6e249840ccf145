/* The work that a folder leaves: the points of a shard that have no sound file.
 *
 * A file is the result of the point that it says it is (the attribute spec_hash), whatever its
 * name. One that is named after another point, or was changed, is put aside as NAME.aside, and
 * where it is the only result of its own point it gets that point's name. */
#pragma once

#include "core/names.h"
#include "harness/run/result_note.h"
#include "harness/sweep/sweep_work.h"

/* The result files of a folder by their names: HASH.h5 of the points that the plan has, and all
 * others. */
struct sweep_files {
    size_t *own; /* points with a file of their name, [own_count], in order */
    size_t own_count;
    struct names others; /* names of files */
    size_t elsewhere;    /* of the others, those named as results are: of another grid */
};

/* Look through a folder; a missing one has no files.  Free with sweep_files_free, also after an
 * error. */
enum status sweep_files_list(struct sweep_files *files, const struct sweep_plan *plan,
                             const char *folder, struct error *err);
void sweep_files_free(struct sweep_files *files);

/* Find the points of the shard and, by reading their files, those to do.  Files that are damaged,
 * were changed or bear another point's name are named on stderr; so is a mixture of builds. */
enum status sweep_work_find(struct sweep_work *work, struct error *err);

/* Of the points that were to do, those whose files say so are added to work->diverged. */
enum status sweep_work_count_diverged(struct sweep_work *work, struct error *err);
