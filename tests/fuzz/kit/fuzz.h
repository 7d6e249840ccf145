/* Shared by the fuzz programs: findings, places for files, inputs to start from. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { FUZZ_PATH = 4096 };

/* A finding, unless it holds. */
void demand(int holds, const char *words);

/* Make a temporary folder below TMPDIR for the program of that name, and from now on: what the
 * program prints on stdout and stderr goes nowhere, and a child process that dies is no finding, as
 * its parent is made for that. */
void fuzz_begin(const char *name, char folder[FUZZ_PATH]);

/* Replace the file at `path`; read one, allocated. */
void fuzz_write(const char *path, const void *bytes, size_t size);
uint8_t *fuzz_read(const char *path, size_t *size);

/* An input to start from: `first`, where it is not negative, and the bytes.  It goes to the folder
 * that the environment variable FUZZ_SEEDS names; without one, nowhere.  For files that must be of
 * this build or of this version of the spec, which no kept corpus can be. */
void fuzz_seed(const char *name, int first, const void *bytes, size_t size);
