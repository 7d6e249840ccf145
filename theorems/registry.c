#include "theorems/claims.h"

#define ENTRY(name) &claim_##name.about,

static const struct descriptor *const claims[] = {CLAIMS(ENTRY)};

const struct registry claim_registry = {"claim", claims, sizeof claims / sizeof *claims};
