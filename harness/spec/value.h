/* One parameter's value: the words for it, and its way from a node of YAML into the field of a
 * settings struct. */
#pragma once

#include "core/descriptor.h"
#include "core/pool.h"
#include "harness/spec/node.h"

/* Words for a parameter table, as errors and `duet list` show them: the type ("integer",
 * "number(s)") and the values allowed ("2..256", "above 0", "relu, linear"; "" for no limit). */
const char *param_type_name(enum param_type type);
void param_range(const struct param *param, char *text, size_t size);

/* The words that a parameter of words chooses from. */
struct choices {
    size_t count;
    const char *word[32]; /* in `buffer`, or of a registry */
    char buffer[1024];
};

void param_choices(const struct param *param, struct choices *choices);

/* Where one parameter's value goes. */
struct slot {
    const struct param *param;
    const char *path;  /* "data.depth" */
    struct pool *pool; /* of texts and lists */
    struct error *err;
    void *field;
};

enum status value_read(const struct slot *slot, const struct node *node);

/* Words for what may stand in place of `node`, a value of `param` or an entry in it; `node` may be
 * NULL for a value that is not there.  "an integer in 2..256" */
void value_expected(char *text, size_t size, const struct param *param, const struct node *node);
