/* The claims on learning without negative pairs, and the errata of their paper. */
#ifndef DUET_THEOREMS_CLAIMS_NCP_H
#define DUET_THEOREMS_CLAIMS_NCP_H

#include "theorems/claim.h"

extern const struct claim claim_ncp_2, claim_ncp_3, claim_ncp_4, claim_ncp_5, claim_ncp_6,
    claim_ncp_7, claim_ncp_8, claim_ncp_9, claim_ncp_10, claim_ncp_11, claim_ncp_13, claim_ncp_14,
    claim_ncp_15;

extern const struct claim claim_e1, claim_e2, claim_e3, claim_e4;

/* Measurements of a claim that are those of an erratum too; the first control is the printed
 * statement. */
enum status ncp_8_measure_sign(const struct trial *trial, struct reading *reading,
                               struct error *err);
enum status ncp_10_measure_factors(const struct trial *trial, struct reading *reading,
                                   struct error *err);
enum status ncp_3_measure_side(const struct trial *trial, struct reading *reading,
                               struct error *err);
enum status ncp_15_measure_multiplicative(const struct trial *trial, struct reading *reading,
                                          struct error *err);

#endif
