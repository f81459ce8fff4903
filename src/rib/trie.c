/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding, putting and taking out. A node is replaced by a copy with one thing more or less; the link to it
 * is what readers see change. Depth is bounded by the octets of an address. */
#include "rib/trie.h"
#include "rib/node.h"

/* --- copies of nodes */

/* A node made of an old one (or of nothing: routes and kids 0), with one thing more or less. */
struct edit {
    const struct trie_node *old;
    struct trie_node head; /* of the new one: depth, skip and NODE_WIDE are set */
    const uint8_t *skip;
    int routes, kids;          /* +1, 0, -1 */
    unsigned route_at, number; /* where, and what */
    unsigned kid_at, kid_octet;
    uint64_t value;
    struct trie_node *kid;
};

/* n old elements of `size` octets, one more put in at, or taken out of, `place`. */
static void splice(uint8_t *to, const uint8_t *from, unsigned n, unsigned size, int more, unsigned place,
                   const void *fresh)
{
    if (more == 0) {
        memcpy(to, from, (size_t)n * size);
        return;
    }
    memcpy(to, from, (size_t)place * size);
    if (more > 0) {
        memcpy(to + (size_t)place * size, fresh, size);
        memcpy(to + (size_t)(place + 1) * size, from + (size_t)place * size, (size_t)(n - place) * size);
    } else
        memcpy(to + (size_t)place * size, from + (size_t)(place + 1) * size, (size_t)(n - place - 1) * size);
}

/* The bitmap of what a list or a bitmap holds, after the change. */
static void to_bits(uint64_t *bits, unsigned words, const uint64_t *old_bits, const void *list,
                    bool of_numbers, unsigned n, int more, unsigned changed)
{
    if (old_bits)
        memcpy(bits, old_bits, words * sizeof(*bits));
    else {
        memset(bits, 0, words * sizeof(*bits));
        for (unsigned i = 0; i < n; i++) {
            unsigned x = of_numbers ? ((const uint16_t *)list)[i] : ((const uint8_t *)list)[i];
            bits[x >> 6] |= UINT64_C(1) << (x & 63);
        }
    }
    if (more > 0)
        bits[changed >> 6] |= UINT64_C(1) << (changed & 63);
    else if (more < 0)
        bits[changed >> 6] &= ~(UINT64_C(1) << (changed & 63));
}

static void copy_routes(struct trie_node *n, const struct shape *s, const struct edit *e,
                        const struct shape *o)
{
    const struct trie_node *old = e->old;
    uint32_t narrow = (uint32_t)e->value, size = value_size(n->flags);
    splice((uint8_t *)n + s->values, at(old, o->values), old->routes, size, e->routes, e->route_at,
           n->flags & NODE_WIDE ? (const void *)&e->value : &narrow);
    uint16_t number = (uint16_t)e->number;
    const uint64_t *old_bits = old->flags & NODE_ROUTES ? route_map(old, o)->bits : NULL;
    if (n->flags & NODE_ROUTES) {
        struct route_map *m = (struct route_map *)(void *)((uint8_t *)n + s->routes_at);
        to_bits(m->bits, 8, old_bits, at(old, o->routes_at), true, old->routes, e->routes, number);
        make_ranks(m->bits, m->rank, 8);
    } else if (!old_bits)
        splice((uint8_t *)n + s->routes_at, at(old, o->routes_at), old->routes, 2, e->routes, e->route_at,
               &number);
    else {
        uint64_t bits[8];
        uint16_t *to = (uint16_t *)(void *)((uint8_t *)n + s->routes_at);
        to_bits(bits, 8, old_bits, NULL, true, 0, e->routes, number);
        for (unsigned w = 0; w < 8; w++)
            for (uint64_t left = bits[w]; left; left &= left - 1)
                *to++ = (uint16_t)(w * 64 + (unsigned)__builtin_ctzll(left));
    }
}

static void copy_kids(struct trie_node *n, const struct shape *s, const struct edit *e, const struct shape *o)
{
    const struct trie_node *old = e->old;
    splice((uint8_t *)n + s->links, at(old, o->links), old->kids, 8, e->kids, e->kid_at, &e->kid);
    uint8_t octet = (uint8_t)e->kid_octet;
    const uint64_t *old_bits = old->flags & NODE_KIDS ? kid_map(old, o)->bits : NULL;
    if (n->flags & NODE_KIDS) {
        struct kid_map *m = (struct kid_map *)(void *)((uint8_t *)n + s->kids_at);
        to_bits(m->bits, 4, old_bits, at(old, o->kids_at), false, old->kids, e->kids, octet);
        make_ranks(m->bits, m->rank, 4);
    } else if (!old_bits)
        splice((uint8_t *)n + s->kids_at, at(old, o->kids_at), old->kids, 1, e->kids, e->kid_at, &octet);
    else {
        uint64_t bits[4];
        uint8_t *to = (uint8_t *)n + s->kids_at;
        to_bits(bits, 4, old_bits, NULL, false, 0, e->kids, octet);
        for (unsigned w = 0; w < 4; w++)
            for (uint64_t left = bits[w]; left; left &= left - 1)
                *to++ = (uint8_t)(w * 64 + (unsigned)__builtin_ctzll(left));
    }
}

/* NULL: no memory. */
static struct trie_node *make(struct trie_memory *m, const struct edit *e)
{
    struct trie_node head = e->head;
    head.routes = (uint16_t)(e->old->routes + e->routes);
    head.kids = (uint16_t)(e->old->kids + e->kids);
    head.flags = (uint8_t)((head.flags & NODE_WIDE) | (head.routes > FEW_ROUTES ? NODE_ROUTES : 0) |
                           (head.kids > FEW_KIDS ? NODE_KIDS : 0));
    struct shape s = shape_of(&head), o = shape_of(e->old);
    struct trie_node *n = slab_alloc(m->slab, s.size);
    if (!n)
        return NULL;
    *n = head;
    if (head.skip)
        memcpy((uint8_t *)n + sizeof(*n), e->skip, head.skip);
    copy_routes(n, &s, e, &o);
    copy_kids(n, &s, e, &o);
    m->nodes++;
    return n;
}

/* A copy of `old` as it is, but for the edit that the caller puts in. */
static struct edit edit_of(const struct trie_node *old)
{
    return (struct edit){ .old = old, .head = *old, .skip = skipped(old) };
}

static void drop(struct trie_memory *m, struct trie_node *n)
{
    m->nodes--;
    if (m->unread)
        slab_free(m->slab, n, shape_of(n).size);
    else
        epoch_retire(m->epoch, m->queue, n, shape_of(n).size, 0);
}

static void publish(trie_link *link, struct trie_node *n)
{
    atomic_store_explicit(link, n, memory_order_release); /* pairs with the acquire in follow */
}

static inline struct trie_node *follow(const trie_link *link)
{
    return atomic_load_explicit(link, memory_order_acquire);
}

/* --- finding */

uint64_t trie_find(const struct trie *t, const uint8_t *addr, unsigned bits)
{
    unsigned depth = depth_of(bits);
    struct trie_node *n = follow(&t->root);
    while (n && n->depth <= depth) {
        struct shape s = shape_of(n);
        bool there;
        if (n->skip && memcmp(skipped(n), addr + n->depth - n->skip, n->skip) != 0)
            return 0;
        if (n->depth == depth) {
            unsigned place = route_place(n, &s, number_of(addr, bits), &there);
            return there ? value_at(n, &s, place) : 0;
        }
        unsigned place = kid_place(n, &s, addr[n->depth], &there);
        n = there ? follow(&links_of(n, &s)[place]) : NULL;
    }
    return 0;
}

uint64_t trie_match(const struct trie *t, const uint8_t *addr, unsigned octets, unsigned *bits)
{
    const struct trie_node *way[TRIE_DEPTH];
    unsigned deep = 0;
    for (struct trie_node *n = follow(&t->root); n && n->depth < octets;) {
        if (n->skip && memcmp(skipped(n), addr + n->depth - n->skip, n->skip) != 0)
            break;
        way[deep++] = n;
        struct shape s = shape_of(n);
        bool there;
        unsigned kid = kid_place(n, &s, addr[n->depth], &there);
        n = there ? follow(&links_of(n, &s)[kid]) : NULL;
    }
    /* Down first, since most matches are at the end of the way: what lies above is not even read. */
    while (deep-- > 0) {
        const struct trie_node *n = way[deep]; // cppcheck-suppress uninitvar
        struct shape s = shape_of(n);
        unsigned l;
        int place = n->routes ? longest(n, &s, addr[n->depth], &l) : -1;
        if (place >= 0) {
            *bits = n->depth * 8u + l;
            return value_at(n, &s, (unsigned)place);
        }
    }
    return 0;
}

enum {
    LEVELS = 4,
    LINE = 64,
    LINES = 3
}; /* of nodes whose children are fetched; of what is fetched of one */

/* From each node that is there to the link that its address follows; NULL where the way ends. */
static void find_links(const struct trie_node *const *node, const trie_link **link,
                       const uint8_t *const *addr, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        link[i] = NULL;
        if (!node[i])
            continue;
        const struct shape s = shape_of(node[i]);
        bool there;
        const unsigned place = kid_place(node[i], &s, addr[i][node[i]->depth], &there);
        if (!there)
            continue;
        link[i] = (const trie_link *)(const void *)at(node[i], s.links) + place;
        __builtin_prefetch((const void *)link[i]);
    }
}

void trie_expect(const struct trie *t, const uint8_t *const *addr, unsigned n)
{
    const struct trie_node *node[TRIE_EXPECTED];
    const trie_link *link[TRIE_EXPECTED];
    n = n < TRIE_EXPECTED ? n : TRIE_EXPECTED;
    for (unsigned i = 0; i < n; i++)
        node[i] = follow(&t->root);
    for (unsigned level = 0; level < LEVELS; level++) {
        find_links(node, link, addr, n);
        for (unsigned i = 0; i < n; i++) {
            node[i] = link[i] ? follow(link[i]) : NULL;
            for (unsigned k = 0; node[i] && k < LINES; k++)
                __builtin_prefetch((const char *)node[i] + LINE * k);
        }
    }
}

/* --- matching many */

/* One of many on its way. */
struct walker {
    const struct trie_node *way[TRIE_DEPTH];
    const uint8_t *addr;
    const void *ahead; /* a link to the next node, NULL: the end */
    unsigned deep;
};

enum { LINES_OF_NODE = 2 }; /* what a search reads first, in nearly all of them */

static inline void fetch_node(const struct trie_node *n)
{
    for (unsigned i = 0; i < LINES_OF_NODE; i++)
        __builtin_prefetch((const uint8_t *)n + 64 * i);
}

/* In a node that is there: which link leads on. */
static inline void step_in(struct walker *w, struct trie_node *n, unsigned octets)
{
    w->ahead = NULL;
    if (!n || n->depth >= octets ||
        (n->skip && memcmp(skipped(n), w->addr + n->depth - n->skip, n->skip) != 0))
        return;
    struct shape s = shape_of(n);
    bool there;
    w->way[w->deep++] = n;
    const unsigned kid = kid_place(n, &s, w->addr[n->depth], &there);
    if (!there)
        return;
    w->ahead = &links_of(n, &s)[kid];
    __builtin_prefetch(w->ahead);
}

/* Up again, to the first value; it is fetched only. */
static inline const void *value_of(struct walker *w, unsigned *bits)
{
    while (w->deep-- > 0) {
        const struct trie_node *n = w->way[w->deep];
        struct shape s = shape_of(n);
        unsigned l;
        const int place = n->routes ? longest(n, &s, w->addr[n->depth], &l) : -1;
        if (place < 0)
            continue;
        const void *value = at(n, s.values + value_size(n->flags) * (unsigned)place);
        __builtin_prefetch(value);
        *bits = n->depth * 8u + l;
        return value;
    }
    return NULL;
}

void trie_match_many(const struct trie *t, const uint8_t *const *addr, unsigned octets, unsigned n,
                     struct trie_found *found)
{
    struct walker w[TRIE_MANY];
    struct trie_node *node[TRIE_MANY], *root = follow(&t->root);
    const void *at_value[TRIE_MANY];
    unsigned going[TRIE_MANY], left = n;
    for (unsigned i = 0; i < n; i++) {
        w[i].addr = addr[i];
        w[i].deep = 0;
        node[i] = root;
        going[i] = i;
    }
    while (left) {
        unsigned on = 0;
        for (unsigned i = 0; i < left; i++) {
            const unsigned k = going[i];
            step_in(&w[k], node[k], octets);
            if (w[k].ahead)
                going[on++] = k;
        }
        left = on;
        for (unsigned i = 0; i < left; i++) {
            const unsigned k = going[i];
            node[k] = follow((trie_link *)(uintptr_t)w[k].ahead);
            fetch_node(node[k]);
        }
    }
    for (unsigned i = 0; i < n; i++)
        at_value[i] = value_of(&w[i], &found[i].bits);
    for (unsigned i = 0; i < n; i++)
        found[i].value =
            !at_value[i] ? 0
            : t->wide
                ? atomic_load_explicit((_Atomic uint64_t *)(uintptr_t)at_value[i], memory_order_acquire)
                : atomic_load_explicit((_Atomic uint32_t *)(uintptr_t)at_value[i], memory_order_acquire);
}

/* --- putting */

/* A node with one route, `from` octets of whose address are given by the way to it. */
static struct trie_node *make_leaf(const struct trie *t, struct trie_memory *m, const uint8_t *addr,
                                   unsigned bits, unsigned from, uint64_t value)
{
    static const struct trie_node nothing;
    unsigned depth = depth_of(bits);
    struct edit e = { .old = &nothing,
                      .head = { .depth = (uint8_t)depth, .skip = (uint8_t)(depth - from), .flags = t->wide },
                      .skip = addr + from,
                      .routes = 1,
                      .number = number_of(addr, bits),
                      .value = value };
    return make(m, &e);
}

/* The same node, reached with other octets left out. */
static struct trie_node *with_skip(struct trie_memory *m, const struct trie_node *old, const uint8_t *skip,
                                   unsigned n)
{
    struct edit e = edit_of(old);
    e.head.skip = (uint8_t)n;
    e.skip = skip;
    return make(m, &e);
}

static void unmake(struct trie_memory *m, struct trie_node *n)
{
    if (n) {
        m->nodes--;
        slab_free(m->slab, n, shape_of(n).size);
    }
}

/* The way to `n` leaves out octets of which that at depth `split` is not the new prefix's, or the new prefix
 * ends there: puts a node there, with `n` below it and the new route in or below it. */
static int put_split(const struct trie *t, struct trie_memory *m, trie_link *link, struct trie_node *n,
                     unsigned split, const uint8_t *addr, unsigned bits, uint64_t value)
{
    static const struct trie_node nothing;
    unsigned from = n->depth - n->skip, depth = depth_of(bits);
    const uint8_t *way = skipped(n) + (split - from); /* the octet at `split`, then the rest */
    struct trie_node *low = with_skip(m, n, way + 1, n->depth - split - 1u), *mid = NULL, *top = NULL;
    struct edit e = { .old = &nothing,
                      .head = { .depth = (uint8_t)split, .skip = (uint8_t)(split - from), .flags = t->wide },
                      .skip = addr + from,
                      .kids = 1,
                      .kid_octet = way[0],
                      .kid = low };
    if (depth == split) {
        e.routes = 1;
        e.number = number_of(addr, bits);
        e.value = value;
    }
    mid = low ? make(m, &e) : NULL;
    if (mid && depth != split) {
        struct edit more = edit_of(mid);
        more.kids = 1;
        more.kid_octet = addr[split];
        more.kid_at = addr[split] > way[0];
        more.kid = make_leaf(t, m, addr, bits, split + 1, value);
        top = more.kid ? make(m, &more) : NULL;
        if (!top)
            unmake(m, more.kid);
        unmake(m, mid);
        mid = top;
    }
    if (!mid) {
        unmake(m, low);
        return -1;
    }
    publish(link, mid);
    drop(m, n);
    return 0;
}

static int replace(struct trie_memory *m, trie_link *link, struct trie_node *old, const struct edit *e)
{
    struct trie_node *n = make(m, e);
    if (!n)
        return -1;
    publish(link, n);
    drop(m, old);
    return 0;
}

/* How many of the octets left out before `n` the prefix goes along with, as a depth: at n->depth: all. */
static unsigned along(const struct trie_node *n, const uint8_t *addr, unsigned depth)
{
    unsigned d = n->depth - n->skip, end = n->depth < depth ? n->depth : depth;
    const uint8_t *way = skipped(n) - d;
    while (d < end && way[d] == addr[d])
        d++;
    return d;
}

int trie_put(struct trie *t, struct trie_memory *m, const uint8_t *addr, unsigned bits, uint64_t value,
             uint64_t *old)
{
    unsigned depth = depth_of(bits), from = 0;
    trie_link *link = &t->root;
    *old = 0;
    if (epoch_room(m->queue, 4))
        return -1;
    for (;;) {
        struct trie_node *n = follow(link);
        if (!n) {
            struct trie_node *leaf = make_leaf(t, m, addr, bits, from, value);
            if (leaf)
                publish(link, leaf);
            return leaf ? 0 : -1;
        }
        unsigned common = along(n, addr, depth);
        if (common < n->depth)
            return put_split(t, m, link, n, common, addr, bits, value);
        struct shape s = shape_of(n);
        struct edit e = edit_of(n);
        bool there;
        if (n->depth == depth) {
            e.number = number_of(addr, bits);
            e.route_at = route_place(n, &s, e.number, &there);
            if (there) {
                *old = value_at(n, &s, e.route_at);
                set_value(n, &s, e.route_at, value);
                return 0;
            }
            e.routes = 1;
            e.value = value;
            return replace(m, link, n, &e);
        }
        e.kid_octet = addr[n->depth];
        e.kid_at = kid_place(n, &s, e.kid_octet, &there);
        from = n->depth + 1u;
        if (!there) {
            e.kids = 1;
            e.kid = make_leaf(t, m, addr, bits, from, value);
            if (!e.kid)
                return -1;
            if (!replace(m, link, n, &e))
                return 0;
            unmake(m, e.kid);
            return -1;
        }
        link = &links_of(n, &s)[e.kid_at];
    }
}

/* --- taking out */

/* A node that would keep no route and one child is left out: the child is reached with its octets. */
static int join(struct trie_memory *m, trie_link *link, struct trie_node *n, struct trie_node *kid,
                unsigned octet)
{
    uint8_t way[2 * TRIE_OCTETS];
    memcpy(way, skipped(n), n->skip);
    way[n->skip] = (uint8_t)octet;
    memcpy(way + n->skip + 1, skipped(kid), kid->skip);
    struct trie_node *joined = with_skip(m, kid, way, n->skip + 1u + kid->skip);
    if (!joined)
        return -1;
    publish(link, joined);
    drop(m, n);
    drop(m, kid);
    return 0;
}

/* Takes a child out of `n`, which is linked from `link`; the child itself has been dealt with by the caller.
 */
static int without_kid(struct trie_memory *m, trie_link *link, struct trie_node *n, unsigned octet)
{
    struct shape s = shape_of(n);
    bool there;
    struct edit e = edit_of(n);
    e.kids = -1;
    e.kid_octet = octet;
    e.kid_at = kid_place(n, &s, octet, &there);
    if (n->routes == 0 && n->kids == 2) {
        unsigned other = !e.kid_at;
        return join(m, link, n, follow(&links_of(n, &s)[other]), kid_octet(n, &s, other));
    }
    return replace(m, link, n, &e);
}

static int without_route(struct trie_memory *m, trie_link *link, trie_link *above, struct trie_node *n,
                         const struct edit *e, const uint8_t *addr)
{
    struct shape s = shape_of(n);
    if (n->routes > 1 || n->kids > 1)
        return replace(m, link, n, e);
    if (n->kids == 1)
        return join(m, link, n, follow(&links_of(n, &s)[0]), kid_octet(n, &s, 0));
    if (!above) {
        publish(link, NULL);
        drop(m, n);
        return 0;
    }
    struct trie_node *up = follow(above);
    if (without_kid(m, above, up, addr[up->depth]))
        return -1;
    drop(m, n);
    return 0;
}

int trie_remove(struct trie *t, struct trie_memory *m, const uint8_t *addr, unsigned bits, uint64_t *old)
{
    unsigned depth = depth_of(bits);
    trie_link *link = &t->root, *above = NULL;
    *old = 0;
    if (epoch_room(m->queue, 4))
        return -1;
    for (struct trie_node *n; (n = follow(link)) && n->depth <= depth && along(n, addr, depth) == n->depth;) {
        struct shape s = shape_of(n);
        struct edit e = edit_of(n);
        bool there;
        if (n->depth == depth) {
            e.number = number_of(addr, bits);
            e.route_at = route_place(n, &s, e.number, &there);
            if (!there)
                return 0;
            *old = value_at(n, &s, e.route_at);
            e.routes = -1;
            if (!without_route(m, link, above, n, &e, addr))
                return 0;
            *old = 0;
            return -1;
        }
        unsigned kid = kid_place(n, &s, addr[n->depth], &there);
        if (!there)
            return 0;
        above = link;
        link = &links_of(n, &s)[kid];
    }
    return 0;
}
