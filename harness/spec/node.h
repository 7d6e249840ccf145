/* YAML text as a tree of nodes that know their places, for messages.
 *
 * The YAML is plain: one document without anchors, aliases, tags, block text, directives and `?`
 * keys.  Nodes and their texts lie in the caller's pool. */
#pragma once

#include "core/error.h"
#include "core/pool.h"

#include <stdbool.h>

/* A text that is read: a file, one override, one default. */
struct text {
    const char *name; /* "spec.yaml", "command line: data.depth=7" */
    bool located;     /* lines and columns are shown */
};

struct place {
    const struct text *text;
    int line, column; /* from 1 */
};

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAPPING };

/* A value as it was written. */
struct node {
    enum node_kind kind;
    bool quoted; /* a scalar that is text, whatever it looks like */
    struct place place;
    const char *value; /* of a scalar */
    size_t count;      /* of a list's or mapping's children; a mapping has key, value, key, ... */
    struct node *first, *last, *next, *parent;
};

/* `*root` is NULL if there is nothing but comments. */
enum status yaml_parse(struct pool *pool, const struct text *text, const char *yaml, size_t length,
                       const struct node **root, struct error *err);

/* A scalar that stands for nothing: empty, ~ or null. */
bool node_is_null(const struct node *node);

/* The node for a message: "'7'", "a list", "empty". */
void node_describe(char *text, size_t size, const struct node *node);

/* "FILE:LINE:COLUMN: MESSAGE", and the key that is to blame. */
enum status error_at(struct error *err, const struct place *place, const char *key,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));
