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

/* The value of the longest match in a table. */
static uint64_t match(const struct rib_reader *r, struct table *t, const uint8_t *octets, bool v4,
                      unsigned *bits)
{
    if (v4 && !t->trie.wide) {
        const struct fast *f = atomic_load_explicit(&t->fast, memory_order_acquire);
        uint32_t found = f ? fast_match(f, octets) : (uint32_t)FAST_DEEP << FAST_SHIFT;
        *bits = found >> FAST_SHIFT;
        if (*bits < FAST_DEEP)
            return found & FAST_ID_MAX;
        if (*bits == FAST_NOTHING)
            return 0;
        if (!f && !atomic_load_explicit(&t->wanted, memory_order_relaxed)) {
            atomic_store_explicit(&t->wanted, true, memory_order_relaxed);
            atomic_store_explicit(&r->rib->wanting, true, memory_order_relaxed);
        }
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
        const uint64_t value = trie_find(&t->trie, at.addr, at.bits);
        on = !value || each_path(t, &at, value, 0, fn, arg, &next);
    }
}

/* Where the result of an address stands; NULL: not in a block. */
static const uint32_t *expect_value(const struct fast *f, const uint8_t *addr)
{
    const uint64_t place =
        atomic_load_explicit(&f->place[(unsigned)addr[0] << 8 | addr[1]], memory_order_acquire);
    if (place & (FAST_SAME | FAST_STALE))
        return NULL;
    const struct fast_block *b = (const struct fast_block *)(uintptr_t)place;
    const unsigned w = addr[2] >> 6;
    return &b->value[b->rank[w] + ones(b->begins[w] & (~UINT64_C(0) >> (63 - (addr[2] & 63)))) - 1];
}

static void expect_blocks(const struct fast *f, const uint8_t *const *addr, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        __builtin_prefetch((const void *)&f->place[(unsigned)addr[i][0] << 8 | addr[i][1]]);
    for (unsigned i = 0; i < n; i++) {
        const uint64_t place =
            atomic_load_explicit(&f->place[(unsigned)addr[i][0] << 8 | addr[i][1]], memory_order_acquire);
        if (!(place & (FAST_SAME | FAST_STALE)))
            __builtin_prefetch((const void *)(uintptr_t)place);
    }
    for (unsigned i = 0; i < n; i++)
        __builtin_prefetch(expect_value(f, addr[i]));
}

void rib_expect(const struct rib_reader *r, uint32_t peer, const uint8_t *const *addr, unsigned n)
{
    const struct view *v = view_of(r->rib, peer);
    const struct table *t = v ? atomic_load_explicit(&v->quick[0], memory_order_acquire) : NULL;
    const struct fast *f = t ? atomic_load_explicit(&t->fast, memory_order_acquire) : NULL;
    uint32_t id[RIB_EXPECTED];
    if (!f || n > RIB_EXPECTED)
        return;
    expect_blocks(f, addr, n);
    for (unsigned i = 0; i < n; i++) {
        const uint32_t found = fast_match(f, addr[i]);
        id[i] = found >> FAST_SHIFT < FAST_DEEP ? found & FAST_ID_MAX : 0;
        if (id[i])
            rib_attrs_prefetch(r->rib->pool, id[i]);
    }
    for (unsigned i = 0; i < n; i++) {
        const char *note = id[i] ? rib_attrs_note(r->rib->pool, id[i]) : NULL;
        for (unsigned k = 0; note && k < 3; k++)
            __builtin_prefetch(note + 64 * k);
    }
}
