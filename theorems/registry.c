#include "theorems/claims.h"

static const struct descriptor *const claims[] = {
    &claim_ddn_4.about,
};

const struct registry claim_registry = {"claim", claims, sizeof claims / sizeof *claims};
