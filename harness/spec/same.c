#include "harness/spec/same.h"

#include "core/pool.h"
#include "harness/spec/node.h"
#include "harness/spec/number.h"

#include <string.h>

static bool same_scalar(const char *a, const char *b)
{
    int64_t m, n;
    double x, y;
    const bool whole = !parse_integer(a, &m), also_whole = !parse_integer(b, &n);
    if (whole && also_whole)
        return m == n;
    if (!parse_real(a, &x) && !parse_real(b, &y))
        return x == y;
    return strcmp(a, b) == 0;
}

static bool same_node(const struct node *a, const struct node *b)
{
    if (!a || !b || a->kind != b->kind)
        return a == b;
    if (a->kind == NODE_SCALAR)
        return same_scalar(a->value, b->value);
    const struct node *x = a->first, *y = b->first;
    while (x && y && same_node(x, y)) {
        x = x->next;
        y = y->next;
    }
    return !x && !y;
}

bool same_value(const char *a, const char *b)
{
    struct pool pool = {0};
    const struct text text = {.name = "a value"};
    const struct node *x = NULL, *y = NULL;
    const bool read = !yaml_parse(&pool, &text, a, strlen(a), &x, NULL) &&
                      !yaml_parse(&pool, &text, b, strlen(b), &y, NULL);
    const bool same = strcmp(a, b) == 0 || (read && same_node(x, y));
    pool_free(&pool);
    return same;
}
