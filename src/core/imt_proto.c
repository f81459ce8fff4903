/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages between a memory plugin and its client (imt_proto.h): writing into a strbuf, reading through a
 * cursor. */
#include "core/imt_proto.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "core/custom.h"

static void put_u16(struct strbuf *s, uint16_t v)
{
    uint8_t b[2] = { (uint8_t)(v >> 8), (uint8_t)v };
    strbuf_add(s, b, sizeof(b));
}

static void put_u32(struct strbuf *s, uint32_t v)
{
    v = __builtin_bswap32(v);
    strbuf_add(s, &v, sizeof(v));
}

static void put_u64(struct strbuf *s, uint64_t v)
{
    v = __builtin_bswap64(v);
    strbuf_add(s, &v, sizeof(v));
}

int imt_header_get(struct cursor *c, struct imt_header *h, struct err *e)
{
    uint32_t magic = cursor_u32(c);
    uint16_t version = cursor_u16(c);
    h->type = cursor_u16(c);
    h->len = cursor_u32(c);
    cursor_skip(c, 4);
    if (c->bad || magic != IMT_MAGIC)
        return err_set(e, ERR_FORMAT, "not the protocol of a memory table");
    if (version != IMT_VERSION)
        return err_set(e, ERR_UNSUPPORTED, "version %u of the protocol, this build speaks %u", version,
                       IMT_VERSION);
    return 0;
}

size_t imt_begin(struct strbuf *s, enum imt_type type)
{
    size_t at = s->len;
    put_u32(s, IMT_MAGIC);
    put_u16(s, IMT_VERSION);
    put_u16(s, (uint16_t)type);
    put_u64(s, 0);
    return at;
}

void imt_end(struct strbuf *s, size_t at)
{
    if (s->failed)
        return;
    uint32_t len = __builtin_bswap32((uint32_t)(s->len - at - IMT_HEADER));
    memcpy(s->p + at + 8, &len, sizeof(len));
}

/* ---- HELLO */

enum { HELLO_FLOWS = 1 };

void imt_hello_put(struct strbuf *s, const struct layout *l)
{
    size_t at = imt_begin(s, IMT_HELLO);
    put_u16(s, l->n);
    put_u16(s, l->fixed);
    put_u16(s, l->bin_off);
    put_u16(s, l->rd_origin_off);
    strbuf_char(s, l->flows ? HELLO_FLOWS : 0);
    for (unsigned i = 0; i < l->n; i++) {
        const struct column *c = &l->col[i];
        size_t len = strlen(c->field->name);
        strbuf_char(s, (char)len);
        strbuf_add(s, c->field->name, len);
        strbuf_char(s, (char)c->field->kind);
        put_u16(s, c->off);
        put_u16(s, c->len);
        if (c->field->flags & F_CUSTOM)
            put_u16(s, custom_len(c->field));
    }
    imt_end(s, at);
}

/* A column must lie inside the fixed part and be as long as this build takes fields of its name to be:
 * outputs load values by their kind without looking at the length again. */
static bool column_fits(const struct column *c, const struct layout *l)
{
    if (c->place == PLACE_ROW)
        return true;
    uint16_t len = c->place == PLACE_ADDR ? 1 : c->place == PLACE_VAR ? sizeof(uint16_t) : c->field->size;
    return c->len == len && (uint32_t)c->off + c->len <= l->fixed;
}

static uint8_t place_of(const struct column *c)
{
    if (c->field->flags & (F_OR | F_STITCH))
        return PLACE_ROW;
    if (field_is_var(c->field))
        return PLACE_VAR;
    return (c->field->kind == FK_ADDR || c->field->kind == FK_NET) && c->len == 1 ? PLACE_ADDR : PLACE_FIXED;
}

/* The field of a primitive that the daemon's site has defined. */
static const struct field *own_field(struct layout *l, const char *name, uint8_t len, uint8_t kind,
                                     uint16_t octets)
{
    if (kind < FK_C_UINT || kind >= FK_MAX || len == 0 || len >= CUSTOM_NAME || l->n_own == CUSTOM_MAX)
        return NULL;
    if (!l->own && !(l->own = calloc(CUSTOM_MAX, sizeof(*l->own))))
        return NULL;
    for (unsigned i = 0; i < len; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '_' && name[i] != '-')
            return NULL;
    struct custom *c = &l->own[l->n_own];
    memcpy(c->name, name, len);
    c->len = octets;
    custom_field(&c->field, c->name, (enum field_kind)kind, l->n_own++, octets);
    return &c->field;
}

static bool has_column(const struct layout *l, const struct field *f)
{
    for (unsigned i = 0; i < l->n; i++)
        if (l->col[i].field == f || !strcmp(l->col[i].field->name, f->name))
            return true;
    return false;
}

static int column_get(struct cursor *body, struct layout *l, struct err *e)
{
    uint8_t len = cursor_u8(body);
    const char *name = (const char *)cursor_take(body, len);
    uint8_t kind = cursor_u8(body);
    struct column *c = &l->col[l->n];
    c->off = cursor_u16(body);
    c->len = cursor_u16(body);
    const uint16_t octets = kind >= FK_C_UINT ? cursor_u16(body) : 0;
    if (body->bad || memchr(name, '\0', len))
        return err_set(e, ERR_FORMAT, "the table's description is cut short");
    c->field = kind >= FK_C_UINT ? own_field(l, name, len, kind, octets) : field_find(name, len);
    if (!c->field || c->field->kind != kind)
        return err_set(e, ERR_UNSUPPORTED,
                       "the daemon is of another release: this client does not know its field '%.*s'", len,
                       name);
    c->place = place_of(c);
    if (!column_fits(c, l) || has_column(l, c->field))
        return err_set(e, ERR_FORMAT, "the table's description is wrong about '%s'", c->field->name);
    l->n++;
    l->n_tail += column_in_tail(c);
    return 0;
}

static int layout_get(struct cursor body, struct layout *l, struct err *e)
{
    unsigned n = cursor_u16(&body);
    l->fixed = cursor_u16(&body);
    l->bin_off = cursor_u16(&body);
    l->rd_origin_off = cursor_u16(&body);
    l->flows = cursor_u8(&body) & HELLO_FLOWS;
    bool bin_fits = l->bin_off == LAYOUT_NO_BIN || l->bin_off + 8u <= l->fixed;
    if (body.bad || n > COLUMNS_MAX || l->fixed % 8 || !bin_fits)
        return err_set(e, ERR_FORMAT, "the table's description makes no sense");
    while (l->n < n)
        if (column_get(&body, l, e) == -1)
            return -1;
    if (layout_find(l, FIELD_mpls_vpn_rd) && l->rd_origin_off >= l->fixed)
        return err_set(e, ERR_FORMAT, "the table's description is wrong about 'mpls_vpn_rd'");
    return 0;
}

int imt_hello_get(struct cursor body, struct layout *l, struct err *e)
{
    memset(l, 0, sizeof(*l));
    if (layout_get(body, l, e) == 0)
        return 0;
    layout_free(l);
    return -1;
}

/* ---- REQUEST */

size_t imt_request_begin(struct strbuf *s, enum imt_op op, uint8_t flags, uint16_t n_queries)
{
    size_t at = imt_begin(s, IMT_REQUEST);
    strbuf_char(s, (char)op);
    strbuf_char(s, (char)flags);
    put_u16(s, n_queries);
    return at;
}

/* A query: length of its terms, their number, never. The first two are filled in at its end. */
enum { QUERY_HEADER = 7 };

size_t imt_query_begin(struct strbuf *s, bool never)
{
    size_t at = s->len;
    put_u32(s, 0);
    put_u16(s, 0);
    strbuf_char(s, never);
    return at;
}

void imt_term_put(struct strbuf *s, uint16_t column, const void *value, uint32_t len)
{
    put_u16(s, column);
    put_u32(s, len);
    strbuf_add(s, value, len);
}

void imt_query_end(struct strbuf *s, size_t at, uint16_t n_terms)
{
    if (s->failed)
        return;
    uint32_t len = __builtin_bswap32((uint32_t)(s->len - at - QUERY_HEADER));
    uint16_t n = __builtin_bswap16(n_terms);
    memcpy(s->p + at, &len, sizeof(len));
    memcpy(s->p + at + 4, &n, sizeof(n));
}

int imt_request_get(struct cursor body, struct imt_request *r, struct err *e)
{
    r->op = cursor_u8(&body);
    r->flags = cursor_u8(&body);
    r->n_queries = cursor_u16(&body);
    r->queries = body;
    bool queries = r->op == IMT_OP_MATCH || r->op == IMT_OP_COUNT;
    if (body.bad || r->op >= IMT_OP_MAX || r->flags & ~IMT_F_ALL)
        return err_set(e, ERR_FORMAT, "malformed request");
    if (r->n_queries > IMT_QUERIES_MAX || (r->n_queries != 0) != queries)
        return err_set(e, ERR_FORMAT, "a request with %u queries", r->n_queries);
    if (r->flags & IMT_F_RESET && !queries)
        return err_set(e, ERR_FORMAT, "a reset without queries");
    return 0;
}

bool imt_query_get(struct cursor *queries, struct imt_query *q)
{
    uint32_t len = cursor_u32(queries);
    q->n_terms = cursor_u16(queries);
    q->never = cursor_u8(queries) != 0;
    q->terms = cursor_sub(queries, len);
    return !queries->bad;
}

bool imt_term_get(struct cursor *terms, struct imt_term *t)
{
    t->column = cursor_u16(terms);
    t->len = cursor_u32(terms);
    t->value = cursor_take(terms, t->len);
    return !terms->bad;
}

/* ---- ROWS */

/* The octets of the tail must all lie inside the key, and those of an address be an address. */
static bool tail_fits(const struct layout *l, const uint8_t *key, uint32_t key_len)
{
    size_t need = l->fixed;
    for (unsigned i = 0; i < l->n; i++) {
        uint32_t len = column_tail_len(&l->col[i], key);
        if (l->col[i].place == PLACE_ADDR && len != 0 && len != 4 && len != 16)
            return false;
        need += len;
    }
    return need <= key_len;
}

bool imt_row_get(struct cursor *body, const struct layout *l, struct row *out, uint32_t *key_len)
{
    struct imt_row r;
    if (!cursor_left(body))
        return false;
    const uint8_t *p = cursor_take(body, sizeof(r));
    if (!p)
        return false;
    memcpy(&r, p, sizeof(r));
    const uint8_t *key = cursor_take(body, r.key_len);
    if (!key || r.key_len < l->fixed || (l->n_tail && !tail_fits(l, key, r.key_len))) {
        body->bad = true;
        return false;
    }
    *out = (struct row){ .key = key,
                         .packets = r.packets,
                         .bytes = r.bytes,
                         .flows = r.flows,
                         .tcpflags = r.tcpflags,
                         .tunnel_tcpflags = r.tunnel_tcpflags,
                         .kind = r.kind };
    *key_len = r.key_len;
    return true;
}

/* ---- COUNTS, DONE, ERROR */

void imt_counts_put(struct strbuf *s, const struct imt_count *count, uint16_t n)
{
    size_t at = imt_begin(s, IMT_COUNTS);
    for (unsigned i = 0; i < n; i++) {
        put_u64(s, count[i].packets);
        put_u64(s, count[i].bytes);
        put_u64(s, count[i].flows);
        put_u64(s, count[i].entries);
    }
    imt_end(s, at);
}

bool imt_count_get(struct cursor *body, struct imt_count *out)
{
    if (!cursor_left(body))
        return false;
    out->packets = cursor_u64(body);
    out->bytes = cursor_u64(body);
    out->flows = cursor_u64(body);
    out->entries = cursor_u64(body);
    return !body->bad;
}

void imt_done_put(struct strbuf *s, const struct imt_done *d)
{
    size_t at = imt_begin(s, IMT_DONE);
    put_u64(s, d->rows);
    put_u64(s, (uint64_t)d->last_reset_s);
    imt_end(s, at);
}

int imt_done_get(struct cursor body, struct imt_done *d, struct err *e)
{
    d->rows = cursor_u64(&body);
    d->last_reset_s = (int64_t)cursor_u64(&body);
    return body.bad ? err_set(e, ERR_FORMAT, "the end of the answer is cut short") : 0;
}

void imt_error_put(struct strbuf *s, const char *text)
{
    size_t at = imt_begin(s, IMT_ERROR);
    strbuf_str(s, text);
    imt_end(s, at);
}
