/* SPDX-License-Identifier: BSD-2-Clause */
/* Peers come and go, routes are put in and taken out, and what readers may still see is freed later: the
 * writing thread's side of the rib. */
#include "rib/rib_impl.h"
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { QUEUE_STEP = 4096, SLICE_LEAST = 64 };

struct rib *rib_new(void)
{
    struct rib *rib = aligned_alloc(64, sizeof(*rib));
    if (!rib)
        return NULL;
    memset(rib, 0, sizeof(*rib));
    epoch_init(&rib->epoch);
    slab_init(&rib->routes_slab);
    slab_init(&rib->fast_slab);
    slab_init(&rib->sets_slab);
    rib->memory =
        (struct trie_memory){ .slab = &rib->routes_slab, .epoch = &rib->epoch, .queue = &rib->queue };
    rib->queue_mark = QUEUE_STEP;
    rib->pool = pool_new(&rib->sets_slab, &rib->epoch);
    if (!rib->pool) {
        rib_free(rib);
        return NULL;
    }
    return rib;
}

void rib_set_unread(struct rib *rib) { rib->memory.unread = true; }

void rib_set_exact(struct rib *rib)
{
    rib_set_unread(rib);
    rib->is_exact = true;
    if (getrandom(&rib->exact.seed, sizeof(rib->exact.seed), GRND_NONBLOCK) < 0)
        rib->exact.seed = (uintptr_t)rib;
}

void rib_set_wake(struct rib *rib, void (*wake)(void *arg), void *arg)
{
    rib->wake = wake;
    rib->wake_arg = arg;
}

struct rib_pool *rib_pool(struct rib *rib) { return rib->pool; }

static struct trie_memory memory_of_fast(struct rib *rib)
{
    return (struct trie_memory){ .slab = &rib->fast_slab, .epoch = &rib->epoch, .queue = &rib->queue };
}

static void free_fast(struct rib *rib, struct table *t)
{
    struct trie_memory m = memory_of_fast(rib);
    struct fast *f = atomic_load_explicit(&t->fast, memory_order_relaxed);
    if (f) {
        fast_free(f, &m);
        rib->fast_ways--;
    }
    for (struct table **at = &rib->stale; t->is_stale && *at; at = &(*at)->next_stale)
        if (*at == t) {
            *at = t->next_stale;
            break;
        }
}

/* Nodes and lists of paths go with the slab. */
static void free_view(struct rib *rib, struct view *v)
{
    for (uint32_t i = 0; i < v->tables; i++) {
        free_fast(rib, v->list[i]);
        opaque_clear(&v->list[i]->opaque, &rib->routes_slab);
        exact_clear(&v->list[i]->exact, &rib->exact);
        free(v->list[i]);
    }
    rib->tables -= v->tables;
    free(atomic_load(&v->index));
    free(v->list);
    free(v);
}

void rib_free(struct rib *rib)
{
    if (!rib)
        return;
    struct epoch_item item;
    while (epoch_next(&rib->queue, UINT64_MAX, &item)) {
        if (item.kind == WAIT_MALLOC)
            free(item.p);
        else if (item.kind == WAIT_VIEW)
            free_view(rib, item.p);
        else
            slab_free(item.kind == WAIT_FAST ? &rib->fast_slab : &rib->routes_slab, item.p, item.size);
    }
    while (rib->dying) {
        struct view *v = rib->dying;
        rib->dying = v->next;
        free_view(rib, v);
    }
    struct views *views = atomic_load(&rib->views);
    for (uint32_t i = 0; views && i < views->count; i++)
        if (atomic_load(&views->v[i]))
            free_view(rib, atomic_load(&views->v[i]));
    free(views);
    free(rib->taken);
    free(rib->queue.items);
    pool_free(rib->pool);
    slab_clear(&rib->routes_slab);
    slab_clear(&rib->fast_slab);
    slab_clear(&rib->sets_slab);
    epoch_close(&rib->epoch);
    free(rib);
}

/* --- peers */

/* Makes room for numbers below `count`. */
static int grow_views(struct rib *rib, uint32_t count)
{
    struct views *old = atomic_load_explicit(&rib->views, memory_order_relaxed);
    if (old && count <= old->count)
        return 0;
    uint32_t room = old ? old->count * 2 : 16;
    uint8_t *taken = epoch_room(&rib->queue, 1) ? NULL : realloc(rib->taken, room);
    if (!taken)
        return -1;
    rib->taken = taken;
    struct views *v = calloc(1, sizeof(*v) + room * sizeof(v->v[0]));
    if (!v)
        return -1;
    v->count = room;
    uint32_t had = old ? old->count : 0;
    memset(taken + had, 0, room - had);
    for (uint32_t i = 0; i < had; i++)
        atomic_store_explicit(&v->v[i], atomic_load_explicit(&old->v[i], memory_order_relaxed),
                              memory_order_relaxed);
    atomic_store_explicit(&rib->views, v, memory_order_release); /* pairs with the acquire in view_of */
    if (old)
        epoch_retire(&rib->epoch, &rib->queue, old, 0, WAIT_MALLOC);
    return 0;
}

uint32_t rib_peer_add(struct rib *rib, const struct rib_peer_info *info)
{
    const struct views *had = atomic_load_explicit(&rib->views, memory_order_relaxed);
    uint32_t n = 1;
    while (had && n < had->count && rib->taken[n])
        n++;
    struct view *v = grow_views(rib, n + 1) ? NULL : calloc(1, sizeof(*v));
    if (!v)
        return 0;
    v->info = *info;
    v->number = n;
    rib->taken[n] = 1;
    rib->peers++;
    struct views *views = atomic_load_explicit(&rib->views, memory_order_relaxed);
    atomic_store_explicit(&views->v[n], v, memory_order_release);
    atomic_fetch_add_explicit(&rib->generation, 1, memory_order_release);
    return n;
}

void rib_peer_remove(struct rib *rib, uint32_t peer, rib_route_fn gone, void (*done)(void *arg), void *arg)
{
    struct view *v = view_of(rib, peer);
    if (!v)
        return;
    v->gone = gone;
    v->done = done;
    v->arg = arg;
    struct views *views = atomic_load_explicit(&rib->views, memory_order_relaxed);
    atomic_store_explicit(&views->v[peer], NULL, memory_order_release);
    atomic_fetch_add_explicit(&rib->generation, 1, memory_order_release);
    rib->peers--;
    if (!epoch_room(&rib->queue, 1)) {
        epoch_retire(&rib->epoch, &rib->queue, v, 0, WAIT_VIEW);
        return;
    }
    /* Without memory for waiting: wait here. Readers are quiescent within a batch. */
    for (uint64_t now = atomic_load(&rib->epoch.now); epoch_safe(&rib->epoch) <= now;)
        ;
    v->next = rib->dying;
    rib->dying = v;
}

uint64_t rib_peer_routes(const struct rib *rib, uint32_t peer)
{
    const struct view *v = view_of(rib, peer);
    return v ? v->routes : 0;
}

unsigned rib_peer_tables(const struct rib *rib, uint32_t peer)
{
    const struct view *v = view_of(rib, peer);
    unsigned n = 0;
    for (uint32_t i = 0; v && i < v->tables; i++)
        n += v->list[i]->routes > 0;
    return n;
}

/* --- tables */

/* Routes with labels have room for them; so have all of a family whose routes have, whether a message brings
 * any or not. */
static bool is_wide(const struct rib_key *key)
{
    return key->has_path_id || key->safi == RIB_LABELLED || key->safi == RIB_VPN;
}

struct table_key table_key_of(const struct rib_key *key)
{
    bool opaque = key->nlri.p != NULL;
    struct table_key k = { (uint64_t)key->afi << 32 | (uint64_t)key->safi << 16 | (uint64_t)opaque << 2 |
                               (uint64_t)(key->has_rd && !opaque) << 1 | (key->has_path_id && !opaque),
                           0 };
    if (key->has_rd && !opaque)
        memcpy(&k.rd, key->rd, 8);
    return k;
}

struct table *find_table(const struct view *v, const struct table_key *k)
{
    const struct table_index *x = atomic_load_explicit(&v->index, memory_order_acquire);
    if (!x)
        return NULL;
    struct table *t;
    for (uint32_t i = table_hash(k) & x->mask; (t = atomic_load_explicit(&x->slot[i], memory_order_acquire));
         i = (i + 1) & x->mask)
        if (t->key.family == k->family && t->key.rd == k->rd)
            return t;
    return NULL;
}

static void index_table(struct table_index *x, struct table *t)
{
    uint32_t i = table_hash(&t->key) & x->mask;
    while (atomic_load_explicit(&x->slot[i], memory_order_relaxed))
        i = (i + 1) & x->mask;
    atomic_store_explicit(&x->slot[i], t, memory_order_release); /* pairs with the acquire in find_table */
}

static int grow_index(struct rib *rib, struct view *v)
{
    struct table_index *old = atomic_load_explicit(&v->index, memory_order_relaxed);
    if (old && (v->tables + 1) * 2 <= old->mask + 1)
        return 0;
    uint32_t slots = old ? (old->mask + 1) * 2 : 8;
    struct table_index *x =
        epoch_room(&rib->queue, 1) ? NULL : calloc(1, sizeof(*x) + slots * sizeof(x->slot[0]));
    if (!x)
        return -1;
    x->mask = slots - 1;
    for (uint32_t i = 0; i < v->tables; i++)
        index_table(x, v->list[i]);
    atomic_store_explicit(&v->index, x, memory_order_release);
    if (old)
        epoch_retire(&rib->epoch, &rib->queue, old, 0, WAIT_MALLOC);
    return 0;
}

static struct table *make_table(struct rib *rib, struct view *v, const struct rib_key *key,
                                const struct table_key *k)
{
    if (v->tables == v->room) {
        uint32_t room = v->room ? v->room * 2 : 4;
        struct table **list = realloc(v->list, room * sizeof(struct table *));
        if (!list)
            return NULL;
        v->list = list;
        v->room = room;
    }
    struct table *t = grow_index(rib, v) ? NULL : calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->key = *k;
    t->is_opaque = key->nlri.p != NULL;
    t->shown = (struct rib_key){ .afi = key->afi, .safi = key->safi };
    t->shown.has_rd = k->family >> 1 & 1;
    t->shown.has_path_id = k->family & 1;
    memcpy(t->shown.rd, &k->rd, 8);
    t->trie.wide = is_wide(key);
    t->is_exact = rib->is_exact && !t->is_opaque && !t->trie.wide;
    t->exact.words = exact_words(key->afi == RIB_IPV4);
    v->list[v->tables++] = t;
    rib->tables++;
    index_table(atomic_load_explicit(&v->index, memory_order_relaxed), t);
    int quick = t->is_opaque ? -1 : quick_place(key->afi, key->safi, t->shown.has_rd, t->shown.has_path_id);
    if (quick >= 0)
        atomic_store_explicit(&v->quick[quick], t, memory_order_release);
    return t;
}

static struct table *table_for(const struct view *v, const struct rib_key *key, struct table_key *k)
{
    *k = table_key_of(key);
    struct table *t = v->last;
    if (!t || t->key.family != k->family || t->key.rd != k->rd)
        t = find_table(v, k);
    return t;
}

/* --- routes */

/* What is freed once nobody sees it; but not sets, which wait for rib_tend. */
static bool free_waiting(struct rib *rib, uint64_t safe, unsigned n)
{
    struct epoch_item item;
    while (n && epoch_next(&rib->queue, safe, &item)) {
        n--;
        if (item.kind == WAIT_PIECE)
            slab_free(&rib->routes_slab, item.p, item.size);
        else if (item.kind == WAIT_FAST)
            slab_free(&rib->fast_slab, item.p, item.size);
        else if (item.kind == WAIT_MALLOC)
            free(item.p);
        else {
            struct view *v = item.p;
            v->next = rib->dying;
            rib->dying = v;
        }
    }
    rib->queue_mark = rib->queue.count + QUEUE_STEP;
    return !n;
}

static void free_some(struct rib *rib)
{
    if (rib->queue.count >= rib->queue_mark)
        free_waiting(rib, epoch_safe(&rib->epoch), UINT32_MAX);
}

static void count(struct rib *rib, struct view *v, struct table *t, int more)
{
    t->routes += (uint64_t)(int64_t)more;
    v->routes += (uint64_t)(int64_t)more;
    rib->routes += (uint64_t)(int64_t)more;
    if (t->routes == FAST_LEAST && atomic_load_explicit(&t->wanted, memory_order_relaxed))
        atomic_store_explicit(&rib->wanting, true, memory_order_relaxed);
}

/* A prefix of the table has changed: the fast way has to be told. */
static void touch(struct rib *rib, struct table *t, const struct rib_key *key)
{
    struct fast *f = atomic_load_explicit(&t->fast, memory_order_relaxed);
    if (!f)
        return;
    fast_touch(f, key->addr, key->bits);
    if (t->is_stale)
        return;
    t->is_stale = true;
    t->next_stale = rib->stale;
    rib->stale = t;
}

static void retire_list(struct rib *rib, uint64_t value)
{
    size_t size;
    void *list = path_memory(value, &size);
    if (list && rib->memory.unread)
        slab_free(&rib->routes_slab, list, size);
    else if (list)
        epoch_retire(&rib->epoch, &rib->queue, list, (uint32_t)size, WAIT_PIECE);
}

static void free_list(struct rib *rib, uint64_t value)
{
    size_t size;
    void *list = path_memory(value, &size);
    if (list)
        slab_free(&rib->routes_slab, list, size);
}

static int announce_wide(struct rib *rib, struct table *t, const struct rib_key *key,
                         struct rib_octets labels, uint32_t attrs, struct rib_route *was)
{
    struct path p = { .id = key->has_path_id ? key->path_id : 0, .route.attrs = attrs };
    p.route.labels_len = (uint8_t)labels.len;
    memcpy(p.route.labels, labels.p ? labels.p : key->addr, labels.p ? labels.len : 0);
    uint64_t value = trie_find(&t->trie, key->addr, key->bits), old;
    bool there;
    uint64_t fresh = epoch_room(&rib->queue, 1) ? 0 : path_put(&rib->routes_slab, value, &p, &there, was);
    if (!fresh)
        return -1;
    if (trie_put(&t->trie, &rib->memory, key->addr, key->bits, fresh, &old)) {
        free_list(rib, fresh);
        return -1;
    }
    retire_list(rib, old);
    return !there;
}

static int announce_narrow(struct rib *rib, struct table *t, const struct rib_key *key, uint32_t attrs,
                           struct rib_route *was)
{
    uint64_t old;
    if (trie_put(&t->trie, &rib->memory, key->addr, key->bits, attrs, &old))
        return -1;
    was->attrs = (uint32_t)old;
    was->labels_len = 0;
    touch(rib, t, key);
    return !old;
}

static int announce_exact(struct rib *rib, struct table *t, const struct rib_key *key, uint32_t attrs,
                          struct rib_route *was)
{
    was->labels_len = 0;
    if (exact_put(&t->exact, &rib->exact, key->addr, key->bits, attrs, &was->attrs))
        return -1;
    return !was->attrs;
}

static int announce_opaque(struct rib *rib, struct table *t, const struct rib_key *key,
                           struct rib_octets labels, uint32_t attrs, struct rib_route *was)
{
    was->labels_len = 0;
    if (opaque_put(&t->opaque, &rib->routes_slab, key, labels, attrs, was))
        return -1;
    return !was->attrs;
}

static bool valid(const struct rib_key *key, const struct rib_octets *labels)
{
    return (key->nlri.p || (max_bits(key->afi) && key->bits <= max_bits(key->afi))) &&
           labels->len <= RIB_LABELS_MAX;
}

int rib_announce(struct rib *rib, uint32_t peer, const struct rib_key *key, struct rib_octets labels,
                 uint32_t attrs, struct rib_route *was)
{
    struct view *v = view_of(rib, peer);
    struct rib_route own = { 0 };
    struct table_key k;
    was = was ? was : &own;
    if (!v || !attrs || !valid(key, &labels))
        return -1;
    struct table *t = table_for(v, key, &k);
    if (!t && !(t = make_table(rib, v, key, &k)))
        return -1;
    v->last = t;
    int done = t->is_opaque   ? announce_opaque(rib, t, key, labels, attrs, was)
               : t->is_exact  ? announce_exact(rib, t, key, attrs, was)
               : t->trie.wide ? announce_wide(rib, t, key, labels, attrs, was)
                              : announce_narrow(rib, t, key, attrs, was);
    if (done < 0)
        return done;
    rib_attrs_ref(rib->pool, attrs);
    if (done)
        count(rib, v, t, 1);
    else
        rib_attrs_put(rib->pool, was->attrs);
    free_some(rib);
    return done;
}

void rib_prepare(const struct rib *rib, uint32_t peer, const struct rib_key *keys, unsigned n)
{
    const uint8_t *addr[RIB_PREPARED];
    const struct view *v = view_of(rib, peer);
    struct table_key k;
    const struct table *t = v && n ? table_for(v, keys, &k) : NULL;
    if (!t || t->is_opaque)
        return;
    n = n < RIB_PREPARED ? n : RIB_PREPARED;
    if (t->is_exact) {
        for (unsigned i = 0; i < n; i++)
            exact_expect(&t->exact, &rib->exact, keys[i].addr, keys[i].bits);
        return;
    }
    for (unsigned i = 0; i < n; i++)
        addr[i] = keys[i].addr;
    trie_expect(&t->trie, addr, n);
}

static int withdraw_wide(struct rib *rib, struct table *t, const struct rib_key *key, struct rib_route *was)
{
    uint64_t value = trie_find(&t->trie, key->addr, key->bits), old;
    bool there, failed;
    if (epoch_room(&rib->queue, 1))
        return -1;
    uint64_t left =
        path_take(&rib->routes_slab, value, key->has_path_id ? key->path_id : 0, &there, was, &failed);
    if (!there)
        return 0;
    if (failed)
        return -1;
    if (left ? trie_put(&t->trie, &rib->memory, key->addr, key->bits, left, &old)
             : trie_remove(&t->trie, &rib->memory, key->addr, key->bits, &old)) {
        free_list(rib, left);
        return -1;
    }
    retire_list(rib, value);
    return 1;
}

static int withdraw_narrow(struct rib *rib, struct table *t, const struct rib_key *key, struct rib_route *was)
{
    uint64_t old;
    if (trie_remove(&t->trie, &rib->memory, key->addr, key->bits, &old))
        return -1;
    was->attrs = (uint32_t)old;
    was->labels_len = 0;
    if (old)
        touch(rib, t, key);
    return old != 0;
}

static int withdraw_exact(struct rib *rib, struct table *t, const struct rib_key *key, struct rib_route *was)
{
    was->labels_len = 0;
    was->attrs = exact_take(&t->exact, &rib->exact, key->addr, key->bits);
    return was->attrs != 0;
}

static int withdraw_opaque(struct rib *rib, struct table *t, const struct rib_key *key, struct rib_route *was)
{
    was->labels_len = 0;
    opaque_take(&t->opaque, &rib->routes_slab, key, was);
    return was->attrs != 0;
}

int rib_withdraw(struct rib *rib, uint32_t peer, const struct rib_key *key, struct rib_route *was)
{
    struct view *v = view_of(rib, peer);
    struct rib_octets none = { NULL, 0 };
    struct rib_route own = { 0 };
    struct table_key k;
    was = was ? was : &own;
    struct table *t = v && valid(key, &none) ? table_for(v, key, &k) : NULL;
    if (!t)
        return 0;
    v->last = t;
    int done = t->is_opaque   ? withdraw_opaque(rib, t, key, was)
               : t->is_exact  ? withdraw_exact(rib, t, key, was)
               : t->trie.wide ? withdraw_wide(rib, t, key, was)
                              : withdraw_narrow(rib, t, key, was);
    if (done <= 0)
        return done;
    rib_attrs_put(rib->pool, was->attrs);
    count(rib, v, t, -1);
    free_some(rib);
    return 1;
}

bool rib_find(const struct rib *rib, uint32_t peer, const struct rib_key *key, struct rib_route *route)
{
    const struct view *v = view_of(rib, peer);
    struct rib_octets none = { NULL, 0 };
    struct table_key k;
    const struct table *t = v && valid(key, &none) ? table_for(v, key, &k) : NULL;
    if (!t)
        return false;
    route->labels_len = 0;
    if (t->is_opaque)
        return opaque_find(&t->opaque, key, route);
    uint64_t value = find_value(rib, t, key->addr, key->bits);
    if (!t->trie.wide)
        return (route->attrs = (uint32_t)value) != 0;
    struct path p;
    for (uint32_t at = 0; path_next(value, &at, &p);)
        if (p.id == (key->has_path_id ? key->path_id : 0)) {
            *route = p.route;
            return true;
        }
    return false;
}

/* --- what was put off */

struct draining {
    struct rib *rib;
    struct view *v;
    struct table *t;
    unsigned n;
};

static bool drain_route(void *arg, const struct rib_key *key, const struct rib_route *route)
{
    struct draining *d = arg;
    if (d->v->gone)
        d->v->gone(d->v->arg, key, route);
    rib_attrs_put(d->rib->pool, route->attrs);
    count(d->rib, d->v, d->t, -1);
    d->n++;
    return true;
}

static bool drain_prefix(void *arg, const uint8_t *addr, unsigned bits, uint64_t value)
{
    struct draining *d = arg;
    struct rib_key key = d->t->shown;
    uint64_t next;
    memcpy(key.addr, addr, sizeof(key.addr));
    key.bits = (uint8_t)bits;
    each_path(d->t, &key, value, 0, drain_route, d, &next);
    if (d->t->trie.wide)
        free_list(d->rib, value);
    return true;
}

/* Nothing is put into a table of a peer that is gone, so its slots are freed at once in the end. */
static bool drain_exact(struct draining *d, unsigned n)
{
    struct rib_key key = d->t->shown;
    struct rib_route route = { 0 };
    for (unsigned before = d->n; d->n - before < n;) {
        route.attrs = exact_next(&d->t->exact, &d->v->place, key.addr, &key.bits);
        if (!route.attrs) {
            d->v->place = 0;
            exact_clear(&d->t->exact, &d->rib->exact);
            return true;
        }
        drain_route(d, &key, &route);
    }
    return false;
}

/* Returns whether the table is empty. */
static bool drain_opaque(struct draining *d, unsigned n)
{
    struct rib_key key = d->t->shown;
    struct rib_route route = { 0 };
    for (unsigned before = d->n; d->n - before < n;) {
        if (!opaque_next(&d->t->opaque, &d->v->place, &key, &route)) {
            d->v->place = 0;
            return true;
        }
        drain_route(d, &key, &route);
        opaque_take(&d->t->opaque, &d->rib->routes_slab, &key, &route);
    }
    return false;
}

/* Takes about n routes of one peer apart. Returns whether it is gone. */
static bool drain_view(struct rib *rib, struct view *v, unsigned n)
{
    struct draining d = { rib, v, NULL, 0 };
    while (v->drained < v->tables && d.n < n) {
        d.t = v->list[v->drained];
        bool empty = d.t->is_opaque ? drain_opaque(&d, n - d.n)
                     : d.t->is_exact
                         ? drain_exact(&d, n - d.n)
                         : trie_drain(&d.t->trie, &rib->memory, &v->drain, n - d.n, drain_prefix, &d);
        v->drained += empty;
        n -= n > d.n ? empty : 0; /* many empty tables are work too */
    }
    return v->drained == v->tables;
}

/* Gives a fast way to tables that have become worth it. */
static void make_fast(struct rib *rib)
{
    const struct views *views = atomic_load_explicit(&rib->views, memory_order_relaxed);
    for (uint32_t i = 0; views && i < views->count; i++) {
        struct view *v = atomic_load_explicit(&views->v[i], memory_order_relaxed);
        struct table *t = v ? atomic_load_explicit(&v->quick[0], memory_order_relaxed) : NULL;
        if (!t || t->routes < FAST_LEAST || atomic_load_explicit(&t->fast, memory_order_relaxed) ||
            !atomic_load_explicit(&t->wanted, memory_order_relaxed))
            continue;
        struct fast *f = fast_new();
        if (!f)
            return;
        t->is_stale = true;
        t->next_stale = rib->stale;
        rib->stale = t;
        rib->fast_ways++;
        atomic_store_explicit(&t->fast, f, memory_order_release); /* pairs with the acquire in rib_lookup */
    }
}

/* Returns whether places are left that are stale. */
static bool tend_fast(struct rib *rib, unsigned n)
{
    struct trie_memory m = memory_of_fast(rib);
    if (atomic_load_explicit(&rib->wanting, memory_order_relaxed) &&
        atomic_exchange_explicit(&rib->wanting, false, memory_order_relaxed))
        make_fast(rib);
    struct table *t = rib->stale;
    if (t && !fast_tend(atomic_load_explicit(&t->fast, memory_order_relaxed), &t->trie, &m, 4 * n)) {
        rib->stale = t->next_stale;
        t->is_stale = false;
    }
    return rib->stale;
}

bool rib_tend(struct rib *rib, unsigned n)
{
    n = n < SLICE_LEAST ? SLICE_LEAST : n;
    uint64_t safe = epoch_safe(&rib->epoch);
    bool full = free_waiting(rib, safe, n * 4);
    bool stale = tend_fast(rib, n);
    struct view *v = rib->dying;
    if (v && drain_view(rib, v, n)) {
        rib->dying = v->next;
        void (*done)(void *) = v->done;
        void *arg = v->arg;
        rib->taken[v->number] = 0;
        free_view(rib, v);
        if (done)
            done(arg);
    }
    bool more = pool_tend(rib->pool, safe, n * 4) || rib->queue.count;
    bool nobody_reads = safe == atomic_load_explicit(&rib->epoch.now, memory_order_relaxed);
    return rib->dying || full || stale || (more && nobody_reads);
}

void rib_counts(const struct rib *rib, struct rib_counts *c)
{
    *c = (struct rib_counts){
        .peers = rib->peers,
        .tables = rib->tables,
        .routes = rib->routes,
        .nodes = rib->memory.nodes,
        .fast_ways = rib->fast_ways,
        .sets = pool_sets(rib->pool),
        .octets_routes = rib->routes_slab.used + rib->fast_slab.used + rib->exact.used,
        .octets_sets = rib->sets_slab.used + pool_index_octets(rib->pool),
        .octets_held = rib->routes_slab.held + rib->fast_slab.held + rib->exact.held + rib->sets_slab.held +
                       pool_index_octets(rib->pool) + rib->fast_ways * FAST_OCTETS,
        .waiting = rib->queue.count + pool_waiting(rib->pool),
    };
}
