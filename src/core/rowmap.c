/* SPDX-License-Identifier: BSD-2-Clause */
/* The index over the rows of a map: built when a map is loaded, asked for each flow. */
#include "core/rowmap.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "base/pages.h"

void rowmap_init(struct rowmap *m) { *m = (struct rowmap){ .of_sender = true }; }

static void free_groups(struct rowmap *m)
{
    for (unsigned i = 0; i < m->n_groups; i++) {
        free(m->group[i].row);
        free(m->group[i].slot);
    }
    free(m->group);
    m->group = NULL;
    m->n_groups = 0;
}

void rowmap_free(struct rowmap *m)
{
    for (uint32_t i = 0; i < m->n_matches; i++)
        match_free(&m->match[i]);
    free_groups(m);
    free(m->match);
    free(m->row);
    rowmap_init(m);
}

/* ---- rows */

static int reserve(void **p, uint32_t n, uint32_t *cap, size_t size, struct err *e)
{
    if (n < *cap)
        return 0;
    const uint32_t more = *cap ? *cap * 2 : 64;
    void *grown = realloc(*p, more * size);
    if (!grown)
        return err_sys(e, "no memory for a map");
    *p = grown;
    *cap = more;
    return 0;
}

int rowmap_row(struct rowmap *m, struct err *e)
{
    if (reserve((void **)&m->row, m->n_rows, &m->cap_rows, sizeof(*m->row), e) == -1)
        return -1;
    m->row[m->n_rows++] = (struct rowmap_row){ .first = m->n_matches };
    return 0;
}

int rowmap_add(struct rowmap *m, unsigned key, const char *value, char daemon, struct err *e)
{
    if (reserve((void **)&m->match, m->n_matches, &m->cap_matches, sizeof(*m->match), e) == -1 ||
        match_make(&m->match[m->n_matches], key, value, daemon, e) == -1)
        return -1;
    m->n_matches++;
    m->row[m->n_rows - 1].n++;
    m->of_sender &= match_key_of_sender(key);
    match_key_reads(key, &m->needs);
    return 0;
}

/* ---- signatures: what the rows of a group are found by */

struct signature {
    unsigned n;
    struct rowmap_part part[ROWMAP_PARTS];
    uint32_t rows;
};

static bool part_before(const struct rowmap_part *a, const struct rowmap_part *b)
{
    return a->off != b->off ? a->off < b->off : a->op != b->op ? a->op < b->op : a->bits < b->bits;
}

static void add_part(struct signature *s, struct rowmap_part p)
{
    if (s->n == ROWMAP_PARTS)
        return;
    unsigned at = s->n++;
    for (; at && part_before(&p, &s->part[at - 1]); at--)
        s->part[at] = s->part[at - 1];
    s->part[at] = p;
}

static struct rowmap_part part_of(const struct match *c)
{
    return (struct rowmap_part){ .op = c->op, .bits = c->bits, .off = c->off };
}

static bool findable(const struct match *c)
{
    return match_hashable((enum match_op)c->op) && !c->negated &&
           !(c->op == MATCH_PREFIX && (c->bits == 0 || c->bits == 96)); /* 0.0.0.0/0 tells nothing apart */
}

static struct signature signature_of(const struct rowmap *m, uint32_t row)
{
    struct signature s = { 0 };
    const struct rowmap_row *r = &m->row[row];
    for (uint32_t i = r->first; i < r->first + r->n; i++)
        if (findable(&m->match[i]))
            add_part(&s, part_of(&m->match[i]));
    return s;
}

static bool signature_equal(const struct signature *a, const struct signature *b)
{
    if (a->n != b->n)
        return false;
    for (unsigned i = 0; i < a->n; i++)
        if (part_before(&a->part[i], &b->part[i]) || part_before(&b->part[i], &a->part[i]))
            return false;
    return true;
}

/* Can a row with conditions like p be found by q as well? A /24 can by its first 16 bits. */
static bool part_serves(const struct rowmap_part *q, const struct rowmap_part *p)
{
    if (q->off != p->off || q->op != p->op)
        return false;
    return q->op != MATCH_PREFIX || (q->bits <= p->bits && (q->bits < 96) == (p->bits < 96));
}

static bool signature_serves(const struct signature *group, const struct signature *row)
{
    for (unsigned i = 0; i < group->n; i++) {
        bool any = false;
        for (unsigned j = 0; j < row->n; j++)
            any |= part_serves(&group->part[i], &row->part[j]);
        if (!any)
            return false;
    }
    return true;
}

/* One part alone, prefixes cut to whole octets: of these there are not many. */
static struct signature coarse(const struct signature *s)
{
    struct signature c = { 0 };
    struct rowmap_part best = { .op = MATCH_PREFIX };
    for (unsigned i = 0; i < s->n; i++) {
        struct rowmap_part p = s->part[i];
        p.bits &= (uint8_t)~7u;
        if (p.op != MATCH_PREFIX ? best.op == MATCH_PREFIX : best.op == MATCH_PREFIX && p.bits >= best.bits)
            best = p;
    }
    if (best.op != MATCH_PREFIX || (best.bits != 0 && best.bits != 96))
        add_part(&c, best);
    return c;
}

struct signatures {
    struct signature *s;
    uint32_t n, cap;
};

static int by_rows(const void *a, const void *b)
{
    const struct signature *x = a, *y = b;
    return (x->rows < y->rows) - (x->rows > y->rows);
}

static struct signature *find_signature(struct signatures *all, const struct signature *s)
{
    for (uint32_t i = 0; all->s && i < all->n; i++)
        if (signature_equal(&all->s[i], s))
            return &all->s[i];
    return NULL;
}

static int count_signature(struct signatures *all, struct signature s, struct err *e)
{
    struct signature *known = find_signature(all, &s);
    if (known) {
        known->rows++;
        return 0;
    }
    if (reserve((void **)&all->s, all->n, &all->cap, sizeof(s), e) == -1 || !all->s)
        return -1;
    s.rows = 1;
    all->s[all->n++] = s;
    return 0;
}

/* The signature by which a row is found: its own if that was kept, else the longest kept one that serves. */
static const struct signature *choose(struct signatures *kept, const struct signature *row)
{
    const struct signature *best = find_signature(kept, row);
    if (best)
        return best;
    for (uint32_t i = 0; i < kept->n; i++)
        if ((!best || kept->s[i].n > best->n) && signature_serves(&kept->s[i], row))
            best = &kept->s[i];
    return best;
}

/* All signatures of the rows, or, where they are too many, the most frequent ones and coarse ones for the
 * rest. A signature without parts is always there. */
static int collect(const struct rowmap *m, struct signatures *kept, struct err *e)
{
    int status = count_signature(kept, (struct signature){ 0 }, e);
    enum { TOO_MANY = 4096 };
    for (uint32_t i = 0; i < m->n_rows && status == 0; i++) {
        struct signature s = signature_of(m, i);
        if (kept->n >= TOO_MANY && !find_signature(kept, &s))
            s = coarse(&s);
        status = count_signature(kept, s, e);
    }
    if (status == -1 || kept->n <= ROWMAP_GROUPS || !kept->s)
        return status;
    qsort(kept->s, kept->n, sizeof(kept->s[0]), by_rows);
    struct signatures rest = *kept;
    *kept = (struct signatures){ 0 };
    for (uint32_t i = 0; i < ROWMAP_GROUPS / 2 && status == 0; i++)
        status = count_signature(kept, rest.s[i], e);
    for (uint32_t i = ROWMAP_GROUPS / 2; i < rest.n && status == 0; i++)
        if (!choose(kept, &rest.s[i]) || choose(kept, &rest.s[i])->n == 0)
            status = count_signature(kept, coarse(&rest.s[i]), e);
    if (status == 0)
        status = count_signature(kept, (struct signature){ 0 }, e);
    free(rest.s);
    return status;
}

/* ---- groups */

static inline uint64_t mix(uint64_t h, uint64_t v)
{
    const __uint128_t product =
        (__uint128_t)(h ^ v) * UINT64_C(0x9E3779B97F4A7C15) + UINT64_C(0xD6E8FEB86659FD93);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static const struct match *match_for(const struct rowmap *m, const struct rowmap_row *r,
                                     const struct rowmap_part *p)
{
    for (uint32_t i = r->first; i < r->first + r->n; i++) {
        const struct rowmap_part have = part_of(&m->match[i]);
        if (findable(&m->match[i]) && part_serves(p, &have))
            return &m->match[i];
    }
    return NULL;
}

static uint64_t hash_row(const struct rowmap *m, const struct rowmap_group *g, uint32_t row)
{
    uint64_t h = 0;
    for (unsigned i = 0; i < g->n_parts; i++) {
        const struct match *c = match_for(m, &m->row[row], &g->part[i]);
        uint64_t mask[2] = { ~UINT64_C(0), ~UINT64_C(0) };
        if (g->part[i].op == MATCH_PREFIX)
            match_mask(g->part[i].bits, mask);
        h = mix(h, c->v[0] & mask[0]);
        if (g->part[i].op >= MATCH_ADDR)
            h = mix(h, c->v[1] & mask[1]);
    }
    return h;
}

/* False: the flow lacks something that all rows of the group ask for. */
static inline bool hash_flow(const struct rowmap_group *g, const struct flow *f, uint64_t *hash)
{
    uint64_t h = 0, v[2];
    for (unsigned i = 0; i < g->n_parts; i++) {
        const struct rowmap_part *p = &g->part[i];
        if (!match_load((enum match_op)p->op, p->off, p->bits, f, v))
            return false;
        h = mix(h, v[0]);
        if (p->op >= MATCH_ADDR)
            h = mix(h, v[1]);
    }
    *hash = h;
    return true;
}

struct hashed {
    uint64_t hash;
    uint32_t row;
};

static int by_hash(const void *a, const void *b)
{
    const struct hashed *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static void enter(const struct rowmap *m, struct rowmap_group *g, const struct hashed *h, uint32_t from,
                  uint32_t n)
{
    const struct rowmap_row *r = &m->row[h[from].row];
    uint32_t i = (uint32_t)h[from].hash & g->mask;
    while (g->slot[i].n)
        i = (i + 1) & g->mask;
    g->slot[i] = n == 1 && r->n ? (struct rowmap_slot){ h[from].hash, h[from].row, ROWMAP_ONE | r->first }
                                : (struct rowmap_slot){ h[from].hash, from, n };
}

/* Puts the group's rows (g->row, ascending) in order of their hash and makes the table. */
static int index_group(const struct rowmap *m, struct rowmap_group *g, struct err *e)
{
    uint32_t slots = 8;
    while (slots < 2 * g->n_rows)
        slots *= 2;
    struct hashed *h = malloc(g->n_rows * sizeof(*h));
    g->slot = calloc(slots, sizeof(*g->slot));
    g->mask = slots - 1;
    if (!h || !g->slot) {
        free(h);
        return err_sys(e, "no memory for a map");
    }
    for (uint32_t i = 0; i < g->n_rows; i++)
        h[i] = (struct hashed){ hash_row(m, g, g->row[i]), g->row[i] };
    qsort(h, g->n_rows, sizeof(*h), by_hash);
    for (uint32_t from = 0, to; from < g->n_rows; from = to) {
        for (to = from; to < g->n_rows && h[to].hash == h[from].hash; to++)
            g->row[to] = h[to].row;
        enter(m, g, h, from, to - from);
    }
    free(h);
    return 0;
}

static int add_to_group(struct rowmap_group *g, uint32_t row, uint32_t *cap, struct err *e)
{
    if (reserve((void **)&g->row, g->n_rows, cap, sizeof(*g->row), e) == -1 || !g->row)
        return -1;
    if (g->n_rows == 0)
        g->least = row;
    g->greatest = row;
    g->row[g->n_rows++] = row;
    return 0;
}

static int by_least(const void *a, const void *b)
{
    const struct rowmap_group *x = a, *y = b;
    return (x->least > y->least) - (x->least < y->least);
}

static int fill_groups(struct rowmap *m, struct signatures *kept, uint32_t *caps, struct err *e)
{
    for (uint32_t i = 0; i < kept->n; i++) {
        m->group[i] = (struct rowmap_group){ .n_parts = kept->s[i].n };
        memcpy(m->group[i].part, kept->s[i].part, sizeof(m->group[i].part));
    }
    m->n_groups = kept->n;
    for (uint32_t row = 0; row < m->n_rows; row++) {
        const struct signature s = signature_of(m, row);
        const uint32_t at = (uint32_t)(choose(kept, &s) - kept->s);
        if (add_to_group(&m->group[at], row, &caps[at], e) == -1)
            return -1;
    }
    unsigned used = 0;
    for (unsigned i = 0; i < m->n_groups; i++)
        if (m->group[i].n_rows)
            m->group[used++] = m->group[i];
    m->n_groups = used;
    qsort(m->group, used, sizeof(m->group[0]), by_least);
    for (unsigned i = 0; i < used; i++)
        if (m->group[i].n_parts && m->group[i].row && index_group(m, &m->group[i], e) == -1)
            return -1;
    return 0;
}

enum { EXPECT_LEAST = 1024 }; /* slots: less stays in the caches */

static bool by_host(const struct rowmap_group *g, bool dst)
{
    return g->slot && g->mask >= EXPECT_LEAST && g->n_parts == 1 &&
           (g->part[0].op == MATCH_PREFIX || g->part[0].op == MATCH_ADDR) &&
           g->part[0].off == (dst ? offsetof(struct flow, dst_host) : offsetof(struct flow, src_host));
}

static void add_hosts(struct rowmap *m, unsigned i)
{
    for (unsigned dst = 0; dst < 2; dst++) {
        struct rowmap_hosts *h = &m->by_host[dst];
        if (h->n < ROWMAP_HOSTS && by_host(&m->group[i], dst))
            h->group[h->n++] = i;
        m->expects |= h->n > 0;
    }
}

/* Each flow meets other rows: what is found of them must not cost a miss of the address as well. */
static void settle(struct rowmap *m)
{
    m->row = pages_settle(m->row, m->n_rows * sizeof(*m->row));
    m->match = pages_settle(m->match, m->n_matches * sizeof(*m->match));
    for (uint32_t i = 0; i < m->n_rows; i++)
        if (m->row[i].n)
            m->match[m->row[i].first + m->row[i].n - 1].last = true;
    m->cap_rows = m->n_rows;
    m->cap_matches = m->n_matches;
    for (unsigned i = 0; i < m->n_groups; i++) {
        struct rowmap_group *g = &m->group[i];
        if (g->slot)
            g->slot = pages_settle(g->slot, (g->mask + (size_t)1) * sizeof(*g->slot));
        add_hosts(m, i);
    }
}

int rowmap_compile(struct rowmap *m, struct err *e)
{
    struct signatures kept = { 0 };
    free_groups(m);
    int status = collect(m, &kept, e);
    uint32_t *caps = calloc(kept.n + 1, sizeof(*caps));
    m->group = calloc(kept.n + 1, sizeof(*m->group));
    if (status == 0 && caps && m->group && kept.s)
        status = fill_groups(m, &kept, caps, e);
    else if (status == 0)
        status = err_sys(e, "no memory for a map");
    if (status == 0)
        settle(m);
    free(caps);
    free(kept.s);
    return status;
}

/* ---- finding */

static inline bool row_fits(const struct rowmap *m, uint32_t row, const struct flow *f,
                            struct match_memory *mem)
{
    const struct rowmap_row *r = &m->row[row];
    for (uint32_t i = 0; i < r->n; i++)
        if (!match_test(&m->match[r->first + i], f, mem))
            return false;
    return true;
}

uint32_t rowmap_scan(const struct rowmap *m, const struct flow *f, uint32_t from, struct match_memory *mem)
{
    for (uint32_t i = from; i < m->n_rows; i++)
        if (row_fits(m, i, f, mem))
            return i;
    return ROWMAP_NONE;
}

/* The first of n ascending rows that lies from `from` on, below `best`, and fits; else best. */
static uint32_t first_of(const struct rowmap *m, const uint32_t *row, uint32_t n, const struct flow *f,
                         uint32_t from, uint32_t best, struct match_memory *mem)
{
    uint32_t lo = 0;
    for (uint32_t hi = n; lo < hi;) {
        const uint32_t middle = lo + (hi - lo) / 2;
        if (row[middle] < from)
            lo = middle + 1;
        else
            hi = middle;
    }
    for (; lo < n && row[lo] < best; lo++)
        if (row_fits(m, row[lo], f, mem))
            return row[lo];
    return best;
}

static bool one_fits(const struct match *c, const struct flow *f, struct match_memory *mem)
{
    for (;; c++) {
        if (!match_test(c, f, mem))
            return false;
        if (c->last)
            return true;
    }
}

/* The same among the rows of a slot. */
static inline uint32_t first_in(const struct rowmap *m, const struct rowmap_group *g,
                                const struct rowmap_slot *s, const struct flow *f, uint32_t from,
                                uint32_t best, struct match_memory *mem)
{
    if (!(s->n & ROWMAP_ONE))
        return first_of(m, &g->row[s->from], s->n, f, from, best, mem);
    const bool hit = s->from >= from && s->from < best && one_fits(&m->match[s->n & ~ROWMAP_ONE], f, mem);
    return hit ? s->from : best;
}

static const struct rowmap_slot *lookup(const struct rowmap_group *g, uint64_t hash)
{
    for (uint32_t i = (uint32_t)hash & g->mask; g->slot[i].n; i = (i + 1) & g->mask)
        if (g->slot[i].hash == hash)
            return &g->slot[i];
    return NULL;
}

uint32_t rowmap_find(const struct rowmap *m, const struct flow *f, uint32_t from, struct match_memory *mem)
{
    uint32_t best = ROWMAP_NONE;
    for (unsigned i = 0; i < m->n_groups && m->group[i].least < best; i++) {
        const struct rowmap_group *g = &m->group[i];
        uint64_t hash;
        if (g->greatest < from)
            continue;
        if (g->n_parts == 0) {
            best = first_of(m, g->row, g->n_rows, f, from, best, mem);
            continue;
        }
        if (!hash_flow(g, f, &hash))
            continue;
        const struct rowmap_slot *s = lookup(g, hash);
        if (s)
            best = first_in(m, g, s, f, from, best, mem);
    }
    return best;
}

/* ---- what is looked for soon */

struct soon {
    const struct rowmap_group *group;
    uint64_t hash;
};

static unsigned fetch_slots(const struct rowmap *m, const struct addr *host, bool dst, struct soon *s,
                            unsigned room)
{
    unsigned k = 0;
    const struct rowmap_hosts *h = &m->by_host[dst];
    for (unsigned i = 0; i < h->n && k < room; i++) {
        const struct rowmap_group *g = &m->group[h->group[i]];
        uint64_t v[2];
        if (!match_load_at((enum match_op)g->part[0].op, g->part[0].bits, host->b, v))
            continue;
        s[k] = (struct soon){ g, mix(mix(0, v[0]), v[1]) };
        __builtin_prefetch(&g->slot[(uint32_t)s[k++].hash & g->mask]);
    }
    return k;
}

unsigned rowmap_expect(const struct rowmap *m, unsigned octets, const struct expected *e, unsigned n,
                       uint32_t row[ROWMAP_SOON])
{
    struct soon soon[ROWMAP_SOON];
    unsigned k = 0, rows = 0;
    for (unsigned i = 0; i < n; i++) {
        struct addr host;
        if (octets == 4)
            addr_set_v4(&host, e[i].addr);
        else
            addr_set_v6(&host, e[i].addr);
        k += fetch_slots(m, &host, e[i].is_dst, soon + k, ROWMAP_SOON - k);
    }
    for (unsigned i = 0; i < k; i++) {
        const struct rowmap_slot *s = lookup(soon[i].group, soon[i].hash);
        if (!s || !(s->n & ROWMAP_ONE))
            continue;
        __builtin_prefetch(&m->match[s->n & ~ROWMAP_ONE]);
        row[rows++] = s->from;
    }
    return rows;
}
