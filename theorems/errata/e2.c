/* E2: a factor of the cubic */
#include "theorems/claims.h"
#include "theorems/errata/errata.h"
#include "theorems/ncp/ncp.h"

static const struct part parts[] = {
    {.statement = "factor: dp/dt = -(1 + sigma2) p (p - p_-)(p - p_+)",
     .measured = "Left: the rate of a mode on the parabola at 12 drawn p. Right: the product.",
     .controls = {"as printed, -p (p - p_-)(p - p_+)"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 5},
     .measure = ncp_10_measure_factors},
};

const struct claim claim_e2 = {
    .about = {.name = "E2",
              .doc = "The cubic that moves a mode on the parabola has the factor 1 + sigma2 in "
                     "front; the caption leaves it out.",
              .source = "[NCP] Fig. 4; erratum E2",
              NCP_SETTINGS},
    .title = "A factor of the cubic",
    .formula = "dp/dt = -(1 + sigma2) p (p - p_-)(p - p_+)",
    .hypotheses = "Aligned eigenspaces; on the parabola; tau fixed; sigma2 > 0.",
    ALL_PARTS(parts),
};
