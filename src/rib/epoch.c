/* SPDX-License-Identifier: BSD-2-Clause */
/* The writer's side: the list of readers, and the ring of what waits for them. */
#include "rib/epoch.h"
#include <stdlib.h>
#include <string.h>

void epoch_init(struct epoch *e)
{
    memset(e, 0, sizeof(*e));
    atomic_init(&e->now, 2);
    pthread_mutex_init(&e->lock, NULL);
}

void epoch_close(struct epoch *e) { pthread_mutex_destroy(&e->lock); }

void epoch_join(struct epoch *e, struct epoch_reader *r)
{
    atomic_init(&r->seen, 0);
    pthread_mutex_lock(&e->lock);
    r->next = e->readers;
    e->readers = r;
    pthread_mutex_unlock(&e->lock);
}

void epoch_leave(struct epoch *e, struct epoch_reader *r)
{
    pthread_mutex_lock(&e->lock);
    struct epoch_reader **at = &e->readers;
    while (*at && *at != r)
        at = &(*at)->next;
    if (*at)
        *at = r->next;
    pthread_mutex_unlock(&e->lock);
}

int epoch_room(struct epoch_queue *q, size_t n)
{
    size_t slots = q->items ? q->mask + 1 : 0, want = slots ? slots : 64;
    if (q->count + n <= slots)
        return 0;
    while (want < q->count + n)
        want *= 2;
    struct epoch_item *items = malloc(want * sizeof(*items));
    if (!items)
        return -1;
    for (size_t i = 0; q->items && i < q->count; i++)
        items[i] = q->items[(q->head + i) & q->mask];
    free(q->items);
    *q = (struct epoch_queue){ items, want - 1, 0, q->count };
    return 0;
}

void epoch_retire(struct epoch *e, struct epoch_queue *q, void *p, uint32_t size, uint32_t kind)
{
    uint64_t now = atomic_load_explicit(&e->now, memory_order_relaxed);
    q->items[(q->head + q->count++) & q->mask] = (struct epoch_item){ p, now, size, kind };
}

uint64_t epoch_safe(struct epoch *e)
{
    uint64_t least = atomic_fetch_add_explicit(&e->now, 1, memory_order_acq_rel) + 1;
    pthread_mutex_lock(&e->lock);
    for (struct epoch_reader *r = e->readers; r; r = r->next) {
        uint64_t seen = atomic_load_explicit(&r->seen, memory_order_acquire);
        if (seen && seen < least)
            least = seen;
    }
    pthread_mutex_unlock(&e->lock);
    return least;
}

bool epoch_next(struct epoch_queue *q, uint64_t safe, struct epoch_item *item)
{
    if (!q->count || q->items[q->head].at >= safe)
        return false;
    *item = q->items[q->head];
    q->head = (q->head + 1) & q->mask;
    q->count--;
    return true;
}
