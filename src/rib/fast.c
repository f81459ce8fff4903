/* SPDX-License-Identifier: BSD-2-Clause */
/* Making places of the fast way from the trie: the routes of a node painted over 256 fields, the longer over
 * the shorter. */
#include "rib/fast.h"
#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include "base/pages.h"

enum { FIELDS = 256, QUARTER = FIELDS / 4, LEAVES_MAX = QUARTER };

static uint32_t result(unsigned bits, uint64_t id)
{
    return id > FAST_ID_MAX ? (uint32_t)FAST_DEEP << FAST_SHIFT : (uint32_t)bits << FAST_SHIFT | (uint32_t)id;
}

struct fast *fast_new(void)
{
    struct fast *f = calloc(1, sizeof(*f));
    if (!f || !(f->place = pages_reserve(FAST_PLACES * sizeof(*f->place)))) {
        free(f);
        return NULL;
    }
    pages_make_huge((void *)(uintptr_t)f->place, FAST_PLACES * sizeof(*f->place));
    memset(f->stale, 0xff, sizeof(f->stale));
    f->stale_count = FAST_PLACES;
    for (unsigned i = 0; i < FAST_PLACES; i++)
        atomic_store_explicit(&f->place[i], FAST_STALE, memory_order_relaxed);
    return f;
}

/* --- blocks and leaves */

static struct fast_block *block_of(uint64_t place)
{
    return place & FAST_SAME ? NULL : (struct fast_block *)(uintptr_t)(place & ~(uint64_t)FAST_FLAGS);
}

/* Pieces up to 32 octets, and those of whole lines, never lie across two lines. */
static size_t block_size(unsigned runs, unsigned leaves)
{
    const size_t n = fast_leaves_at(runs) + leaves * sizeof(struct fast_leaf *);
    return n > FAST_LINE / 2 && n < FAST_LINE ? FAST_LINE : n;
}

static size_t leaf_size(unsigned runs) { return sizeof(struct fast_leaf) + runs * sizeof(uint32_t); }

static unsigned leaves_of(const struct fast_block *b)
{
    unsigned n = 0;
    for (unsigned i = 0; i < ones(b->begins); i++)
        n += fast_leaf_of(b, b->value[i]) != NULL;
    return n;
}

static size_t size_of(const struct fast_block *b) { return block_size(ones(b->begins), leaves_of(b)); }

typedef void forget_fn(struct trie_memory *m, void *p, size_t size);

static void free_now(struct trie_memory *m, void *p, size_t size) { slab_free(m->slab, p, size); }

static void free_later(struct trie_memory *m, void *p, size_t size)
{
    epoch_retire(m->epoch, m->queue, p, (uint32_t)size, FAST_WAITS);
}

/* A block with its leaves. */
static void forget(struct trie_memory *m, struct fast_block *b, forget_fn *how)
{
    for (unsigned i = 1, n = leaves_of(b); i <= n; i++) {
        struct fast_leaf *l = (struct fast_leaf *)(uintptr_t)fast_leaf(b, i);
        how(m, l, leaf_size(l->runs));
    }
    how(m, b, size_of(b));
}

void fast_free(struct fast *f, struct trie_memory *m)
{
    for (unsigned i = 0; i < FAST_PLACES; i++) {
        struct fast_block *b = block_of(atomic_load_explicit(&f->place[i], memory_order_relaxed));
        if (b)
            forget(m, b, free_now);
    }
    munmap((void *)(uintptr_t)f->place, FAST_PLACES * sizeof(*f->place));
    free(f);
}

void fast_touch(struct fast *f, const uint8_t *addr, unsigned bits)
{
    unsigned first = (unsigned)(fast_place(f, addr) - f->place),
             n = bits >= FAST_BITS ? 1 : 1u << (FAST_BITS - bits);
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

/* --- painting */

/* What two octets of address lead to, by the third; node: has the longer ones, or NULL. */
struct canvas {
    uint32_t room[1 + FIELDS]; /* the first is compared, in vain */
    uint32_t *field;           /* behind it */
    struct trie_node *node;    /* at depth 2 */
};

/* The routes of a node, with lengths that are `less` by so much. false: a number is too high for a result. */
static bool paint_node(const struct trie_node *n, unsigned less, uint32_t field[FIELDS])
{
    struct shape s = shape_of(n);
    bool fits = true;
    for (unsigned i = 0, number = 0; i < n->routes; i++) {
        number = next_number(n, &s, i, number);
        unsigned l = number_bits(number), first = (number & ((1u << l) - 1)) << (8 - l);
        const uint64_t id = value_at(n, &s, i);
        uint32_t r = result(n->depth * 8u + l - less, id);
        fits &= id <= FAST_ID_MAX;
        for (unsigned k = 0; k < 256u >> l; k++)
            field[first + k] = r;
    }
    return fits;
}

enum { NODES_AHEAD = 4, LINES_AHEAD = 4 };

/* The neighbours that are painted next. */
static void fetch_neighbours(struct trie_node *n, const struct shape *s, unsigned kid)
{
    if (kid + NODES_AHEAD >= n->kids)
        return;
    const uint8_t *next =
        (const uint8_t *)atomic_load_explicit(&links_of(n, s)[kid + NODES_AHEAD], memory_order_relaxed);
    for (unsigned i = 0; i < LINES_AHEAD; i++)
        __builtin_prefetch(next + FAST_LINE * i);
}

static void paint(const struct trie *t, const uint8_t addr[2], struct canvas *c)
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
        if (n->depth == 1)
            fetch_neighbours(n, &s, kid);
        n = there ? atomic_load_explicit(&links_of(n, &s)[kid], memory_order_relaxed) : NULL;
    }
    c->field = c->room + 1;
    c->room[0] = cover;
    for (unsigned i = 0; i < FIELDS; i++)
        c->field[i] = cover;
    c->node = end;
    if (end && end->depth == 2)
        paint_node(end, 0, c->field);
}

/* --- leaves */

/* Bits of 16 fields: those that differ from the one before, field[-1] included. */
static inline uint64_t differ(const uint32_t *field)
{
#ifdef __SSE2__
    uint64_t same = 0;
    for (unsigned i = 0; i < 16; i += 4) {
        const __m128i here = _mm_loadu_si128((const __m128i *)(const void *)(field + i)),
                      before = _mm_loadu_si128((const __m128i *)(const void *)(field + i - 1));
        same |= (uint64_t)(unsigned)_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(here, before))) << i;
    }
    return same ^ 0xffff;
#else
    uint64_t bits = 0;
    for (unsigned i = 0; i < 16; i++)
        bits |= (uint64_t)(field[i] != field[i - 1]) << i;
    return bits;
#endif
}

/* Where runs of equal fields begin, and how many there are; n: a multiple of 64. field[-1] can be read. */
static unsigned begins_of(const uint32_t *field, unsigned n, uint64_t *begins)
{
    unsigned runs = 0;
    for (unsigned i = 0; i < n; i += 64) {
        const uint32_t *f = field + i;
        begins[i / 64] = differ(f) | differ(f + 16) << 16 | differ(f + 32) << 32 | differ(f + 48) << 48;
        begins[i / 64] |= i == 0;
        runs += ones(begins[i / 64]);
    }
    return runs;
}

/* The leaf of a node of routes longer than 24 bits. NULL: no memory, or none is possible. */
static struct fast_leaf *make_leaf(struct trie_memory *m, const struct trie_node *n, uint32_t around)
{
    uint32_t room[1 + FIELDS] = { 0 }, *field = room + 1;
    uint64_t begins[4];
    if (!paint_node(n, 1, field))
        return NULL;
    const unsigned runs = begins_of(field, FIELDS, begins);
    struct fast_leaf *l = slab_alloc(m->slab, leaf_size(runs));
    if (!l)
        return NULL;
    *l = (struct fast_leaf){ .runs = runs, .around = around };
    memcpy(l->begins, begins, sizeof(begins));
    for (unsigned w = 0, at = 0; w < 4; w++) {
        l->rank[w] = (uint8_t)at;
        for (uint64_t left = begins[w]; left; left &= left - 1)
            l->value[at++] = field[w * 64 + (unsigned)__builtin_ctzll(left)];
    }
    return l;
}

/* The leaves of a quarter, whose fields then say so. */
struct leaves {
    struct fast_leaf *leaf[LEAVES_MAX];
    unsigned n;
};

static void add_leaf(struct trie_memory *m, struct leaves *ls, const struct trie_node *n, uint32_t *field)
{
    struct fast_leaf *l = make_leaf(m, n, *field);
    if (l)
        ls->leaf[ls->n++] = l;
    *field = (uint32_t)FAST_DEEP << FAST_SHIFT | (l ? ls->n : 0);
}

static void find_leaves(struct trie_memory *m, struct canvas *c, unsigned quarter, struct leaves *ls)
{
    const struct trie_node *n = c->node;
    ls->n = 0;
    if (!n)
        return;
    if (n->depth > 2) {
        const unsigned octet = skipped(n)[2 - (n->depth - n->skip)];
        if (octet / QUARTER == quarter)
            add_leaf(m, ls, n, &c->field[octet]);
        return;
    }
    struct shape s = shape_of(n);
    for (unsigned i = 0; i < n->kids; i++) {
        const unsigned octet = kid_octet(n, &s, i);
        if (octet / QUARTER == quarter)
            add_leaf(m, ls,
                     atomic_load_explicit(&links_of((struct trie_node *)(uintptr_t)n, &s)[i],
                                          memory_order_relaxed),
                     &c->field[octet]);
    }
}

/* --- places */

/* The place of these fields; FAST_STALE: no memory. */
static uint64_t make_place(struct trie_memory *m, const uint32_t field[QUARTER], const struct leaves *ls)
{
    uint64_t begins;
    const unsigned runs = begins_of(field, QUARTER, &begins);
    if (runs == 1 && !ls->n)
        return (uint64_t)field[0] << 32 | FAST_SAME;
    const size_t size = block_size(runs, ls->n);
    struct fast_block *b = slab_alloc(m->slab, size);
    if (!b)
        return FAST_STALE;
    b->begins = begins;
    unsigned at = 0;
    for (uint64_t left = begins; left; left &= left - 1)
        b->value[at++] = field[__builtin_ctzll(left)];
    if (ls->n)
        memcpy((uint8_t *)b + fast_leaves_at(runs), ls->leaf, ls->n * sizeof(void *));
    return (uintptr_t)b | (size > FAST_LINE ? FAST_LONG : 0);
}

static bool make_anew(struct fast *f, struct trie_memory *m, struct canvas *c, unsigned i)
{
    struct leaves ls;
    if (epoch_room(m->queue, 1 + LEAVES_MAX))
        return false;
    find_leaves(m, c, i % 4, &ls);
    uint64_t place = make_place(m, c->field + i % 4 * QUARTER, &ls);
    if (place == FAST_STALE) {
        while (ls.n--)
            slab_free(m->slab, ls.leaf[ls.n], leaf_size(ls.leaf[ls.n]->runs));
        return false;
    }
    struct fast_block *old = block_of(atomic_load_explicit(&f->place[i], memory_order_relaxed));
    atomic_store_explicit(&f->place[i], place, memory_order_release);
    if (old)
        forget(m, old, free_later);
    f->stale[i >> 6] &= ~(UINT64_C(1) << (i & 63));
    f->stale_count--;
    return true;
}

/* The four places of two octets, as far as they are stale. Returns how many, -1: no memory. */
static int make_four(struct fast *f, const struct trie *t, struct trie_memory *m, unsigned first)
{
    const unsigned stale = f->stale[first >> 6] >> (first & 63) & 15;
    struct canvas c;
    if (!stale)
        return 0;
    paint(t, (uint8_t[2]){ (uint8_t)(first >> 10), (uint8_t)(first >> 2) }, &c);
    for (unsigned k = 0; k < 4; k++)
        if (stale >> k & 1 && !make_anew(f, m, &c, first + k))
            return -1;
    return (int)ones(stale);
}

bool fast_tend(struct fast *f, const struct trie *t, struct trie_memory *m, unsigned n)
{
    for (unsigned words = 0; f->stale_count && n && words <= FAST_PLACES / 64; words++) {
        const unsigned w = f->next / 64;
        for (unsigned k = 0; k < 64 && n && f->stale[w]; k += 4) {
            const int made = make_four(f, t, m, w * 64 + k);
            if (made == -1)
                return false; /* again when there is memory */
            n -= (unsigned)made < n ? (unsigned)made : n;
        }
        if (!f->stale[w])
            f->next = (w + 1) * 64 % FAST_PLACES;
    }
    return f->stale_count;
}
