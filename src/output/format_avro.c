/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows as records of Avro's binary encoding, and the schema of a row. The values are those of JSON: what is
 * text there is a string here, in front of which goes its length. Numbers are zigzag varints. Made by
 * format_new; format_avro_json.c shares the columns. */
#include <stdio.h>
#include <stdlib.h>

#include "output/avro.h"
#include "output/format_impl.h"
#include "output/json.h"

enum { SHORT_TEXT = 63 /* the longest text whose length takes one octet */ };

static const char *const type_name[] = { "int", "long", "double", "string", "array", "map" };
static const char *const type_default[] = { "0", "0", "0.0", "\"\"", "[]", "{}" };

/* ---- columns */

/* Places that differ from those in JSON, as rank of the field before, and order among them. */
static unsigned rank_of(const struct column *c)
{
    static const struct {
        enum field_id id;
        uint8_t behind; /* field_id */
        uint8_t order;
    } moved[] = {
        { FIELD_vrf_name, FIELD_srv6_seg_ipv6_list, 1 },
        { FIELD_ingress_vrf_name, FIELD_srv6_seg_ipv6_list, 2 },
        { FIELD_egress_vrf_name, FIELD_srv6_seg_ipv6_list, 3 },
        { FIELD_in_iface_name, FIELD_srv6_seg_ipv6_list, 4 },
        { FIELD_out_iface_name, FIELD_srv6_seg_ipv6_list, 5 },
        { FIELD_path_delay_avg_usec, FIELD_mpls_stack_depth, 1 },
        { FIELD_path_delay_min_usec, FIELD_mpls_stack_depth, 2 },
        { FIELD_path_delay_max_usec, FIELD_mpls_stack_depth, 3 },
    };
    if (c->field->flags & F_CUSTOM)
        return UINT32_MAX;
    for (size_t i = 0; i < sizeof(moved) / sizeof(moved[0]); i++)
        if (c->field == &fields[moved[i].id])
            return fields[moved[i].behind].json_rank * 16u + moved[i].order;
    return c->field->json_rank * 16u;
}

/* IPv6 flow labels have 20 bits; this is what consumers know them as. */
static bool is_int(const struct field *f)
{
    return f == &fields[FIELD_flow_label] || f == &fields[FIELD_tunnel_flow_label];
}

static uint8_t type_of(const struct format_style *st, const struct field *f)
{
    switch (f->kind) {
    case FK_U8:
    case FK_U16:
    case FK_U32:
    case FK_U64:
    case FK_ASN:
        return is_int(f) ? AVRO_INT : AVRO_LONG;
    case FK_COORDS:
        return AVRO_DOUBLE;
    case FK_TCPFLAGS:
        return st->tcpflags_as_array ? AVRO_ARRAY : AVRO_STRING;
    case FK_MAP:
        return st->label_as_map ? AVRO_MAP : AVRO_STRING;
    case FK_COMMS:
        return st->comms_as_array ? AVRO_ARRAY : AVRO_STRING;
    case FK_ASPATH:
        return st->as_path_as_array ? AVRO_ARRAY : AVRO_STRING;
    case FK_LABELS:
        return st->labels_as_array ? AVRO_ARRAY : AVRO_STRING;
    case FK_SEGMENTS:
        return AVRO_ARRAY;
    default:
        return AVRO_STRING;
    }
}

static void name_column(struct fcol *c, const char *name)
{
    snprintf(c->title, sizeof(c->title), "%s", name);
}

static void add_column(struct format *f, const struct column *column)
{
    const struct field *fd = column->field;
    unsigned first = f->n;
    format_add(f, column);
    for (unsigned i = first; i < f->n; i++) {
        struct fcol *c = &f->col[i];
        name_column(c, fd->json);
        if (i > first && !strncmp(c->title, "lat", 3))
            memcpy(c->title, "lon", 3);
        json_kind(&f->st, c);
        c->type = type_of(&f->st, fd);
        c->own = fd->flags & F_CUSTOM;
        c->optional = fd->flags & F_STITCH;
    }
    if (fd->kind != FK_RD || !f->st.rd_origin)
        return;
    struct fcol *c = &f->col[f->n++];
    *c = f->col[first];
    c->off = f->layout->rd_origin_off;
    c->put = json_rd_origin;
    snprintf(c->title, sizeof(c->title), "%s_origin", fd->json);
}

static void add_stamp(struct format *f, const char *name, put_fn *put)
{
    struct fcol *c = format_add_counter(f, name, f->layout->bin_off, 0);
    c->where = IN_KEY;
    c->put = put;
    c->max = TIME_TEXT;
    c->quoted = c->optional = true;
    c->hide = HIDE_UNBINNED;
    c->type = AVRO_STRING;
}

static void add_counter(struct format *f, const char *name, uint16_t off, uint8_t hide)
{
    struct fcol *c = format_add_counter(f, name, off, 0);
    c->hide = hide;
    c->optional = true;
    c->type = AVRO_LONG;
}

unsigned avro_columns(struct format *f)
{
    const struct column *order[COLUMNS_MAX];
    unsigned n = 0, own = 0;
    for (unsigned i = 0; i < f->n; i++) {
        const struct column *c = f->col[i].column;
        unsigned at = n;
        if (n && c == f->col[i - 1].column)
            continue; /* second half of a pair */
        for (; at && rank_of(order[at - 1]) > rank_of(c); at--)
            order[at] = order[at - 1];
        order[at] = c;
        n++;
    }
    f->n = 0;
    f->st.event_type = NULL;
    for (unsigned i = 0; i < n; i++) {
        add_column(f, order[i]);
        own += f->col[f->n - 1].own;
    }
    if (f->st.stamps && f->layout->bin_off != LAYOUT_NO_BIN) {
        add_stamp(f, "stamp_inserted", text_stamp);
        add_stamp(f, "stamp_updated", text_updated);
    }
    add_counter(f, "packets", offsetof(struct row, packets), HIDE_ON_EVENT);
    add_counter(f, "flows", offsetof(struct row, flows), f->layout->flows ? HIDE_ON_EVENT : HIDE_ALWAYS);
    add_counter(f, "bytes", offsetof(struct row, bytes), HIDE_ON_EVENT);
    return own;
}

/* ---- the schema */

static void schema_field(struct strbuf *out, const char *name, unsigned type, bool optional, const char *doc)
{
    strbuf_printf(out, "{\"name\": \"%s\", \"type\": ", name);
    if (optional)
        strbuf_printf(out, "[\"null\", \"%s\"], \"default\": null", type_name[type]);
    else if (type == AVRO_ARRAY)
        strbuf_lit(out, "{\"type\": \"array\", \"items\": \"string\"}");
    else if (type == AVRO_MAP)
        strbuf_lit(out, "{\"type\": \"map\", \"values\": \"string\"}");
    else
        strbuf_printf(out, "\"%s\"", type_name[type]);
    if (!optional)
        strbuf_printf(out, ", \"default\": %s", type_default[type]);
    if (doc) {
        strbuf_lit(out, ", \"doc\": ");
        json_string(out, doc, strlen(doc));
    }
    strbuf_char(out, '}');
}

/* Every field has a default: readers and writers whose `aggregate` differs understand each other. */
void format_schema(const struct format *f, struct strbuf *out)
{
    bool own = false, first = true;
    if (f->ops != &format_avro && f->ops != &format_avro_json)
        return;
    strbuf_lit(out, "{\"type\": \"record\", \"name\": \"acct_data\", \"fields\": [");
    for (const struct fcol *c = f->col; c < f->col + f->n; c++) {
        if (c->own && own)
            continue;
        if (!first)
            strbuf_lit(out, ", ");
        first = false;
        if (c->own)
            schema_field(out, "custom_primitives", AVRO_MAP, false, "Primitives of the site, by name");
        else
            schema_field(out, c->title, c->type, c->optional, c->column ? c->column->field->text : NULL);
        own = c->own;
    }
    if (f->st.writer_id) {
        strbuf_lit(out, ", ");
        schema_field(out, "writer_id", AVRO_STRING, false, NULL);
    }
    strbuf_lit(out, "]}");
}

/* ---- values */

NUMBER_PUTS(avro, avro_put_long)

static char *avro_flags(struct fcol *c, const struct format *f, const uint8_t *v, char *p)
{
    static const char names[6][4] = { "FIN", "SYN", "RST", "PSH", "ACK", "URG" };
    const unsigned set = *v & 0x3f;
    (void)c, (void)f;
    if (set) {
        p = avro_put_long(p, (unsigned)__builtin_popcount(set));
        for (unsigned bit = 6; bit--;) {
            if (!(set >> bit & 1))
                continue;
            p = avro_put_long(p, 3);
            memcpy(p, names[bit], 4);
            p += 3;
        }
    }
    *p = 0;
    return p + 1;
}

/* Free text, up to its NUL if it has one. */
static void avro_text(const struct format *f, const uint8_t *v, uint32_t len, struct strbuf *out)
{
    (void)f;
    avro_string(out, v, len ? strnlen((const char *)v, len) : 0);
}

static void avro_class(const struct format *f, const uint8_t *v, uint32_t len, struct strbuf *out)
{
    (void)f;
    avro_string(out, len ? (const char *)v : "unknown", len ? len : 7);
}

/* What is ASCII: its function writes the text, then the length goes in front of it. */
static void avro_ascii(const struct format *f, const uint8_t *v, uint32_t len, struct strbuf *out,
                       put_var_fn *put)
{
    char digits[AVRO_LONG_MAX];
    const size_t at = out->len;
    strbuf_char(out, 0);
    put(f, v, len, out);
    if (out->failed)
        return;
    const size_t octets = out->len - at - 1, more = (size_t)(avro_put_long(digits, octets) - digits) - 1;
    if (more) {
        if (!strbuf_room(out, more))
            return;
        memmove(out->p + at + 1 + more, out->p + at + 1, octets);
        out->len += more;
    }
    memcpy(out->p + at, digits, more + 1);
}

static void avro_words(const struct format *f, const uint8_t *v, uint32_t len, struct strbuf *out)
{
    const uint8_t *at = v, *word;
    uint32_t n, count = 0;
    (void)f;
    while (words_next(&at, v + len, &word, &n))
        count++;
    if (count)
        avro_long(out, count);
    for (at = v; words_next(&at, v + len, &word, &n);)
        avro_string(out, word, n);
    strbuf_char(out, 0);
}

/* "index-value" */
static void add_indexed(struct strbuf *out, uint32_t i, const char *value, size_t len)
{
    char text[ADDR_TEXT + 16], *end = put_u64(text, i);
    *end++ = '-';
    memcpy(end, value, len);
    avro_string(out, text, (size_t)(end - text) + len);
}

static void avro_labels(const struct format *f, const uint8_t *v, uint32_t len, struct strbuf *out)
{
    char digits[24];
    (void)f;
    if (len / 4)
        avro_long(out, len / 4);
    for (uint32_t i = 0; i < len / 4; i++) {
        uint32_t label;
        memcpy(&label, v + (size_t)i * 4, 4);
        add_indexed(out, i, digits, (size_t)(put_u64(digits, label) - digits));
    }
    strbuf_char(out, 0);
}

static void avro_segments(const struct format *f, const uint8_t *v, uint32_t len, struct strbuf *out)
{
    char text[ADDR_TEXT];
    (void)f;
    if (len / 16)
        avro_long(out, len / 16);
    for (uint32_t i = 0; i < len / 16; i++) {
        struct addr a;
        addr_set_v6(&a, v + (size_t)i * 16);
        add_indexed(out, i, text, addr_text(&a, text));
    }
    strbuf_char(out, 0);
}

static void avro_map(const struct format *f, const uint8_t *v, uint32_t len, struct strbuf *out)
{
    struct pairs x = pairs_of(v, len);
    const uint8_t *word[2];
    uint32_t n[2], count = 0;
    (void)f;
    while (pairs_next(&x, word, n))
        count++;
    if (count)
        avro_long(out, count);
    for (x = pairs_of(v, len); pairs_next(&x, word, n);) {
        avro_string(out, word[0], n[0]);
        avro_string(out, word[1], n[1]);
    }
    strbuf_char(out, 0);
}

/* ---- columns of the binary encoding */

/* How a column is written where JSON's way with a length in front of it is not it. */
static void binary_kind(const struct format_style *st, struct fcol *c)
{
    static put_fn *const number[] = {
        [FK_U8] = avro_u8, [FK_U16] = avro_u16, [FK_U32] = avro_u32, [FK_U64] = avro_u64, [FK_ASN] = avro_u32
    };
    static put_var_fn *const list[FK_MAX] = {
        [FK_MAP] = avro_map,       [FK_COMMS] = avro_words,       [FK_ASPATH] = avro_words,
        [FK_LABELS] = avro_labels, [FK_SEGMENTS] = avro_segments,
    };
    static put_var_fn *const text[FK_MAX] = {
        [FK_CLASS] = avro_class, [FK_COUNTRY] = avro_text, [FK_POCODE] = avro_text, [FK_TEXT] = avro_text,
        [FK_MAP] = avro_text,    [FK_COMMS] = avro_text,   [FK_ASPATH] = avro_text, [FK_C_STR] = avro_text,
    };
    const uint8_t kind = c->column->field->kind;
    (void)st;
    switch (c->type) {
    case AVRO_INT:
    case AVRO_LONG:
        c->put = number[kind], c->max = AVRO_LONG_MAX;
        break;
    case AVRO_DOUBLE:
        c->put = binary_double, c->max = sizeof(double);
        break;
    case AVRO_ARRAY:
    case AVRO_MAP:
        if (kind == FK_TCPFLAGS)
            c->put = avro_flags, c->max = 32;
        else
            c->put_var = list[kind];
        break;
    default:
        if (text[kind])
            c->put = NULL, c->put_var = text[kind];
        c->ascii = !c->put && !text[kind];
    }
}

/* Octets that go before the value: what ended before it, its name in a map, the branch of a union. */
static void binary_prefix(struct fcol *c, const struct fcol *before, unsigned own)
{
    char *p = c->prefix;
    if (before && before->own && !c->own)
        *p++ = 0; /* end of the map */
    if (c->own && (!before || !before->own))
        p = avro_put_long(p, own);
    if (c->own) {
        const size_t n = strlen(c->title);
        p = avro_put_long(p, n);
        memcpy(p, c->title, n);
        p += n;
    }
    c->null_len = (uint8_t)(p - c->prefix);
    if (c->optional)
        p = avro_put_long(p, 1);
    c->prefix_len = (uint8_t)(p - c->prefix);
}

static bool avro_tail(struct format *f, const char *writer_id)
{
    struct strbuf s;
    free(f->tail);
    strbuf_init(&s, 4096);
    if (writer_id)
        avro_string(&s, writer_id, strlen(writer_id));
    f->tail = format_keep(&s, &f->tail_len);
    return f->tail != NULL;
}

static int avro_prepare(struct format *f)
{
    const unsigned own = avro_columns(f);
    for (unsigned i = 0; i < f->n; i++) {
        struct fcol *c = &f->col[i];
        if (c->column && c->put != json_rd_origin)
            binary_kind(&f->st, c);
        else if (c->type == AVRO_LONG)
            c->put = avro_u64;
        c->quoted = c->put && c->type == AVRO_STRING;
        if (c->quoted && c->max > SHORT_TEXT)
            return -1;
        binary_prefix(c, i ? c - 1 : NULL, own);
    }
    return avro_tail(f, f->st.writer_id) ? 0 : -1;
}

/* ---- rows */

/* What is not of a fixed size; NULL: the row cannot be written. */
static char *put_variable(struct fcol *c, const struct format *f, const struct row *r, char *p,
                          struct strbuf *out)
{
    uint32_t len;
    const uint8_t *v = fcol_bytes(c, f, r, &len);
    out->len = (size_t)(p - out->p);
    if (c->ascii)
        avro_ascii(f, v, len, out, c->put_var);
    else
        c->put_var(f, v, len, out);
    return out->failed || !strbuf_room(out, f->row_max) ? NULL : out->p + out->len;
}

static void avro_row(struct format *f, const struct row *r, struct strbuf *out)
{
    const size_t start = out->len;
    if (!strbuf_room(out, f->row_max))
        return;
    char *p = out->p + out->len;
    for (struct fcol *c = f->col, *end = f->col + f->n; c < end; c++) {
        if (c->hide && column_hidden(f, c, r)) {
            memcpy(p, c->prefix, c->null_len);
            p += c->null_len;
            *p++ = 0; /* the branch of null */
            continue;
        }
        if (c->prefix_len)
            p = put_prefix(c, 0, p);
        if (c->quoted) {
            char *text = p + 1;
            p = c->put(c, f, fcol_value(c, f, r), text);
            text[-1] = (char)((p - text) << 1);
        } else if (c->put) {
            p = c->put(c, f, fcol_value(c, f, r), p);
        } else if (!(p = put_variable(c, f, r, p, out))) {
            out->len = start;
            return;
        }
    }
    memcpy(p, f->tail, f->tail_len);
    out->len = (size_t)(p - out->p) + f->tail_len;
}

const struct format_ops format_avro = { avro_prepare, NULL, avro_row, avro_tail };
