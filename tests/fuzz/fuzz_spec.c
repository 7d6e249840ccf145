/* Fuzzes the spec and override parser, harness/spec/.
 *
 * An input is YAML up to the first zero byte, then overrides "KEY=VALUE", each ended by a zero
 * byte.  A refused input must have a message.  The complete YAML of an accepted spec, which a
 * result file keeps, must read back to itself. */
#include "harness/spec/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_OVERRIDES = 16 };

static void demand(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

/* Checks between modules find the place of a setting by its key after parsing. */
static void locate_everything(const struct spec *spec)
{
    struct error err;
    for (int i = 0; i < SECTION_COUNT; i++) {
        const struct descriptor *chosen = spec->chosen[i];
        for (const struct param *p = chosen ? chosen->params : NULL; p && p->name; p++) {
            char key[sizeof err.key];
            snprintf(key, sizeof key, "%s.%s", spec_sections[i].key, p->name);
            error_key(&err, key, "is wrong");
            spec_locate(spec, &err);
        }
    }
}

static void check_round_trip(const struct spec *spec)
{
    struct spec again;
    struct error err;
    enum status status = spec_parse(&again, "again", spec->yaml, strlen(spec->yaml), NULL, 0, &err);
    demand(!status, "the complete YAML of a spec is refused");
    demand(strcmp(spec->yaml, again.yaml) == 0, "the complete YAML reads back as another");
    demand(strcmp(spec->hash, again.hash) == 0, "the hash changed");
    spec_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';

    size_t length = strlen(text), count = 0;
    const char *overrides[MAX_OVERRIDES];
    for (size_t at = length + 1; at < size && count < MAX_OVERRIDES; at += strlen(text + at) + 1)
        overrides[count++] = text + at;

    struct spec spec;
    struct error err = {0};
    if (spec_parse(&spec, "input.yaml", text, length, overrides, count, &err)) {
        demand(err.message[0] != '\0', "refused without a word");
    } else {
        locate_everything(&spec);
        check_round_trip(&spec);
        spec_free(&spec);
    }
    free(text);
    return 0;
}
