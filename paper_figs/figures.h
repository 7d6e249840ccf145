/* The figures: NAME.c, NAME.gp and, where a spec is run, NAME.yaml side by side. */
#pragma once

#include "paper_figs/figure.h"

/* All of them, in the order of `duet list figures`: one line per figure. */
/* clang-format off */
#define FIGURES(X) \
    X(learning) \
    X(ddn_table) \
    X(ddn_norm) \
    X(ddn_correlation) \
    X(ddn_spectrum) \
    X(phase) \
    X(ncp_alignment) \
    X(ncp_tables) \
    X(ncp_predictor_rate) \
    X(ncp_state_space) \
    X(ncp_fixed_points) \
    X(ncp_weight_decay) \
    X(ncp_ema) \
    X(ncp_symmetry) \
    X(ncp_commutator) \
    X(ncp_fields) \
    X(ddn_residual) \
    X(ddn_selectivity) \
    X(ddn_factorisation) \
    X(ddn_flow_sgd) \
    X(fd_alignment) \
    X(fd_decoupling) \
    X(fd_readout) \
    X(fd_regime) \
    X(sc_levels) \
    X(sc_sphere)
/* clang-format on */

#define DECLARE(name) extern const struct figure figure_##name;
FIGURES(DECLARE)
#undef DECLARE

extern const struct registry figure_registry; /* entries are struct figure */
