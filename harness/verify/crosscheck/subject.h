/* The subject of a reference file: a network, its parameters and a batch.  Read from the file, then
 * put through the engine, whose results are compared with the datasets under `root`. */
#pragma once

#include "harness/verify/crosscheck/reference.h"
#include "sim/loss/objective.h"
#include "sim/net/batch.h"
#include "sim/net/predictor.h"

struct subject {
    struct network network;
    double *parameters, *gradient;
    size_t samples;
    uint8_t *states[3]; /* x, x_pos, x_neg as [leaf][sample], or */
    double *values[3];
    uint8_t *label;   /* [sample] for objectives that compare labels, or NULL; in a tree the latents
                         of   all nodes as [node][sample], the root first */
    const char *root; /* "/expect" */
    /* what an mlp file may hold besides, or NULL */
    double *target; /* parameters of the target network */
    struct predictor predictor;
    double *predictor_parameters, *predictor_gradient;
};

void subject_free(struct subject *s);

extern const char *const view_path[3];

/* W or b of a level: path below the folder of a network, where layers count from 1 at the input;
 * extent; place among the parameters. */
struct part_of_level {
    char path[32];
    struct extent extent;
    size_t offset;
};

struct part_of_level part_of_level(const struct network *n, int l, bool bias);

/* Parameters under `folder`, to be freed.  Memory is taken once all extents are known to fit:
 * attributes may claim anything. */
double *subject_read_network(struct crosscheck *check, const struct subject *s, const char *folder);

void subject_set_views(const struct subject *s, struct batch *batch);

/* Losses and gradients of all objectives of which the outputs of a batch are all that is needed. */
void compare_objectives(struct crosscheck *check, const struct subject *s);
void compare_gradient(struct crosscheck *check, const struct subject *s, const char *name);

/* Whether this objective has a predictor and a target, and no negatives. */
bool crosscheck_predicts(const struct objective *objective);

/* Whether one of these objectives is expected of the network with any activation. */
bool mlp_expects(const struct crosscheck *check, bool (*which)(const struct objective *objective));

/* Without negatives: target network, linear predictor without bias, DirectPred.  Target and
 * predictor must be there if one of their objectives is expected. */
void read_noncontrastive(struct crosscheck *check, struct subject *s);
void compare_noncontrastive(struct crosscheck *check, const struct subject *s);
void compare_direct(struct crosscheck *check, const struct subject *s);

/* A whole file of kind outputs, mlp or tree. */
void check_outputs(struct crosscheck *check);
void check_mlp(struct crosscheck *check);
void check_tree(struct crosscheck *check);
