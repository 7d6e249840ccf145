/* Removes what writers left behind. */
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool process_has_ended(long pid)
{
    return pid > 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

void store_clean(const char *path)
{
    const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
    char begin[208], folder[4096], name[4608];
    const int length = snprintf(begin, sizeof begin, ".%.200s.", file);
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1,
             slash ? path : ".");
    DIR *directory = opendir(folder);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        char *end;
        if (strncmp(entry->d_name, begin, (size_t)length) != 0)
            continue;
        const long pid = strtol(entry->d_name + length, &end, 10);
        if (strcmp(end, ".tmp") != 0 || !process_has_ended(pid))
            continue;
        snprintf(name, sizeof name, "%s/%s", folder, entry->d_name);
        unlink(name);
    }
    if (directory)
        closedir(directory);
}
