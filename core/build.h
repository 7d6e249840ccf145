/* The build: everything beside a spec that decides the bits of its results.
 *
 * The same spec gives the same bytes only where all of these facts are the same: another compiler,
 * instruction set or library sums in another order, and the last digits differ.  They are stored in
 * every result, so that a mixture of builds can be noticed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { BUILD_FACTS = 9, BUILD_VALUE = 160, BUILD_TEXT = BUILD_FACTS * (BUILD_VALUE + 32) };

/* The root attribute of a result file, and its value. */
struct build_fact {
    const char *name;
    char value[BUILD_VALUE];
};

/* The facts of this program on this machine, always in the same order:
 *     duet_version, commit
 *     instruction_set   that the compiler was allowed to use: "x86-64: avx2 fma"
 *     compiler          with its version
 *     openblas          version, and the kernels that it chose on this machine
 *     libxsmm           version, and the instruction set that it chose on this machine
 *     gsl, hdf5, libc   versions */
void build_facts(struct build_fact fact[BUILD_FACTS]);

/* The name of fact i, 0 <= i < BUILD_FACTS. */
const char *build_fact_name(size_t i);

/* The facts as one text of lines "NAME VALUE". */
void build_text(const struct build_fact fact[BUILD_FACTS], char text[BUILD_TEXT]);

/* Whether two such texts are the same.  Where they are not, `difference` says in which facts:
 * "commit is 1a2b here and 3c4d there, gsl is 2.7 here and nothing there". */
bool build_compare(const char *here, const char *there, char *difference, size_t size);
