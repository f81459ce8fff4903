/* SPDX-License-Identifier: BSD-2-Clause */
/* Making places of the fast way from the trie: the routes of one node painted over 256 fields, the longer
 * over the shorter. */
#include "rib/fast.h"
#include <stdlib.h>

static uint32_t result(unsigned bits, uint64_t id)
{
    return id > FAST_ID_MAX ? (uint32_t)FAST_DEEP << FAST_SHIFT : (uint32_t)bits << FAST_SHIFT | (uint32_t)id;
}

struct fast *fast_new(void)
{
    struct fast *f = calloc(1, sizeof(*f));
    if (!f)
        return NULL;
    memset(f->stale, 0xff, sizeof(f->stale));
    f->stale_count = FAST_PLACES;
    for (unsigned i = 0; i < FAST_PLACES; i++)
        atomic_store_explicit(&f->place[i], FAST_STALE, memory_order_relaxed);
    return f;
}

static struct fast_block *block_of(uint64_t place)
{
    return place & FAST_SAME ? NULL : (struct fast_block *)(uintptr_t)(place & ~(uint64_t)FAST_STALE);
}

static size_t block_size(const struct fast_block *b) { return sizeof(*b) + b->runs * sizeof(b->value[0]); }

void fast_clear(struct fast *f, struct trie_memory *m)
{
    for (unsigned i = 0; i < FAST_PLACES; i++) {
        struct fast_block *b = block_of(atomic_load_explicit(&f->place[i], memory_order_relaxed));
        if (b)
            slab_free(m->slab, b, block_size(b));
    }
}

void fast_touch(struct fast *f, const uint8_t *addr, unsigned bits)
{
    unsigned first = (unsigned)addr[0] << 8 | addr[1], n = bits >= 16 ? 1 : 1u << (16 - bits);
    first &= ~(n - 1);
    for (unsigned i = first; i < first + n; i++) {
        uint64_t bit = UINT64_C(1) << (i & 63);
        if (f->stale[i >> 6] & bit)
            continue;
        f->stale[i >> 6] |= bit;
        f->stale_count++;
        uint64_t place = atomic_load_explicit(&f->place[i], memory_order_relaxed);
        atomic_store_explicit(&f->place[i], place | FAST_STALE, memory_order_release);
    }
}

static void paint_node(const struct trie_node *n, uint32_t field[256])
{
    struct shape s = shape_of(n);
    for (unsigned i = 0, number = 0; i < n->routes; i++) {
        number = next_number(n, &s, i, number);
        unsigned l = number_bits(number), first = (number & ((1u << l) - 1)) << (8 - l);
        uint32_t r = result(16 + l, value_at(n, &s, i));
        for (unsigned k = 0; k < 256u >> l; k++)
            field[first + k] = r;
    }
    for (unsigned i = 0; i < n->kids; i++)
        field[kid_octet(n, &s, i)] = (uint32_t)FAST_DEEP << FAST_SHIFT;
}

/* What matches under two octets, by the third. */
static void paint(const struct trie *t, const uint8_t addr[2], uint32_t field[256])
{
    uint32_t cover = (uint32_t)FAST_NOTHING << FAST_SHIFT;
    struct trie_node *n = atomic_load_explicit(&t->root, memory_order_relaxed), *end = NULL;
    while (n && !end) {
        unsigned from = n->depth - n->skip, known = n->depth < 2 ? n->depth : 2;
        struct shape s = shape_of(n);
        if (known > from && memcmp(skipped(n), addr + from, known - from) != 0)
            break;
        if (n->depth >= 2) {
            end = n;
            break;
        }
        unsigned l, octet = addr[n->depth];
        bool there;
        int place = n->routes ? longest(n, &s, octet, &l) : -1;
        if (place >= 0)
            cover = result(n->depth * 8u + l, value_at(n, &s, (unsigned)place));
        unsigned kid = kid_place(n, &s, octet, &there);
        n = there ? atomic_load_explicit(&links_of(n, &s)[kid], memory_order_relaxed) : NULL;
    }
    for (unsigned i = 0; i < 256; i++)
        field[i] = cover;
    if (end && end->depth == 2)
        paint_node(end, field);
    else if (end)
        field[skipped(end)[2 - (end->depth - end->skip)]] = (uint32_t)FAST_DEEP << FAST_SHIFT;
}

/* The place of these fields; FAST_STALE: no memory. */
static uint64_t make_place(struct trie_memory *m, const uint32_t field[256])
{
    uint64_t begins[4] = { 1, 0, 0, 0 };
    unsigned runs = 1;
    for (unsigned i = 1; i < 256; i++)
        if (field[i] != field[i - 1]) {
            begins[i >> 6] |= UINT64_C(1) << (i & 63);
            runs++;
        }
    if (runs == 1)
        return (uint64_t)field[0] << 32 | FAST_SAME;
    struct fast_block *b = slab_alloc(m->slab, sizeof(*b) + runs * sizeof(b->value[0]));
    if (!b)
        return FAST_STALE;
    *b = (struct fast_block){ .runs = (uint16_t)runs };
    memcpy(b->begins, begins, sizeof(begins));
    runs = 0;
    for (unsigned w = 0; w < 4; w++) {
        b->rank[w] = (uint8_t)runs;
        for (uint64_t left = begins[w]; left; left &= left - 1)
            b->value[runs++] = field[w * 64 + (unsigned)__builtin_ctzll(left)];
    }
    return (uintptr_t)b;
}

static bool make_anew(struct fast *f, const struct trie *t, struct trie_memory *m, unsigned i)
{
    uint32_t field[256];
    if (epoch_room(m->queue, 1))
        return false;
    paint(t, (uint8_t[2]){ (uint8_t)(i >> 8), (uint8_t)i }, field);
    uint64_t place = make_place(m, field);
    if (place == FAST_STALE)
        return false;
    struct fast_block *old = block_of(atomic_load_explicit(&f->place[i], memory_order_relaxed));
    atomic_store_explicit(&f->place[i], place, memory_order_release);
    if (old)
        epoch_retire(m->epoch, m->queue, old, (uint32_t)block_size(old), 0);
    f->stale[i >> 6] &= ~(UINT64_C(1) << (i & 63));
    f->stale_count--;
    return true;
}

bool fast_tend(struct fast *f, const struct trie *t, struct trie_memory *m, unsigned n)
{
    for (unsigned words = 0; f->stale_count && n && words <= FAST_PLACES / 64; words++) {
        unsigned w = f->next / 64;
        for (uint64_t left = f->stale[w]; left && n; left &= left - 1, n--)
            if (!make_anew(f, t, m, w * 64 + (unsigned)__builtin_ctzll(left)))
                return false; /* again when there is memory */
        if (!f->stale[w])
            f->next = (w + 1) * 64 % FAST_PLACES;
    }
    return f->stale_count;
}
