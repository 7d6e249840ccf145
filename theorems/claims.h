/* All claims, one file each, and their registry. */
#ifndef DUET_THEOREMS_CLAIMS_H
#define DUET_THEOREMS_CLAIMS_H

#include "theorems/claim.h"
#include "theorems/claims_ncp.h"

extern const struct claim claim_ddn_1, claim_ddn_2, claim_ddn_3, claim_ddn_4, claim_ddn_5,
    claim_ddn_6, claim_ddn_7, claim_ddn_8, claim_ddn_9, claim_ddn_10, claim_ddn_11;

/* [NCP]'s others and E1 to E4: theorems/claims_ncp.h */
extern const struct claim claim_ncp_1, claim_ncp_12;

extern const struct claim claim_hltm_1, claim_hltm_2, claim_hltm_3, claim_hltm_4, claim_hltm_5,
    claim_hltm_6, claim_hltm_7, claim_e5, claim_e6;

extern const struct claim claim_fd_1, claim_fd_2, claim_fd_3;

extern const struct claim claim_sc_1, claim_sc_2, claim_sc_3, claim_sc_4, claim_sc_5, claim_sc_6;

/* In the order in which `duet verify` shows them; `duet list theorems`. */
extern const struct registry claim_registry;

#endif
