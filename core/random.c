#include "core/random.h"

#include <Random123/philox.h>

struct random_words random_words(uint64_t seed, enum purpose purpose, uint64_t epoch,
                                 uint64_t sample, uint64_t lane, uint64_t index)
{
    philox4x64_ctr_t counter = {{index, lane, sample, epoch}};
    philox4x64_key_t key = {{seed, (uint64_t)purpose}};
    philox4x64_ctr_t out = philox4x64(counter, key);
    return (struct random_words){{out.v[0], out.v[1], out.v[2], out.v[3]}};
}

void stream_open(struct stream *stream, uint64_t seed, enum purpose purpose, uint64_t epoch,
                 uint64_t sample)
{
    *stream = (struct stream){.seed = seed, .purpose = purpose, .epoch = epoch, .sample = sample};
}

uint64_t stream_word(struct stream *stream)
{
    if (stream->left == 0) {
        stream->words = random_words(stream->seed, stream->purpose, stream->epoch, stream->sample,
                                     stream->lane, stream->index++);
        stream->left = 4;
    }
    return stream->words.word[4 - stream->left--];
}

double stream_uniform(struct stream *stream)
{
    return (double)(stream_word(stream) >> 11) * 0x1p-53;
}

/* ---- the GSL face ---- */

static void rng_set(void *state, unsigned long seed)
{
    stream_open(state, seed, PURPOSE_USER, 0, 0);
}

static unsigned long rng_get(void *state)
{
    return stream_word(state);
}

static double rng_get_double(void *state)
{
    return stream_uniform(state);
}

static const gsl_rng_type philox_type = {
    .name = "philox4x64",
    .max = UINT64_MAX,
    .min = 0,
    .size = sizeof(struct stream),
    .set = rng_set,
    .get = rng_get,
    .get_double = rng_get_double,
};

const gsl_rng_type *const stream_rng = &philox_type;

gsl_rng *stream_rng_alloc(uint64_t seed, enum purpose purpose, uint64_t epoch, uint64_t sample)
{
    gsl_rng *rng = gsl_rng_alloc(stream_rng);
    if (rng)
        stream_open(rng->state, seed, purpose, epoch, sample);
    return rng;
}
