/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables of options data. Filled by decode_options.c, read while records are finished. */
#include "netflow/options.h"

#include <stdlib.h>
#include <string.h>
#include "base/cursor.h"
#include "base/hash.h"

static uint32_t place(const struct options *o, enum option_kind kind, uint64_t key)
{
    const uint64_t k[2] = { key, kind };
    uint32_t i = (uint32_t)hash_bytes(k, sizeof(k)) & (o->cap - 1);
    while (o->slot[i].used && (o->slot[i].key != key || o->slot[i].kind != kind))
        i = (i + 1) & (o->cap - 1);
    return i;
}

const struct option *options_find(const struct options *o, enum option_kind kind, uint64_t key)
{
    if (o->n == 0)
        return NULL;
    const struct option *e = &o->slot[place(o, kind, key)];
    return e->used ? e : NULL;
}

static int grow(struct options *o)
{
    struct options more = *o;
    more.cap = o->cap ? o->cap * 2 : 8;
    more.slot = calloc(more.cap, sizeof(*more.slot));
    if (!more.slot)
        return -1;
    for (uint32_t i = 0; i < o->cap; i++)
        if (o->slot[i].used)
            more.slot[place(&more, o->slot[i].kind, o->slot[i].key)] = o->slot[i];
    more.memory += (more.cap - o->cap) * sizeof(*o->slot);
    free(o->slot);
    *o = more;
    return 0;
}

static struct option *enter(struct options *o, enum option_kind kind, uint64_t key)
{
    struct option *e = (struct option *)options_find(o, kind, key);
    if (e)
        return e;
    if (o->n >= OPTIONS_MAX || (o->n * 4 >= o->cap * 3 && grow(o) < 0)) {
        o->refused++;
        return NULL;
    }
    e = &o->slot[place(o, kind, key)];
    *e = (struct option){ .key = key, .kind = (uint8_t)kind, .used = true };
    o->n++;
    return e;
}

int options_set_rate(struct options *o, enum option_kind kind, uint64_t key, uint32_t rate)
{
    struct option *e = enter(o, kind, key);
    if (!e)
        return -1;
    e->rate = rate;
    if (kind == OPTION_IFACE_RATE)
        o->iface_rates = true;
    else
        o->last_rate = rate;
    return 0;
}

int options_set_rd(struct options *o, uint64_t key, const struct rd *rd)
{
    struct option *e = enter(o, OPTION_RD, key);
    if (!e)
        return -1;
    e->rd = *rd;
    return 0;
}

int options_set_text(struct options *o, enum option_kind kind, uint64_t key, const void *text, size_t len)
{
    struct option *e = enter(o, kind, key);
    if (!e)
        return -1;
    if (!e->text) {
        e->text = malloc(OPTION_TEXT);
        if (!e->text) {
            e->len = 0;
            o->refused++;
            return -1;
        }
        o->memory += OPTION_TEXT;
    }
    e->len = (uint8_t)(len < OPTION_TEXT ? len : OPTION_TEXT);
    memcpy(e->text, text, e->len);
    return 0;
}

void options_free(struct options *o)
{
    for (uint32_t i = 0; i < o->cap; i++)
        if (o->slot[i].used && o->slot[i].kind >= OPTION_APPLICATION && o->slot[i].kind != OPTION_RD)
            free(o->slot[i].text);
    free(o->slot);
    *o = (struct options){ 0 };
}

uint64_t option_app_key(const struct var *id)
{
    const uint32_t len = id->len < 7 ? id->len : 7;
    return load_be(id->p, len) | (uint64_t)id->len << 56;
}

/* Elements of PSAMP (RFC 5477 §8.2) before those of NetFlow v9. A packet interval without a space is sent by
 * exporters that mean 1 of N by it. */
uint32_t sampling_rate_of(const struct sampling *s)
{
    if (s->interval && s->space)
        return (uint32_t)(((uint64_t)s->interval + s->space) / s->interval);
    if (s->size && s->population) /* before an interval alone: samplers of the random kind send 1 there */
        return s->population / s->size;
    if (s->interval)
        return s->interval;
    if (s->probability > 1.0 / UINT32_MAX && s->probability <= 1.0)
        return (uint32_t)(1.0 / s->probability + 0.5);
    return s->rate_random ? s->rate_random : s->rate;
}
