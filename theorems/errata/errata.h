/* Measurements that a claim shares with an erratum; the first control is the printed statement. */
#pragma once

#include "theorems/claim.h"

enum status ncp_8_measure_sign(const struct trial *trial, struct reading *reading);
enum status ncp_10_measure_factors(const struct trial *trial, struct reading *reading);
enum status ncp_3_measure_side(const struct trial *trial, struct reading *reading);
enum status ncp_15_measure_multiplicative(const struct trial *trial, struct reading *reading);
