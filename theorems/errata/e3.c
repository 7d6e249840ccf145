/* E3: on which side the decay without predictor acts */
#include "theorems/claims.h"
#include "theorems/errata/errata.h"
#include "theorems/ncp/ncp.h"

static const struct part parts[] = {
    {.statement = "side: without predictor, dW/dt = -W (X' + eta I)",
     .measured = "Left: gradient of E|W x_1 - StopGrad(W x_2)|^2 / 2 over every point and pair of "
                 "views of a drawn distribution, square W. Right: the product.",
     .controls = {"as printed, -(X' + eta I) W"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 5, .cost = 0.0005},
     .measure = ncp_3_measure_side},
};

const struct claim claim_e3 = {
    .about = {.name = "E3",
              .doc = "Without a predictor the covariance of the augmentation acts on the weights "
                     "from the right, on their inputs; it is printed on the left, where it fits "
                     "only if W happens to be square, and then is wrong.",
              .source = "[NCP] Thm. 2, remark; erratum E3",
              NCP_SETTINGS},
    .title = "The side of the decay without predictor",
    .formula = "dW/dt = -W (X' + eta I)",
    .hypotheses = "Linear; W_a = W with stop-gradient; no predictor.",
    ALL_PARTS(parts),
};
