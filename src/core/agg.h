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
    uint16_t key_len;
    uint16_t times_len; /* octets of struct agg_times behind the key, or 0 */
    uint8_t kind, tcpflags, tunnel_tcpflags;
    uint8_t mark; /* free for the owner */
    uint8_t key[];
};

/* The earliest start and the latest end among the records of an entry, µs since the epoch. */
struct agg_times {
    int64_t min_us, max_us;
};

struct agg; /* one table */

struct agg *agg_new(void);
/* A table whose records bring their times (record_times), which are stitched together. */
struct agg *agg_new_stitching(void);
bool agg_is_stitching(const struct agg *t);
void agg_free(struct agg *t);

/* Adds n records, laid one after the other from `recs` on (each record's `size` leads to the next),
 * prefetching across them. Returns their sums. */
struct sums agg_add(struct agg *t, const uint8_t *recs, size_t bytes);

/* Adds what an entry of another table holds. */
void agg_merge(struct agg *t, const struct agg_entry *e);

/* Takes over all entries of another table, which goes: its keys and t's are known to be different ones. Moves
 * no entry; who looks up or adds later pays for an index over all of them, who only visits does not. */
void agg_absorb(struct agg *t, struct agg *more);

/* The entry of a key, or NULL. Not after agg_absorb. */
struct agg_entry *agg_find(const struct agg *t, const void *key, uint32_t key_len);

uint64_t agg_count(const struct agg *t);
size_t agg_memory(const struct agg *t); /* octets allocated */
void agg_clear(struct agg *t);          /* forgets all entries, keeps one chunk of memory */

/* Visits entries in the order of their arrival. *at starts at 0 and moves on; NULL at the end. Entries may be
 * added between two calls (they come later); a clear starts over. */
struct agg_entry *agg_next(const struct agg *t, uint64_t *at);

/* Octets of an entry as it is kept elsewhere. */
static inline size_t agg_entry_octets(const struct agg_entry *e)
{
    return sizeof(*e) + e->key_len + e->times_len;
}

static inline struct agg_times *agg_times(struct agg_entry *e)
{
    return (struct agg_times *)(e->key + e->key_len);
}

static inline struct row agg_row(const struct agg_entry *e)
{
    struct agg_times times = { 0 };
    if (e->times_len)
        times = *(const struct agg_times *)(e->key + e->key_len);
    return (struct row){ .key = e->key,
                         .packets = e->packets,
                         .bytes = e->bytes,
                         .flows = e->flows,
                         .tcpflags = e->tcpflags,
                         .tunnel_tcpflags = e->tunnel_tcpflags,
                         .kind = e->kind,
                         .timestamp_min = times.min_us,
                         .timestamp_max = times.max_us };
}

#endif
