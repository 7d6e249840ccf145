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
#pragma once

#include "sim/loss/objective.h"
#include "sim/net/class_head.h"

struct comatch_settings {
    int64_t labels, labelled_batch; /* see sim/train/labelled.h */
    double tau, alpha, confidence, edge, lambda_cls, lambda_ctr;
    int64_t bank;
    double mean_decay;
};

/* The views of a sample in the outputs. */
enum comatch_view { COMATCH_WEAK, COMATCH_STRONG, COMATCH_STRONG_2, COMATCH_VIEWS };

/* The terms of a step's loss: its three means, before lambda, and the share of samples whose
 * pseudo-label is confident. */
enum comatch_term {
    COMATCH_LABELLED,
    COMATCH_PSEUDO,
    COMATCH_GRAPH,
    COMATCH_CONFIDENT,
    COMATCH_TERMS
};

extern const struct form form_comatch;

/* The state of such a loss. */
struct comatch {
    struct loss_plan plan;
    const struct comatch_settings *settings;
    struct class_head head;
    /* of the head, [parameter_stride]; state: slots of them */
    double *parameters, *gradient, *state;
    size_t parameter_stride;
    /* What is remembered of earlier steps. */
    double *bank_embedding, *bank_probability; /* [width or class][bank_stride] */
    size_t bank_stride;
    uint64_t bank_used, bank_next; /* entries; the next to be written */
    double *mean;                  /* [class] running mean of p(y | weak view) */
    uint64_t learned;              /* steps that it is the mean over; 0: there is none yet */
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
    double epoch_term[COMATCH_TERMS]; /* means over the steps of an epoch or evaluation */
};

/* The two halves of its phase `whole`, for tests that hold pseudo-labels fixed: pseudo-labels of
 * the batch, from the weak view; */
void comatch_pseudo_labels(struct comatch *comatch, const struct outputs *outputs);

/* then the loss with these pseudo-labels, which also fills df of both outputs and the gradient of
 * the head. */
void comatch_loss(struct comatch *comatch, const struct outputs *outputs);
