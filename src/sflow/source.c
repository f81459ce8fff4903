/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of an agent's data sources. */
#include "sflow/source.h"

#include <stdlib.h>
#include <string.h>

static uint32_t place(const struct sf_sources *ss, uint32_t type, uint32_t index)
{
    const uint64_t key = (uint64_t)type << 32 | index;
    uint32_t i = (uint32_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (ss->cap - 1);
    for (; ss->slot[i].used; i = (i + 1) & (ss->cap - 1))
        if (ss->slot[i].index == index && ss->slot[i].type == type)
            break;
    return i;
}

static bool grow(struct sf_sources *ss)
{
    struct sf_sources more = { .n = ss->n, .cap = ss->cap ? ss->cap * 2 : 16 };
    more.slot = calloc(more.cap, sizeof(*more.slot));
    if (!more.slot)
        return false;
    for (uint32_t i = 0; ss->slot && i < ss->cap; i++)
        if (ss->slot[i].used)
            more.slot[place(&more, ss->slot[i].type, ss->slot[i].index)] = ss->slot[i];
    free(ss->slot);
    *ss = more;
    return true;
}

struct sf_source *sf_source_get(struct sf_sources *ss, uint32_t type, uint32_t index)
{
    if (ss->last && ss->last->index == index && ss->last->type == type)
        return ss->last;
    if (!ss->slot && !grow(ss))
        return NULL;
    struct sf_source *s = &ss->slot[place(ss, type, index)];
    if (s->used)
        return ss->last = s;
    if (ss->n >= SF_SOURCES_MAX || ((ss->n + 1) * 2 > ss->cap && !grow(ss)))
        return NULL;
    s = &ss->slot[place(ss, type, index)];
    *s = (struct sf_source){ .type = type, .index = index, .used = true };
    ss->n++;
    return ss->last = s;
}

/* Differences are taken modulo 2^32; more than half of that is a step back. */
static bool forward(uint32_t step) { return step < UINT32_C(0x80000000); }

/* A sample that is further back than this is a restart, not one that came late. */
enum { LATE_MAX = 1000 };

struct sf_step sf_source_step(struct sf_source *s, uint32_t seq, uint32_t pool, uint32_t drops, bool pooled)
{
    struct sf_step r = { 0 };
    const uint32_t samples = seq - s->seq, packets = pool - s->pool, dropped = drops - s->drops;
    if (s->known && !forward(samples) && 0 - samples <= LATE_MAX) /* came late: what is known stays */
        return r;
    if (s->known && samples == 0)
        return r;
    if (s->known && forward(samples)) {
        r.lost = samples - 1;
        r.drops = forward(dropped) ? dropped : 0;
        if (pooled && forward(packets) && packets >= samples) /* a pool counts the samples too */
            r.rate = samples == 1 ? packets : packets / samples;
    }
    s->known = true;
    s->seq = seq;
    s->pool = pool;
    s->drops = drops;
    return r;
}

void sf_sources_restart(struct sf_sources *ss)
{
    for (uint32_t i = 0; ss->slot && i < ss->cap; i++)
        ss->slot[i].known = false;
}

size_t sf_sources_memory(const struct sf_sources *ss) { return ss->cap * sizeof(struct sf_source); }

void sf_sources_free(struct sf_sources *ss)
{
    free(ss->slot);
    *ss = (struct sf_sources){ 0 };
}
