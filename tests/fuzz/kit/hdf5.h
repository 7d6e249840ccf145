/* Mutations of HDF5 files that get past their checksums. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* As LLVMFuzzerCustomMutator: half of the mutations change a part that is in use, and most correct
 * the checksums of metadata and the one at the end of duet's files (store/checksum.h), or else
 * nearly all would end at the first checksum. */
size_t hdf5_mutate(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

/* The same of an input whose first byte says what the file behind it is; that byte changes seldom.
 */
size_t hdf5_mutate_behind(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
