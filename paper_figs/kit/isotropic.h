/* Linear BYOL on isotropic data, X = I and X' = sigma2 I, from drawn weights: the start of the
 * figures of its matrix flow. */
#pragma once

#include "paper_figs/kit/series.h"

struct isotropic {
    struct matrix_flow flow; /* alpha_p = 1; the caller sets the other rates and the target */
    struct dynamics dynamics;
    double *state; /* W, W_p and W_a as in matrix_flow; the sheet's memory */
};

/* n inputs and n outputs.  Close it before the sheet, also after an error. */
void isotropic_open(struct sheet *sheet, struct isotropic *isotropic, size_t n, double sigma2);
void isotropic_close(struct isotropic *isotropic);

/* The state of one run: W and W_p normal of variance 1 / n, W_a = 0. */
void isotropic_draw(struct sheet *sheet, struct isotropic *isotropic, uint64_t seed, uint64_t run);
