/* SPDX-License-Identifier: BSD-2-Clause */
/* The readers' side: who is there, and the longest match in a peer's table, without a lock. */
#include <stdlib.h>
#include <string.h>
#include "rib/rib_impl.h"

struct rib_reader *rib_reader_new(struct rib *rib)
{
    struct rib_reader *r = aligned_alloc(64, sizeof(*r));
    if (!r)
        return NULL;
    memset(r, 0, sizeof(*r));
    r->rib = rib;
    epoch_join(&rib->epoch, &r->e);
    return r;
}

void rib_reader_free(struct rib_reader *r)
{
    if (!r)
        return;
    epoch_leave(&r->rib->epoch, &r->e);
    free(r);
}

void rib_reader_online(struct rib_reader *r) { epoch_online(&r->rib->epoch, &r->e); }
void rib_reader_offline(struct rib_reader *r) { epoch_offline(&r->e); }
void rib_reader_quiescent(struct rib_reader *r) { epoch_quiescent(&r->rib->epoch, &r->e); }

uint32_t rib_generation(const struct rib *rib)
{
    return atomic_load_explicit(&rib->generation, memory_order_acquire);
}

uint32_t rib_peer_max(const struct rib_reader *r)
{
    const struct views *v = atomic_load_explicit(&r->rib->views, memory_order_acquire);
    return v ? v->count - 1 : 0;
}

const struct rib_peer_info *rib_peer(const struct rib_reader *r, uint32_t peer)
{
    const struct view *v = view_of(r->rib, peer);
    return v ? &v->info : NULL;
}

static bool has_next_hop(const struct rib *rib, uint32_t attrs, const struct addr *want)
{
    struct rib_attrs a;
    rib_attrs_get(rib->pool, attrs, &a);
    return addr_equal(&a.next_hop, want);
}

/* Chooses among the paths of a prefix. */
static void choose(const struct rib *rib, uint64_t value, const struct addr *want, struct rib_match *m)
{
    struct path p;
    bool first = true;
    for (uint32_t at = 0; path_next(value, &at, &p); first = false) {
        bool wanted = want && has_next_hop(rib, p.route.attrs, want);
        if (!first && !wanted)
            continue;
        m->path_id = p.id;
        m->route = p.route;
        if (wanted || !want)
            return;
    }
}

static struct table *table_to_read(const struct view *v, uint16_t afi, uint8_t safi, const uint8_t *rd,
                                   bool add_path)
{
    int quick = quick_place(afi, safi, rd != NULL, add_path);
    if (quick >= 0)
        return atomic_load_explicit(&v->quick[quick], memory_order_acquire);
    struct rib_key key = { .afi = afi, .safi = safi, .has_path_id = add_path, .has_rd = rd != NULL };
    if (rd)
        memcpy(key.rd, rd, sizeof(key.rd));
    struct table_key k = table_key_of(&key);
    return find_table(v, &k);
}

static __attribute__((noinline)) void want_fast(struct rib *rib, struct table *t)
{
    atomic_store_explicit(&t->wanted, true, memory_order_relaxed);
    atomic_store_explicit(&rib->wanting, true, memory_order_relaxed);
    if (rib->wake)
        rib->wake(rib->wake_arg);
}

/* The value of the longest match in a table. */
static uint64_t match(const struct rib_reader *r, struct table *t, const uint8_t *octets, bool v4,
                      unsigned *bits)
{
    if (v4 && !t->trie.wide) {
        const struct fast *f = atomic_load_explicit(&t->fast, memory_order_acquire);
        const struct fast_found found = f ? fast_match(f, octets) : (struct fast_found){ FAST_DEEP, 0 };
        *bits = found.bits;
        if (found.id || found.bits == FAST_NOTHING)
            return found.id;
        if (!f && !atomic_load_explicit(&t->wanted, memory_order_relaxed))
            want_fast(r->rib, t);
    }
    return trie_match(&t->trie, octets, v4 ? 4 : 16, bits);
}

bool rib_lookup(const struct rib_reader *r, uint32_t peer, uint8_t safi, const uint8_t *rd,
                const struct addr *a, const struct addr *want, struct rib_match *m)
{
    const struct view *v = view_of(r->rib, peer);
    bool v4 = addr_is_v4(a);
    const uint8_t *octets = a->b + (v4 ? 12 : 0);
    bool found = false;
    for (unsigned add_path = 0; v && add_path < 2; add_path++) {
        struct table *t = table_to_read(v, v4 ? RIB_IPV4 : RIB_IPV6, safi, rd, add_path);
        unsigned bits = 0;
        uint64_t value = t ? match(r, t, octets, v4, &bits) : 0;
        if (!value || (found && bits <= m->bits))
            continue;
        found = true;
        m->bits = (uint8_t)bits;
        m->path_id = 0;
        if (t->trie.wide)
            choose(r->rib, value, want, m);
        else {
            m->route.attrs = (uint32_t)value;
            m->route.labels_len = 0;
        }
    }
    return found;
}

void rib_covering(const struct rib *rib, uint32_t peer, const struct rib_key *key, rib_route_fn fn, void *arg)
{
    const struct view *v = view_of(rib, peer);
    const uint8_t *rd = key->has_rd ? key->rd : NULL;
    const struct table *t =
        v && !key->nlri.len ? table_to_read(v, key->afi, key->safi, rd, key->has_path_id) : NULL;
    struct rib_key at = *key;
    bool on = t && !t->is_opaque;
    while (on && at.bits-- > 0) {
        at.addr[at.bits / 8] &= (uint8_t)(0xff00u >> at.bits % 8);
        uint64_t next;
        const uint64_t value = find_value(rib, t, at.addr, at.bits);
        on = !value || each_path(t, &at, value, 0, fn, arg, &next);
    }
}

/* --- what will be looked up soon */

bool rib_has_path_ids(const struct rib_reader *r, uint32_t peer, unsigned octets)
{
    const struct view *v = view_of(r->rib, peer);
    const int quick = quick_place(octets == 4 ? RIB_IPV4 : RIB_IPV6, RIB_UNICAST, false, true);
    return v && atomic_load_explicit(&v->quick[quick], memory_order_acquire);
}
