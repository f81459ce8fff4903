/* SPDX-License-Identifier: BSD-2-Clause */
/* Prefixes by the longest match. Called by view.c for each flow, by maps.c to load. */
#include "core/networks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/hash.h"
#include "base/lpm.h"
#include "base/pages.h"
#include "config/mapfile.h"

/* The value of a prefix is the number of its entry, and its length. */
enum { LEN_BITS = 8, LEN_MASK = (1 << LEN_BITS) - 1, ENTRIES_MAX = LPM_VALUE_MAX >> LEN_BITS };

struct networks {
    struct lpm *lpm;
    struct network *entry; /* each kind once; 0: nothing found */
    struct addr *hop;      /* each once; 0: none given */
    uint64_t lines;
};

/* ---- looking up */

static struct network_hit hit_of(const struct networks *n, uint32_t value)
{
    return (struct network_hit){ value ? &n->entry[value >> LEN_BITS] : NULL, value & LEN_MASK };
}

struct network_hit networks_find(const struct networks *n, const struct addr *a)
{
    return hit_of(n, lpm_find(n->lpm, a));
}

const struct addr *networks_hop(const struct networks *n, const struct network *net)
{
    return &n->hop[net->hop];
}

void networks_prefetch(const struct networks *n, const struct addr *a) { lpm_prefetch(n->lpm, a); }

_Static_assert((int)NETWORKS_MANY == (int)LPM_MANY, "as many as the trie takes");

void networks_find_many(const struct networks *n, const struct addr *a, unsigned count,
                        struct network_hit *hit)
{
    uint32_t value[NETWORKS_MANY];
    lpm_find_many(n->lpm, a, count, value);
    for (unsigned i = 0; i < count; i++)
        hit[i] = hit_of(n, value[i]);
}

/* ---- reading */

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

/* Records of one size, each once, by number. They have no padding. */
struct pool {
    char *record;
    size_t size;
    uint32_t n, cap;
    uint32_t *seen; /* numbers by their hash, 0: free */
    uint32_t n_seen;
};

struct loader {
    struct networks *n;
    struct pool entries, hops;
    struct lpm_rule *v4, *v6;
    uint32_t n4, n6, cap4, cap6;
};

static uint32_t *seen_at(const struct pool *p, const void *record)
{
    uint32_t i = (uint32_t)hash_bytes(record, p->size) & (p->n_seen - 1);
    while (p->seen[i] && memcmp(p->record + p->seen[i] * p->size, record, p->size) != 0)
        i = (i + 1) & (p->n_seen - 1);
    return &p->seen[i];
}

static int grow_seen(struct pool *p)
{
    free(p->seen);
    p->n_seen = p->n_seen ? p->n_seen * 2 : 1024;
    p->seen = calloc(p->n_seen, sizeof(*p->seen));
    for (uint32_t i = 1; p->seen && i < p->n; i++)
        *seen_at(p, p->record + i * p->size) = i;
    return p->seen ? 0 : -1;
}

/* Number 0 is a record of zeros. */
static int pool_open(struct pool *p, size_t size)
{
    *p = (struct pool){ .size = size };
    if (room_for((void **)&p->record, 0, 1, &p->cap, size) == -1)
        return -1;
    memset(p->record, 0, size);
    p->n = 1;
    return grow_seen(p);
}

/* The number of a record like this one, never 0, which means: no memory, or too many. */
static uint32_t number_of(struct pool *p, const void *record)
{
    if (2 * p->n >= p->n_seen && grow_seen(p) == -1)
        return 0;
    uint32_t *at = seen_at(p, record);
    const uint32_t had = *at;
    if (had)
        return had;
    if (p->n > ENTRIES_MAX || room_for((void **)&p->record, p->n, 1, &p->cap, p->size) == -1)
        return 0;
    memcpy(p->record + p->n * p->size, record, p->size);
    *at = p->n;
    return p->n++;
}

/* The records, where they are read at random; the pool is empty then. */
static void *pool_settle(struct pool *p)
{
    void *all = p->record ? pages_alloc(p->n * p->size) : NULL;
    if (all)
        memcpy(all, p->record, p->n * p->size);
    free(p->record);
    free(p->seen);
    *p = (struct pool){ 0 };
    return all;
}

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

static int parse_hop(const char *p, size_t len, struct addr *hop, struct err *e)
{
    char text[ADDR_TEXT];
    if (len == 0)
        return 0;
    if (len < sizeof(text)) {
        memcpy(text, p, len);
        text[len] = '\0';
        if (addr_parse(text, hop) == 0)
            return 0;
    }
    return err_set(e, ERR_CONFIG, "'%.*s' is no address of a next hop", (int)(len < 64 ? len : 64), p);
}

static int parse_prefix(char *text, struct lpm_rule *p, bool *v4, struct err *e)
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
    lpm_rule_bits(p, &a, len);
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

struct line {
    struct network network;
    struct addr hop;
    struct lpm_rule rule;
    bool v4;
};

/* The commas decide what stands before the prefix; of three and more, the last two fields count. */
static int parse_line(char *text, struct line *out, struct err *e)
{
    char *comma[2] = { NULL, NULL }, *end = text;
    for (char *at = text; *at; at++)
        if (*at == ',') {
            comma[0] = comma[1];
            comma[1] = at;
            end = comma[0] ? comma[0] : text;
        }
    if (!comma[1])
        return parse_prefix(text, &out->rule, &out->v4, e);
    char *as = skip_blanks(comma[0] ? comma[0] + 1 : text);
    if (parse_as(as, cut_blanks(as, comma[1]), &out->network, e) == -1)
        return -1;
    if (comma[0]) {
        char *hop = end;
        while (hop > text && hop[-1] != ',')
            hop--;
        hop = skip_blanks(hop);
        if (parse_hop(hop, (size_t)(cut_blanks(hop, comma[0]) - hop), &out->hop, e) == -1)
            return -1;
    }
    return parse_prefix(skip_blanks(comma[1] + 1), &out->rule, &out->v4, e);
}

static int keep_rule(struct loader *l, const struct line *in)
{
    struct lpm_rule **list = in->v4 ? &l->v4 : &l->v6;
    uint32_t *count = in->v4 ? &l->n4 : &l->n6;
    if (room_for((void **)list, *count, 1, in->v4 ? &l->cap4 : &l->cap6, sizeof(in->rule)) == -1)
        return -1;
    (*list)[(*count)++] = in->rule;
    return 0;
}

static int no_room(struct err *e)
{
    return err_set(e, ERR_LIMIT,
                   "no room for more: memory for prefixes, and %d different AS numbers and next hops",
                   ENTRIES_MAX);
}

static int on_line(void *ctx, unsigned number, char *text, struct err *e)
{
    struct loader *l = ctx;
    struct line in;
    (void)number;
    memset(&in, 0, sizeof(in));
    if (parse_line(text, &in, e) == -1)
        return -1;
    if (addr_is_set(&in.hop) && (in.network.hop = number_of(&l->hops, &in.hop)) == 0)
        return no_room(e);
    in.rule.rank = (uint32_t)l->n->lines++; /* of equal prefixes the last line wins */
    const uint32_t entry = number_of(&l->entries, &in.network);
    in.rule.value = entry << LEN_BITS | in.rule.len;
    if (entry == 0 || keep_rule(l, &in) == -1)
        return no_room(e);
    return 0;
}

static int build(struct loader *l, const char *path, struct err *e)
{
    l->n->lpm = lpm_build(l->v4, l->n4, l->v6, l->n6);
    l->n->entry = pool_settle(&l->entries);
    l->n->hop = pool_settle(&l->hops);
    return l->n->lpm && l->n->entry && l->n->hop ? 0 : err_sys(e, "[%s] no memory for networks", path);
}

static struct networks *load(const char *path, char *text, size_t len, struct err *e)
{
    struct loader l = { .n = calloc(1, sizeof(*l.n)) };
    int status = -1;
    if (!l.n || pool_open(&l.entries, sizeof(struct network)) == -1 ||
        pool_open(&l.hops, sizeof(struct addr)) == -1)
        err_sys(e, "no memory for networks");
    else
        status = text ? listfile_parse(path, text, len, on_line, &l, e) : listfile_read(path, on_line, &l, e);
    if (status == 0)
        status = build(&l, path, e);
    free(pool_settle(&l.entries));
    free(pool_settle(&l.hops));
    free(l.v4);
    free(l.v6);
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

void networks_free(struct networks *n)
{
    if (!n)
        return;
    lpm_free(n->lpm);
    free(n->entry);
    free(n->hop);
    free(n);
}

uint64_t networks_count(const struct networks *n) { return n->lines; }
