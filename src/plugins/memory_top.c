/* SPDX-License-Identifier: BSD-2-Clause */
/* Sums a table's entries up by columns: a hash table of groups for each way, then a heap of the largest. All
 * of it in slices, on the plugin's thread. */
#include "plugins/memory_top.h"

#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/hash.h"
#include "output/format.h"
#include "output/json.h"

enum { LOOK_AT_CLOCK = 128, GROUPS_FIRST = 1 << 8 };

struct group {
    struct counters sum;
    const struct agg_entry *e; /* one of them: its columns are those of all */
    size_t key;                /* where its key stands */
    uint32_t key_len, hash;
};

struct groups {
    struct group *group;
    uint32_t *slot; /* number + 1; a power of two of them, twice as many as groups fit */
    uint32_t n, cap;
    struct strbuf keys;
};

/* One of the largest. */
struct best {
    uint64_t by, seq;
    struct counters sum;
    const struct agg_entry *e;
};

struct way {
    const struct top_set *set;
    struct groups groups;
    struct format *format;
    struct best *heap; /* the least of them is the first */
    unsigned n, most;
    uint32_t seen; /* groups that the heap has been offered */
    uint64_t found;
};

/* Entries that a condition has been asked about, by their value of the column. */
struct condition {
    const struct top_where *where;
    struct format *format;
    struct strbuf text;  /* as JSON has it, with quotes */
    struct groups asked; /* sum.packets: the answer */
};

struct top {
    const struct layout *l;
    struct table *table;
    struct top_query q;
    uint64_t at, index, left;
    uint64_t entries, matched;
    struct counters total;
    struct way way[TOP_SETS_MAX];
    struct condition condition[TOP_WHERE_MAX];
    unsigned ranking; /* the way whose groups are being ranked */
    struct strbuf key, scratch;
    bool failed;
};

bool top_column(const struct column *c) { return !(c->field->flags & F_STITCH); }

/* ---- groups */

static void groups_free(struct groups *g)
{
    free(g->group);
    free(g->slot);
    strbuf_free(&g->keys);
    *g = (struct groups){ 0 };
}

static bool groups_grow(struct groups *g)
{
    const uint32_t cap = g->cap ? g->cap * 2 : GROUPS_FIRST;
    struct group *group = realloc(g->group, cap * sizeof(*group));
    if (group)
        g->group = group;
    uint32_t *slot = group ? calloc((size_t)cap * 2, sizeof(*slot)) : NULL;
    if (!slot)
        return false;
    if (!g->cap)
        strbuf_init(&g->keys, SIZE_MAX / 2);
    free(g->slot);
    g->slot = slot;
    g->cap = cap;
    for (uint32_t i = 0; i < g->n; i++) {
        uint32_t at = g->group[i].hash & (cap * 2 - 1);
        while (slot[at])
            at = (at + 1) & (cap * 2 - 1);
        slot[at] = i + 1;
    }
    return true;
}

/* The group of a key, made if it is new (then *fresh is set). NULL: no memory. */
static struct group *groups_get(struct groups *g, const struct strbuf *key, const struct agg_entry *e,
                                bool *fresh)
{
    *fresh = false;
    if (g->n == g->cap && !groups_grow(g))
        return NULL;
    const uint32_t hash = (uint32_t)hash_bytes(key->p, key->len), mask = g->cap * 2 - 1;
    uint32_t at = hash & mask;
    for (uint32_t i; (i = g->slot[at]); at = (at + 1) & mask) {
        struct group *have = &g->group[i - 1];
        if (have->hash == hash && have->key_len == key->len &&
            !memcmp(g->keys.p + have->key, key->p, key->len))
            return have;
    }
    struct group *fresh_one = &g->group[g->n];
    *fresh_one = (struct group){ .e = e, .key = g->keys.len, .key_len = (uint32_t)key->len, .hash = hash };
    strbuf_add(&g->keys, key->p, key->len);
    if (g->keys.failed)
        return NULL;
    g->slot[at] = ++g->n;
    *fresh = true;
    return fresh_one;
}

static void add_column(struct strbuf *key, const struct layout *l, uint16_t column, const struct agg_entry *e)
{
    const struct column *c = &l->col[column];
    uint32_t len;
    if (column_in_tail(c)) {
        const uint8_t *p = layout_tail(l, c, e->key, &len);
        strbuf_add(key, &len, sizeof(len));
        strbuf_add(key, p, len);
    } else if (c->place == PLACE_ROW) {
        strbuf_char(key, (char)(c->field == &fields[FIELD_tcpflags] ? e->tcpflags : e->tunnel_tcpflags));
    } else {
        strbuf_add(key, e->key + c->off, c->len);
    }
}

/* ---- the largest */

/* Is a less than b? Of equal ones the later is. */
static bool best_less(const struct best *a, const struct best *b)
{
    return a->by != b->by ? a->by < b->by : a->seq > b->seq;
}

static void heap_down(struct way *w, unsigned i)
{
    const struct best moved = w->heap[i];
    for (unsigned child; (child = 2 * i + 1) < w->n; i = child) {
        if (child + 1 < w->n && best_less(&w->heap[child + 1], &w->heap[child]))
            child++;
        if (!best_less(&w->heap[child], &moved))
            break;
        w->heap[i] = w->heap[child];
    }
    w->heap[i] = moved;
}

static void heap_up(struct way *w, unsigned i)
{
    const struct best moved = w->heap[i];
    while (i && best_less(&moved, &w->heap[(i - 1) / 2])) {
        w->heap[i] = w->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    w->heap[i] = moved;
}

static uint64_t counter_of(const struct counters *c, enum top_sort by)
{
    return by == TOP_PACKETS ? c->packets : by == TOP_FLOWS ? c->flows : c->bytes;
}

static void offer(struct top *x, struct way *w, const struct counters *sum, const struct agg_entry *e)
{
    const struct best b = { .by = counter_of(sum, x->q.sort), .seq = w->found++, .sum = *sum, .e = e };
    if (w->n < w->most) {
        w->heap[w->n++] = b;
        heap_up(w, w->n - 1);
    } else if (w->most && best_less(&w->heap[0], &b)) {
        w->heap[0] = b;
        heap_down(w, 0);
    }
}

static int by_rank(const void *pa, const void *pb) { return best_less(pa, pb) ? 1 : -1; }

/* ---- making one */

static struct format *format_of(const struct layout *l, const uint16_t *column, unsigned n)
{
    const struct format_style style = {
        .kind = FORMAT_JSON, .order = ORDER_JSON, .separator = ',', .client = true
    };
    const struct column *only[TOP_COLUMNS_MAX];
    struct format *f = format_new(l, &style);
    for (unsigned i = 0; i < n; i++)
        only[i] = &l->col[column[i]];
    if (f && n)
        format_only(f, only, n);
    return f;
}

static bool all_columns(struct format **f, const struct layout *l)
{
    const struct format_style style = {
        .kind = FORMAT_JSON, .order = ORDER_JSON, .separator = ',', .client = true
    };
    const struct column *only[COLUMNS_MAX];
    *f = format_new(l, &style);
    for (unsigned i = 0; i < l->n; i++)
        only[i] = &l->col[i];
    if (*f)
        format_only(*f, only, l->n);
    return *f;
}

static bool way_open(struct top *x, struct way *w, const struct top_set *set)
{
    w->set = set;
    w->most = set->limit + set->offset;
    w->heap = calloc(w->most + 1u, sizeof(*w->heap));
    if (set->n)
        w->format = format_of(x->l, set->column, set->n);
    return w->heap && (set->n ? w->format != NULL : all_columns(&w->format, x->l));
}

static bool condition_open(struct top *x, struct condition *c, const struct top_where *where)
{
    c->where = where;
    c->format = format_of(x->l, &where->column, 1);
    strbuf_init(&c->text, TOP_TEXT_MAX * 8);
    json_string(&c->text, where->text, strlen(where->text));
    return c->format && !c->text.failed;
}

struct top *top_new(const struct layout *l, struct table *t, const struct top_query *q, struct err *e)
{
    struct top *x = calloc(1, sizeof(*x));
    bool fine = x;
    if (x) {
        *x = (struct top){ .l = l, .table = table_get(t), .q = *q, .left = agg_count(t->agg) };
        x->entries = x->left;
        strbuf_init(&x->key, 1 << 20);
        strbuf_init(&x->scratch, 1 << 24);
    }
    for (unsigned i = 0; fine && i < q->n_sets; i++)
        fine = way_open(x, &x->way[i], &x->q.set[i]);
    for (unsigned i = 0; fine && i < q->n_where; i++)
        fine = condition_open(x, &x->condition[i], &x->q.where[i]);
    if (fine)
        return x;
    err_set(e, ERR_SYS, "no memory for a query");
    top_free(x);
    return NULL;
}

void top_free(struct top *x)
{
    if (!x)
        return;
    for (unsigned i = 0; i < TOP_SETS_MAX; i++) {
        groups_free(&x->way[i].groups);
        format_free(x->way[i].format);
        free(x->way[i].heap);
    }
    for (unsigned i = 0; i < TOP_WHERE_MAX; i++) {
        groups_free(&x->condition[i].asked);
        format_free(x->condition[i].format);
        strbuf_free(&x->condition[i].text);
    }
    strbuf_free(&x->key);
    strbuf_free(&x->scratch);
    table_put(x->table);
    free(x);
}

bool top_reads(const struct top *x, const struct top_mark *mark) { return x->left && x->q.mark == mark; }

/* ---- over the table */

/* The text of the entry's value is what was asked for: as a string, or bare. */
static bool text_holds(struct top *x, struct condition *c, const struct agg_entry *e)
{
    const struct row row = agg_row(e);
    strbuf_clear(&x->scratch);
    format_row(c->format, &row, &x->scratch);
    const char *text = strbuf_cstr(&x->scratch), *value = strstr(text, "\": ");
    size_t n = value ? strlen(value + 3) : 0;
    if (n < 2)
        return false;
    n -= 2; /* }\n */
    return (n == c->text.len && !memcmp(value + 3, c->text.p, n)) ||
           (n == c->text.len - 2 && !memcmp(value + 3, c->text.p + 1, n));
}

static bool holds(struct top *x, struct condition *c, const struct agg_entry *e)
{
    bool fresh;
    strbuf_clear(&x->key);
    add_column(&x->key, x->l, c->where->column, e);
    struct group *g = groups_get(&c->asked, &x->key, e, &fresh);
    if (!g) {
        x->failed = true;
        return false;
    }
    if (fresh)
        g->sum.packets = text_holds(x, c, e);
    return g->sum.packets;
}

static bool wanted(struct top *x, const struct agg_entry *e)
{
    for (unsigned i = 0; i < x->q.n_where; i++)
        if (!holds(x, &x->condition[i], e))
            return false;
    return true;
}

/* What the entry counts, or counted since the mark. A counter that is less than it was began anew. */
static struct counters counted(const struct top *x, const struct agg_entry *e)
{
    const struct counters now = { e->packets, e->bytes, e->flows };
    const struct top_mark *m = x->q.mark;
    if (!m || x->index >= m->n)
        return now;
    const struct counters *had = &m->had[x->index];
    if (now.packets < had->packets || now.bytes < had->bytes || now.flows < had->flows)
        return now;
    return (struct counters){ now.packets - had->packets, now.bytes - had->bytes, now.flows - had->flows };
}

static void counters_add(struct counters *to, const struct counters *more)
{
    to->packets += more->packets;
    to->bytes += more->bytes;
    to->flows += more->flows;
}

static void sum_up(struct top *x, struct way *w, const struct agg_entry *e, const struct counters *n)
{
    bool fresh;
    if (!w->set->n) {
        offer(x, w, n, e);
        return;
    }
    strbuf_clear(&x->key);
    for (unsigned i = 0; i < w->set->n; i++)
        add_column(&x->key, x->l, w->set->column[i], e);
    struct group *g = groups_get(&w->groups, &x->key, e, &fresh);
    if (g)
        counters_add(&g->sum, n);
    else
        x->failed = true;
}

static void take(struct top *x, const struct agg_entry *e)
{
    const struct counters n = counted(x, e);
    if (!(n.packets | n.bytes | n.flows) || !wanted(x, e))
        return;
    x->matched++;
    counters_add(&x->total, &n);
    for (unsigned i = 0; i < x->q.n_sets; i++)
        sum_up(x, &x->way[i], e, &n);
}

static void scan(struct top *x)
{
    for (unsigned i = 0; i < LOOK_AT_CLOCK && x->left; i++) {
        const struct agg_entry *e = agg_next(x->table->agg, &x->at);
        x->left = e ? x->left - 1 : 0;
        if (e)
            take(x, e);
        x->index++;
    }
}

static void rank(struct top *x)
{
    struct way *w = &x->way[x->ranking];
    for (unsigned i = 0; i < LOOK_AT_CLOCK && w->seen < w->groups.n; i++, w->seen++)
        offer(x, w, &w->groups.group[w->seen].sum, w->groups.group[w->seen].e);
    if (w->seen < w->groups.n)
        return;
    if (w->n > 1)
        qsort(w->heap, w->n, sizeof(*w->heap), by_rank);
    x->ranking++;
}

bool top_step(struct top *x, int64_t until_us)
{
    while (x->left || x->ranking < x->q.n_sets) {
        if (x->left)
            scan(x);
        else
            rank(x);
        if (clock_mono_us() >= until_us)
            return false;
    }
    return true;
}

/* ---- the answer */

static void put_counters(struct strbuf *out, const struct counters *c)
{
    strbuf_lit(out, "\"packets\": ");
    strbuf_u64(out, c->packets);
    json_uint(out, "bytes", c->bytes);
    json_uint(out, "flows", c->flows);
}

/* The row of the format without its end, and the counters behind it. */
static void put_row(struct way *w, const struct best *b, struct strbuf *out)
{
    const struct row row = agg_row(b->e);
    const size_t before = out->len;
    format_row(w->format, &row, out);
    if (out->failed || out->len < before + 2)
        return;
    out->len -= 2;
    if (out->len > before + 1)
        strbuf_lit(out, ", ");
    put_counters(out, &b->sum);
    strbuf_char(out, '}');
}

static void put_way(struct top *x, struct way *w, struct strbuf *out)
{
    strbuf_lit(out, "{\"by\": [");
    for (unsigned i = 0; i < w->set->n; i++)
        strbuf_printf(out, "%s\"%s\"", i ? ", " : "", x->l->col[w->set->column[i]].field->name);
    strbuf_lit(out, "]");
    json_uint(out, "groups", w->found);
    json_uint(out, "offset", w->set->offset);
    strbuf_lit(out, ", \"rows\": [");
    for (unsigned i = w->set->offset; i < w->n; i++) {
        if (i > w->set->offset)
            strbuf_lit(out, ",\n");
        put_row(w, &w->heap[i], out);
    }
    strbuf_lit(out, "]}");
}

void top_write(struct top *x, struct strbuf *out)
{
    json_uint(out, "entries", x->entries);
    json_uint(out, "matched", x->matched);
    strbuf_lit(out, ", \"total\": {");
    put_counters(out, &x->total);
    strbuf_lit(out, "}, \"tops\": [");
    for (unsigned i = 0; i < x->q.n_sets; i++) {
        if (i)
            strbuf_lit(out, ",\n");
        put_way(x, &x->way[i], out);
    }
    strbuf_char(out, ']');
    if (x->failed)
        out->failed = true;
}
