/* SPDX-License-Identifier: BSD-2-Clause */
/* Prefixes by the longest match. Called by view.c for each flow, by maps.c to load. */
#include "core/networks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/hash.h"
#include "config/mapfile.h"

enum { DIRECT = 18, STRIDE = 6, CHUNKS = 1 << STRIDE };
#define DIRECT_SIZE ((size_t)1 << DIRECT)
#define LEAF UINT32_C(0x80000000) /* in the direct table: the rest is a value, not a node */

/* Bits from the left, so that both families are cut into chunks in the same way. */
struct key {
    uint64_t hi, lo;
};

struct node {
    uint64_t children, leaves; /* bit v: chunk v leads to a node; chunk v begins another run of values */
    uint32_t leaf0, child0;
};

struct trie {
    uint32_t *direct;
    struct node *node;
    uint32_t *leaf;
    uint32_t n_nodes, cap_nodes, n_leaves, cap_leaves;
};

/* A line of the file; value: its place in networks.entry. */
struct prefix {
    struct key key;
    uint32_t value, line;
    uint8_t len;
};

struct networks {
    struct trie v4, v6;
    struct network *entry; /* each kind once; 0: nothing found */
    uint32_t n, cap;
    uint64_t lines;
};

/* ---- looking up */

/* 6 bits from bit `at` of the key on; behind its end there are zeros. */
static inline unsigned chunk_of(const struct key *k, unsigned at)
{
    if (at + STRIDE <= 64)
        return (unsigned)(k->hi >> (64 - STRIDE - at)) & (CHUNKS - 1);
    if (at < 64)
        return (unsigned)(k->hi << (at + STRIDE - 64) | k->lo >> (128 - STRIDE - at)) & (CHUNKS - 1);
    if (at + STRIDE <= 128)
        return (unsigned)(k->lo >> (128 - STRIDE - at)) & (CHUNKS - 1);
    return (unsigned)(k->lo << (at + STRIDE - 128)) & (CHUNKS - 1);
}

static inline uint64_t up_to(unsigned v) { return ~UINT64_C(0) >> (63 - v); } /* bits 0..v */

static inline uint32_t trie_find(const struct trie *t, const struct key *k)
{
    if (!t->direct)
        return 0;
    uint32_t at = t->direct[k->hi >> (64 - DIRECT)];
    for (unsigned bit = DIRECT; !(at & LEAF); bit += STRIDE) {
        const struct node *n = &t->node[at];
        const unsigned v = chunk_of(k, bit);
        if (!(n->children >> v & 1))
            return t->leaf[n->leaf0 + (unsigned)__builtin_popcountll(n->leaves & up_to(v)) - 1];
        at = n->child0 + (unsigned)__builtin_popcountll(n->children & up_to(v)) - 1;
    }
    return at & ~LEAF;
}

static inline struct key key_of(const struct addr *a, bool v4)
{
    uint64_t half[2];
    memcpy(half, a->b, sizeof(half));
    if (v4)
        return (struct key){ __builtin_bswap64(half[1]) << 32, 0 };
    return (struct key){ __builtin_bswap64(half[0]), __builtin_bswap64(half[1]) };
}

const struct network *networks_find(const struct networks *n, const struct addr *a)
{
    const bool v4 = addr_is_v4(a);
    if (!v4 && !addr_is_set(a))
        return NULL;
    const struct key k = key_of(a, v4);
    const uint32_t value = trie_find(v4 ? &n->v4 : &n->v6, &k);
    return value ? &n->entry[value] : NULL;
}

/* ---- building */

static int room_for(void **p, uint32_t n, uint32_t more, uint32_t *cap, size_t size)
{
    if (n + more <= *cap)
        return 0;
    uint32_t grown = *cap ? *cap : 256;
    while (grown < n + more)
        grown += grown / 2;
    void *q = realloc(*p, grown * size);
    if (!q)
        return -1;
    *p = q;
    *cap = grown;
    return 0;
}

/* The values of a node's 64 chunks, the longest prefix of at most `end` bits each; and where those that are
 * longer begin. */
struct chunks {
    uint32_t value[CHUNKS];
    uint32_t from[CHUNKS], to[CHUNKS]; /* prefixes that go deeper */
};

/* Prefixes are in order of their bits, and of their length where these are equal: a longer one overwrites
 * what the shorter one around it has written, and those of one chunk lie together. */
static void sort_out(const struct prefix *p, uint32_t from, uint32_t to, unsigned bit, uint32_t above,
                     struct chunks *c)
{
    memset(c, 0, sizeof(*c));
    for (unsigned v = 0; v < CHUNKS; v++)
        c->value[v] = above;
    for (uint32_t i = from; i < to; i++) {
        const unsigned v = chunk_of(&p[i].key, bit);
        if (p[i].len > bit + STRIDE) {
            if (c->to[v] == 0)
                c->from[v] = i;
            c->to[v] = i + 1;
            continue;
        }
        for (unsigned n = 1u << (bit + STRIDE - p[i].len), at = v; n--; at++)
            c->value[at] = p[i].value;
    }
}

static int fill_node(struct trie *t, uint32_t at, const struct prefix *p, uint32_t from, uint32_t to,
                     unsigned bit, uint32_t above)
{
    struct chunks c;
    uint64_t children = 0, leaves = 0;
    uint32_t n_children = 0, last = 0;
    sort_out(p, from, to, bit, above, &c);
    if (room_for((void **)&t->leaf, t->n_leaves, CHUNKS, &t->cap_leaves, sizeof(*t->leaf)) == -1)
        return -1;
    const uint32_t leaf0 = t->n_leaves;
    for (unsigned v = 0; v < CHUNKS; v++) {
        if (c.to[v]) {
            children |= UINT64_C(1) << v;
            n_children++;
        } else if (leaves == 0 || c.value[v] != last) {
            leaves |= UINT64_C(1) << v;
            t->leaf[t->n_leaves++] = last = c.value[v];
        }
    }
    if (room_for((void **)&t->node, t->n_nodes, n_children, &t->cap_nodes, sizeof(*t->node)) == -1)
        return -1;
    const uint32_t child0 = t->n_nodes;
    t->n_nodes += n_children;
    t->node[at] = (struct node){ .children = children, .leaves = leaves, .leaf0 = leaf0, .child0 = child0 };
    for (unsigned v = 0, i = 0; v < CHUNKS; v++)
        if (c.to[v] && fill_node(t, child0 + i++, p, c.from[v], c.to[v], bit + STRIDE, c.value[v]) == -1)
            return -1;
    return 0;
}

static void fill_direct(struct trie *t, const struct prefix *p)
{
    const size_t first = p->key.hi >> (64 - DIRECT);
    for (size_t i = 0; i < (size_t)1 << (DIRECT - p->len); i++)
        t->direct[first + i] = p->value | LEAF;
}

static int build(struct trie *t, const struct prefix *p, uint32_t n)
{
    if (n == 0)
        return 0;
    t->direct = malloc(DIRECT_SIZE * sizeof(*t->direct));
    if (!t->direct)
        return -1;
    for (size_t i = 0; i < DIRECT_SIZE; i++)
        t->direct[i] = LEAF;
    for (uint32_t i = 0; i < n; i++)
        if (p[i].len <= DIRECT)
            fill_direct(t, &p[i]);
    for (uint32_t i = 0; i < n;) {
        if (p[i].len <= DIRECT) {
            i++;
            continue;
        }
        const uint64_t slot = p[i].key.hi >> (64 - DIRECT);
        uint32_t to = i;
        while (to < n && p[to].key.hi >> (64 - DIRECT) == slot)
            to++;
        if (room_for((void **)&t->node, t->n_nodes, 1, &t->cap_nodes, sizeof(*t->node)) == -1)
            return -1;
        const uint32_t above = t->direct[slot] & ~LEAF, at = t->n_nodes++;
        t->direct[slot] = at;
        if (fill_node(t, at, p, i, to, DIRECT, above) == -1)
            return -1;
        i = to;
    }
    return 0;
}

/* ---- reading */

struct loader {
    struct networks *n;
    struct prefix *v4, *v6;
    uint32_t n4, n6, cap4, cap6;
    uint32_t *seen; /* entries by their hash, 0: free; so that they stay few, and in the caches */
    uint32_t n_seen;
};

static const char *number(const char *p, const char *end, uint32_t *out)
{
    uint64_t v = 0;
    const char *start = p;
    for (; p < end && *p >= '0' && *p <= '9' && v <= UINT32_MAX; p++)
        v = v * 10 + (uint64_t)(*p - '0');
    *out = (uint32_t)v;
    return v <= UINT32_MAX && p > start ? p : NULL;
}

/* AS, or peer AS and AS; nothing at all is 0. */
static int parse_as(const char *p, const char *end, struct network *n, struct err *e)
{
    const char *start = p;
    if (p == end)
        return 0;
    p = number(p, end, &n->as);
    if (p && p < end && *p == '_') {
        n->peer_as = n->as;
        p = number(p + 1, end, &n->as);
    }
    if (p == end)
        return 0;
    return err_set(e, ERR_CONFIG, "'%.*s' is no AS number, nor two joined by '_'", (int)(end - start), start);
}

static int parse_hop(const char *p, size_t len, struct network *n, struct err *e)
{
    char text[ADDR_TEXT];
    if (len == 0)
        return 0;
    if (len < sizeof(text)) {
        memcpy(text, p, len);
        text[len] = '\0';
        if (addr_parse(text, &n->next_hop) == 0)
            return 0;
    }
    return err_set(e, ERR_CONFIG, "'%.*s' is no address of a next hop", (int)(len < 64 ? len : 64), p);
}

static int parse_prefix(char *text, struct prefix *p, bool *v4, struct err *e)
{
    char *slash = strchr(text, '/');
    struct addr a;
    uint32_t len;
    if (!slash)
        return err_set(e, ERR_CONFIG, "Missing '/' separator in '%.64s'", text);
    *slash = '\0';
    if (addr_parse(text, &a) == -1)
        return err_set(e, ERR_CONFIG, "Bad IP address or prefix '%.64s'", text);
    *v4 = addr_is_v4(&a);
    const char *digits = slash + 1, *end = digits + strlen(digits);
    if (number(digits, end, &len) != end || len > (*v4 ? 32u : 128u))
        return err_set(e, ERR_CONFIG, "Invalid network mask '%.32s': 0 to %u", digits, *v4 ? 32 : 128);
    if (!*v4) {
        uint8_t raw[16]; /* `::` has a form of its own as an address */
        addr_get_v6(&a, raw);
        memcpy(a.b, raw, sizeof(raw));
    }
    p->len = (uint8_t)len;
    p->key = key_of(&a, *v4);
    p->key.hi &= len >= 64 ? ~UINT64_C(0) : len ? ~UINT64_C(0) << (64 - len) : 0;
    p->key.lo &= len <= 64 ? 0 : len >= 128 ? ~UINT64_C(0) : ~UINT64_C(0) << (128 - len);
    return 0;
}

static char *skip_blanks(char *p)
{
    while (*p == ' ' || *p == '\t')
        p++;
    return p;
}

static const char *cut_blanks(const char *start, const char *end)
{
    while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    return end;
}

/* The commas decide what stands before the prefix; of three and more, the last two fields count. */
static int parse_line(char *text, struct network *n, struct prefix *p, bool *v4, struct err *e)
{
    char *comma[2] = { NULL, NULL }, *end = text;
    for (char *at = text; *at; at++)
        if (*at == ',') {
            comma[0] = comma[1];
            comma[1] = at;
            end = comma[0] ? comma[0] : text;
        }
    if (!comma[1])
        return parse_prefix(text, p, v4, e);
    char *as = skip_blanks(comma[0] ? comma[0] + 1 : text);
    if (parse_as(as, cut_blanks(as, comma[1]), n, e) == -1)
        return -1;
    if (comma[0]) {
        char *hop = end;
        while (hop > text && hop[-1] != ',')
            hop--;
        hop = skip_blanks(hop);
        if (parse_hop(hop, (size_t)(cut_blanks(hop, comma[0]) - hop), n, e) == -1)
            return -1;
    }
    return parse_prefix(skip_blanks(comma[1] + 1), p, v4, e);
}

static bool same_entry(const struct network *a, const struct network *b)
{
    return a->as == b->as && a->peer_as == b->peer_as && a->len == b->len &&
           addr_equal(&a->next_hop, &b->next_hop);
}

static uint32_t *seen_at(const struct loader *l, const struct network *entry)
{
    uint32_t i = (uint32_t)hash_bytes(entry, sizeof(*entry)) & (l->n_seen - 1);
    while (l->seen[i] && !same_entry(&l->n->entry[l->seen[i]], entry))
        i = (i + 1) & (l->n_seen - 1);
    return &l->seen[i];
}

static int grow_seen(struct loader *l)
{
    uint32_t *old = l->seen;
    l->n_seen = l->n_seen ? l->n_seen * 2 : 1024;
    l->seen = calloc(l->n_seen, sizeof(*l->seen));
    free(old);
    for (uint32_t i = 1; l->seen && i < l->n->n; i++)
        *seen_at(l, &l->n->entry[i]) = i;
    return l->seen ? 0 : -1;
}

/* The number of an entry like this one, or 0 without memory. */
static uint32_t number_of(struct loader *l, const struct network *entry)
{
    struct networks *n = l->n;
    if (2 * n->n >= l->n_seen && grow_seen(l) == -1)
        return 0;
    uint32_t *at = seen_at(l, entry);
    const uint32_t had = *at;
    if (had)
        return had;
    if (n->n >= LEAF - 1 || room_for((void **)&n->entry, n->n, 1, &n->cap, sizeof(*n->entry)) == -1)
        return 0;
    memcpy(&n->entry[n->n], entry, sizeof(*entry));
    *at = n->n;
    return n->n++;
}

static int on_line(void *ctx, unsigned line, char *text, struct err *e)
{
    struct loader *l = ctx;
    struct networks *n = l->n;
    struct network entry;
    struct prefix p = { 0 };
    bool v4 = false;
    (void)line;
    memset(&entry, 0, sizeof(entry)); /* its padding counts when it is compared */
    if (parse_line(text, &entry, &p, &v4, e) == -1)
        return -1;
    entry.len = p.len;
    p.line = (uint32_t)n->lines++;
    p.value = number_of(l, &entry);
    struct prefix **list = v4 ? &l->v4 : &l->v6;
    uint32_t *count = v4 ? &l->n4 : &l->n6;
    if (!p.value || room_for((void **)list, *count, 1, v4 ? &l->cap4 : &l->cap6, sizeof(p)) == -1)
        return err_sys(e, "no memory for networks");
    (*list)[(*count)++] = p;
    return 0;
}

/* Of equal prefixes the last line wins, since it is filled in last. */
static int in_order(const void *a, const void *b)
{
    const struct prefix *x = a, *y = b;
    if (x->key.hi != y->key.hi)
        return x->key.hi < y->key.hi ? -1 : 1;
    if (x->key.lo != y->key.lo)
        return x->key.lo < y->key.lo ? -1 : 1;
    if (x->len != y->len)
        return x->len < y->len ? -1 : 1;
    return x->line < y->line ? -1 : 1;
}

static struct networks *load(const char *path, char *text, size_t len, struct err *e)
{
    struct loader l = { .n = calloc(1, sizeof(*l.n)) };
    int status = -1;
    if (l.n && room_for((void **)&l.n->entry, 0, 1, &l.n->cap, sizeof(*l.n->entry)) == 0) {
        l.n->entry[0] = (struct network){ 0 };
        l.n->n = 1;
        status = text ? listfile_parse(path, text, len, on_line, &l, e) : listfile_read(path, on_line, &l, e);
    } else {
        err_sys(e, "no memory for networks");
    }
    if (status == 0) {
        if (l.n4)
            qsort(l.v4, l.n4, sizeof(*l.v4), in_order);
        if (l.n6)
            qsort(l.v6, l.n6, sizeof(*l.v6), in_order);
        if (build(&l.n->v4, l.v4, l.n4) == -1 || build(&l.n->v6, l.v6, l.n6) == -1)
            status = err_sys(e, "[%s] no memory for networks", path);
    }
    free(l.v4);
    free(l.v6);
    free(l.seen);
    if (status == 0)
        return l.n;
    networks_free(l.n);
    return NULL;
}

struct networks *networks_load(const char *path, struct err *e) { return load(path, NULL, 0, e); }

struct networks *networks_parse(const char *path, char *text, size_t len, struct err *e)
{
    return load(path, text, len, e);
}

static void free_trie(struct trie *t)
{
    free(t->direct);
    free(t->node);
    free(t->leaf);
}

void networks_free(struct networks *n)
{
    if (!n)
        return;
    free_trie(&n->v4);
    free_trie(&n->v6);
    free(n->entry);
    free(n);
}

uint64_t networks_count(const struct networks *n) { return n->lines; }
