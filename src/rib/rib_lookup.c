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

static inline void fetch(const void *p, unsigned lines)
{
    for (unsigned i = 0; i < lines; i++)
        __builtin_prefetch((const uint8_t *)p + (size_t)FAST_LINE * i);
}

static inline void put_found(struct rib_ahead_one *x, struct fast_found found)
{
    x->bits = (uint8_t)found.bits;
    x->id = found.id;
    x->at = NULL;
}

/* Each step reads what the one before has fetched. First from the place to the block, */
static inline void step_place(const struct rib_ahead *a, struct rib_ahead_one *x)
{
    const uint64_t place =
        atomic_load_explicit(fast_place(a->way, (const uint8_t *)&x->addr), memory_order_acquire);
    if (place & FAST_STALE)
        put_found(x, (struct fast_found){ FAST_DEEP, 0 });
    else if (place & FAST_SAME)
        put_found(x, fast_result((uint32_t)(place >> 32)));
    else {
        x->at = fast_block(place);
        fetch(x->at, place & FAST_LONG ? 2 : 1);
    }
}

/* to the set's number, or a leaf, */
static inline void step_block(const struct rib_ahead *a, struct rib_ahead_one *x)
{
    if (x->at) {
        const uint32_t found = fast_in_block(x->at, (const uint8_t *)&x->addr);
        const struct fast_leaf *l = fast_leaf_of(x->at, found);
        put_found(x, fast_result(found));
        x->at = l;
        if (l)
            fetch(l, 2);
    }
    if (x->id)
        rib_attrs_prefetch(a->rib->pool, x->id);
}

/* to the note, or where there is none yet, the set that it will be made of, */
static inline void fetch_note(const struct rib_ahead *a, struct rib_ahead_one *x)
{
    const void *note = x->note ? rib_attrs_note(a->rib->pool, x->id) : NULL;
    x->missing = x->note ? !note : !rib_attrs_word(a->rib->pool, x->id);
    if (note)
        fetch(note, 2);
    if (x->missing)
        rib_attrs_prefetch_set(a->rib->pool, x->id, RIB_ATTRS_FIRST);
}

static inline void step_set(const struct rib_ahead *a, struct rib_ahead_one *x)
{
    if (x->at)
        put_found(x, fast_in_leaf(x->at, (const uint8_t *)&x->addr));
    if (x->id)
        fetch_note(a, x);
}

static inline void step_last(const struct rib_ahead *a, struct rib_ahead_one *x)
{
    if (x->missing)
        rib_attrs_prefetch_set(a->rib->pool, x->id, RIB_ATTRS_SECOND);
}

/* How far a step is ahead of the address that is asked for: so long does memory take. */
enum { AHEAD_PLACE = 28, AHEAD_BLOCK = 20, AHEAD_SET = 12, AHEAD_LAST = 4 };

#define GO_ON(a, number, step, ahead)                                                                        \
    for (const unsigned end = (a)->n < i + (ahead) ? (a)->n : i + (ahead); (a)->done[number] < end;)         \
    step(a, &(a)->one[(a)->done[number]++])

static void go_on(struct rib_ahead *a, unsigned i)
{
    GO_ON(a, 0, step_place, AHEAD_PLACE);
    GO_ON(a, 1, step_block, AHEAD_BLOCK);
    GO_ON(a, 2, step_set, AHEAD_SET);
    GO_ON(a, 3, step_last, AHEAD_LAST);
}

bool rib_expected_match(struct rib_ahead *a, unsigned i, struct rib_match *m)
{
    if (!a->way || i >= a->n)
        return false;
    go_on(a, i);
    const struct rib_ahead_one *x = &a->one[i];
    m->bits = x->bits;
    m->path_id = 0;
    m->route.attrs = x->id;
    m->route.labels_len = 0;
    return x->id;
}

/* Where there is no fast way, all at once. */
static void expect_trie(struct rib_ahead *a, const struct trie *t, unsigned octets,
                        const struct rib_expected *e)
{
    const uint8_t *addr[RIB_EXPECTED] = { NULL };
    uint64_t value[RIB_EXPECTED] = { 0 };
    for (unsigned i = 0; i < a->n; i++)
        addr[i] = e[i].addr;
    trie_match_many(t, addr, octets, a->n, value);
    for (unsigned i = 0; i < a->n; i++) {
        struct rib_ahead_one *x = &a->one[i];
        x->id = t->wide ? 0 : (uint32_t)value[i];
        x->note = e[i].note;
        if (x->id)
            rib_attrs_prefetch(a->rib->pool, x->id);
    }
    for (unsigned i = 0; i < a->n; i++)
        if (a->one[i].id)
            fetch_note(a, &a->one[i]);
}

static void expect_fast(struct rib_ahead *a, const struct fast *f, const struct rib_expected *e)
{
    a->way = f;
    for (unsigned i = 0; i < a->n; i++) {
        struct rib_ahead_one *x = &a->one[i];
        memcpy(&x->addr, e[i].addr, sizeof(x->addr));
        x->note = e[i].note;
        x->missing = false;
        __builtin_prefetch((const void *)(uintptr_t)fast_place(f, e[i].addr));
    }
    for (unsigned i = 0; i < RIB_EXPECT_STEPS; i++)
        a->done[i] = 0;
}

void rib_expect(struct rib_ahead *a, const struct rib_reader *r, uint32_t peer, unsigned octets,
                const struct rib_expected *e, unsigned n)
{
    const struct view *v = view_of(r->rib, peer);
    const int quick = quick_place(octets == 4 ? RIB_IPV4 : RIB_IPV6, RIB_UNICAST, false, false);
    const struct table *t = v ? atomic_load_explicit(&v->quick[quick], memory_order_acquire) : NULL;
    const struct fast *f = t ? atomic_load_explicit(&t->fast, memory_order_acquire) : NULL;
    a->rib = r->rib;
    a->way = NULL;
    a->n = t && n <= RIB_EXPECTED ? n : 0;
    if (!a->n)
        return;
    if (f)
        expect_fast(a, f, e);
    else
        expect_trie(a, &t->trie, octets, e);
}
