#include "theorems/claims.h"

static const struct descriptor *const claims[] = {
    &claim_ddn_1.about,  &claim_ddn_2.about,  &claim_ddn_3.about,  &claim_ddn_4.about,
    &claim_ddn_5.about,  &claim_ddn_6.about,  &claim_ddn_7.about,  &claim_ddn_8.about,
    &claim_ddn_9.about,  &claim_ddn_10.about, &claim_ddn_11.about, &claim_hltm_1.about,
    &claim_hltm_2.about, &claim_hltm_3.about, &claim_hltm_4.about, &claim_hltm_5.about,
    &claim_hltm_6.about, &claim_hltm_7.about, &claim_ncp_1.about,  &claim_ncp_2.about,
    &claim_ncp_3.about,  &claim_ncp_4.about,  &claim_ncp_5.about,  &claim_ncp_6.about,
    &claim_ncp_7.about,  &claim_ncp_8.about,  &claim_ncp_9.about,  &claim_ncp_10.about,
    &claim_ncp_11.about, &claim_ncp_12.about, &claim_ncp_13.about, &claim_ncp_14.about,
    &claim_ncp_15.about, &claim_fd_1.about,   &claim_fd_2.about,   &claim_fd_3.about,
    &claim_sc_1.about,   &claim_sc_2.about,   &claim_sc_3.about,   &claim_sc_4.about,
    &claim_sc_5.about,   &claim_sc_6.about,   &claim_e1.about,     &claim_e2.about,
    &claim_e3.about,     &claim_e4.about,     &claim_e5.about,     &claim_e6.about,
};

const struct registry claim_registry = {"claim", claims, sizeof claims / sizeof *claims};
