/* CoMatch, [SC]: learning from many samples without and a few with a label.
 *
 * An unlabelled sample b has a weak view and two strong ones, with outputs f_b, f'_b and f''_b; a
 * labelled one its weak view.  A class head on the outputs gives p(y | x), and z = f / |f| is a
 * view's embedding.
 *
 * Pseudo-labels: p_b is p(y | weak view), divided by the running mean of such p, then by its sum,
 * and
 *
 *     q_b = alpha p_b + (1 - alpha) sum_k a_k p_k,   a_k = exp(z_b . z_k / tau) / sum
 *
 * over the bank, K samples that came before.  Graphs of labels and of embeddings:
 *
 *     Q_bb = 1,                         Q_bj = q_b . q_j where that is at least `edge`, else 0
 *     Z_bb = exp(z'_b . z''_b / tau),   Z_bj = exp(z'_b . z'_j / tau)
 *
 *     L = mean over labelled samples of -log p(label | x)
 *       + lambda_cls mean_b 1[max q_b >= confidence] H(q_b, p(y | strong view 1))
 *       + lambda_ctr mean_b H(Q_b, Z_b),   Q and Z with rows divided by their sums
 *
 * with H(q, p) = - sum q log p.  Pseudo-labels and the bank have no gradient.  Where the bank is
 * still empty, or has no room at all, q_b = p_b.  A labelled sample lies in the bank with its label
 * as p. */
#ifndef DUET_SIM_COMATCH_H
#define DUET_SIM_COMATCH_H

#include "core/arena.h"
#include "sim/loss/objective.h"
#include "sim/net/class_head.h"
#include "sim/optimisers/optimiser.h"

struct comatch_settings {
    int64_t labels, labelled_batch; /* see sim/train/labelled.h */
    double tau, alpha, confidence, edge, lambda_cls, lambda_ctr;
    int64_t bank;
    double mean_decay;
};

/* The views of a sample in the outputs. */
enum comatch_view { COMATCH_WEAK, COMATCH_STRONG, COMATCH_STRONG_2, COMATCH_VIEWS };

/* What a step's loss is made of: its three means, before lambda, and the share of samples whose
 * pseudo-label is confident. */
enum comatch_term {
    COMATCH_LABELLED,
    COMATCH_PSEUDO,
    COMATCH_GRAPH,
    COMATCH_CONFIDENT,
    COMATCH_TERMS
};

/* STATUS_INVALID, with the key, where the settings do not fit epochs of `samples` in such batches.
 */
enum status comatch_check(const struct comatch_settings *settings, int64_t samples, int64_t batch,
                          struct error *err);

/* Labelled samples of a batch. */
size_t comatch_labelled_batch(const struct comatch_settings *settings);

/* Everything is borrowed. */
struct comatch_plan {
    const struct comatch_settings *settings;
    int width, classes;
    size_t samples, stride;                   /* of a batch and of a row of its outputs */
    size_t labelled_samples, labelled_stride; /* the same of the labelled samples */
    const struct optimiser *optimiser;        /* of the class head */
    const void *optimiser_settings;
};

/* Memory belongs to the arena. */
struct comatch {
    struct comatch_plan plan;
    struct class_head head;
    /* of the head, [parameter_stride]; state: slots of them */
    double *parameters, *gradient, *state;
    size_t parameter_stride;
    /* What is remembered of earlier steps. */
    double *bank_embedding, *bank_probability; /* [width or class][bank_stride] */
    size_t bank_stride, bank_used, bank_next;  /* entries; the next to be written */
    double *mean;                              /* [class] running mean of p(y | weak view) */
    bool started;                              /* there is a mean */
    /* The step at work. */
    double *next_mean;            /* [class] with this step */
    double *embedding;            /* [view][width][stride] z */
    double *inverse;              /* [strong view][stride] 1 / |f| */
    double *labelled_embedding;   /* [width][labelled_stride] */
    double *probability, *pseudo; /* [class][stride] p_b and q_b */
    double *log_p, *d_logit;      /* [class][the larger stride] */
    double *row_sum, *log_sum;    /* [stride] sum of the row Q_b, log of that of Z_b */
    /* of one sample: [stride], [the larger stride], [bank_stride] */
    double *edge, *row, *similarity;
    double *force; /* [2][width] of one sample */
    double term[COMATCH_TERMS], loss;
};

void comatch_layout(struct comatch *comatch, const struct comatch_plan *plan, struct arena *arena);

/* Pseudo-labels of the batch, from the weak view; `labelled` are the outputs of the labelled
 * samples, [1 view], with their labels. */
void comatch_pseudo_labels(struct comatch *comatch, const struct outputs *unlabelled,
                           const struct outputs *labelled);

/* Then the loss with these pseudo-labels, which also fills df of both outputs and the gradient of
 * the head. */
void comatch_loss(struct comatch *comatch, const struct outputs *unlabelled,
                  const struct outputs *labelled);

/* Then step number `step` = 1, 2, ...: move the head, and remember the batch.  False where a weight
 * of the head is no longer finite. */
bool comatch_learn(struct comatch *comatch, uint64_t step, const uint8_t *label);

#endif
