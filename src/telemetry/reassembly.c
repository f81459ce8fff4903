/* SPDX-License-Identifier: BSD-2-Clause */
/* Unfinished messages: segments in the order in which they came, and a bit for each that has. Called by
 * notif.c. */
#include "telemetry/reassembly.h"

#include <stdlib.h>
#include <string.h>
#include "telemetry/framing.h"

enum { OVERHEAD = 64 /* octets of an allocation's bookkeeping, about */ };

struct piece {
    struct piece *next;
    uint16_t number;
    size_t len;
    uint8_t octets[];
};

struct unfinished {
    struct reassembly *owner;
    uint32_t message_id;
    uint8_t media;
    int last;     /* number of the last segment, -1: not known */
    int greatest; /* of those that have come, -1: none */
    unsigned n;
    size_t len;    /* octets of payload */
    size_t octets; /* held */
    int64_t since_us;
    struct piece *pieces;
    uint64_t *seen;                             /* a bit for each number */
    unsigned words;                             /* of seen */
    struct unfinished *older, *newer;           /* of the publisher */
    struct unfinished *pool_older, *pool_newer; /* of all */
};

/* ---- lists */

static void link_in(struct reassembly_pool *pool, struct reassembly *r, struct unfinished *u)
{
    u->older = r->newest;
    *(r->newest ? &r->newest->newer : &r->oldest) = u;
    r->newest = u;
    r->n++;
    u->pool_older = pool->newest;
    *(pool->newest ? &pool->newest->pool_newer : &pool->oldest) = u;
    pool->newest = u;
}

static void drop(struct reassembly_pool *pool, struct unfinished *u)
{
    struct reassembly *r = u->owner;
    *(u->older ? &u->older->newer : &r->oldest) = u->newer;
    *(u->newer ? &u->newer->older : &r->newest) = u->older;
    r->n--;
    *(u->pool_older ? &u->pool_older->pool_newer : &pool->oldest) = u->pool_newer;
    *(u->pool_newer ? &u->pool_newer->pool_older : &pool->newest) = u->pool_older;
    pool->octets -= u->octets;
    for (struct piece *p = u->pieces, *next; p; p = next) {
        next = p->next;
        free(p);
    }
    free(u->seen);
    free(u);
}

static void give_up(struct reassembly_pool *pool, struct unfinished *u)
{
    struct reassembly *r = u->owner;
    drop(pool, u);
    if (pool->gave_up)
        pool->gave_up(pool->arg, r);
}

/* ---- segments */

static struct unfinished *find(const struct reassembly *r, uint32_t id)
{
    struct unfinished *u = r->newest; /* mostly it is the one that came last */
    while (u && u->message_id != id)
        u = u->older;
    return u;
}

static bool was_done(const struct reassembly *r, uint32_t id, int64_t now_us)
{
    for (unsigned i = 0; i < sizeof(r->done) / sizeof(r->done[0]); i++)
        if (r->done[i].at_us && r->done[i].message_id == id && now_us - r->done[i].at_us <= REASSEMBLY_US)
            return true;
    return false;
}

static void remember(struct reassembly *r, uint32_t id, int64_t now_us)
{
    r->done[r->next_done].message_id = id;
    r->done[r->next_done].at_us = now_us;
    r->next_done = (r->next_done + 1) % (sizeof(r->done) / sizeof(r->done[0]));
}

static struct unfinished *begin(struct reassembly_pool *pool, struct reassembly *r, const struct segment *s,
                                int64_t now_us)
{
    struct unfinished *u = calloc(1, sizeof(*u));
    if (!u)
        return NULL;
    *u = (struct unfinished){ .owner = r,
                              .message_id = s->message_id,
                              .media = s->media,
                              .last = -1,
                              .greatest = -1,
                              .since_us = now_us,
                              .octets = sizeof(*u) + OVERHEAD };
    pool->octets += u->octets;
    link_in(pool, r, u);
    return u;
}

static bool has_come(const struct unfinished *u, unsigned number)
{
    return number / 64 < u->words && (u->seen[number / 64] >> (number % 64) & 1);
}

static bool contradicts(const struct unfinished *u, const struct segment *s)
{
    if (s->media != u->media)
        return true;
    if (s->last)
        return (u->last != -1 && u->last != s->number) || u->greatest > (int)s->number;
    return u->last != -1 && s->number >= u->last;
}

static void count_octets(struct reassembly_pool *pool, struct unfinished *u, size_t octets)
{
    u->octets += octets;
    pool->octets += octets;
}

static int mark(struct reassembly_pool *pool, struct unfinished *u, unsigned number)
{
    const unsigned words = number / 64 + 1;
    if (!u->seen || words > u->words) {
        uint64_t *seen = realloc(u->seen, words * sizeof(*seen));
        if (!seen)
            return -1;
        memset(seen + u->words, 0, (words - u->words) * sizeof(*seen));
        count_octets(pool, u, (words - u->words) * sizeof(*seen));
        u->seen = seen;
        u->words = words;
    }
    u->seen[number / 64] |= UINT64_C(1) << (number % 64);
    return 0;
}

static int add(struct reassembly_pool *pool, struct unfinished *u, const struct segment *s)
{
    struct piece *p = malloc(sizeof(*p) + s->len);
    if (!p || mark(pool, u, s->number) == -1) {
        free(p);
        return -1;
    }
    p->number = s->number;
    p->len = s->len;
    memcpy(p->octets, s->p, s->len);
    p->next = u->pieces;
    u->pieces = p;
    u->n++;
    u->len += s->len;
    if (u->greatest < s->number)
        u->greatest = s->number;
    if (s->last)
        u->last = s->number;
    count_octets(pool, u, sizeof(*p) + s->len + OVERHEAD);
    return 0;
}

/* Room for one more segment, whoever has to go for it but `keep`. */
static bool make_room(struct reassembly_pool *pool, const struct unfinished *keep, size_t octets)
{
    while (pool->octets + octets > pool->max) {
        struct unfinished *u = pool->oldest == keep ? keep->pool_newer : pool->oldest;
        if (!u)
            return false;
        give_up(pool, u);
    }
    return true;
}

/* All numbers from 0 to last have come, each once. */
static enum reassembly_verdict finish(struct reassembly_pool *pool, struct unfinished *u, struct strbuf *out)
{
    struct piece **by_number = malloc(u->n * sizeof(struct piece *));
    if (!by_number) {
        drop(pool, u);
        return SEGMENT_NO_ROOM;
    }
    for (struct piece *p = u->pieces; p; p = p->next)
        by_number[p->number] = p;
    for (unsigned i = 0; i < u->n; i++)
        strbuf_add(out, by_number[i]->octets, by_number[i]->len);
    free(by_number);
    drop(pool, u);
    return out->failed ? SEGMENT_TOO_LONG : SEGMENT_COMPLETE;
}

static enum reassembly_verdict refuse(struct reassembly_pool *pool, struct unfinished *u,
                                      enum reassembly_verdict why)
{
    drop(pool, u);
    return why;
}

enum reassembly_verdict reassembly_take(struct reassembly_pool *pool, struct reassembly *r,
                                        const struct segment *s, int64_t now_us, struct strbuf *out)
{
    struct unfinished *u = find(r, s->message_id);
    strbuf_clear(out);
    if (!u && was_done(r, s->message_id, now_us))
        return SEGMENT_AGAIN;
    if (!u) {
        if (r->n == REASSEMBLY_MESSAGES)
            give_up(pool, r->oldest);
        u = begin(pool, r, s, now_us);
        if (!u)
            return SEGMENT_NO_ROOM;
    }
    if (has_come(u, s->number))
        return SEGMENT_AGAIN;
    if (contradicts(u, s))
        return refuse(pool, u, SEGMENT_CONFLICT);
    if (u->len + s->len > TELE_MESSAGE_MAX)
        return refuse(pool, u, SEGMENT_TOO_LONG);
    if (!make_room(pool, u, sizeof(struct piece) + s->len + OVERHEAD + s->number / 8 + 8) ||
        add(pool, u, s) == -1)
        return refuse(pool, u, SEGMENT_NO_ROOM);
    if (u->last == -1 || u->n <= (unsigned)u->last)
        return SEGMENT_KEPT;
    remember(r, u->message_id, now_us);
    return finish(pool, u, out);
}

void reassembly_expire(struct reassembly_pool *pool, int64_t now_us)
{
    while (pool->oldest && now_us - pool->oldest->since_us > REASSEMBLY_US)
        give_up(pool, pool->oldest);
}

unsigned reassembly_clear(struct reassembly_pool *pool, struct reassembly *r)
{
    const unsigned n = r->n;
    for (struct unfinished *u = r->oldest, *next; u; u = next) {
        next = u->newer;
        drop(pool, u);
    }
    return n;
}
