/* YAML text as a tree of nodes.  All that is said to libfyaml is in yaml.c.
 *
 * The YAML is plain: one document without anchors, aliases, tags, block text, directives and `?`
 * keys.  Nodes and their texts lie in the caller's pool. */
#ifndef DUET_HARNESS_SPEC_YAML_H
#define DUET_HARNESS_SPEC_YAML_H

#include "core/pool.h"
#include "harness/spec/node.h"

/* `*root` is NULL if there is nothing but comments. */
enum status yaml_parse(struct pool *pool, const struct text *text, const char *yaml, size_t length,
                       const struct node **root, struct error *err);

#endif
