/* Linear BYOL on isotropic data, X = I and X' = sigma2 I, from drawn weights: the start of the
 * figures of its matrix flow. */
#ifndef DUET_PAPER_FIGS_ISOTROPIC_H
#define DUET_PAPER_FIGS_ISOTROPIC_H

#include "sim/flow/noncontrastive.h"

#include <stdint.h>

struct isotropic {
    struct matrix_flow
        flow; /* alpha_p = 1; the other rates and the target are the caller's to set */
    struct dynamics dynamics;
    double *x, *state; /* X and X'; W, W_p and W_a as in matrix_flow */
};

/* n inputs and n outputs.  Close it also after an error. */
enum status isotropic_open(struct isotropic *isotropic, size_t n, double sigma2, struct error *err);
void isotropic_close(struct isotropic *isotropic);

/* The state of one run: W and W_p normal of variance 1 / n, W_a = 0. */
enum status isotropic_draw(struct isotropic *isotropic, uint64_t seed, uint64_t run,
                           struct error *err);

#endif
