#include "harness/sweep/sweep_folder.h"

#include "harness/run/result.h"
#include "harness/run/run.h"
#include "harness/sweep/lease.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH = RUN_PATH + 64 };

void sweep_folder_free(struct sweep_folder *folder)
{
    names_free(&folder->left);
    names_free(&folder->finished);
    names_free(&folder->failed);
    names_free(&folder->strays);
    *folder = (struct sweep_folder){0};
}

static bool ends_with(const char *name, const char *end)
{
    const size_t length = strlen(name), of_end = strlen(end);
    return length >= of_end && strcmp(name + length - of_end, end) == 0;
}

/* Whether it begins with a hash. */
static bool has_hash(const char *name)
{
    return strspn(name, "0123456789abcdef") >= SWEEP_HASH - 1;
}

/* See store_commit, harness/sweep/sweep_plan.h. */
static bool is_left(const char *name)
{
    const char *start = name + strspn(name, ".");
    const char *end = start + SWEEP_HASH - 1;
    if (start > name && ends_with(name, ".tmp"))
        return true;
    if (start == name || !has_hash(start))
        return false;
    return strncmp(end, ".part", 5) == 0 || strncmp(end, ".lease", 6) == 0;
}

static bool note_file(struct sweep_folder *folder, const char *name)
{
    char hash[SWEEP_HASH];
    const bool stray = name[0] != '.' && ends_with(name, ".h5") && strncmp(name, "table", 5) != 0;
    if (!has_hash(name))
        return stray           ? names_add(&folder->strays, name)
               : is_left(name) ? names_add(&folder->left, name)
                               : true;
    const char *end = name + SWEEP_HASH - 1;
    snprintf(hash, sizeof hash, "%.*s", SWEEP_HASH - 1, name);
    if (strcmp(end, ".h5") == 0)
        return names_add(&folder->finished, hash);
    if (strcmp(end, ".failed") == 0)
        return names_add(&folder->failed, hash) && names_add(&folder->left, name);
    if (strcmp(end, ".checkpoint") == 0)
        return names_add(&folder->left, name);
    return !stray || names_add(&folder->strays, name);
}

enum status sweep_folder_read(struct sweep_folder *folder, const char *path, struct error *err)
{
    bool good = true;
    *folder = (struct sweep_folder){0};
    DIR *stream = opendir(path);
    for (struct dirent *entry; good && stream && (entry = readdir(stream));)
        good = note_file(folder, entry->d_name);
    if (stream)
        closedir(stream);
    names_sort(&folder->finished);
    names_sort(&folder->failed);
    names_sort(&folder->strays);
    return good ? STATUS_OK : error_memory(err, "the files of a sweep");
}

/* ---- leftovers ---- */

/* Whether nobody works on the point of a leftover.  Then this process holds its lease until it is
 * released. */
static bool take_leftover(const struct lessee *lessee, const char *hash)
{
    struct lease_sight sight = {0};
    struct error unwanted;
    bool taken;
    lease_look(lessee, hash, &sight);
    return lease_take(lessee, hash, &taken, &unwanted) == STATUS_OK && taken;
}

/* ".HASH.part", "..HASH.part.PID.tmp", ".HASH.lease", "HASH.failed", "HASH.checkpoint" and so on.
 */
static void clean_point(const struct lessee *lessee, const char *name)
{
    char path[PATH], finished[PATH], hash[SWEEP_HASH];
    snprintf(hash, sizeof hash, "%.*s", SWEEP_HASH - 1, name + strspn(name, "."));
    snprintf(path, sizeof path, "%s/%s", lessee->folder, name);
    snprintf(finished, sizeof finished, "%s/%s.h5", lessee->folder, hash);
    if (result_is_finished(finished, hash)) {
        unlink(path); /* nobody needs it any more */
    } else if (name[0] == '.' && take_leftover(lessee, hash)) {
        unlink(path);
        lease_release(lessee, hash);
    }
}

/* ".sweep.yaml.PID.tmp" and so on, see store_commit.  If the process runs on another machine, it
 * writes the file again. */
static void clean_temporary(const char *folder, const char *name)
{
    char path[PATH];
    const size_t length = strlen(name) - strlen(".tmp");
    size_t digits = 0;
    while (digits < length && strchr("0123456789", name[length - digits - 1]))
        digits++;
    if (digits == 0 || lease_process_runs(atol(name + length - digits)))
        return;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
}

void sweep_clean(const char *path)
{
    struct lessee lessee;
    struct sweep_folder folder;
    lessee_open(&lessee, path);
    const bool read = sweep_folder_read(&folder, path, NULL) == STATUS_OK;
    for (size_t i = 0; read && i < folder.left.count; i++) {
        const char *name = folder.left.name[i];
        if (has_hash(name + strspn(name, ".")))
            clean_point(&lessee, name);
        else
            clean_temporary(path, name);
    }
    sweep_folder_free(&folder);
}
