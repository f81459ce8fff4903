/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of files and tables that depend on time and on the row: strftime conversions and $ variables.
 * Compiled once by a sink; the rows of a batch are parted by what can make their names differ, so that a name
 * is made once for many rows. */
#include "output/purge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/strbuf.h"

enum { TEXT_MAX = 65535 /* a table's schema is a name too */, NAME_MAX_OCTETS = 8192, PARTS_MAX = 64 };

enum var_id {
    VAR_NONE,
    VAR_PEER_SRC_IP,
    VAR_TAG,
    VAR_TAG2,
    VAR_SRC_HOST,
    VAR_DST_HOST,
    VAR_SRC_PORT,
    VAR_DST_PORT,
    VAR_PROTO,
    VAR_IN_IFACE,
    VAR_CONST
};

/* Longer words first: the first one that fits is taken. */
static const struct {
    const char *word;
    enum var_id id;
} vars[] = {
    { "$peer_src_ip", VAR_PEER_SRC_IP },
    { "$post_tag2", VAR_CONST },
    { "$post_tag", VAR_CONST },
    { "$tag2", VAR_TAG2 },
    { "$tag", VAR_TAG },
    { "$ref", VAR_CONST },
    { "$hst", VAR_CONST },
    { "$src_host", VAR_SRC_HOST },
    { "$dst_host", VAR_DST_HOST },
    { "$src_port", VAR_SRC_PORT },
    { "$dst_port", VAR_DST_PORT },
    { "$proto", VAR_PROTO },
    { "$in_iface", VAR_IN_IFACE },
};
enum { N_VARS = sizeof(vars) / sizeof(vars[0]), N_COMMON = 7 /* the rest is for keys of messages */ };

/* What a row's value of a variable is made from. */
static const struct {
    enum field_id field;
    const char *absent; /* when the field is not counted by */
} sources[VAR_CONST] = {
    [VAR_PEER_SRC_IP] = { FIELD_peer_src_ip, "null" },
    [VAR_TAG] = { FIELD_tag, "0" },
    [VAR_TAG2] = { FIELD_tag2, "0" },
    [VAR_SRC_HOST] = { FIELD_src_host, "null" },
    [VAR_DST_HOST] = { FIELD_dst_host, "null" },
    [VAR_SRC_PORT] = { FIELD_src_port, "0" },
    [VAR_DST_PORT] = { FIELD_dst_port, "0" },
    [VAR_PROTO] = { FIELD_proto, "-1" },
    [VAR_IN_IFACE] = { FIELD_in_iface, "0" },
};

/* What can tell two rows' names apart; what stands behind `peer` only where keys of messages ask for it. */
struct mark {
    int64_t bin;
    uint64_t tag, tag2;
    struct addr peer;
    struct addr src, dst;
    uint64_t src_port, dst_port, proto, in_iface;
};

struct part {
    enum var_id id;
    char *text; /* VAR_NONE: for strftime */
};

struct names {
    const struct layout *layout;
    bool utc;
    bool timed;                             /* has conversions or $tzone */
    bool binned;                            /* and they follow the bin of the row */
    uint16_t mark_len;                      /* octets of struct mark that matter */
    const struct column *column[VAR_CONST]; /* of the row variables in use; NULL: not in the key */
    struct part part[PARTS_MAX];
    unsigned n;
};

static int bad_conversion(const char *text, struct err *e)
{
    static const char known[] = "aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ%";
    for (const char *p = strchr(text, '%'); p; p = strchr(p + 2, '%')) {
        if (!p[1] || !strchr(known, p[1]))
            return err_set(e, ERR_CONFIG, "'%s': no such time conversion: '%.2s'", text, p);
    }
    return 0;
}

static uint64_t constant(const char *word, const struct config *c)
{
    if (!strcmp(word, "$ref"))
        return (uint64_t)c->refresh_time;
    if (!strcmp(word, "$hst"))
        return c->history.n ? (uint64_t)span_seconds(c->history) : 0;
    return strcmp(word, "$post_tag2") ? c->post_tag : c->post_tag2;
}

/* Adds text to the last part if that is text too. -1 when out of memory or of parts. */
static int add_text(struct names *n, const char *text, size_t len)
{
    struct part *last = n->n ? &n->part[n->n - 1] : NULL;
    if (!last || last->id != VAR_NONE) {
        if (n->n == PARTS_MAX || !(n->part[n->n].text = strdup("")))
            return -1;
        last = &n->part[n->n++];
    }
    char *more = NULL;
    if (asprintf(&more, "%s%.*s", last->text, (int)len, text) == -1)
        return -1;
    free(last->text);
    last->text = more;
    return 0;
}

/* The variable at text, out of the first `known` ones; N_VARS: none. */
static size_t variable(const char *text, size_t known)
{
    size_t i = 0;
    while (i < known && strncmp(text, vars[i].word, strlen(vars[i].word)))
        i++;
    return i < known ? i : N_VARS;
}

static int add_var(struct names *n, size_t i, const struct config *c)
{
    char digits[24];
    const enum var_id id = vars[i].id;
    if (id == VAR_CONST)
        return add_text(n, digits, u64_text(constant(vars[i].word, c), digits));
    if (n->n == PARTS_MAX)
        return -1;
    n->part[n->n++].id = id;
    n->column[id] = layout_find(n->layout, sources[id].field);
    return 0;
}

static int add_parts(struct names *n, const char *text, size_t known, const struct config *c)
{
    while (*text) {
        size_t i = variable(text, known), plain = 1;
        if (i < N_VARS) {
            if (add_var(n, i, c) == -1)
                return -1;
            text += strlen(vars[i].word);
            continue;
        }
        plain += strcspn(text + 1, "$");
        if (add_text(n, text, plain) == -1)
            return -1;
        text += plain;
    }
    return 0;
}

static void note_times(struct names *n, const char *text)
{
    n->timed |= strchr(text, '%') || strstr(text, "$tzone");
    n->binned = n->timed && n->layout->bin_off != LAYOUT_NO_BIN;
}

static struct names *names_new(const char *text, const struct plugin *pl, struct err *e)
{
    if (bad_conversion(text, e) == -1)
        return NULL;
    struct names *n = calloc(1, sizeof(*n));
    if (!n || strlen(text) > TEXT_MAX) {
        free(n);
        err_set(e, ERR_LIMIT, "'%.60s...': a name may have %d octets", text, TEXT_MAX);
        return NULL;
    }
    n->layout = pl->layout;
    n->utc = pl->c->timestamps_utc;
    note_times(n, text);
    return n;
}

static struct names *too_many(struct names *n, const char *text, struct err *e)
{
    names_free(n);
    err_set(e, ERR_LIMIT, "'%s': too many variables", text);
    return NULL;
}

struct names *names_compile(const char *text, const struct plugin *pl, struct err *e)
{
    struct names *n = names_new(text, pl, e);
    if (n && add_parts(n, text, N_COMMON, pl->c) == -1)
        return too_many(n, text, e);
    if (n)
        n->mark_len = offsetof(struct mark, src);
    return n;
}

struct names *names_compile_keyed(const char *text, const char *key, const struct plugin *pl, struct err *e)
{
    const char between[] = { NAMES_KEY, '\0' };
    struct names *n = names_compile(text, pl, e);
    if (!n || !key)
        return n;
    if (bad_conversion(key, e) == -1) {
        names_free(n);
        return NULL;
    }
    note_times(n, key);
    n->mark_len = sizeof(struct mark);
    if (add_text(n, between, 1) == -1 || add_parts(n, key, N_VARS, pl->c) == -1)
        return too_many(n, key, e);
    return n;
}

int names_check(const char *text, bool key, struct err *e)
{
    if (bad_conversion(text, e) == -1)
        return -1;
    for (const char *p = strchr(text, '$'); p; p = strchr(p + 1, '$')) {
        if (variable(p, key ? N_VARS : N_COMMON) == N_VARS && strncmp(p, "$tzone", 6))
            return err_set(e, ERR_CONFIG, "there is no variable %.32s here", p);
    }
    return 0;
}

void names_free(struct names *n)
{
    if (!n)
        return;
    for (unsigned i = 0; i < n->n; i++)
        free(n->part[i].text);
    free(n);
}

bool names_vary(const struct names *n)
{
    bool vary = n->binned;
    for (unsigned i = 0; i < VAR_CONST; i++)
        vary |= n->column[i] != NULL;
    return vary;
}

bool names_static(const struct names *n)
{
    return !n->timed && (n->n == 0 || (n->n == 1 && n->part[0].id == VAR_NONE));
}

static int64_t row_bin(const struct names *n, const struct row *r)
{
    int64_t bin = 0;
    if (r->key && n->layout->bin_off != LAYOUT_NO_BIN)
        memcpy(&bin, r->key + n->layout->bin_off, sizeof(bin));
    return bin;
}

int64_t names_time(const struct names *n, const struct row *r, int64_t purge_us)
{
    int64_t bin = row_bin(n, r);
    return bin ? bin * US_PER_S : purge_us;
}

/* ---- expansion */

static void add_addr(struct strbuf *s, const struct layout *l, const struct column *c, const uint8_t *key)
{
    struct addr a = { 0 };
    char text[ADDR_TEXT];
    layout_addr(l, c, key, &a);
    size_t len = addr_text(&a, text);
    for (size_t i = 0; i < len; i++)
        text[i] = text[i] == '.' || text[i] == ':' ? '_' : text[i];
    strbuf_add(s, len ? text : "null", len ? len : 4);
}

/* A number of 1 to 8 octets in host order, which is little endian as all that the suite runs on. */
static uint64_t number(const struct column *c, const uint8_t *key)
{
    uint64_t v64 = 0;
    uint32_t v32;
    uint16_t v16;
    switch (c->len) {
    case 1:
        return key[c->off];
    case 2:
        memcpy(&v16, key + c->off, sizeof(v16));
        return v16;
    case 4:
        memcpy(&v32, key + c->off, sizeof(v32));
        return v32;
    default:
        memcpy(&v64, key + c->off, sizeof(v64));
        return v64;
    }
}

static bool is_addr(enum var_id id) { return sources[id].absent[0] == 'n'; }

static void add_value(struct strbuf *s, const struct names *n, enum var_id id, const struct row *r)
{
    const struct column *c = n->column[id];
    if (!c || !r->key)
        strbuf_str(s, sources[id].absent);
    else if (is_addr(id))
        add_addr(s, n->layout, c, r->key);
    else
        strbuf_u64(s, number(c, r->key));
}

static void add_zone(struct strbuf *s, int64_t at_us, bool utc)
{
    char z[8] = "+0000";
    if (!utc)
        time_strftime(z, sizeof(z), "%z", at_us, false);
    strbuf_add(s, z, 3);
    strbuf_char(s, ':');
    strbuf_add(s, z + 3, 2);
}

/* $tzone stands for itself until strftime has run: its value would be no conversion, but neither would it be
 * text of the user. */
static void add_with_zone(struct strbuf *s, const char *text, int64_t at_us, bool utc)
{
    for (const char *zone; (zone = strstr(text, "$tzone")); text = zone + 6) {
        strbuf_add(s, text, (size_t)(zone - text));
        add_zone(s, at_us, utc);
    }
    strbuf_str(s, text);
}

/* An empty result of strftime looks like one that did not fit: an octet in front tells them apart. */
static int add_time(struct strbuf *s, const struct names *n, const char *text, int64_t at_us)
{
    struct strbuf fmt, out;
    size_t len = strlen(text), size = len * 8 + 512;
    int rc = -1;
    if (!n->timed) {
        strbuf_add(s, text, len);
        return 0;
    }
    strbuf_init(&fmt, len + 16);
    strbuf_init(&out, size + 16);
    strbuf_char(&fmt, '-');
    strbuf_add(&fmt, text, len);
    if (!fmt.failed && strbuf_room(&out, size) &&
        time_strftime(out.p, size, strbuf_cstr(&fmt), at_us, n->utc)) {
        add_with_zone(s, out.p + 1, at_us, n->utc);
        rc = 0;
    }
    strbuf_free(&fmt);
    strbuf_free(&out);
    return rc;
}

int names_expand(const struct names *n, const struct row *r, int64_t at_us, char *buf, size_t size)
{
    struct strbuf s;
    int rc = 0;
    strbuf_init(&s, 1 << 20);
    for (unsigned i = 0; i < n->n && rc == 0; i++) {
        const struct part *p = &n->part[i];
        if (p->id == VAR_NONE)
            rc = add_time(&s, n, p->text, at_us);
        else
            add_value(&s, n, p->id, r);
    }
    if (s.failed || s.len >= size)
        rc = -1;
    if (rc == 0) {
        memcpy(buf, strbuf_cstr(&s), s.len);
        buf[s.len] = '\0';
    }
    strbuf_free(&s);
    return rc;
}

/* ---- groups */

static void mark_number(const struct names *n, enum var_id id, const uint8_t *key, uint64_t *to)
{
    if (n->column[id])
        *to = number(n->column[id], key);
}

static void mark_addr(const struct names *n, enum var_id id, const uint8_t *key, struct addr *to)
{
    if (n->column[id])
        layout_addr(n->layout, n->column[id], key, to);
}

static void mark_of(const struct names *n, const uint8_t *key, struct mark *m)
{
    memset(m, 0, n->mark_len);
    if (n->binned)
        memcpy(&m->bin, key + n->layout->bin_off, sizeof(m->bin));
    mark_number(n, VAR_TAG, key, &m->tag);
    mark_number(n, VAR_TAG2, key, &m->tag2);
    mark_addr(n, VAR_PEER_SRC_IP, key, &m->peer);
    if (n->mark_len < sizeof(*m))
        return;
    mark_addr(n, VAR_SRC_HOST, key, &m->src);
    mark_addr(n, VAR_DST_HOST, key, &m->dst);
    mark_number(n, VAR_SRC_PORT, key, &m->src_port);
    mark_number(n, VAR_DST_PORT, key, &m->dst_port);
    mark_number(n, VAR_PROTO, key, &m->proto);
    mark_number(n, VAR_IN_IFACE, key, &m->in_iface);
}

/* Finds groups by mark while a batch is parted. */
struct parting {
    struct mark *mark; /* of each group */
    size_t len;        /* octets of a mark that matter */
    uint64_t *count;
    size_t n, cap;
    uint32_t *slot; /* group + 1; 0: free */
    size_t mask;
};

static int parting_grow(struct parting *x)
{
    size_t cap = x->cap ? x->cap * 2 : 64;
    struct mark *mark = realloc(x->mark, cap * sizeof(*mark));
    if (mark)
        x->mark = mark;
    uint64_t *count = realloc(x->count, cap * sizeof(*count));
    if (count)
        x->count = count;
    uint32_t *slot = calloc(cap * 2, sizeof(*slot));
    if (!mark || !count || !slot) {
        free(slot);
        return -1;
    }
    free(x->slot);
    x->slot = slot;
    x->cap = cap;
    x->mask = cap * 2 - 1;
    for (size_t g = 0; g < x->n; g++) {
        size_t at = hash_bytes(&x->mark[g], x->len) & x->mask;
        while (slot[at])
            at = (at + 1) & x->mask;
        slot[at] = (uint32_t)g + 1;
    }
    return 0;
}

/* The group of a mark, made if it is new; SIZE_MAX when out of memory. */
static size_t parting_find(struct parting *x, const struct mark *m)
{
    if (x->n == x->cap && parting_grow(x) == -1)
        return SIZE_MAX;
    size_t at = hash_bytes(m, x->len) & x->mask;
    for (; x->slot[at]; at = (at + 1) & x->mask) {
        if (!memcmp(&x->mark[x->slot[at] - 1], m, x->len))
            return x->slot[at] - 1;
    }
    x->mark[x->n] = *m;
    x->count[x->n] = 0;
    x->slot[at] = (uint32_t)++x->n;
    return x->n - 1;
}

/* Fills of[] with the group of each entry, in order. */
static int part_entries(struct parting *x, const struct names *n, const struct batch *b, uint32_t *of)
{
    struct agg_entry *e;
    uint64_t at = 0, i = 0;
    struct mark last = { 0 }, m = { 0 };
    size_t group = SIZE_MAX;
    while ((e = batch_next(b, &at)) && i < b->rows) {
        mark_of(n, e->key, &m);
        if (group == SIZE_MAX || memcmp(&m, &last, x->len)) {
            if ((group = parting_find(x, &m)) == SIZE_MAX)
                return -1;
            last = m;
        }
        x->count[group]++;
        of[i++] = (uint32_t)group;
    }
    return 0;
}

/* Every row has the same name. */
static int part_none(struct parting *x, const struct batch *b)
{
    const struct mark none = { 0 };
    if (parting_find(x, &none) == SIZE_MAX)
        return -1;
    x->count[0] = b->rows;
    return 0;
}

static void place_entries(struct groups *g, const struct batch *b, const uint32_t *of)
{
    struct agg_entry *e;
    uint64_t at = 0, i = 0;
    while ((e = batch_next(b, &at)) && i < b->rows) {
        struct group *to = &g->group[of ? of[i] : 0];
        i++;
        if (to->entry)
            to->entry[to->n++] = e;
    }
}

static int by_name(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    int rc = strcmp(x->name, y->name);
    if (rc)
        return rc;
    if (x->at_us != y->at_us)
        return x->at_us < y->at_us ? -1 : 1;
    return x->entry < y->entry ? -1 : x->entry > y->entry;
}

static int by_latest(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    if (x->latest_us != y->latest_us)
        return x->latest_us < y->latest_us ? -1 : 1;
    return by_name(a, b);
}

/* Neighbours of the same name, and what is of the latest time last: a link to it is right when all are
 * written. */
static void groups_order(struct groups *g)
{
    qsort(g->group, g->n, sizeof(*g->group), by_name);
    for (size_t i = 0, next; i < g->n; i = next) {
        for (next = i + 1; next < g->n && !strcmp(g->group[next].name, g->group[i].name);)
            next++;
        for (size_t k = i; k < next; k++)
            g->group[k].latest_us = g->group[next - 1].at_us;
    }
    qsort(g->group, g->n, sizeof(*g->group), by_latest);
}

static int group_name(struct group *g, const struct names *n)
{
    char name[NAME_MAX_OCTETS];
    if (names_expand(n, &g->row, g->at_us, name, sizeof(name)) == -1)
        return -1;
    g->name = strdup(name);
    return g->name ? 0 : -1;
}

static int groups_build(struct groups *g, struct parting *x, const struct names *n, const struct batch *b,
                        uint32_t *of)
{
    if (b->rows && (of ? part_entries(x, n, b, of) : part_none(x, b)) == -1)
        return -1;
    g->n = x->n ? x->n : 1;
    g->group = calloc(g->n, sizeof(*g->group));
    if (!g->group)
        return -1;
    struct agg_entry **next = g->entries;
    for (size_t i = 0; i < x->n; i++) {
        g->group[i].entry = next;
        next += x->count[i];
    }
    if (x->n)
        place_entries(g, b, of);
    for (size_t i = 0; i < g->n; i++) {
        if (g->group[i].n)
            g->group[i].row = agg_row(g->group[i].entry[0]);
        bool binned = !b->rows && b->base_s;
        g->group[i].at_us = binned ? b->base_s * US_PER_S : names_time(n, &g->group[i].row, b->purge_us);
        if (group_name(&g->group[i], n) == -1)
            return -1;
    }
    groups_order(g);
    return 0;
}

int groups_make(struct groups *g, const struct names *n, const struct batch *b, struct err *e)
{
    struct parting x = { .len = n->mark_len };
    memset(g, 0, sizeof(*g));
    uint32_t *of = names_vary(n) ? calloc(b->rows + 1, sizeof(*of)) : NULL;
    g->entries = malloc((b->rows + 1) * sizeof(struct agg_entry *));
    int rc = g->entries && (of || !names_vary(n)) ? groups_build(g, &x, n, b, of) : -1;
    free(of);
    free(x.mark);
    free(x.count);
    free(x.slot);
    if (rc == 0)
        return 0;
    groups_free(g);
    return err_set(e, ERR_LIMIT, "no names for %llu rows: out of memory, or too long",
                   (unsigned long long)b->rows);
}

void groups_mark_done(const struct groups *g)
{
    for (size_t i = 0; i < g->n; i++) {
        for (uint64_t k = 0; g->group[i].done && k < g->group[i].n; k++)
            g->group[i].entry[k]->mark = MARK_DONE;
    }
}

void groups_free(struct groups *g)
{
    for (size_t i = 0; g->group && i < g->n; i++)
        free(g->group[i].name);
    free(g->group);
    free(g->entries);
    memset(g, 0, sizeof(*g));
}
