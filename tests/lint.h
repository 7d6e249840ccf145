/* Included before every file that clang-tidy checks.  It checks one file at a time, and could not
 * know that functions that report an error never return STATUS_OK. */
#pragma once

#include "core/error.h"

#define error_set(err, status, ...) ((void)error_set(err, status, __VA_ARGS__), (status))
#define error_key(...) ((void)error_key(__VA_ARGS__), STATUS_INVALID)
#define error_memory(...) ((void)error_memory(__VA_ARGS__), STATUS_SYSTEM)
