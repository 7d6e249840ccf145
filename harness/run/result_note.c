#include "harness/run/result_note.h"

#include "harness/spec/words.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- notes ---- */

static void put(FILE *out, const char *text)
{
    fwrite(text, 1, strlen(text) + 1, out);
}

void build_text_of(const struct store_file *file, char text[BUILD_TEXT])
{
    text[0] = '\0';
    for (size_t i = 0; i < BUILD_FACTS; i++) {
        char *value;
        if (!store_has_attribute(file, build_fact_name(i)) ||
            store_get_text(file, build_fact_name(i), &value, NULL))
            continue;
        append_text(text, BUILD_TEXT, "%s %.*s\n", build_fact_name(i), BUILD_VALUE - 1, value);
        free(value);
    }
}

enum status result_note_write(const struct store_file *file, FILE *out, struct error *err)
{
    char *hash = NULL, *word = NULL, *spec = NULL, of_text[HASH_SIZE], build[BUILD_TEXT];
    enum status status = store_get_text(file, "spec_hash", &hash, err);
    if (!status)
        status = store_get_text(file, "status", &word, err);
    if (!status)
        status = store_get_text(file, "spec", &spec, err);
    if (!status) {
        hash_of_text(spec, of_text);
        put(out, hash);
        put(out, word);
        build_text_of(file, build);
        put(out, build);
        fputc((int)store_state(file), out);
        fputc(strcmp(of_text, hash) == 0 ? 1 : 0, out);
    }
    free(hash);
    free(word);
    free(spec);
    return status;
}

const char *result_note_read(const char *bytes, size_t size, struct result_note *note)
{
    const char **const text[] = {&note->hash, &note->status, &note->build};
    const char *const end = bytes + size;
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        const char *zero = bytes < end ? memchr(bytes, '\0', (size_t)(end - bytes)) : NULL;
        if (!zero)
            return NULL;
        *text[i] = bytes;
        bytes = zero + 1;
    }
    if (end - bytes < 2)
        return NULL;
    note->state = (enum store_state)bytes[0];
    note->older = bytes[1] != 0;
    return bytes + 2;
}

/* ---- builds ---- */

bool build_text_apart(char text[BUILD_TEXT])
{
    int ends[2], how = -1;
    struct build_fact fact[BUILD_FACTS];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    const pid_t child = fork();
    if (child == 0) {
        build_facts(fact);
        build_text(fact, text);
        const size_t length = strlen(text);
        _exit(write(ends[1], text, length) == (ssize_t)length ? 0 : 1);
    }
    close(ends[1]);
    size_t used = 0;
    for (ssize_t got = 1; child > 0 && got != 0 && used < BUILD_TEXT - 1;) {
        got = read(ends[0], text + used, BUILD_TEXT - 1 - used);
        if (got < 0 && errno != EINTR)
            break;
        used += got > 0 ? (size_t)got : 0;
    }
    text[used] = '\0';
    close(ends[0]);
    while (child > 0 && waitpid(child, &how, 0) < 0 && errno == EINTR)
        ;
    return child > 0 && how == 0;
}

void builds_add(struct builds *builds, const char *text)
{
    size_t i = 0;
    while (i < builds->count && strcmp(builds->entry[i].text, text) != 0)
        i++;
    if (i == builds->count && i < BUILDS_MOST) {
        builds->count++;
        snprintf(builds->entry[i].text, BUILD_TEXT, "%s", text);
        builds->entry[i].files = 0;
    }
    builds->entry[i < BUILDS_MOST ? i : BUILDS_MOST - 1].files++;
}

/* The build of most files. */
static size_t find_usual(const struct builds *builds)
{
    size_t usual = 0;
    for (size_t i = 1; i < builds->count; i++)
        if (builds->entry[i].files > builds->entry[usual].files)
            usual = i;
    return usual;
}

bool builds_are_mixed(const struct builds *builds, const char *here, char *words, size_t size)
{
    enum { DIFFERENCE = 512 };
    char difference[DIFFERENCE], first[DIFFERENCE] = "";
    size_t all = 0, others = 0;
    if (builds->count == 0)
        return false;
    const char *usual = here ? here : builds->entry[find_usual(builds)].text;
    for (size_t i = 0; i < builds->count; i++) {
        const size_t files = builds->entry[i].files;
        all += files;
        if (build_compare(usual, builds->entry[i].text, difference, sizeof difference))
            continue;
        others += files;
        if (!first[0])
            snprintf(first, sizeof first, "%s", difference);
    }
    if (others > 0)
        snprintf(words, size, "%zu of %zu results are of another build than %s: %s", others, all,
                 here ? "this duet" : "the others", first);
    return others > 0;
}
