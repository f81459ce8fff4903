/* SPDX-License-Identifier: BSD-2-Clause */
/* Queries of a memory table's client: compiled into masks over the words of a key, compared with entries, and
 * the answers written as messages. Called by memory_client.c, in slices. */
#include "plugins/memory_query.h"

#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/hash.h"

/* What a query says of things that are not in the fixed part of the key. */
struct extra {
    uint16_t column; /* of the layout; or IMT_TERM_FLOWS */
    uint32_t len;
    const uint8_t *value;
};

/* Queries with the same columns: the same words under the same masks, the same extras. */
struct shape {
    uint32_t n;     /* words looked at */
    uint32_t count; /* different queries */
    uint16_t *word;
    uint64_t *mask;
    uint16_t n_extra;
    uint16_t *extra; /* columns, ascending */
    uint32_t *head;  /* buckets: number of the first query + 1; a power of two of them */
    uint32_t buckets;
};

struct query {
    uint32_t shape;
    uint32_t next;       /* in its bucket: number + 1 */
    uint32_t same;       /* number + 1 of an earlier query that asks the same */
    uint64_t *value;     /* a word for each of the shape's */
    struct extra *extra; /* one for each of the shape's */
    uint16_t n_extra;
    bool never;
};

struct queries {
    const struct layout *l;
    struct query *query;
    unsigned n;
    struct shape shape[QUERY_SHAPES_MAX];
    unsigned n_shapes;
    unsigned words;    /* of the fixed part */
    uint64_t *full;    /* mask of all that the layout uses of the fixed part */
    uint64_t *scratch; /* twice the words: masked values of the entry in hand; mask and value of the query in
                          hand */
    bool exact;
    struct strbuf key; /* of queries_find */
};

/* ---- tables */

struct table *table_new(void)
{
    struct table *t = malloc(sizeof(*t));
    if (!t)
        return NULL;
    *t = (struct table){ .agg = agg_new(), .users = 1 };
    return t;
}

struct table *table_get(struct table *t)
{
    t->users++;
    return t;
}

void table_put(struct table *t)
{
    if (!t || --t->users)
        return;
    agg_free(t->agg);
    free(t);
}

/* ---- compiling */

static void full_mask(const struct layout *l, uint64_t *full)
{
    uint8_t *m = (uint8_t *)full;
    for (unsigned i = 0; i < l->n; i++)
        if (!(l->col[i].field->flags & F_OR))
            memset(m + l->col[i].off, 0xff, l->col[i].len);
    if (layout_find(l, FIELD_mpls_vpn_rd))
        m[l->rd_origin_off] = 0xff;
    if (l->bin_off != LAYOUT_NO_BIN)
        memset(m + l->bin_off, 0xff, sizeof(int64_t));
}

/* Lays octets over mask and value; the same octets asked for twice with different values can't be had. */
static bool overlay(uint8_t *mask, uint8_t *value, unsigned off, const uint8_t *p, unsigned len)
{
    for (unsigned i = off; i < off + len; i++, p++) {
        if (mask[i] && value[i] != *p)
            return false;
        mask[i] = 0xff;
        value[i] = *p;
    }
    return true;
}

static bool extra_equal(const struct extra *a, const struct extra *b)
{
    return a->len == b->len && a->value && b->value && !memcmp(a->value, b->value, a->len);
}

/* Puts x into its place among the extras, which are in the order of columns. */
static void extra_put(struct query *q, struct extra x)
{
    unsigned at = q->n_extra;
    for (unsigned i = 0; i < q->n_extra; i++)
        if (q->extra[i].column == x.column) {
            q->never |= !extra_equal(&q->extra[i], &x);
            return;
        }
    for (; at && q->extra[at - 1].column > x.column; at--)
        q->extra[at] = q->extra[at - 1];
    q->extra[at] = x;
    q->n_extra++;
}

/* One term into the query. False: it does not fit the layout. */
static bool term_compile(const struct layout *l, const struct imt_term *t, uint64_t *mask, uint64_t *value,
                         struct query *q)
{
    const struct extra x = { .column = t->column, .len = t->len, .value = t->value };
    const uint16_t var_len = (uint16_t)t->len;
    if (t->column >= l->n) {
        if (t->column != IMT_TERM_FLOWS || t->len != sizeof(uint64_t))
            return false;
        extra_put(q, x);
        return true;
    }
    const struct column *c = &l->col[t->column];
    if (c->field->flags & F_OR) {
        if (t->len != sizeof(uint8_t))
            return false;
        extra_put(q, x);
    } else if (column_in_tail(c)) {
        if (c->place == PLACE_ADDR ? t->len != 0 && t->len != 4 && t->len != 16 : t->len > UINT16_MAX)
            return false;
        extra_put(q, x);
        /* c->len low octets of the length: little endian */
        q->never |= !overlay((uint8_t *)mask, (uint8_t *)value, c->off, (const uint8_t *)&var_len, c->len);
    } else {
        if (t->len != c->len)
            return false;
        q->never |= !overlay((uint8_t *)mask, (uint8_t *)value, c->off, t->value, t->len);
    }
    return true;
}

static bool words_are(const struct shape *s, const uint64_t *mask, unsigned words)
{
    unsigned at = 0;
    for (unsigned w = 0; w < words; w++) {
        uint64_t m = at < s->n && s->word[at] == w ? s->mask[at++] : 0;
        if (m != mask[w])
            return false;
    }
    return true;
}

static bool extras_are(const struct shape *s, const struct query *one)
{
    if (s->n_extra != one->n_extra)
        return false;
    for (unsigned i = 0; i < s->n_extra; i++)
        if (s->extra[i] != one->extra[i].column)
            return false;
    return true;
}

static int shape_make(struct shape *s, unsigned words, const uint64_t *mask, const struct query *one)
{
    *s = (struct shape){ .n_extra = one->n_extra };
    s->word = calloc(words + 1, sizeof(*s->word));
    s->mask = calloc(words + 1, sizeof(*s->mask));
    s->extra = calloc(one->n_extra + 1u, sizeof(*s->extra));
    if (!s->word || !s->mask || !s->extra)
        return -1;
    for (unsigned w = 0; w < words; w++) {
        if (!mask[w])
            continue;
        s->word[s->n] = (uint16_t)w;
        s->mask[s->n++] = mask[w];
    }
    for (unsigned i = 0; i < one->n_extra; i++)
        s->extra[i] = one->extra[i].column;
    return 0;
}

/* The shape that looks at what mask and the extras of the query say; made when it is new. NULL: no room for
 * it. */
static struct shape *shape_get(struct queries *q, const uint64_t *mask, const struct query *one)
{
    for (unsigned i = 0; i < q->n_shapes; i++)
        if (words_are(&q->shape[i], mask, q->words) && extras_are(&q->shape[i], one))
            return &q->shape[i];
    if (q->n_shapes == QUERY_SHAPES_MAX)
        return NULL;
    struct shape *s = &q->shape[q->n_shapes++]; /* freed with q, even half made */
    return shape_make(s, q->words, mask, one) == 0 ? s : NULL;
}

/* Each column once, and flows, is what a term list can hold without repeating itself. */
enum { TERMS_MAX = FIELD_MAX + 1 };

static int query_compile(struct queries *q, struct query *out, struct cursor *queries, struct err *e)
{
    struct imt_query in;
    if (!imt_query_get(queries, &in) || in.n_terms > TERMS_MAX)
        return err_set(e, ERR_FORMAT, "malformed query");
    uint64_t *mask = q->scratch, *value = q->scratch + q->words;
    memset(q->scratch, 0, 2 * q->words * sizeof(*mask));
    out->never = in.never;
    out->extra = calloc(in.n_terms + 1u, sizeof(*out->extra));
    if (!out->extra)
        return err_sys(e, "no memory for a query");
    for (unsigned i = 0; i < in.n_terms; i++) {
        struct imt_term t;
        if (!imt_term_get(&in.terms, &t) || !term_compile(q->l, &t, mask, value, out))
            return err_set(e, ERR_FORMAT, "a query that does not fit this table");
    }
    if (out->never)
        return 0;
    struct shape *s = shape_get(q, mask, out);
    out->value = s ? calloc(s->n + 1, sizeof(*out->value)) : NULL;
    if (!out->value)
        return err_set(e, ERR_LIMIT, "more than %d different sets of columns in one request",
                       QUERY_SHAPES_MAX);
    out->shape = (uint32_t)(s - q->shape);
    for (unsigned i = 0; i < s->n; i++)
        out->value[i] = value[s->word[i]];
    s->count++;
    return 0;
}

static inline uint64_t extra_digest(uint64_t h, const void *p, uint32_t len)
{
    return (h ^ hash_bytes(p, len)) * UINT64_C(0x9e3779b97f4a7c15);
}

static inline uint32_t bucket_of_query(const struct shape *s, const struct query *one)
{
    uint64_t h = hash_bytes(one->value, s->n * sizeof(*one->value));
    for (unsigned i = 0; i < one->n_extra; i++)
        h = extra_digest(h, one->extra[i].value, one->extra[i].len);
    return (uint32_t)(h >> 32) & (s->buckets - 1);
}

static bool query_equal(const struct shape *s, const struct query *a, const struct query *b)
{
    for (unsigned i = 0; i < a->n_extra; i++)
        if (!extra_equal(&a->extra[i], &b->extra[i]))
            return false;
    return a->value && b->value && !memcmp(a->value, b->value, s->n * sizeof(*a->value));
}

/* Hangs query i into its bucket, unless one that asks the same is there. */
static void bucket_add(struct queries *q, unsigned i)
{
    struct query *one = &q->query[i];
    struct shape *s = &q->shape[one->shape];
    uint32_t *head = &s->head[bucket_of_query(s, one)];
    for (uint32_t at = *head; at; at = q->query[at - 1].next)
        if (query_equal(s, one, &q->query[at - 1])) {
            one->same = at;
            return;
        }
    one->next = *head;
    *head = i + 1;
}

static int shapes_fill(struct queries *q, struct err *e)
{
    for (unsigned i = 0; i < q->n_shapes; i++) {
        struct shape *s = &q->shape[i];
        for (s->buckets = 1; s->count > 1 && s->buckets < s->count * 2;)
            s->buckets *= 2;
        s->head = calloc(s->buckets, sizeof(*s->head));
        if (!s->head)
            return err_sys(e, "no memory for queries");
    }
    for (unsigned i = 0; i < q->n; i++)
        if (!q->query[i].never)
            bucket_add(q, i);
    return 0;
}

/* Do the terms outside the fixed part name every column of the tail? */
static bool tail_named(const struct layout *l, const struct query *one)
{
    unsigned seen = 0;
    for (unsigned i = 0; i < l->n; i++)
        for (unsigned k = 0; k < one->n_extra && column_in_tail(&l->col[i]); k++)
            if (one->extra[k].column == i) {
                seen++;
                break;
            }
    return seen == l->n_tail;
}

static bool all_exact(const struct queries *q)
{
    if (q->n_shapes > 1)
        return false; /* two may name one entry */
    for (unsigned i = 0; i < q->n; i++) {
        const struct query *one = &q->query[i];
        if (!one->never && !(words_are(&q->shape[one->shape], q->full, q->words) && tail_named(q->l, one)))
            return false;
    }
    return true;
}

static struct queries *queries_alloc(const struct layout *l, unsigned n)
{
    struct queries *q = calloc(1, sizeof(*q));
    if (!q)
        return NULL;
    q->l = l;
    q->n = n;
    q->words = l->fixed / 8u;
    q->query = calloc(n + 1, sizeof(*q->query));
    q->full = calloc(q->words + 1, sizeof(*q->full));
    q->scratch = calloc(2 * q->words + 1, sizeof(*q->scratch));
    strbuf_init(&q->key, IMT_REQUEST_MAX);
    if (!q->query || !q->full || !q->scratch) {
        queries_free(q);
        return NULL;
    }
    full_mask(l, q->full);
    return q;
}

struct queries *queries_new(const struct layout *l, const struct imt_request *r, struct err *e)
{
    struct queries *q = queries_alloc(l, r->n_queries);
    if (!q) {
        err_sys(e, "no memory for queries");
        return NULL;
    }
    struct cursor c = r->queries;
    for (unsigned i = 0; i < q->n; i++)
        if (query_compile(q, &q->query[i], &c, e) == -1)
            goto bad;
    if (shapes_fill(q, e) == -1)
        goto bad;
    q->exact = all_exact(q);
    return q;
bad:
    queries_free(q);
    return NULL;
}

void queries_free(struct queries *q)
{
    if (!q)
        return;
    for (unsigned i = 0; q->query && i < q->n; i++) {
        free(q->query[i].value);
        free(q->query[i].extra);
    }
    for (unsigned i = 0; i < q->n_shapes; i++) {
        free(q->shape[i].head);
        free(q->shape[i].word);
        free(q->shape[i].mask);
        free(q->shape[i].extra);
    }
    strbuf_free(&q->key);
    free(q->query);
    free(q->full);
    free(q->scratch);
    free(q);
}

/* ---- comparing */

/* What an entry has in the place of an extra. */
static inline const uint8_t *extra_of(const struct layout *l, uint16_t column, const struct agg_entry *e,
                                      uint32_t *len)
{
    if (column == IMT_TERM_FLOWS) {
        *len = sizeof(e->flows);
        return (const uint8_t *)&e->flows;
    }
    const struct column *c = &l->col[column];
    if (!(c->field->flags & F_OR))
        return layout_tail(l, c, e->key, len);
    *len = 1;
    return c->field == &fields[FIELD_tcpflags] ? &e->tcpflags : &e->tunnel_tcpflags;
}

static bool extras_hold(const struct layout *l, const struct query *one, const struct agg_entry *e)
{
    for (unsigned i = 0; i < one->n_extra; i++) {
        uint32_t len;
        const uint8_t *p = extra_of(l, one->extra[i].column, e, &len);
        if (len != one->extra[i].len || memcmp(p, one->extra[i].value, len))
            return false;
    }
    return true;
}

static inline void count_add(struct imt_count *c, const struct agg_entry *e)
{
    c->packets += e->packets;
    c->bytes += e->bytes;
    c->flows += e->flows;
    c->entries++;
}

static inline uint64_t load_word(const uint8_t *key, unsigned word)
{
    uint64_t v;
    memcpy(&v, key + (size_t)word * 8, sizeof(v));
    return v;
}

static inline uint32_t bucket_of_entry(struct queries *q, const struct shape *s, const struct agg_entry *e)
{
    for (unsigned i = 0; i < s->n; i++)
        q->scratch[i] = load_word(e->key, s->word[i]) & s->mask[i];
    uint64_t h = hash_bytes(q->scratch, s->n * sizeof(*q->scratch));
    for (unsigned i = 0; i < s->n_extra; i++) {
        uint32_t len;
        const uint8_t *p = extra_of(q->l, s->extra[i], e, &len);
        h = extra_digest(h, p, len);
    }
    return (uint32_t)(h >> 32) & (s->buckets - 1);
}

static inline bool words_hold(const struct shape *s, const struct query *one, const uint8_t *key)
{
    for (unsigned i = 0; i < s->n; i++)
        if ((load_word(key, s->word[i]) & s->mask[i]) != one->value[i])
            return false;
    return true;
}

/* The query of the shape that the entry matches: at most one, since all differ in the values of the same
 * columns. Returns its number + 1, or 0. The usual shape has one query, which most entries fail in the first
 * word. */
static uint32_t shape_match(struct queries *q, const struct shape *s, const struct agg_entry *e)
{
    for (uint32_t at = s->head[s->buckets > 1 ? bucket_of_entry(q, s, e) : 0]; at;
         at = q->query[at - 1].next) {
        const struct query *one = &q->query[at - 1];
        if (words_hold(s, one, e->key) && extras_hold(q->l, one, e))
            return at;
    }
    return 0;
}

bool queries_match(struct queries *q, const struct agg_entry *e, struct imt_count *count)
{
    bool any = false;
    for (unsigned i = 0; i < q->n_shapes && !(any && !count); i++) {
        uint32_t at = shape_match(q, &q->shape[i], e);
        any |= at != 0;
        if (at && count)
            count_add(&count[at - 1], e);
    }
    return any;
}

/* What equal queries share was counted for the first of them. */
void queries_share(const struct queries *q, struct imt_count *count)
{
    for (unsigned i = 0; i < q->n; i++)
        if (q->query[i].same)
            count[i] = count[q->query[i].same - 1];
}

bool queries_exact(const struct queries *q) { return q->exact; }

/* Writes the key that the query names. */
static bool key_build(struct queries *q, const struct query *one)
{
    static const uint64_t zero;
    const struct shape *s = &q->shape[one->shape];
    memset(q->scratch, 0, q->words * sizeof(*q->scratch));
    for (unsigned i = 0; i < s->n; i++)
        q->scratch[s->word[i]] = one->value[i];
    strbuf_clear(&q->key);
    strbuf_add(&q->key, q->scratch, q->words * sizeof(*q->scratch));
    for (unsigned i = 0; i < q->l->n; i++)
        for (unsigned k = 0; k < one->n_extra && column_in_tail(&q->l->col[i]); k++)
            if (one->extra[k].column == i) {
                strbuf_add(&q->key, one->extra[k].value, one->extra[k].len);
                break;
            }
    strbuf_add(&q->key, &zero, -q->key.len & 7);
    return !q->key.failed;
}

struct agg_entry *queries_find(struct queries *q, unsigned i, const struct agg *t)
{
    const struct query *one = &q->query[i];
    if (one->never || one->same || !key_build(q, one))
        return NULL;
    struct agg_entry *e = agg_find(t, q->key.p, (uint32_t)q->key.len);
    return e && extras_hold(q->l, one, e) ? e : NULL;
}

/* ---- answering */

struct answer {
    const struct layout *l;
    struct table *table;
    struct queries *q;
    struct imt_count *count;
    struct sums reset;
    uint64_t at;   /* agg_next */
    uint64_t left; /* entries still to be looked at: what comes later is not part of the answer */
    uint64_t rows;
    uint16_t n_queries;
    uint8_t op, flags;
};

enum { LOOK_AT_CLOCK = 256 }; /* entries between two looks at the clock */

struct answer *answer_new(const struct layout *l, struct table *t, const struct imt_request *r, struct err *e)
{
    struct answer *a = calloc(1, sizeof(*a));
    if (!a) {
        err_sys(e, "no memory for an answer");
        return NULL;
    }
    a->l = l;
    a->table = table_get(t);
    a->op = r->op;
    a->flags = r->flags;
    a->n_queries = r->n_queries;
    a->left = r->op == IMT_OP_NONE ? 0 : agg_count(t->agg);
    if (!r->n_queries)
        return a;
    a->q = queries_new(l, r, e);
    a->count = r->op == IMT_OP_COUNT ? calloc(r->n_queries, sizeof(*a->count)) : NULL;
    if (a->q && (a->count || r->op != IMT_OP_COUNT))
        return a;
    if (a->q)
        err_sys(e, "no memory for an answer");
    answer_free(a);
    return NULL;
}

void answer_free(struct answer *a)
{
    if (!a)
        return;
    queries_free(a->q);
    free(a->count);
    table_put(a->table);
    free(a);
}

/* An entry whose counters were reset is not there until it counts again. */
static inline bool entry_gone(const struct agg_entry *e)
{
    return e->mark && !(e->packets | e->bytes | e->flows);
}

static void entry_reset(struct answer *a, struct agg_entry *e)
{
    const struct sums had = { .packets = e->packets, .bytes = e->bytes, .flows = e->flows };
    sums_add(&a->reset, &had);
    e->packets = e->bytes = e->flows = 0;
    e->tcpflags = e->tunnel_tcpflags = 0;
    e->mark = 1;
}

/* An entry goes out as it lies in the table. */
_Static_assert(sizeof(struct imt_row) == sizeof(struct agg_entry), "a row is an entry");
_Static_assert(offsetof(struct imt_row, key_len) == offsetof(struct agg_entry, key_len), "a row is an entry");
_Static_assert(offsetof(struct imt_row, tcpflags) == offsetof(struct agg_entry, tcpflags),
               "a row is an entry");

static inline void row_put(struct answer *a, struct strbuf *out, const struct agg_entry *e)
{
    strbuf_add(out, e, sizeof(*e) + e->key_len);
    a->rows++;
}

static inline bool entry_wanted(struct answer *a, const struct agg_entry *e)
{
    return !entry_gone(e) && (!a->q || queries_match(a->q, e, a->count));
}

/* Looks at entries until the block is full, the time is over or none are left. */
static void scan(struct answer *a, struct strbuf *out, size_t full, int64_t until_us)
{
    unsigned since = 0;
    while (a->left && out->len < full) {
        struct agg_entry *e = agg_next(a->table->agg, &a->at);
        if (!e) {
            a->left = 0;
            return;
        }
        a->left--;
        if (entry_wanted(a, e)) {
            if (!a->count)
                row_put(a, out, e);
            if (a->flags & IMT_F_RESET)
                entry_reset(a, e);
        }
        if (++since == LOOK_AT_CLOCK) {
            since = 0;
            if (until_us && clock_mono_us() >= until_us)
                return;
        }
    }
}

/* All queries name whole keys: as many look-ups instead of a look at everything. No two of them find the same
 * entry. */
static void look_up(struct answer *a, struct strbuf *out)
{
    for (unsigned i = 0; i < a->n_queries; i++) {
        struct agg_entry *e = queries_find(a->q, i, a->table->agg);
        if (!e || entry_gone(e))
            continue;
        if (a->count)
            count_add(&a->count[i], e);
        else
            row_put(a, out, e);
        if (a->flags & IMT_F_RESET)
            entry_reset(a, e);
    }
    a->left = 0;
}

static void block(struct answer *a, struct strbuf *out, int64_t until_us)
{
    size_t at = out->len;
    if (!a->count)
        imt_begin(out, IMT_ROWS);
    size_t empty = out->len;
    if (a->q && queries_exact(a->q))
        look_up(a, out);
    else
        scan(a, out, at + IMT_BLOCK, until_us);
    if (a->count)
        return;
    if (out->len == empty)
        out->len = at; /* no rows, no message */
    else
        imt_end(out, at);
}

bool answer_step(struct answer *a, struct strbuf *out, int64_t until_us)
{
    bool whole = a->flags & (IMT_F_LOCK | IMT_F_RESET);
    do {
        if (a->left)
            block(a, out, whole ? 0 : until_us);
    } while (whole && a->left && !out->failed);
    if (a->left)
        return false;
    if (a->count) {
        queries_share(a->q, a->count);
        imt_counts_put(out, a->count, a->n_queries);
    }
    return true;
}

uint64_t answer_rows(const struct answer *a) { return a->rows; }
const struct table *answer_table(const struct answer *a) { return a->table; }
const struct sums *answer_reset(const struct answer *a) { return &a->reset; }
