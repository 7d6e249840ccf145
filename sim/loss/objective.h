/* Objectives: functions of a network's outputs.
 *
 * A sample has 1 + K + H views: x_1 and x_+1 ... x_+K (views of one data point) and x_1- ... x_H-
 * (views of other, independent draws).  With r(a, b) = |f(a) - f(b)|^2 / 2 an objective is a
 * function of r_j+ = r(x_1, x_+j) and r_k- = r(x_1, x_k-), averaged over the batch; ntxent and the
 * supervised objectives instead compare every pair of the 2 batch outputs.  Gradients flow through
 * all views.  But for cacr and comatch K = 1.
 *
 * With inner products as similarities, [FD], -<f(x_1), f(x')> takes the place of r(x_1, x'), and
 * gradients flow through x_1 alone: the others are targets, held constant.
 *
 * A non-contrastive objective is one of r_+ alone (H = 0), between a prediction from x_1 in the
 * place of f(x_1) and a target for x_+ in that of f(x_+); see sim/loss/noncontrastive_batch.h,
 * which makes both and stops the gradient. */
#ifndef DUET_SIM_OBJECTIVE_H
#define DUET_SIM_OBJECTIVE_H

#include "core/descriptor.h"
#include "core/error.h"
#include "sim/net/outputs.h"

enum objective_scope {
    OBJECTIVE_PER_SAMPLE, /* loss(r_+, r_-) of each sample, then the mean */
    OBJECTIVE_OF_BATCH,   /* loss(P, N) once; P, N: mean over samples and outputs of squared
                             differences to x_+ and to x_1- (the published code, erratum E5);
                             a function of P - N alone, so that d_minus = -d_plus */
    OBJECTIVE_PAIRWISE,   /* all pairs of the outputs for x_1 and x_+; no negatives are drawn */
    OBJECTIVE_SEMI_SUPERVISED, /* no function of outputs alone: has labelled samples, a class head
                                  and a memory besides (sim/loss/comatch.h); K = 2 */
};

/* OBJECTIVE_PAIRWISE: which outputs are an output's positives, and where they are added up.  By
 * label they are all others whose label is its own.  Its partner, the other view of its sample, is
 * always one of them: so where no other sample of the batch has its label it has the loss of
 * ntxent, and none is left out. */
enum objective_pairs {
    POSITIVE_PARTNER,  /* the partner alone */
    POSITIVES_OUTSIDE, /* by label, averaged outside the logarithm */
    POSITIVES_INSIDE,  /* by label, averaged inside the logarithm */
    POSITIVES_SUMMED,  /* by label, summed inside the logarithm */
};

/* What the prediction for x_1 is compared with. */
enum objective_target {
    TARGET_NONE,    /* a contrastive objective: there is no predictor and no target */
    TARGET_NETWORK, /* output of a second network, EMA or frozen, without gradient; the settings
                       are target_settings */
    TARGET_STOPPED, /* output of the online network, without gradient */
    TARGET_ONLINE,  /* output of the online network, with gradient */
};

enum target_start { START_ONLINE, START_RANDOM, START_ZERO };

/* Local training (sim/train/blocks.h): blocks of `size` levels, of which a block shares `overlap`
 * with the one above; size 0: one block of all levels. */
struct block_cut {
    int64_t size, overlap;
};

struct target_settings {
    double ema; /* gamma_a of ema_step */
    int start;  /* enum target_start */
};

struct objective {
    struct descriptor about;
    enum objective_scope scope;
    enum objective_target target; /* but for TARGET_NONE the scope is OBJECTIVE_PER_SAMPLE */
    bool cosine;                  /* prediction and target are divided by their norms first */
    int64_t (*positives)(const void *settings); /* K; NULL: 1 */
    /* H; NULL: 1 (0 for OBJECTIVE_PAIRWISE) */
    int64_t (*negatives)(const void *settings);
    /* Value and derivatives: d_plus[j] = d loss / d r_j+, j < K, d_minus[k] = d loss / d r_k-,
     * k < H. */
    double (*loss)(const void *settings, int64_t negatives, const double *r_plus,
                   const double *r_minus, double *d_plus, double *d_minus);
    /* OBJECTIVE_PAIRWISE */
    enum objective_pairs pairs;
    double (*temperature)(const void *settings);
    /* Whether similarities are inner products; NULL: no.  OBJECTIVE_PER_SAMPLE, TARGET_NONE. */
    bool (*inner)(const void *settings);
    /* How a trainer cuts the network, each block with this objective on its outputs; NULL: not at
     * all.  OBJECTIVE_PER_SAMPLE, TARGET_NONE. */
    struct block_cut (*cut)(const void *settings);
};

/* Whether the objective compares labels of the batch. */
static inline bool objective_labelled(const struct objective *objective)
{
    return objective->pairs != POSITIVE_PARTNER;
}

/* Whether it needs a source with labels. */
static inline bool objective_needs_labels(const struct objective *objective)
{
    return objective_labelled(objective) || objective->scope == OBJECTIVE_SEMI_SUPERVISED;
}

/* Whether its loss compares the samples of a batch: a chunk's gradient waits for all chunks. */
static inline bool objective_whole_batch(const struct objective *objective)
{
    return objective->scope == OBJECTIVE_PAIRWISE || objective->scope == OBJECTIVE_SEMI_SUPERVISED;
}

/* Whether it is what the functions below evaluate. */
static inline bool objective_of_outputs(const struct objective *objective)
{
    return objective->scope != OBJECTIVE_SEMI_SUPERVISED;
}

/* Views of x_1's point that a sample needs besides it, K, and views in all, 1 + K + H. */
int objective_positives(const struct objective *objective, const void *settings);
int objective_views(const struct objective *objective, const void *settings);

/* STATUS_INVALID, with the key, where the objective cannot be trained by epochs of `samples` in
 * such batches. */
enum status objective_check(const struct objective *objective, const void *settings,
                            int64_t samples, int64_t batch, struct error *err);

/* How many of them, the first ones, have gradients. */
int objective_gradient_views(const struct objective *objective, const void *settings);

/* Doubles of scratch that all chunks share, and that one chunk needs for itself. */
size_t objective_shared_size(const struct objective *objective, size_t stride);
size_t objective_scratch_size(const struct objective *objective, int views, size_t stride);

/* A batch is evaluated in chunks of samples [begin, end), which may run in parallel with the same
 * result.  OBJECTIVE_PAIRWISE alone begins with every chunk's `rows`, which writes `shared`.  Then
 * every chunk's `gradient` writes df of its samples and its part of the totals, and with
 * totals[] = sum over chunks, in their order, of partial[], `finish` returns the mean loss and
 * *force, by which all df (or anything linear in them) is yet to be multiplied: 1 unless
 * OBJECTIVE_OF_BATCH.  A chunk begins at a multiple of 8; df of the padding may be overwritten. */
enum { OBJECTIVE_PARTIALS = 2 };

void objective_rows(const struct objective *objective, const void *settings,
                    const struct outputs *outputs, size_t begin, size_t end, double *shared,
                    double *scratch);
void objective_gradient(const struct objective *objective, const void *settings,
                        const struct outputs *outputs, size_t begin, size_t end,
                        const double *shared, double *scratch, double partial[OBJECTIVE_PARTIALS]);
double objective_finish(const struct objective *objective, const void *settings,
                        const struct outputs *outputs, const double totals[OBJECTIVE_PARTIALS],
                        double *force);

#endif
