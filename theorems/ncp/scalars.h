/* Measurements of NCP-14 on the flow of w_p, w, w_a of every mode, where X and X' share
 * eigenvectors. */
#pragma once

#include "theorems/ncp/ncp.h"

/* The scalars of one mode against p, s, tau of the isotropic case. */
enum status ncp_measure_equivalence(const struct trial *trial, struct reading *reading);

/* The matrix flow against the scalars. */
enum status ncp_measure_scalars(const struct trial *trial, struct reading *reading);

/* The integral of motion of every mode. */
enum status ncp_measure_integral(const struct trial *trial, struct reading *reading);
