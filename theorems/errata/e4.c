/* E4: the covariance of scrambled views */
#include "theorems/claims.h"
#include "theorems/errata/errata.h"
#include "theorems/ncp/ncp.h"

static const struct part parts[] = {
    {.statement = "scrambled: Sigma^s = P Sigma^x P + tr(U^T Sigma^x U) U U^T",
     .measured = "E[x_1 x_1^T] for A = P + U B U^T, summed over every B of signs, whose first and "
                 "second moments equal the normal's; Sigma^d = P Sigma^x P beside it.",
     .controls = {"as printed, Sigma^s = Sigma^x"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 5, .cost = 0.0005},
     .measure = ncp_15_measure_multiplicative},
};

const struct claim claim_e4 = {
    .about = {.name = "E4",
              .doc = "Scrambling a subspace changes the covariance of the views: the scrambled "
                     "part becomes isotropic, with its whole variance in every direction, and its "
                     "covariance with the other part is lost.",
              .source = "[NCP] App. D.2; erratum E4",
              NCP_SETTINGS},
    .title = "The covariance of scrambled views",
    .formula = "Sigma^s = P Sigma^x P + tr(U^T Sigma^x U) U U^T",
    .hypotheses = "A = P + U B U^T, B of independent standard normal entries.",
    ALL_PARTS(parts),
};
