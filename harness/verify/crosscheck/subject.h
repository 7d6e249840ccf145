/* The subject of a reference file: a network, its parameters and a batch.  Read from the file, then
 * put through the engine, whose results are compared with the datasets under `root`. */
#ifndef DUET_HARNESS_CROSSCHECK_SUBJECT_H
#define DUET_HARNESS_CROSSCHECK_SUBJECT_H

#include "harness/verify/crosscheck/crosscheck.h"
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

/* Name of network level l in the file: layers count from 1 at the input. */
void subject_level_name(const struct subject *s, int l, char *out, size_t size);
struct extent weight_extent(const struct network *n, int l);
struct extent neuron_extent(const struct network *n, int l);

/* Zeros, to be freed. */
enum status take_zeros(size_t count, double **out, struct error *err);

/* Parameters under `folder`.  Memory is taken once all extents are known to fit: attributes may
 * claim anything. */
enum status subject_read_network(const struct store_file *file, const struct subject *s,
                                 const char *folder, double **parameters, struct error *err);

/* /weights, and memory for their gradient. */
enum status subject_read_weights(const struct store_file *file, struct subject *s,
                                 struct error *err);

void subject_set_views(const struct subject *s, struct batch *batch);

/* Losses and gradients of all objectives of which the outputs of a batch are all that is needed. */
enum status compare_objectives(struct crosscheck *check, const struct subject *s,
                               struct error *err);
enum status compare_gradient(struct crosscheck *check, const struct subject *s, const char *name,
                             struct error *err);

/* Whether this objective has a predictor and a target, and no negatives. */
bool crosscheck_predicts(const struct descriptor *about);

/* Without negatives: target network, linear predictor without bias, DirectPred.  Target and
 * predictor must be there if one of their objectives is expected. */
enum status read_noncontrastive(const struct crosscheck *check, struct subject *s,
                                struct error *err);
enum status compare_noncontrastive(struct crosscheck *check, const struct subject *s,
                                   struct error *err);
enum status compare_direct(struct crosscheck *check, const struct subject *s, struct error *err);

/* A whole file of kind outputs, mlp or tree. */
enum status check_outputs(struct crosscheck *check, struct error *err);
enum status check_mlp(struct crosscheck *check, struct error *err);
enum status check_tree(struct crosscheck *check, struct error *err);

#endif
