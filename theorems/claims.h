/* All claims, one file each, and their registry. */
#pragma once

#include "theorems/claim.h"

/* All of them, in the order of `duet verify`: one line per file. */
/* clang-format off */
#define CLAIMS(X) \
    X(ddn_1) \
    X(ddn_2) \
    X(ddn_3) \
    X(ddn_4) \
    X(ddn_5) \
    X(ddn_6) \
    X(ddn_7) \
    X(ddn_8) \
    X(ddn_9) \
    X(ddn_10) \
    X(ddn_11) \
    X(hltm_1) \
    X(hltm_2) \
    X(hltm_3) \
    X(hltm_4) \
    X(hltm_5) \
    X(hltm_6) \
    X(hltm_7) \
    X(ncp_1) \
    X(ncp_2) \
    X(ncp_3) \
    X(ncp_4) \
    X(ncp_5) \
    X(ncp_6) \
    X(ncp_7) \
    X(ncp_8) \
    X(ncp_9) \
    X(ncp_10) \
    X(ncp_11) \
    X(ncp_12) \
    X(ncp_13) \
    X(ncp_14) \
    X(ncp_15) \
    X(fd_1) \
    X(fd_2) \
    X(fd_3) \
    X(sc_1) \
    X(sc_2) \
    X(sc_3) \
    X(sc_4) \
    X(sc_5) \
    X(sc_6) \
    X(e1) \
    X(e2) \
    X(e3) \
    X(e4) \
    X(e5) \
    X(e6)
/* clang-format on */

#define DECLARE(name) extern const struct claim claim_##name;
CLAIMS(DECLARE)
#undef DECLARE

extern const struct registry claim_registry;
