/* SPDX-License-Identifier: BSD-2-Clause */
/* Sharing flows among time bins. */
#include "output/prorate.h"

#include <stdlib.h>
#include <string.h>
#include "output/purge.h"

enum { BINS_MOST = 4096 };

void prorate_free(struct prorate *p) { free(p->recs); }

/* Room for another record; NULL without memory. */
static struct record *room(struct prorate *p, size_t size)
{
    if (p->cap - p->len < size) {
        const size_t cap = p->cap ? p->cap * 2 + size : 65536 + size;
        uint8_t *more = realloc(p->recs, cap);
        if (!more)
            return NULL;
        p->recs = more;
        p->cap = cap;
    }
    return (struct record *)(p->recs + p->len);
}

/* A copy of r without its times, in a bin. */
static struct record *put(struct prorate *p, struct bins *b, const struct record *r, int64_t bin,
                          uint16_t bin_off)
{
    const size_t size = record_size(r) - sizeof(struct record_times);
    struct record *to = room(p, size);
    if (!to)
        return NULL;
    memcpy(to, r, size);
    to->units = (uint32_t)(size / RECORD_UNIT) & 0xfff;
    memcpy(to->key + bin_off, &bin, sizeof(bin));
    b->ahead |= bin > b->limit_s;
    p->len += size;
    return to;
}

/* The bin of a moment, and its bounds in p: those of the clock, to the second, also for the past. */
static int64_t find_bin(struct prorate *p, struct bins *b, int64_t at_us)
{
    if (at_us >= p->from_us && at_us < p->to_us)
        return p->bin_s;
    p->bin_s = bin_of(at_us, b->base_s, b->history, b->utc);
    p->from_us = p->bin_s * US_PER_S;
    p->to_us = span_step(p->bin_s, b->history, 1, b->utc) * US_PER_S;
    return p->bin_s;
}

/* What of `all` has come once `part` of `whole` has passed; exact over a flow's bins, since each gets the
 * difference to what came before. */
static uint64_t share(uint64_t all, int64_t part, int64_t whole)
{
    return (uint64_t)((__uint128_t)all * (uint64_t)part / (uint64_t)whole);
}

static int spread(struct prorate *p, struct bins *b, const struct record *r, const struct record_times *t,
                  uint16_t bin_off)
{
    const int64_t whole = t->end_us - t->start_us;
    uint64_t packets = 0, bytes = 0, flows = 0;
    for (int64_t at = t->start_us; at < t->end_us;) {
        const int64_t bin = find_bin(p, b, at);
        int64_t to = p->to_us < t->end_us ? p->to_us : t->end_us;
        if (to <= at)
            to = t->end_us;
        const uint64_t packets_to = share(r->packets, to - t->start_us, whole);
        const uint64_t bytes_to = share(r->bytes, to - t->start_us, whole);
        const uint64_t flows_to = share(r->flows, to - t->start_us, whole);
        if (packets_to > packets || bytes_to > bytes || flows_to > flows || to == t->end_us) {
            struct record *one = put(p, b, r, bin, bin_off);
            if (!one)
                return -1;
            one->packets = packets_to - packets;
            one->bytes = bytes_to - bytes;
            one->flows = (uint32_t)(flows_to - flows);
        }
        packets = packets_to;
        bytes = bytes_to;
        flows = flows_to;
        at = to;
    }
    return 0;
}

int prorate_run(struct prorate *p, struct bins *b, const uint8_t *recs, size_t bytes, uint16_t bin_off,
                int64_t now_us)
{
    p->len = 0;
    p->sums = (struct sums){ 0 };
    for (const uint8_t *at = recs, *end = recs + bytes; at < end;) {
        const struct record *r = (const struct record *)at;
        const struct record_times *t = (const struct record_times *)(at + record_size(r)) - 1;
        const int64_t start = t->start_us ? t->start_us : now_us, bin = find_bin(p, b, start);
        const int64_t length = p->to_us - p->from_us;
        const bool spans = t->start_us && t->end_us > p->to_us && length > 0 &&
                           (t->end_us - t->start_us) / length < BINS_MOST;
        if (spans ? spread(p, b, r, t, bin_off) == -1 : !put(p, b, r, bin, bin_off))
            return -1;
        sums_add(&p->sums, &(struct sums){ 1, r->packets, r->bytes, r->flows });
        at += record_size(r);
    }
    return 0;
}
