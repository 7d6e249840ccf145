/* The form of losses of all pairs: each of the 2 batch outputs, for x_1 and x_+, picks its
 * positives among all others by cosine similarity over a temperature.
 *
 * Which outputs are an output's positives, and where they are added up: by label they are all
 * others whose label is its own.  Its partner, the other view of its sample, is always one of them:
 * so where no other sample of the batch has its label it has the loss of ntxent, and none is left
 * out. */
#pragma once

#include "sim/loss/objective.h"

enum positives {
    POSITIVE_PARTNER,  /* the partner alone */
    POSITIVES_OUTSIDE, /* by label, averaged outside the logarithm */
    POSITIVES_INSIDE,  /* by label, averaged inside the logarithm */
    POSITIVES_SUMMED,  /* by label, summed inside the logarithm */
};

/* The settings begin with a struct temperature_settings. */
struct pairs {
    enum positives positives;
};

struct temperature_settings {
    double tau;
};

extern const struct form form_pairs;

/* Shared by losses of cosines: u = f / |f| of samples [begin, end) of a view, into the same
 * columns of u [width][stride], and 1 / |f|; both 0 where f is, NAN where |f| is not finite, so
 * that this shows in the loss. */
void unit_vectors(const struct outputs *outputs, int view, size_t begin, size_t end, double *u,
                  size_t stride, double *inverse);
