#include "harness/sweep/sweep_folder.h"

#include "harness/sweep/sweep_plan.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

void sweep_folder_free(struct sweep_folder *folder)
{
    for (size_t i = 0; i < folder->left.count; i++)
        free(folder->left.name[i]);
    free(folder->left.name);
    free(folder->finished.hash);
    free(folder->failed.hash);
    *folder = (struct sweep_folder){0};
}

static bool grow(void **array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return true;
    void *more = realloc(*array, (2 * *capacity + 256) * size);
    if (!more)
        return false;
    *array = more;
    *capacity = 2 * *capacity + 256;
    return true;
}

static bool add_hash(struct sweep_hashes *hashes, uint64_t hash)
{
    if (!grow((void **)&hashes->hash, hashes->count, &hashes->capacity, sizeof hash))
        return false;
    hashes->hash[hashes->count++] = hash;
    return true;
}

static bool add_left(struct sweep_folder *folder, const char *name)
{
    if (!grow((void **)&folder->left.name, folder->left.count, &folder->left.capacity,
              sizeof *folder->left.name))
        return false;
    folder->left.name[folder->left.count] = strdup(name);
    return folder->left.name[folder->left.count++] != NULL;
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
        return !is_left(name) || add_left(folder, name);
    const char *end = name + SWEEP_HASH - 1;
    if (strcmp(end, ".h5") == 0)
        return add_hash(&folder->finished, hash);
    if (strcmp(end, ".failed") == 0)
        return add_hash(&folder->failed, hash) && add_left(folder, name);
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
