/* The connection of a node and its mean given the root.
 *
 * Neuron k of a node and its input a are connected to output o by (section 1 of the theory)
 *     K(x)[(o, k), a] = J(x)[o, k] f(x)[a],    J = d f_0 / d f~ of the node, its own gate included,
 * with f_0 the un-normalised output.  J goes down the tree: J_child = J_node W_node, gated.
 * The result is its mean E[K | z_0 = label] over weighted columns, [o][k][a] for each label.
 *
 * From the boundary down nothing is evaluated per sample: J of the boundary's parents is summed by
 * the pattern of the child, and their K and everything below follow from these sums, once, at the
 * end.
 */
#pragma once

#include "analysis/columns.h"
#include "sim/net/pass.h"

/* Where the sums stand in a flat array: weight [label]; root [label][fan_in], sums of the root's
 * inputs; level [node][label][row][a] for the levels below it whose inputs a pass has, down to the
 * boundary's grandparents; bucket [boundary node][label][pattern][row], sums of the parent's rows.
 * Rows are entries (o, k) of J.  The two upper levels need fewer: J of the root is the identity
 * (its K is f (x) I), and J of a node below it is W_0[o][k] gate_k, whose rows are k. */
struct connection_plan {
    const struct network *network;
    const struct pattern_tables *tables;
    size_t labels, outputs;
    size_t weight, root, level[NETWORK_MAX_LEVELS], bucket;
    size_t bucket_row;                           /* (o, j) padded */
    size_t size;                                 /* doubles */
    struct product jacobian[NETWORK_MAX_LEVELS]; /* J of one child of a node, one output */
    struct product outer[NETWORK_MAX_LEVELS];
};

void connection_plan(struct connection_plan *plan, const struct network *network,
                     const struct pattern_tables *tables, int labels);

/* Workspace of one thread. */
struct connection_work {
    double *gate;                         /* [k][COLUMNS], weighted, of a node of level 1 */
    double *jacobian[NETWORK_MAX_LEVELS]; /* [(o, k)][COLUMNS] of the node in hand */
    double *transposed;                   /* [COLUMNS][bucket_row] */
    double *gated[NETWORK_MAX_LEVELS], *sums[NETWORK_MAX_LEVELS]; /* by pattern, at the end */
};

void connection_layout(struct connection_work *work, const struct connection_plan *plan,
                       struct arena *arena);

/* Add columns that `pass` has evaluated; pattern: [boundary node][COLUMNS]. */
void connection_add(const struct connection_plan *plan, struct connection_work *work,
                    const struct pass *pass, double *parameters, const struct columns *columns,
                    const uint16_t *pattern, double *sums);

/* Doubles of the result, and the offset of (level, node, label): each is [o][k][a]. */
size_t connection_size(const struct connection_plan *plan);
size_t connection_offset(const struct connection_plan *plan, int level, size_t node, int label);

/* E[K | label] of the nodes above the boundary's parents, and of all below boundary node `i`, with
 * its parent's for the inputs that it is. */
void connection_finish_upper(const struct connection_plan *plan, const double *parameters,
                             const double *sums, double *connection);
void connection_finish_subtree(const struct connection_plan *plan, struct connection_work *work,
                               double *parameters, const double *sums, size_t i,
                               double *connection);
