#include "theorems/shelf.h"

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

struct shelf {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct item *first;
};

enum status shelf_create(struct shelf **shelf, struct error *err)
{
    struct shelf *made = calloc(1, sizeof *made);
    if (made && pthread_mutex_init(&made->lock, NULL) == 0) {
        if (pthread_cond_init(&made->changed, NULL) == 0) {
            *shelf = made;
            return STATUS_OK;
        }
        pthread_mutex_destroy(&made->lock);
    }
    free(made);
    *shelf = NULL;
    return error_memory(err, "shared results");
}

static void free_item(struct item *item)
{
    free(item->key);
    free(item->value);
    free(item);
}

void shelf_free(struct shelf *shelf)
{
    if (!shelf)
        return;
    for (struct item *item = shelf->first, *next; item; item = next) {
        next = item->next;
        free_item(item);
    }
    pthread_cond_destroy(&shelf->changed);
    pthread_mutex_destroy(&shelf->lock);
    free(shelf);
}

static struct item *find(const struct shelf *shelf, maker *make, const void *key, size_t key_size)
{
    struct item *item = shelf->first;
    while (item && !(item->make == make && item->key_size == key_size &&
                     memcmp(item->key, key, key_size) == 0))
        item = item->next;
    return item;
}

/* Add an item that is being computed; NULL if memory is short. */
static struct item *put(struct shelf *shelf, maker *make, const void *key, size_t key_size,
                        size_t value_size)
{
    struct item *item = calloc(1, sizeof *item);
    if (!item)
        return NULL;
    *item =
        (struct item){shelf->first, make, key_size, false, malloc(key_size), calloc(1, value_size)};
    if (!item->key || !item->value) {
        free_item(item);
        return NULL;
    }
    memcpy(item->key, key, key_size);
    shelf->first = item;
    return item;
}

static void drop(struct shelf *shelf, struct item *item)
{
    struct item **at = &shelf->first;
    while (*at != item)
        at = &(*at)->next;
    *at = item->next;
    free_item(item);
}

enum status shelf_take(struct shelf *shelf, const void *key, size_t key_size, void *value,
                       size_t value_size, maker *make, struct error *err)
{
    if (!shelf)
        return make(key, value, err);
    pthread_mutex_lock(&shelf->lock);
    struct item *item;
    while ((item = find(shelf, make, key, key_size)) && !item->made)
        pthread_cond_wait(&shelf->changed, &shelf->lock);
    enum status status = STATUS_OK;
    if (!item && !(item = put(shelf, make, key, key_size, value_size)))
        status = error_memory(err, "shared results");
    if (!status && !item->made) {
        pthread_mutex_unlock(&shelf->lock);
        status = make(key, item->value, err);
        pthread_mutex_lock(&shelf->lock);
        item->made = !status;
        if (status)
            drop(shelf, item);
        pthread_cond_broadcast(&shelf->changed);
    }
    if (!status)
        memcpy(value, item->value, value_size);
    pthread_mutex_unlock(&shelf->lock);
    return status;
}
