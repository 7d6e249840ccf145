/* Quantiles of the largest gap of a node's neurons (HLTM-6), for the claim's curve and its figure.
 */
#pragma once

#include "theorems/claim.h"

enum { HLTM_6_REPEATS = 2000, HLTM_6_QUANTILES = 3 };

extern const double hltm_6_quantile[HLTM_6_QUANTILES]; /* 10 %, 50 %, 90 % */

/* Quantiles of the largest gap of a node's neurons, in units of 2 sigma_w |a| / sqrt(n). */
struct hltm_6_row {
    int neurons;                    /* |N_mu| */
    double exact[HLTM_6_QUANTILES]; /* Phi^-1(q^(1 / |N_mu|)) */
    double drawn[HLTM_6_QUANTILES]; /* of HLTM_6_REPEATS draws of W */
    double after[HLTM_6_QUANTILES]; /* ... of the largest gap after the ReLU */
};

/* At the root of a drawn tree and network; trial->settings: struct latent_settings */
enum status hltm_6_rows(const struct trial *trial, const int *sizes, size_t count,
                        struct hltm_6_row *row);
