/* E1: the sign of the integral of motion */
#include "theorems/claims.h"
#include "theorems/errata/errata.h"
#include "theorems/ncp/ncp.h"

static const struct part parts[] = {
    {.statement = "sign: s(t) = p^2(t) / alpha_p + e^{-2 eta t} c, c = s(0) - p^2(0) / alpha_p",
     .measured = "The flow of one mode: s(t) against the right-hand side from p(t) and the first "
                 "values. A statement along a flow, so judged as one.",
     .controls = {"as printed, c = p^2(0) / alpha_p - s(0)"},
     .kind = PART_FLOW,
     .plan = {.instances = 40, .quick = 4, .cost = 0.001},
     .measure = ncp_8_measure_sign},
};

const struct claim claim_e1 = {
    .about = {.name = "E1",
              .doc = "The constant of the integral of motion is s(0) - p^2(0) / alpha_p; it is "
                     "printed with the opposite sign.",
              .source = "[NCP] after Eqn. 14; erratum E1",
              NCP_SETTINGS},
    .title = "The sign of the integral of motion",
    .formula = "c = s(0) - p^2(0) / alpha_p",
    .hypotheses = "Aligned eigenspaces; one weight decay eta for predictor and trunk.",
    ALL_PARTS(parts),
};
