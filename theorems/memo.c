#include "theorems/memo.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef enum status maker(const void *key, void *value, struct error *err);

/* One value with its key. */
struct item {
    struct item *next;
    maker *make;
    size_t key_size;
    bool made; /* else a thread is computing it */
    void *key, *value;
};

struct memo {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct item *first;
};

enum status memo_create(struct memo **memo, struct error *err)
{
    struct memo *made = calloc(1, sizeof *made);
    if (made && pthread_mutex_init(&made->lock, NULL) == 0) {
        if (pthread_cond_init(&made->changed, NULL) == 0) {
            *memo = made;
            return STATUS_OK;
        }
        pthread_mutex_destroy(&made->lock);
    }
    free(made);
    *memo = NULL;
    return error_memory(err, "shared results");
}

static void free_item(struct item *item)
{
    free(item->key);
    free(item->value);
    free(item);
}

void memo_free(struct memo *memo)
{
    if (!memo)
        return;
    for (struct item *item = memo->first, *next; item; item = next) {
        next = item->next;
        free_item(item);
    }
    pthread_cond_destroy(&memo->changed);
    pthread_mutex_destroy(&memo->lock);
    free(memo);
}

static struct item *find(const struct memo *memo, maker *make, const void *key, size_t key_size)
{
    struct item *item = memo->first;
    while (item && !(item->make == make && item->key_size == key_size &&
                     memcmp(item->key, key, key_size) == 0))
        item = item->next;
    return item;
}

/* Add an item that is being computed; NULL if memory is short. */
static struct item *put(struct memo *memo, maker *make, const void *key, size_t key_size,
                        size_t value_size)
{
    struct item *item = calloc(1, sizeof *item);
    if (!item)
        return NULL;
    *item =
        (struct item){memo->first, make, key_size, false, malloc(key_size), calloc(1, value_size)};
    if (!item->key || !item->value) {
        free_item(item);
        return NULL;
    }
    memcpy(item->key, key, key_size);
    memo->first = item;
    return item;
}

static void drop(struct memo *memo, struct item *item)
{
    struct item **at = &memo->first;
    while (*at != item)
        at = &(*at)->next;
    *at = item->next;
    free_item(item);
}

enum status memo_take(struct memo *memo, const void *key, size_t key_size, void *value,
                      size_t value_size, maker *make, struct error *err)
{
    if (!memo)
        return make(key, value, err);
    pthread_mutex_lock(&memo->lock);
    struct item *item;
    while ((item = find(memo, make, key, key_size)) && !item->made)
        pthread_cond_wait(&memo->changed, &memo->lock);
    enum status status = STATUS_OK;
    if (!item && !(item = put(memo, make, key, key_size, value_size)))
        status = error_memory(err, "shared results");
    if (!status && !item->made) {
        pthread_mutex_unlock(&memo->lock);
        status = make(key, item->value, err);
        pthread_mutex_lock(&memo->lock);
        item->made = !status;
        if (status)
            drop(memo, item);
        pthread_cond_broadcast(&memo->changed);
    }
    if (!status)
        memcpy(value, item->value, value_size);
    pthread_mutex_unlock(&memo->lock);
    return status;
}
