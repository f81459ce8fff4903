/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows as JSON, one object a line. What stands before a value (`, "ip_src": "`) is made once a column. */
#include "output/format_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include "output/json.h"

/* Members of this rank and later stand behind the stamps and flows. */
enum { RANK_AFTER_STAMPS = 94 };

/* ---- values that JSON writes otherwise than csv */

static char *json_flags(struct fcol *c, const struct format *f, const uint8_t *v, char *p)
{
    static const struct {
        uint8_t bit;
        char text[8];
    } flags[] = { { 0x20, "\"URG\", " }, { 0x10, "\"ACK\", " }, { 0x08, "\"PSH\", " },
                  { 0x04, "\"RST\", " }, { 0x02, "\"SYN\", " }, { 0x01, "\"FIN\", " } };
    (void)c, (void)f;
    *p++ = '[';
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (!(*v & flags[i].bit))
            continue;
        memcpy(p, flags[i].text, 7);
        p += 7;
    }
    if (p[-1] == ' ')
        p -= 2;
    *p++ = ']';
    return p;
}

/* RFC 7270 §4.12: two bits of status, six of reason. */
char *text_fwd_status(struct fcol *c, const struct format *f, const uint8_t *v, char *p)
{
    static const char *const named[256] = {
        [64] = "FORWARDED Unknown",
        [65] = "FORWARDED Fragmented",
        [66] = "FORWARDED Not Fragmented",
        [128] = "DROPPED Unknown",
        [129] = "DROPPED ACL deny",
        [130] = "DROPPED ACL drop",
        [131] = "DROPPED Unroutable",
        [132] = "DROPPED Adjacency",
        [133] = "DROPPED Fragmentation and DF set",
        [134] = "DROPPED Bad header checksum",
        [135] = "DROPPED Bad total Length",
        [136] = "DROPPED Bad header length",
        [137] = "DROPPED bad TTL",
        [138] = "DROPPED Policer",
        [139] = "DROPPED WRED",
        [140] = "DROPPED RPF",
        [141] = "DROPPED For us",
        [142] = "DROPPED Bad output interface",
        [143] = "DROPPED Hardware",
        [192] = "CONSUMED Unknown",
        [193] = "CONSUMED Punt Adjacency",
        [194] = "CONSUMED Incomplete Adjacency",
        [195] = "CONSUMED For us",
    };
    static const char *const status[4] = { "UNKNOWN Unclassified", "FORWARDED Unclassified",
                                           "DROPPED Unclassified", "CONSUMED Unclassified" };
    (void)c, (void)f;
    const char *text = named[*v] ? named[*v] : status[*v >> 6];
    size_t n = strlen(text);
    memcpy(p, text, n);
    return p + n;
}

char *json_rd_origin(struct fcol *c, const struct format *f, const uint8_t *v, char *p)
{
    static const char words[][8] = { "unknown", "map", "bgp", "bmp", "flow" };
    (void)c, (void)f;
    const char *word = words[*v <= RD_ORIGIN_FLOW ? *v : 0];
    memcpy(p, word, 8);
    return p + strlen(word);
}

void json_plain(const struct format *f, const uint8_t *v, uint32_t len, struct strbuf *out)
{
    (void)f;
    json_chars(out, v, len);
}

static void json_own_string(const struct format *f, const uint8_t *v, uint32_t len, struct strbuf *out)
{
    json_plain(f, v, len ? (uint32_t)strnlen((const char *)v, len) : 0, out);
}

static void json_class(const struct format *f, const uint8_t *v, uint32_t len, struct strbuf *out)
{
    if (len)
        json_plain(f, v, len, out);
    else
        strbuf_lit(out, "unknown");
}

bool words_next(const uint8_t **at, const uint8_t *end, const uint8_t **word, uint32_t *len)
{
    while (*at < end && **at == ' ')
        ++*at;
    if (*at == end)
        return false;
    const uint8_t *blank = memchr(*at, ' ', (size_t)(end - *at));
    *word = *at;
    *at = blank ? blank : end;
    *len = (uint32_t)(*at - *word);
    return true;
}

/* Words between blanks become an array. */
static void json_words(const struct format *f, const uint8_t *v, uint32_t len, struct strbuf *out)
{
    (void)f;
    const uint8_t *at = v, *word;
    uint32_t n;
    bool first = true;
    strbuf_char(out, '[');
    while (words_next(&at, v + len, &word, &n)) {
        if (!first)
            strbuf_lit(out, ", ");
        json_string(out, (const char *)word, n);
        first = false;
    }
    strbuf_char(out, ']');
}

/* Opens the i-th element of an array of "index-value" strings. */
static void json_indexed(struct strbuf *out, uint32_t i)
{
    strbuf_str(out, i ? ", \"" : "\"");
    strbuf_u64(out, i);
    strbuf_char(out, '-');
}

static void json_label_array(const struct format *f, const uint8_t *v, uint32_t len, struct strbuf *out)
{
    (void)f;
    strbuf_char(out, '[');
    for (uint32_t i = 0; i < len / 4; i++) {
        uint32_t label;
        memcpy(&label, v + (size_t)i * 4, 4);
        json_indexed(out, i);
        strbuf_u64(out, label);
        strbuf_char(out, '"');
    }
    strbuf_char(out, ']');
}

static void json_segments(const struct format *f, const uint8_t *v, uint32_t len, struct strbuf *out)
{
    (void)f;
    char buf[ADDR_TEXT];
    strbuf_char(out, '[');
    for (uint32_t i = 0; i < len / 16; i++) {
        struct addr a;
        addr_set_v6(&a, v + (size_t)i * 16);
        json_indexed(out, i);
        strbuf_add(out, buf, addr_text(&a, buf));
        strbuf_char(out, '"');
    }
    strbuf_char(out, ']');
}

static bool pairs_word(struct pairs *x, const uint8_t **word, uint32_t *len)
{
    if (!x->p)
        return false;
    const uint8_t *at = x->p;
    while (at < x->end && *at != '%' && *at != ',')
        at++;
    *word = x->p;
    *len = (uint32_t)(at - x->p);
    x->p = at < x->end ? at + 1 : NULL;
    return true;
}

static bool pairs_step(struct pairs *x, const uint8_t *word[2], uint32_t len[2])
{
    return pairs_word(x, &word[0], &len[0]) && pairs_word(x, &word[1], &len[1]);
}

/* A key that comes again has its last value; an object must not name a member twice. */
static bool pairs_again(struct pairs rest, const uint8_t *key, uint32_t n)
{
    const uint8_t *word[2];
    uint32_t len[2];
    while (pairs_step(&rest, word, len)) {
        if (len[0] == n && !memcmp(word[0], key, n))
            return true;
    }
    return false;
}

bool pairs_next(struct pairs *x, const uint8_t *word[2], uint32_t len[2])
{
    while (pairs_step(x, word, len)) {
        if (!pairs_again(*x, word[0], len[0]))
            return true;
    }
    return false;
}

void json_pairs(struct strbuf *out, const char *p, size_t len)
{
    struct pairs x = pairs_of((const uint8_t *)p, (uint32_t)len);
    const uint8_t *word[2];
    uint32_t n[2];
    bool first = true;
    strbuf_char(out, '{');
    while (pairs_next(&x, word, n)) {
        if (!first)
            strbuf_lit(out, ", ");
        first = false;
        json_string(out, (const char *)word[0], n[0]);
        strbuf_lit(out, ": ");
        json_string(out, (const char *)word[1], n[1]);
    }
    strbuf_char(out, '}');
}

static void json_map(const struct format *f, const uint8_t *v, uint32_t len, struct strbuf *out)
{
    (void)f;
    json_pairs(out, (const char *)v, len);
}

/* ---- columns */

void json_kind(const struct format_style *st, struct fcol *c)
{
    switch (c->column->field->kind) {
    case FK_TCPFLAGS:
        if (st->tcpflags_as_array)
            c->put = json_flags, c->max = 48, c->quoted = false;
        break;
    case FK_FWDSTATUS:
        if (st->fwd_status_as_string)
            c->put = text_fwd_status, c->max = 40;
        break;
    case FK_CLASS:
        c->put = NULL, c->put_var = json_class;
        break;
    case FK_COUNTRY:
    case FK_POCODE:
    case FK_TEXT:
        c->put = NULL, c->put_var = json_plain;
        break;
    case FK_C_STR:
        c->put_var = json_own_string;
        break;
    case FK_MAP:
        c->put_var = st->label_as_map ? json_map : json_plain;
        c->quoted = !st->label_as_map;
        break;
    case FK_COMMS:
        c->put_var = st->comms_as_array ? json_words : json_plain;
        c->quoted = !st->comms_as_array;
        break;
    case FK_ASPATH:
        c->put_var = st->as_path_as_array ? json_words : json_plain;
        c->quoted = !st->as_path_as_array;
        break;
    case FK_LABELS:
        if (st->labels_as_array)
            c->put_var = json_label_array, c->quoted = false;
        break;
    case FK_SEGMENTS:
        c->put_var = json_segments, c->quoted = false;
        break;
    default:
        break;
    }
}

static void json_prefix(struct fcol *c, const char *name)
{
    int n = snprintf(c->prefix, sizeof(c->prefix), ", \"%s\": %s", name, c->quoted ? "\"" : "");
    c->prefix_len = (uint8_t)(n < (int)sizeof(c->prefix) ? n : (int)sizeof(c->prefix) - 1);
}

static void json_counter(struct format *f, const char *name, uint16_t off)
{
    if (f->st.events)
        return;
    struct fcol *c = format_add_counter(f, "", off, 0);
    c->hide = HIDE_ON_EVENT;
    json_prefix(c, name);
}

static void json_stamp(struct format *f, const char *name, put_fn *put)
{
    struct fcol *c = format_add_counter(f, "", f->layout->bin_off, 0);
    c->where = IN_KEY;
    c->put = put;
    c->max = TIME_TEXT;
    c->quoted = true;
    c->hide = HIDE_UNBINNED;
    json_prefix(c, name);
}

static void json_stamps_and_flows(struct format *f)
{
    if (f->st.stamps && f->layout->bin_off != LAYOUT_NO_BIN) {
        json_stamp(f, "stamp_inserted", text_stamp);
        json_stamp(f, "stamp_updated", text_updated);
    }
    if (f->layout->flows)
        json_counter(f, "flows", offsetof(struct row, flows));
}

static void json_column(struct format *f, const struct column *column)
{
    unsigned first = f->n;
    char name[64];
    format_add(f, column);
    for (unsigned i = first; i < f->n; i++) {
        struct fcol *c = &f->col[i];
        snprintf(name, sizeof(name), "%s", column->field->json);
        if (i > first && !strncmp(name, "lat", 3))
            memcpy(name, "lon", 3);
        json_kind(&f->st, c);
        json_prefix(c, name);
    }
    if (column->field->kind != FK_RD || !f->st.rd_origin)
        return;
    struct fcol *c = &f->col[f->n++];
    *c = f->col[first];
    c->off = f->layout->rd_origin_off;
    c->put = json_rd_origin;
    snprintf(name, sizeof(name), "%s_origin", column->field->json);
    json_prefix(c, name);
}

bool json_tail(struct format *f, const char *writer_id)
{
    struct strbuf s;
    free(f->tail);
    strbuf_init(&s, 4096);
    if (writer_id) {
        strbuf_lit(&s, ", \"writer_id\": ");
        json_string(&s, writer_id, strlen(writer_id));
    }
    strbuf_lit(&s, "}\n");
    f->tail = format_keep(&s, &f->tail_len);
    return f->tail != NULL;
}

int json_ends(struct format *f)
{
    struct strbuf s;
    strbuf_init(&s, 4096);
    strbuf_char(&s, '{');
    if (f->st.event_type) {
        strbuf_lit(&s, "\"event_type\": ");
        json_string(&s, f->st.event_type, strlen(f->st.event_type));
    }
    f->skip = f->st.event_type ? 0 : 2;
    f->head = format_keep(&s, &f->head_len);
    return json_tail(f, f->st.writer_id) && f->head ? 0 : -1;
}

static int json_prepare(struct format *f)
{
    const struct column *order[COLUMNS_MAX];
    unsigned n = 0;
    for (unsigned i = 0; i < f->n; i++) {
        if (n && f->col[i].column == order[n - 1])
            continue; /* second half of a pair */
        order[n++] = f->col[i].column;
    }
    f->n = 0;
    bool stamped = false;
    for (unsigned i = 0; i < n; i++) {
        if (!stamped && order[i]->field->json_rank >= RANK_AFTER_STAMPS) {
            json_stamps_and_flows(f);
            stamped = true;
        }
        json_column(f, order[i]);
    }
    if (!stamped)
        json_stamps_and_flows(f);
    json_counter(f, "packets", offsetof(struct row, packets));
    json_counter(f, "bytes", offsetof(struct row, bytes));
    return json_ends(f);
}

/* ---- rows */

bool column_hidden(const struct format *f, const struct fcol *c, const struct row *r)
{
    if (c->hide == HIDE_ON_EVENT)
        return r->kind != FLOW_TRAFFIC;
    if (c->hide == HIDE_ALWAYS)
        return true;
    int64_t bin;
    memcpy(&bin, r->key + f->layout->bin_off, sizeof(bin));
    return bin == 0;
}

static void json_row(struct format *f, const struct row *r, struct strbuf *out)
{
    size_t start = out->len;
    if (!strbuf_room(out, f->row_max))
        return;
    char *p = out->p + out->len;
    unsigned skip = f->skip;
    memcpy(p, f->head, f->head_len);
    p += f->head_len;
    for (struct fcol *c = f->col, *end = f->col + f->n; c < end; c++) {
        if (c->hide && column_hidden(f, c, r))
            continue;
        p = put_prefix(c, skip, p);
        skip = 0;
        if (__builtin_expect(c->put != NULL, 1)) {
            p = c->put(c, f, fcol_value(c, f, r), p);
        } else if (!(p = put_any(c, f, r, p, out))) {
            out->len = start;
            return;
        }
        if (c->quoted)
            *p++ = '"';
    }
    memcpy(p, f->tail, f->tail_len);
    out->len = (size_t)(p - out->p) + f->tail_len;
}

const struct format_ops format_json = { json_prepare, NULL, json_row, json_tail };
