/* SPDX-License-Identifier: BSD-2-Clause */
/* Going through a trie: in order from any prefix on, and once more to take it apart. */
#include "rib/node.h"
#include "rib/trie.h"

/* What a node holds, in order: a bit for each prefix at (first octet covered, length), one for each child
 * behind those. */
enum { ORDER_CHILD = 9, ORDER_SLOTS = 16, ORDER_WORDS = 256 * ORDER_SLOTS / 64 };

struct order {
    uint64_t bits[ORDER_WORDS];
};

static void mark(struct order *o, unsigned octet, unsigned slot)
{
    unsigned i = octet * ORDER_SLOTS + slot;
    o->bits[i >> 6] |= UINT64_C(1) << (i & 63);
}

static void mark_number(struct order *o, unsigned number)
{
    unsigned l = number_bits(number);
    mark(o, (number & ((1u << l) - 1)) << (8 - l), l);
}

static void make_order(struct order *o, const struct trie_node *n, const struct shape *s)
{
    memset(o, 0, sizeof(*o));
    if (n->flags & NODE_ROUTES) {
        const struct route_map *m = route_map(n, s);
        for (unsigned w = 0; w < 8; w++)
            for (uint64_t left = m->bits[w]; left; left &= left - 1)
                mark_number(o, w * 64 + (unsigned)__builtin_ctzll(left));
    } else
        for (unsigned i = 0; i < n->routes; i++)
            mark_number(o, numbers_of(n, s)[i]);
    if (n->flags & NODE_KIDS) {
        const struct kid_map *m = kid_map(n, s);
        for (unsigned w = 0; w < 4; w++)
            for (uint64_t left = m->bits[w]; left; left &= left - 1)
                mark(o, w * 64 + (unsigned)__builtin_ctzll(left), ORDER_CHILD);
    } else
        for (unsigned i = 0; i < n->kids; i++)
            mark(o, at(n, s->kids_at)[i], ORDER_CHILD);
}

struct walk {
    uint8_t from[TRIE_OCTETS], addr[TRIE_OCTETS];
    unsigned from_bits;
    trie_fn fn;
    void *arg;
};

/* Does the walk's begin lie behind this prefix, whose octets up to `depth` are those of the begin? */
static bool before(const struct walk *w, unsigned depth, unsigned octet, unsigned bits)
{
    if (octet != w->from[depth])
        return octet < w->from[depth];
    for (unsigned d = depth + 1; d < TRIE_OCTETS; d++)
        if (w->from[d])
            return true;
    return bits < w->from_bits;
}

/* `bounded`: all octets so far are those of the begin. false: fn has ended it. */
static bool walk_node(struct walk *w, struct trie_node *n, bool bounded)
{
    struct shape s = shape_of(n);
    unsigned depth = n->depth;
    if (n->skip) {
        memcpy(w->addr + depth - n->skip, skipped(n), n->skip);
        int c = bounded ? memcmp(skipped(n), w->from + depth - n->skip, n->skip) : 1;
        if (c < 0)
            return true;
        bounded = bounded && c == 0;
    }
    struct order o;
    make_order(&o, n, &s);
    bool there, on = true;
    for (unsigned i = bounded ? w->from[depth] * ORDER_SLOTS / 64u : 0; on && i < ORDER_WORDS; i++)
        for (uint64_t left = o.bits[i]; on && left; left &= left - 1) {
            unsigned k = i * 64 + (unsigned)__builtin_ctzll(left), octet = k / ORDER_SLOTS,
                     l = k % ORDER_SLOTS;
            w->addr[depth] = (uint8_t)octet;
            if (l == ORDER_CHILD) {
                if (bounded && octet < w->from[depth])
                    continue;
                unsigned place = kid_place(n, &s, octet, &there);
                struct trie_node *kid = atomic_load_explicit(&links_of(n, &s)[place], memory_order_acquire);
                on = walk_node(w, kid, bounded && octet == w->from[depth]);
            } else if (!bounded || !before(w, depth, octet, depth * 8 + l)) {
                unsigned place = route_place(n, &s, 1u << l | octet >> (8 - l), &there);
                on = w->fn(w->arg, w->addr, depth * 8 + l, value_at(n, &s, place));
            }
        }
    memset(w->addr + depth - n->skip, 0, n->skip + 1u);
    return on;
}

bool trie_walk(const struct trie *t, const uint8_t *addr, unsigned bits, trie_fn fn, void *arg)
{
    struct walk w = { .from_bits = bits, .fn = fn, .arg = arg };
    memcpy(w.from, addr, TRIE_OCTETS);
    struct trie_node *root = atomic_load_explicit(&t->root, memory_order_acquire);
    return !root || walk_node(&w, root, true);
}

/* --- taking apart */

static void give_routes(struct trie_drain *d, const struct trie_node *n, const struct shape *s, trie_fn fn,
                        void *arg)
{
    if (!n->routes)
        return;
    struct order o;
    make_order(&o, n, s);
    for (unsigned i = 0; i < ORDER_WORDS; i++)
        for (uint64_t left = o.bits[i]; left; left &= left - 1) {
            unsigned k = i * 64 + (unsigned)__builtin_ctzll(left), octet = k / ORDER_SLOTS,
                     l = k % ORDER_SLOTS;
            if (l == ORDER_CHILD)
                continue;
            bool there;
            d->addr[n->depth] = (uint8_t)octet;
            fn(arg, d->addr, n->depth * 8u + l,
               value_at(n, s, route_place(n, s, 1u << l | octet >> (8 - l), &there)));
        }
    d->addr[n->depth] = 0;
}

static void enter(struct trie_drain *d, struct trie_node *n)
{
    d->node[d->depth] = n;
    d->child[d->depth++] = 0;
    memcpy(d->addr + n->depth - n->skip, skipped(n), n->skip);
}

bool trie_drain(struct trie *t, struct trie_memory *m, struct trie_drain *d, unsigned n, trie_fn fn,
                void *arg)
{
    if (!d->depth) {
        struct trie_node *root = atomic_load_explicit(&t->root, memory_order_relaxed);
        if (!root)
            return true;
        atomic_store_explicit(&t->root, NULL, memory_order_relaxed);
        enter(d, root);
    }
    for (unsigned done = 0; d->depth && done <= n;) {
        struct trie_node *node = d->node[d->depth - 1];
        struct shape s = shape_of(node);
        unsigned next = d->child[d->depth - 1]++;
        if (next == 0) {
            give_routes(d, node, &s, fn, arg);
            done += node->routes + 1u;
        }
        if (next < node->kids) {
            d->addr[node->depth] = (uint8_t)kid_octet(node, &s, next);
            enter(d, atomic_load_explicit(&links_of(node, &s)[next], memory_order_relaxed));
            continue;
        }
        memset(d->addr + node->depth - node->skip, 0, node->skip + 1u);
        m->nodes--;
        slab_free(m->slab, node, s.size);
        d->depth--;
    }
    return !d->depth;
}
