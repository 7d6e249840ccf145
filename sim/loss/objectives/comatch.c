/* comatch: pseudo-labels from few labels, with a graph and a memory (sim/loss/comatch.h), [SC] */
#include "sim/loss/objectives/objectives.h"

static const struct param params[] = {
    INTEGER_PARAM(struct comatch_settings, labels, "20", 1, 1 << 24,
                  "labelled samples: the first of the first epoch, at most train.samples"),
    INTEGER_PARAM(struct comatch_settings, labelled_batch, "0", 0, 1 << 24,
                  "how many of them a batch has, taken in turn; 0: all"),
    REAL_PARAM(struct comatch_settings, tau, "0.2", POSITIVE, UNBOUNDED,
               "temperature of the similarities, with the bank's samples and within the graph"),
    REAL_PARAM(struct comatch_settings, alpha, "0.9", 0, 1,
               "share of its own prediction in a sample's pseudo-label, the rest is the bank's"),
    REAL_PARAM(struct comatch_settings, confidence, "0.95", 0, UNBOUNDED,
               "least largest entry of a pseudo-label that is learned from; above 1: none is"),
    REAL_PARAM(struct comatch_settings, edge, "0.8", 0, UNBOUNDED,
               "least inner product of two pseudo-labels that are joined; above 1: none are"),
    REAL_PARAM(struct comatch_settings, lambda_cls, "1", 0, UNBOUNDED,
               "weight of the cross entropy with pseudo-labels"),
    REAL_PARAM(struct comatch_settings, lambda_ctr, "1", 0, UNBOUNDED,
               "weight of the cross entropy of the graphs"),
    INTEGER_PARAM(struct comatch_settings, bank, "512", 0, 1 << 24,
                  "K: samples that the bank holds, the latest ones; 0: no bank"),
    REAL_PARAM(struct comatch_settings, mean_decay, "0.97", 0, 1 - 1e-12,
               "share of the running mean of predictions that a step leaves"),
    {0}};

const struct objective objective_comatch = {
    .about = {.name = "comatch",
              .doc = "CoMatch: cross entropy of a class head on a few labelled samples, and of "
                     "confident pseudo-labels on the others; and a graph of embeddings that "
                     "follows the graph of pseudo-labels, so that samples thought alike are "
                     "drawn together. The weak view is the data point itself, the strong ones "
                     "are its augmented views. Labels come from the source (data.label_level, "
                     "data.label_node).",
              .source = "[SC] Li et al., arXiv:2011.11183",
              .params = params,
              .settings_size = sizeof(struct comatch_settings)},
    .form = &form_comatch,
};
