/* SPDX-License-Identifier: BSD-2-Clause */
/* The search, and the memory of what it found: a slot for each hash of an address. */
#include "routing/peers.h"

#include <string.h>
#include "base/hash.h"
#include "bmp/msg.h"

void peers_init(struct peers *p, const struct rib *rib, const struct rib_reader *r, bool bmp, bool by_id)
{
    memset(p, 0, sizeof(*p));
    p->rib = rib;
    p->reader = r;
    p->bmp = bmp;
    p->by_id = by_id;
}

enum { RANK_NONE = 99, RANK_STALE = 10 };

/* What a router forwards by is its Loc-RIB; what it was sent comes after that; what it sends says nothing of
 * it. */
static const uint8_t ranks[BMP_RIBS] = { [BMP_RIB_UNKNOWN] = 3,         [BMP_RIB_LOC] = 0,
                                         [BMP_RIB_IN_POST] = 1,         [BMP_RIB_IN_PRE] = 2,
                                         [BMP_RIB_OUT_PRE] = RANK_NONE, [BMP_RIB_OUT_POST] = RANK_NONE };

/* How well a peer fits, the lower the better. */
static unsigned rank_of(const struct peers *p, const struct rib_peer_info *i, const struct agent *a)
{
    const unsigned stale = i->stale ? RANK_STALE : 0;
    if (p->bmp)
        return addr_equal(&i->router, &a->addr) && ranks[i->kind % BMP_RIBS] != RANK_NONE
                   ? stale + ranks[i->kind % BMP_RIBS]
                   : RANK_NONE;
    if (addr_equal(&i->addr, &a->addr) && (!a->port || a->port == i->port))
        return stale;
    return p->by_id && !a->port && addr_equal(&i->id, &a->addr) ? stale + 1 : RANK_NONE;
}

static void find(const struct peers *p, const struct agent *a, struct peers_found *f)
{
    f->n = 0;
    for (uint32_t n = 1; n <= rib_peer_max(p->reader); n++) {
        const struct rib_peer_info *info = rib_peer(p->reader, n);
        const unsigned r = info ? rank_of(p, info, a) : RANK_NONE;
        unsigned at = f->n;
        if (r == RANK_NONE)
            continue;
        while (at > 0 && f->rank[at - 1] > r)
            at--;
        if (at == PEERS_OF_ONE)
            continue;
        f->n += f->n < PEERS_OF_ONE;
        for (unsigned i = f->n - 1u; i > at; i--) {
            f->rank[i] = f->rank[i - 1];
            f->peer[i] = f->peer[i - 1];
        }
        f->rank[at] = (uint8_t)r;
        f->peer[at] = n;
    }
}

static bool is_of(const struct peers_found *f, const struct agent *a, uint32_t generation)
{
    return f->generation == generation + 1 && addr_equal(&f->agent.addr, &a->addr) &&
           f->agent.port == a->port;
}

const struct peers_found *peers_of(struct peers *p, const struct agent *a)
{
    const uint32_t generation = rib_generation(p->rib);
    if (__builtin_expect(is_of(&p->slot[p->last], a, generation),
                         1)) /* a datagram's flows have one exporter */
        return &p->slot[p->last];
    p->last = (uint32_t)(hash_bytes(&a->addr, sizeof(a->addr)) + a->port) % PEERS_SLOTS;
    struct peers_found *f = &p->slot[p->last];
    if (is_of(f, a, generation))
        return f;
    f->agent = *a;
    f->generation = generation + 1; /* 0: never used */
    find(p, a, f);
    return f;
}
