/* comatch: pseudo-labels from few labels, with a graph and a memory (sim/loss/comatch.h), [SC] */
#include "sim/loss/comatch.h"
#include "sim/loss/objectives/objectives.h"

static int64_t two_strong_views(const void *settings)
{
    (void)settings;
    return COMATCH_VIEWS - 1;
}

static const struct param params[] = {
    {.name = "labels",
     .type = PARAM_INTEGER,
     .fallback = "20",
     .low = 1,
     .high = 1 << 24,
     .doc = "labelled samples: the first of the first epoch, at most train.samples",
     .offset = offsetof(struct comatch_settings, labels)},
    {.name = "labelled_batch",
     .type = PARAM_INTEGER,
     .fallback = "0",
     .low = 0,
     .high = 1 << 24,
     .doc = "how many of them a batch has, taken in turn; 0: all",
     .offset = offsetof(struct comatch_settings, labelled_batch)},
    {.name = "tau",
     .type = PARAM_REAL,
     .fallback = "0.2",
     .low = POSITIVE,
     .high = UNBOUNDED,
     .doc = "temperature of the similarities, with the bank's samples and within the graph",
     .offset = offsetof(struct comatch_settings, tau)},
    {.name = "alpha",
     .type = PARAM_REAL,
     .fallback = "0.9",
     .low = 0,
     .high = 1,
     .doc = "share of its own prediction in a sample's pseudo-label, the rest is the bank's",
     .offset = offsetof(struct comatch_settings, alpha)},
    {.name = "confidence",
     .type = PARAM_REAL,
     .fallback = "0.95",
     .low = 0,
     .high = UNBOUNDED,
     .doc = "least largest entry of a pseudo-label that is learned from; above 1: none is",
     .offset = offsetof(struct comatch_settings, confidence)},
    {.name = "edge",
     .type = PARAM_REAL,
     .fallback = "0.8",
     .low = 0,
     .high = UNBOUNDED,
     .doc = "least inner product of two pseudo-labels that are joined; above 1: none are",
     .offset = offsetof(struct comatch_settings, edge)},
    {.name = "lambda_cls",
     .type = PARAM_REAL,
     .fallback = "1",
     .low = 0,
     .high = UNBOUNDED,
     .doc = "weight of the cross entropy with pseudo-labels",
     .offset = offsetof(struct comatch_settings, lambda_cls)},
    {.name = "lambda_ctr",
     .type = PARAM_REAL,
     .fallback = "1",
     .low = 0,
     .high = UNBOUNDED,
     .doc = "weight of the cross entropy of the graphs",
     .offset = offsetof(struct comatch_settings, lambda_ctr)},
    {.name = "bank",
     .type = PARAM_INTEGER,
     .fallback = "512",
     .low = 0,
     .high = 1 << 24,
     .doc = "K: samples that the bank holds, the latest ones; 0: no bank",
     .offset = offsetof(struct comatch_settings, bank)},
    {.name = "mean_decay",
     .type = PARAM_REAL,
     .fallback = "0.97",
     .low = 0,
     .high = 1 - 1e-12,
     .doc = "share of the running mean of predictions that a step leaves",
     .offset = offsetof(struct comatch_settings, mean_decay)},
    {0}};

const struct objective objective_comatch = {
    .about = {.name = "comatch",
              .doc = "CoMatch: cross entropy of a class head on a few labelled samples, and of "
                     "confident pseudo-labels on the others; and a graph of embeddings that "
                     "follows the graph of pseudo-labels, so that samples thought alike are "
                     "drawn together. The weak view is the data point itself, the strong ones "
                     "are its augmented views. Labels are those of the source (data.label_level, "
                     "data.label_node).",
              .source = "[SC] Li et al., arXiv:2011.11183",
              .params = params,
              .settings_size = sizeof(struct comatch_settings)},
    .scope = OBJECTIVE_SEMI_SUPERVISED,
    .positives = two_strong_views,
    .negatives = no_negatives,
};
