/* SPDX-License-Identifier: BSD-2-Clause */
/* Longest-prefix match, built once. Called by core/networks.c. */
#include "base/lpm.h"

#include <stdlib.h>
#include <string.h>
#include "base/pages.h"

enum { STRIDE = 6, CHUNKS = 1 << STRIDE, BUCKET_MAX = 3, LINE = 64 };
enum { FAN_MIN = 8, FAN_BITS_MAX = 20, FAN_UNIT = 16 };

/* What is to be done next, in 32 bits: a kind, and a value, or the place of a bucket, a node, or a fan. */
enum { REF_VALUE, REF_BUCKET, REF_NODE, REF_FAN };
enum { REF_SHIFT = 30, FAN_PLACE_SHIFT = 25 }; /* a fan: five bits say over how many bits, then its unit */
#define REF_REST UINT32_C(0x3fffffff)
#define FAN_PLACE UINT32_C(0x01ffffff)

/* Bits from the left, so that both families are cut in the same way. */
struct key {
    uint64_t hi, lo;
};

/* Six bits: those of `runs` tell where another run of equal references begins, `first` is that of chunk 0. */
struct node {
    uint64_t runs;
    uint32_t first, unused;
};

/* A prefix of a bucket: 64 bits from where the bucket begins, and how many of these do not count. */
struct cell {
    uint64_t bits;
    uint32_t value;
    uint32_t rest;
};

/* The longest first; `above` where none matches, and as the value of cells that are free: looking through all
 * three costs less than a branch that is foreseen wrongly. */
struct bucket {
    struct cell cell[BUCKET_MAX];
    uint32_t above, unused[3];
};
_Static_assert(sizeof(struct bucket) == LINE, "a bucket is a cache line");

/* An array that grows while the trie is built, then lies in pages as large as there are. */
struct array {
    void *p;
    uint32_t n, cap;
};

/* Fans, and the references of nodes, lie in `refs`. Each family begins with a reference. */
struct lpm {
    struct array refs, nodes, buckets;
    uint32_t v4, v6;
};

/* ---- looking up */

/* 64 bits from bit `at` on. */
static inline uint64_t window_of(const struct key *k, unsigned at)
{
    if (at == 0)
        return k->hi;
    return at < 64 ? k->hi << at | k->lo >> (64 - at) : at < 128 ? k->lo << (at - 64) : 0;
}

static inline uint32_t bucket_find(const struct bucket *b, uint64_t window)
{
    uint32_t value = b->above;
    for (unsigned i = BUCKET_MAX; i--;)
        value = (window ^ b->cell[i].bits) >> b->cell[i].rest ? value : b->cell[i].value;
    return value;
}

static inline unsigned fan_bits(uint32_t ref) { return (ref & REF_REST) >> FAN_PLACE_SHIFT; }
static inline size_t fan_place(uint32_t ref) { return (size_t)(ref & FAN_PLACE) * FAN_UNIT; }

static inline uint32_t walk(const struct lpm *l, uint32_t ref, const struct key *k)
{
    const uint32_t *refs = l->refs.p;
    for (unsigned bit = 0;;) {
        const uint32_t kind = ref >> REF_SHIFT;
        if (kind == REF_VALUE)
            return ref;
        const uint64_t window = window_of(k, bit);
        if (kind == REF_FAN) {
            const unsigned bits = fan_bits(ref);
            ref = refs[fan_place(ref) + (window >> (64 - bits))];
            bit += bits;
        } else if (kind == REF_NODE) {
            const struct node *n = (const struct node *)l->nodes.p + (ref & REF_REST);
            const uint64_t up_to = UINT64_C(2) << (window >> (64 - STRIDE)); /* 0: all */
            ref = refs[n->first + (unsigned)__builtin_popcountll(n->runs & (up_to - 1))];
            bit += STRIDE;
        } else {
            return bucket_find((const struct bucket *)l->buckets.p + (ref & REF_REST), window);
        }
    }
}

/* `::` has a form of its own as an address. */
static inline struct key key_of(const struct addr *a, bool v4)
{
    uint64_t half[2];
    memcpy(half, a->b, sizeof(half));
    if (v4)
        return (struct key){ __builtin_bswap64(half[1]) << 32, 0 };
    const struct key k = { __builtin_bswap64(half[0]), __builtin_bswap64(half[1]) };
    return k.hi == 0 && k.lo == UINT64_C(0xfffe00000000) ? (struct key){ 0, 0 } : k;
}

uint32_t lpm_find(const struct lpm *l, const struct addr *a)
{
    const bool v4 = addr_is_v4(a);
    const struct key k = key_of(a, v4);
    if (v4)
        return walk(l, l->v4, &k);
    return addr_is_set(a) ? walk(l, l->v6, &k) : 0;
}

void lpm_prefetch(const struct lpm *l, const struct addr *a)
{
    const bool v4 = addr_is_v4(a);
    const struct key k = key_of(a, v4);
    const uint32_t ref = v4 ? l->v4 : l->v6;
    if (ref >> REF_SHIFT == REF_FAN)
        __builtin_prefetch((const uint32_t *)l->refs.p + fan_place(ref) + (k.hi >> (64 - fan_bits(ref))));
}

/* One of many on its way. */
struct walker {
    struct key k;
    uint32_t ref;
    unsigned bit;
    const uint32_t *next;    /* a reference that has been fetched, NULL: none */
    const struct node *node; /* that has been fetched, NULL: none */
};

/* From a reference to what has to be read for the next one. false: it is the last. */
static inline bool fetch_next(const struct lpm *l, struct walker *w)
{
    w->next = NULL;
    w->node = NULL;
    switch (w->ref >> REF_SHIFT) {
    case REF_FAN:
        w->next = (const uint32_t *)l->refs.p + fan_place(w->ref) +
                  (window_of(&w->k, w->bit) >> (64 - fan_bits(w->ref)));
        w->bit += fan_bits(w->ref);
        __builtin_prefetch(w->next);
        return true;
    case REF_NODE:
        w->node = (const struct node *)l->nodes.p + (w->ref & REF_REST);
        __builtin_prefetch(w->node);
        return true;
    case REF_BUCKET:
        __builtin_prefetch((const struct bucket *)l->buckets.p + (w->ref & REF_REST));
        return false;
    default:
        return false;
    }
}

static inline bool walk_on(const struct lpm *l, struct walker *w)
{
    if (w->node) {
        const uint64_t up_to = UINT64_C(2) << (window_of(&w->k, w->bit) >> (64 - STRIDE)); /* 0: all */
        w->next = (const uint32_t *)l->refs.p + w->node->first +
                  (unsigned)__builtin_popcountll(w->node->runs & (up_to - 1));
        w->node = NULL;
        w->bit += STRIDE;
        __builtin_prefetch(w->next);
        return true;
    }
    if (!w->next)
        return false;
    w->ref = *w->next;
    return fetch_next(l, w);
}

static uint32_t value_at_end(const struct lpm *l, const struct walker *w)
{
    if (w->ref >> REF_SHIFT == REF_VALUE)
        return w->ref;
    return bucket_find((const struct bucket *)l->buckets.p + (w->ref & REF_REST), window_of(&w->k, w->bit));
}

void lpm_find_many(const struct lpm *l, const struct addr *a, unsigned n, uint32_t *value)
{
    struct walker w[LPM_MANY];
    uint8_t going[LPM_MANY];
    unsigned left = 0;
    for (unsigned i = 0; i < n; i++) {
        const bool v4 = addr_is_v4(&a[i]);
        w[i] = (struct walker){ .k = key_of(&a[i], v4), .ref = v4 ? l->v4 : addr_is_set(&a[i]) ? l->v6 : 0 };
        going[left] = (uint8_t)i;
        left += fetch_next(l, &w[i]);
    }
    while (left) {
        unsigned on = 0;
        for (unsigned i = 0; i < left; i++) {
            going[on] = going[i];
            on += walk_on(l, &w[going[i]]);
        }
        left = on;
    }
    for (unsigned i = 0; i < n; i++)
        value[i] = value_at_end(l, &w[i]);
}

/* ---- arrays */

/* Room for `more` further elements, in lines of the cache. */
static int array_room(struct array *a, uint32_t more, size_t size)
{
    if (a->n + more <= a->cap)
        return 0;
    uint32_t cap = a->cap ? a->cap : 256;
    while (cap < a->n + more)
        cap += cap / 2;
    cap = (cap + LINE - 1) & ~(LINE - 1u);
    void *q = aligned_alloc(LINE, cap * size);
    if (!q)
        return -1;
    if (a->n)
        memcpy(q, a->p, a->n * size);
    free(a->p);
    a->p = q;
    a->cap = cap;
    return 0;
}

/* A large array moves to large pages, without the room that it did not need. */
static void array_settle(struct array *a, size_t size)
{
    void *p = a->n ? pages_alloc(a->n * size) : NULL;
    if (!p)
        return;
    memcpy(p, a->p, a->n * size);
    free(a->p);
    a->p = p;
    a->cap = a->n;
}

/* ---- building */

/* The rules from..to, that all lie below one place: `bit` bits deep, `above` the value there. They are in
 * order of their bits, and of their length where these are equal: a longer one comes after those that hold
 * it, and those that begin alike lie together. */
struct below {
    const struct lpm_rule *rule;
    uint32_t from, to, above;
    unsigned bit;
};

static int fill(struct lpm *l, struct below b, uint32_t *ref);

static uint64_t window_in(const struct lpm_rule *r, unsigned bit)
{
    const struct key k = { r->hi, r->lo };
    return window_of(&k, bit);
}

static unsigned longest_of(const struct below *b)
{
    unsigned len = 0;
    for (uint32_t i = b->from; i < b->to; i++)
        len = b->rule[i].len > len ? b->rule[i].len : len;
    return len;
}

/* From the last to the first, a longer one is met before those that hold it. */
static int fill_bucket(struct lpm *l, const struct below *b, uint32_t *ref)
{
    if (array_room(&l->buckets, 1, sizeof(struct bucket)) == -1)
        return -1;
    struct bucket *out = (struct bucket *)l->buckets.p + l->buckets.n;
    *out = (struct bucket){ .above = b->above };
    for (unsigned i = 0; i < BUCKET_MAX; i++)
        out->cell[i].value = b->above;
    for (uint32_t i = b->to, n = 0; i-- > b->from;)
        out->cell[n++] = (struct cell){ .bits = window_in(&b->rule[i], b->bit),
                                        .value = b->rule[i].value,
                                        .rest = 64 + b->bit - b->rule[i].len };
    *ref = (uint32_t)REF_BUCKET << REF_SHIFT | l->buckets.n++;
    return 0;
}

/* The rules from i on that are alike in `bits` bits from b->bit on end before the one returned. */
static uint32_t end_of_group(const struct below *b, uint32_t i, unsigned bits)
{
    const uint64_t head = window_in(&b->rule[i], b->bit) >> (64 - bits);
    while (i < b->to && window_in(&b->rule[i], b->bit) >> (64 - bits) == head)
        i++;
    return i;
}

/* The references of all 2^bits ways that lead on from here, to out[]. Arrays of l may move meanwhile: out is
 * none of them. */
static int fill_ways(struct lpm *l, const struct below *b, unsigned bits, uint32_t *out)
{
    for (size_t i = 0; i < (size_t)1 << bits; i++)
        out[i] = b->above;
    for (uint32_t i = b->from; i < b->to;) {
        const struct lpm_rule *r = &b->rule[i];
        const size_t way = window_in(r, b->bit) >> (64 - bits);
        if (r->len <= b->bit + bits) {
            for (size_t k = 0; k < (size_t)1 << (b->bit + bits - r->len); k++)
                out[way + k] = r->value;
            i++;
            continue;
        }
        const struct below deeper = { b->rule, i, end_of_group(b, i, bits), out[way], b->bit + bits };
        if (fill(l, deeper, &out[way]) == -1)
            return -1;
        i = deeper.to;
    }
    return 0;
}

static int fill_node(struct lpm *l, const struct below *b, uint32_t *ref)
{
    uint32_t way[CHUNKS];
    if (fill_ways(l, b, STRIDE, way) == -1 || array_room(&l->refs, CHUNKS, sizeof(uint32_t)) == -1 ||
        array_room(&l->nodes, 1, sizeof(struct node)) == -1)
        return -1;
    uint32_t *refs = l->refs.p;
    struct node n = { .first = l->refs.n };
    refs[l->refs.n++] = way[0];
    for (unsigned v = 1; v < CHUNKS; v++)
        if (way[v] != way[v - 1]) {
            n.runs |= UINT64_C(1) << v;
            refs[l->refs.n++] = way[v];
        }
    ((struct node *)l->nodes.p)[l->nodes.n] = n;
    *ref = (uint32_t)REF_NODE << REF_SHIFT | l->nodes.n++;
    return 0;
}

static int fill_fan(struct lpm *l, const struct below *b, unsigned bits, uint32_t *ref)
{
    const uint32_t size = UINT32_C(1) << bits;
    uint32_t *way = malloc(size * sizeof(*way));
    if (!way)
        return -1;
    int status = fill_ways(l, b, bits, way);
    if (status == 0)
        status = array_room(&l->refs, size + FAN_UNIT, sizeof(uint32_t));
    if (l->refs.n / FAN_UNIT >= FAN_PLACE)
        status = -1;
    if (status == 0) {
        l->refs.n = (l->refs.n + FAN_UNIT - 1) / FAN_UNIT * FAN_UNIT;
        memcpy((uint32_t *)l->refs.p + l->refs.n, way, size * sizeof(*way));
        *ref = (uint32_t)REF_FAN << REF_SHIFT | bits << FAN_PLACE_SHIFT | l->refs.n / FAN_UNIT;
        l->refs.n += size;
    }
    free(way);
    return status;
}

static unsigned log2_of(uint32_t n) { return 31 - (unsigned)__builtin_clz(n); }

/* A fan has about as many ways as there are rules. */
static int fill(struct lpm *l, struct below b, uint32_t *ref)
{
    while (b.from < b.to && b.rule[b.from].len <= b.bit)
        b.above = b.rule[b.from++].value;
    const uint32_t n = b.to - b.from;
    if (n == 0) {
        *ref = b.above;
        return 0;
    }
    const unsigned deep = longest_of(&b) - b.bit;
    if (n <= BUCKET_MAX && deep <= 64)
        return fill_bucket(l, &b, ref);
    if (n < FAN_MIN || (deep <= STRIDE && n < CHUNKS / 2))
        return fill_node(l, &b, ref);
    const unsigned bits = log2_of(n) < FAN_BITS_MAX ? log2_of(n) : FAN_BITS_MAX;
    return fill_fan(l, &b, bits < deep ? bits : deep, ref);
}

static int in_order(const void *a, const void *b)
{
    const struct lpm_rule *x = a, *y = b;
    if (x->hi != y->hi)
        return x->hi < y->hi ? -1 : 1;
    if (x->lo != y->lo)
        return x->lo < y->lo ? -1 : 1;
    if (x->len != y->len)
        return x->len < y->len ? -1 : 1;
    return x->rank < y->rank ? -1 : 1;
}

/* Puts rules in order; of equal prefixes one stays. Returns how many there are. */
static uint32_t put_in_order(struct lpm_rule *r, uint32_t n)
{
    uint32_t kept = 0;
    if (n)
        qsort(r, n, sizeof(*r), in_order);
    for (uint32_t i = 0; i < n; i++) {
        if (kept && r[kept - 1].hi == r[i].hi && r[kept - 1].lo == r[i].lo && r[kept - 1].len == r[i].len)
            kept--;
        r[kept++] = r[i];
    }
    return kept;
}

static int fill_family(struct lpm *l, struct lpm_rule *r, uint32_t n, uint32_t *ref)
{
    const struct below all = { .rule = r, .to = put_in_order(r, n) };
    return fill(l, all, ref);
}

struct lpm *lpm_build(struct lpm_rule *v4, uint32_t n4, struct lpm_rule *v6, uint32_t n6)
{
    struct lpm *l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    if (fill_family(l, v4, n4, &l->v4) == -1 || fill_family(l, v6, n6, &l->v6) == -1) {
        lpm_free(l);
        return NULL;
    }
    array_settle(&l->refs, sizeof(uint32_t));
    array_settle(&l->nodes, sizeof(struct node));
    array_settle(&l->buckets, sizeof(struct bucket));
    return l;
}

bool lpm_rule_bits(struct lpm_rule *r, const struct addr *a, unsigned len)
{
    const bool v4 = addr_is_v4(a);
    const struct key k = key_of(a, v4);
    r->hi = k.hi & (len >= 64 ? ~UINT64_C(0) : len ? ~UINT64_C(0) << (64 - len) : 0);
    r->lo = k.lo & (len <= 64 ? 0 : len >= 128 ? ~UINT64_C(0) : ~UINT64_C(0) << (128 - len));
    r->len = (uint8_t)len;
    return v4;
}

void lpm_free(struct lpm *l)
{
    if (!l)
        return;
    free(l->refs.p);
    free(l->nodes.p);
    free(l->buckets.p);
    free(l);
}
