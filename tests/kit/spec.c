#include "tests/kit/spec.h"

enum { MOST_KEYS = 32 };

enum status kit_spec(struct spec *spec, const char *usual, const char *keys, struct error *err)
{
    const char *override[MOST_KEYS];
    size_t count = 0, size = strlen(usual) + strlen(keys) + 2;
    char *text = allocate(size, 1);
    snprintf(text, size, "%s %s", usual, keys);
    for (char *save, *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        assert_true(count < MOST_KEYS);
        override[count++] = word;
    }
    const enum status status = spec_load(spec, NULL, override, count, err);
    free(text);
    return status;
}
