/* SPDX-License-Identifier: BSD-2-Clause */
/* The aggregation table: keys of a layout to counters. Open addressing; slots (hash and place) lie apart from
 * the entries, which live in an arena and never move: no allocation per entry, memory to the very size of the
 * key. Grows by itself, refuses no key. */
#ifndef CORE_AGG_H
#define CORE_AGG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/layout.h"
#include "core/ring.h"

struct agg_entry {
    uint64_t packets, bytes, flows;
    uint32_t key_len;
    uint8_t kind, tcpflags, tunnel_tcpflags;
    uint8_t mark; /* free for the owner */
    uint8_t key[];
};

struct agg; /* one table */

struct agg *agg_new(void);
void agg_free(struct agg *t);

/* Adds n records, laid one after the other from `recs` on (each record's `size` leads to the next),
 * prefetching across them. Returns their sums. */
struct sums agg_add(struct agg *t, const uint8_t *recs, size_t bytes);

/* Adds what an entry of another table holds. */
void agg_merge(struct agg *t, const struct agg_entry *e);

/* The entry of a key, or NULL. */
struct agg_entry *agg_find(const struct agg *t, const void *key, uint32_t key_len);

uint64_t agg_count(const struct agg *t);
size_t agg_memory(const struct agg *t); /* octets allocated */
void agg_clear(struct agg *t);          /* forgets all entries, keeps one chunk of memory */

/* Visits entries in the order of their arrival. *at starts at 0 and moves on; NULL at the end. Entries may be
 * added between two calls (they come later); a clear starts over. */
struct agg_entry *agg_next(const struct agg *t, uint64_t *at);

static inline struct row agg_row(const struct agg_entry *e)
{
    return (struct row){ .key = e->key,
                         .packets = e->packets,
                         .bytes = e->bytes,
                         .flows = e->flows,
                         .tcpflags = e->tcpflags,
                         .tunnel_tcpflags = e->tunnel_tcpflags,
                         .kind = e->kind };
}

#endif
