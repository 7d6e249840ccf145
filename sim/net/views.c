#include "sim/net/views.h"

#include "sim/net/pattern.h"

#include <string.h>

void views_layout(struct views *v, struct arena *arena)
{
    const struct observed o = v->source->observed(v->world);
    const size_t size = (size_t)v->count * o.leaves * BLOCK;
    if (o.states > 0)
        v->block.state = ARENA_TAKE(arena, uint8_t, size);
    else
        v->block.value = ARENA_TAKE(arena, double, size);
    if (v->latents)
        v->latent = ARENA_TAKE(arena, uint8_t, source_tree(v->source, v->world)->nodes * BLOCK);
    v->scratch = ARENA_TAKE(arena, uint8_t, v->source->scratch_size(v->world));
}

enum status views_open(struct views *v, struct error *err)
{
    struct arena count = {0};
    views_layout(v, &count);
    enum status status = arena_create(&v->arena, &count, err);
    if (!status)
        views_layout(v, &v->arena);
    return status;
}

void views_close(struct views *v)
{
    arena_free(&v->arena);
}

/* Draw all that the rows want of a block; its labels go to `label`. */
static void draw_block(const struct views *v, struct draw draw, const struct rows *rows,
                       size_t kinds, uint8_t label[BLOCK])
{
    bool views = false, labels = false, latents = false;
    for (size_t i = 0; i < kinds; i++) {
        views |= rows[i].state || rows[i].value || rows[i].pattern;
        labels |= rows[i].label != NULL;
        latents |= rows[i].latent != NULL;
    }
    if (views)
        v->source->draw(v->world, draw, v->positives, v->count, v->scratch, v->block);
    if (labels)
        v->source->labels->draw(v->world, draw, label);
    if (latents)
        v->source->latents->draw(v->world, draw, v->scratch, v->latent);
}

static void copy_rows(void *to, size_t stride, const void *from, size_t rows, size_t bytes,
                      size_t size)
{
    for (size_t i = 0; i < rows; i++)
        memcpy((char *)to + i * stride * size, (const char *)from + i * BLOCK * size, bytes);
}

/* Samples from..from + count - 1 of the block become samples `at` ... of the rows. */
static void put_block(const struct views *v, const struct rows *r, const uint8_t *label,
                      size_t from, size_t count, size_t at)
{
    const size_t leaves = v->source->observed(v->world).leaves;
    const size_t begin = (size_t)r->view * leaves * BLOCK + from;
    if (r->label)
        memcpy(r->label + at, label + from, count);
    else if (r->latent)
        copy_rows(r->latent + at, r->stride, v->latent + from, r->nodes, count, 1);
    else if (r->pattern)
        pattern_index(r->network, r->level, v->block.state + begin, BLOCK, count, r->pattern + at,
                      r->stride);
    else if (r->state)
        copy_rows(r->state + at, r->stride, v->block.state + begin, leaves, count, 1);
    else
        copy_rows(r->value + at, r->stride, v->block.value + begin, leaves, count * sizeof(double),
                  sizeof(double));
}

void views_fill(struct views *v, struct draw draw, size_t first, size_t count,
                const struct rows *rows, size_t kinds)
{
    uint8_t label[BLOCK];
    for (size_t done = 0, piece; done < count; done += piece) {
        const size_t from = (first + done) % BLOCK, left = count - done;
        piece = left < BLOCK - from ? left : BLOCK - from;
        draw.block = (first + done) / BLOCK;
        draw_block(v, draw, rows, kinds, label);
        for (size_t i = 0; i < kinds; i++)
            put_block(v, &rows[i], label, from, piece, done);
    }
}
