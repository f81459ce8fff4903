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
        const struct fast_found found = f ? fast_match(f, octets) : (struct fast_found){ FAST_DEEP, 0 };
        *bits = found.bits;
        if (found.id || found.bits == FAST_NOTHING)
            return found.id;
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

/* --- what will be looked up soon */

struct expecting {
    const struct rib *rib;
    const struct rib_expected *e;
    unsigned n;
    uint32_t id[RIB_EXPECTED]; /* of the set that was found; 0: none, or asked for in vain */
};

/* Places, then blocks, then values or leaves; each for all before the next. */
static void expect_fast(struct expecting *x, const struct fast *f)
{
    const struct fast_block *block[RIB_EXPECTED];
    const struct fast_leaf *leaf[RIB_EXPECTED];
    uint32_t found[RIB_EXPECTED];
    for (unsigned i = 0; i < x->n; i++)
        __builtin_prefetch((const void *)(uintptr_t)fast_place(f, x->e[i].addr));
    for (unsigned i = 0; i < x->n; i++) {
        const uint64_t place = atomic_load_explicit(fast_place(f, x->e[i].addr), memory_order_acquire);
        block[i] = place & (FAST_SAME | FAST_STALE) ? NULL : fast_block(place);
        found[i] = place & FAST_STALE ? (uint32_t)FAST_DEEP << FAST_SHIFT : (uint32_t)(place >> 32);
        if (block[i])
            __builtin_prefetch(block[i]);
        if (block[i] && place & FAST_LONG)
            __builtin_prefetch((const uint8_t *)block[i] + FAST_LINE);
    }
    for (unsigned i = 0; i < x->n; i++) {
        if (block[i])
            found[i] = fast_in_block(block[i], x->e[i].addr);
        leaf[i] = block[i] ? fast_leaf_of(block[i], found[i]) : NULL;
        x->id[i] = fast_result(found[i]).id;
        if (x->id[i])
            rib_attrs_prefetch(x->rib->pool, x->id[i]);
        if (leaf[i])
            __builtin_prefetch(leaf[i]);
    }
    for (unsigned i = 0; i < x->n; i++) {
        if (!leaf[i])
            continue;
        x->id[i] = fast_in_leaf(leaf[i], x->e[i].addr).id;
        if (x->id[i])
            rib_attrs_prefetch(x->rib->pool, x->id[i]);
    }
}

static void expect_trie(struct expecting *x, const struct trie *t, unsigned octets)
{
    const uint8_t *addr[RIB_EXPECTED] = { NULL };
    uint64_t value[RIB_EXPECTED] = { 0 };
    for (unsigned i = 0; i < x->n; i++)
        addr[i] = x->e[i].addr;
    trie_match_many(t, addr, octets, x->n, value);
    for (unsigned i = 0; i < x->n; i++) {
        x->id[i] = t->wide ? 0 : (uint32_t)value[i];
        if (x->id[i])
            rib_attrs_prefetch(x->rib->pool, x->id[i]);
    }
}

/* Notes; where there are none yet, the sets that they will be made of. */
static void expect_notes(const struct expecting *x)
{
    const struct rib_pool *pool = x->rib->pool;
    uint32_t missing[RIB_EXPECTED];
    unsigned n = 0;
    for (unsigned i = 0; i < x->n; i++) {
        const uint32_t id = x->id[i];
        const char *note = id && x->e[i].note ? rib_attrs_note(pool, id) : NULL;
        if (note) {
            __builtin_prefetch(note);
            __builtin_prefetch(note + FAST_LINE);
        } else if (id && (x->e[i].note || !rib_attrs_word(pool, id))) {
            rib_attrs_prefetch_set(pool, id, RIB_ATTRS_FIRST);
            missing[n++] = id;
        }
    }
    for (unsigned i = 0; i < n; i++)
        rib_attrs_prefetch_set(pool, missing[i], RIB_ATTRS_SECOND);
}

void rib_expect(const struct rib_reader *r, uint32_t peer, unsigned octets, const struct rib_expected *e,
                unsigned n)
{
    const struct view *v = view_of(r->rib, peer);
    const int quick = quick_place(octets == 4 ? RIB_IPV4 : RIB_IPV6, RIB_UNICAST, false, false);
    const struct table *t = v ? atomic_load_explicit(&v->quick[quick], memory_order_acquire) : NULL;
    const struct fast *f = t ? atomic_load_explicit(&t->fast, memory_order_acquire) : NULL;
    struct expecting x = { .rib = r->rib, .e = e, .n = n };
    if (!t || n == 0 || n > RIB_EXPECTED)
        return;
    if (f)
        expect_fast(&x, f);
    else
        expect_trie(&x, &t->trie, octets);
    expect_notes(&x);
}
