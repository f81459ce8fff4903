/* SPDX-License-Identifier: BSD-2-Clause */
/* When memory that readers may still see can be freed. One thread writes; each reader says when it holds
 * nothing (quiescent, offline). What the writer has unlinked waits until every reader that is online has said
 * so since. Readers never wait. */
#ifndef RIB_EPOCH_H
#define RIB_EPOCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct epoch_reader {
    _Alignas(64) _Atomic uint64_t seen; /* the epoch of its last quiescent state; 0: offline */
    struct epoch_reader *next;
};

/* Something unlinked. */
struct epoch_item {
    void *p;
    uint64_t at;
    uint32_t size, kind; /* the owner's */
};

struct epoch {
    _Alignas(64) _Atomic uint64_t now;
    pthread_mutex_t lock; /* of the list of readers */
    struct epoch_reader *readers;
};

/* What waits, in the order in which it was unlinked: a ring. */
struct epoch_queue {
    struct epoch_item *items;
    size_t mask, head, count; /* mask: slots - 1; items NULL: none */
};

void epoch_init(struct epoch *e);
void epoch_close(struct epoch *e);

/* From any thread. */
void epoch_join(struct epoch *e, struct epoch_reader *r);
void epoch_leave(struct epoch *e, struct epoch_reader *r);

static inline void epoch_online(struct epoch *e, struct epoch_reader *r)
{
    /* `seen` before the read of `now`, both in one order with the writer's addition in epoch_safe: either
     * that addition comes first, and the reader sees all that was unlinked, or the writer sees this reader.
     */
    atomic_store_explicit(&r->seen, 1, memory_order_relaxed);
    uint64_t now = atomic_fetch_add_explicit(&e->now, 0, memory_order_acq_rel);
    atomic_store_explicit(&r->seen, now, memory_order_release);
}

static inline void epoch_offline(struct epoch_reader *r)
{
    atomic_store_explicit(&r->seen, 0, memory_order_release); /* pairs with the acquire in epoch_safe */
}

static inline void epoch_quiescent(struct epoch *e, struct epoch_reader *r)
{
    uint64_t now = atomic_load_explicit(&e->now, memory_order_acquire);
    if (now != atomic_load_explicit(&r->seen, memory_order_relaxed))
        atomic_store_explicit(&r->seen, now, memory_order_release);
}

/* Makes room for n more items. -1: no memory. */
int epoch_room(struct epoch_queue *q, size_t n);
/* Puts off freeing; room has been made. */
void epoch_retire(struct epoch *e, struct epoch_queue *q, void *p, uint32_t size, uint32_t kind);
/* Items retired before this one's epoch are seen by no reader. */
uint64_t epoch_safe(struct epoch *e);
/* Takes the oldest item if nobody sees it (`safe` from epoch_safe). */
bool epoch_next(struct epoch_queue *q, uint64_t safe, struct epoch_item *item);

#endif
