#include "harness/sweep/sweep_folder.h"

#include "harness/run/run.h"
#include "harness/sweep/lease.h"
#include "harness/sweep/sweep_plan.h"
#include "store/store.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH = RUN_PATH + 64 };

void sweep_folder_free(struct sweep_folder *folder)
{
    names_free(&folder->left);
    free(folder->finished.hash);
    free(folder->failed.hash);
    *folder = (struct sweep_folder){0};
}

static bool add_hash(struct sweep_hashes *hashes, uint64_t hash)
{
    if (hashes->count == hashes->capacity) {
        const size_t capacity = 2 * hashes->capacity + 256;
        uint64_t *more = realloc(hashes->hash, capacity * sizeof *more);
        if (!more)
            return false;
        hashes->hash = more;
        hashes->capacity = capacity;
    }
    hashes->hash[hashes->count++] = hash;
    return true;
}

static bool ends_with(const char *name, const char *end)
{
    const size_t length = strlen(name), of_end = strlen(end);
    return length >= of_end && strcmp(name + length - of_end, end) == 0;
}

/* See store_commit, harness/sweep/sweep_plan.h. */
static bool is_left(const char *name)
{
    uint64_t hash;
    const char *start = name + strspn(name, ".");
    const char *end = start + SWEEP_HASH - 1;
    if (start > name && ends_with(name, ".tmp"))
        return true;
    if (start == name || !sweep_hash_read(start, &hash))
        return false;
    return strncmp(end, ".part", 5) == 0 || strncmp(end, ".lease", 6) == 0;
}

static bool note_file(struct sweep_folder *folder, const char *name)
{
    uint64_t hash;
    if (!sweep_hash_read(name, &hash))
        return !is_left(name) || names_add(&folder->left, name);
    const char *end = name + SWEEP_HASH - 1;
    if (strcmp(end, ".h5") == 0)
        return add_hash(&folder->finished, hash);
    if (strcmp(end, ".failed") == 0)
        return add_hash(&folder->failed, hash) && names_add(&folder->left, name);
    return true;
}

static int compare_hashes(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void sort(struct sweep_hashes *hashes)
{
    if (hashes->count > 1)
        qsort(hashes->hash, hashes->count, sizeof *hashes->hash, compare_hashes);
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
    sort(&folder->finished);
    sort(&folder->failed);
    return good ? STATUS_OK : error_memory(err, "the files of a sweep");
}

bool sweep_hashes_have(const struct sweep_hashes *hashes, uint64_t hash)
{
    return hashes->count > 0 &&
           bsearch(&hash, hashes->hash, hashes->count, sizeof hash, compare_hashes);
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

/* ".HASH.part", "..HASH.part.PID.tmp", ".HASH.lease", "HASH.failed" and so on. */
static void clean_point(const struct lessee *lessee, const char *name, uint64_t number)
{
    char path[PATH], finished[PATH], hash[SWEEP_HASH];
    sweep_hash_text(number, hash);
    snprintf(path, sizeof path, "%s/%s", lessee->folder, name);
    snprintf(finished, sizeof finished, "%s/%s.h5", lessee->folder, hash);
    if (store_verify(finished, NULL) == STATUS_OK) {
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

void sweep_clean(const char *folder, const struct names *left)
{
    struct lessee lessee;
    lessee_open(&lessee, folder);
    for (size_t i = 0; i < left->count; i++) {
        const char *name = left->name[i];
        uint64_t number;
        if (sweep_hash_read(name + strspn(name, "."), &number))
            clean_point(&lessee, name, number);
        else
            clean_temporary(folder, name);
    }
}
