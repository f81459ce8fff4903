/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows as protocol buffers: a message AcctData of docs/flow.proto each. What is 0 or empty is left out. Made
 * by format_new. */
#include <stdlib.h>

#include "output/format_impl.h"
#include "output/json.h"
#include "output/protobuf.h"

/* How a column goes behind its tag. */
enum proto_type { AS_NUMBER, AS_DOUBLE, AS_TEXT, AS_FREE_TEXT, AS_WORDS, AS_LABELS, AS_SEGMENTS, AS_ENTRY };

enum { SHORT_TEXT = 127 /* the longest text whose length takes one octet */ };

static const uint8_t numbers[FIELD_MAX] = {
#define PROTO(number, field) [FIELD_##field] = number,
#define PROTO_MORE(...)
#include "output/protobuf.def"
#undef PROTO
#undef PROTO_MORE
};

/* ---- values */

NUMBER_PUTS(proto, proto_put)

static void put_words(unsigned number, const uint8_t *v, uint32_t len, struct strbuf *out)
{
    const uint8_t *at = v, *word;
    uint32_t n;
    while (words_next(&at, v + len, &word, &n))
        proto_text(out, number, word, n);
}

/* Packed. */
static void put_labels(unsigned number, const uint8_t *v, uint32_t len, struct strbuf *out)
{
    char tag[PROTO_TAG_MAX];
    if (len < 4)
        return;
    strbuf_add(out, tag, (size_t)(proto_put_tag(tag, number, PROTO_LEN) - tag));
    const size_t at = out->len;
    strbuf_char(out, 0);
    for (uint32_t i = 0; i < len / 4 && strbuf_room(out, PROTO_VARINT_MAX); i++) {
        uint32_t label;
        memcpy(&label, v + (size_t)i * 4, 4);
        out->len = (size_t)(proto_put(out->p + out->len, label) - out->p);
    }
    proto_close(out, at, 1);
}

static void put_segments(unsigned number, const uint8_t *v, uint32_t len, struct strbuf *out)
{
    char text[ADDR_TEXT];
    for (uint32_t i = 0; i < len / 16; i++) {
        struct addr a;
        addr_set_v6(&a, v + (size_t)i * 16);
        proto_text(out, number, text, addr_text(&a, text));
    }
}

/* Text that put_var writes, ASCII or not, as the field of this number. */
static void put_text(const struct fcol *c, const struct format *f, unsigned number, const uint8_t *v,
                     uint32_t len, struct strbuf *out)
{
    char tag[PROTO_TAG_MAX];
    const size_t before = out->len;
    if (c->type == AS_FREE_TEXT) {
        proto_text(out, number, v, len ? strnlen((const char *)v, len) : 0);
        return;
    }
    strbuf_add(out, tag, (size_t)(proto_put_tag(tag, number, PROTO_LEN) - tag));
    const size_t at = out->len;
    strbuf_char(out, 0);
    c->put_var(f, v, len, out);
    proto_close(out, at, 1);
    if (!out->failed && out->len == at + 1)
        out->len = before;
}

/* An entry of the map custom_primitives: a message of key (1) and value (2). */
static void put_entry(struct fcol *c, const struct format *f, const uint8_t *v, uint32_t len,
                      struct strbuf *out)
{
    struct fcol value = *c;
    char tag[PROTO_TAG_MAX];
    strbuf_add(out, tag, (size_t)(proto_put_tag(tag, PROTO_custom_primitives, PROTO_LEN) - tag));
    const size_t at = out->len;
    strbuf_char(out, 0);
    proto_text(out, 1, c->title, strlen(c->title));
    value.type = c->column->field->kind == FK_C_STR ? AS_FREE_TEXT : AS_TEXT;
    put_text(&value, f, 2, v, len, out);
    proto_close(out, at, 1);
}

static void put_variable(struct fcol *c, const struct format *f, const uint8_t *v, uint32_t len,
                         struct strbuf *out)
{
    switch (c->type) {
    case AS_WORDS:
        put_words(c->number, v, len, out);
        break;
    case AS_LABELS:
        put_labels(c->number, v, len, out);
        break;
    case AS_SEGMENTS:
        put_segments(c->number, v, len, out);
        break;
    case AS_ENTRY:
        put_entry(c, f, v, len, out);
        break;
    default:
        put_text(c, f, c->number, v, len, out);
    }
}

/* ---- columns */

static void column_kind(struct fcol *c)
{
    static put_fn *const number[FK_MAX] = {
        [FK_U8] = proto_u8,   [FK_U16] = proto_u16,     [FK_U32] = proto_u32,     [FK_U64] = proto_u64,
        [FK_ASN] = proto_u32, [FK_TCPFLAGS] = proto_u8, [FK_FWDSTATUS] = proto_u8
    };
    static const uint8_t list[FK_MAX] = {
        [FK_CLASS] = AS_FREE_TEXT, [FK_COUNTRY] = AS_FREE_TEXT, [FK_POCODE] = AS_FREE_TEXT,
        [FK_TEXT] = AS_FREE_TEXT,  [FK_MAP] = AS_FREE_TEXT,     [FK_COMMS] = AS_WORDS,
        [FK_ASPATH] = AS_WORDS,    [FK_LABELS] = AS_LABELS,     [FK_SEGMENTS] = AS_SEGMENTS,
    };
    const struct field *fd = c->column->field;
    if (number[fd->kind]) {
        c->put = number[fd->kind], c->type = AS_NUMBER, c->max = PROTO_VARINT_MAX;
    } else if (fd->kind == FK_COORDS) {
        c->put = binary_double, c->type = AS_DOUBLE, c->max = sizeof(double);
    } else if (fd->flags & F_CUSTOM) {
        c->type = AS_ENTRY;
    } else if (list[fd->kind]) {
        c->put = NULL, c->type = list[fd->kind];
    } else {
        c->type = AS_TEXT;
    }
}

static void column_tag(struct fcol *c, unsigned number)
{
    const enum proto_wire wire = c->type == AS_NUMBER   ? PROTO_VARINT
                                 : c->type == AS_DOUBLE ? PROTO_I64
                                                        : PROTO_LEN;
    c->number = (uint8_t)number;
    if (c->put)
        c->prefix_len = (uint8_t)(proto_put_tag(c->prefix, number, wire) - c->prefix);
}

static void more(struct format *f, unsigned number, put_fn *put, uint8_t type, uint16_t off, uint8_t where,
                 uint8_t hide)
{
    struct fcol *c = format_add_counter(f, "", off, 0);
    c->put = put;
    c->type = type;
    c->where = where;
    c->hide = hide;
    c->max = TIME_TEXT;
    column_tag(c, number);
}

static void counters(struct format *f)
{
    const uint16_t bin = f->layout->bin_off;
    if (f->st.stamps && bin != LAYOUT_NO_BIN) {
        more(f, PROTO_stamp_inserted, text_stamp, AS_TEXT, bin, IN_KEY, HIDE_UNBINNED);
        more(f, PROTO_stamp_updated, text_updated, AS_TEXT, bin, IN_KEY, HIDE_UNBINNED);
    }
    more(f, PROTO_packets, proto_u64, AS_NUMBER, offsetof(struct row, packets), IN_ROW, HIDE_ON_EVENT);
    more(f, PROTO_bytes, proto_u64, AS_NUMBER, offsetof(struct row, bytes), IN_ROW, HIDE_ON_EVENT);
    if (f->layout->flows)
        more(f, PROTO_flows, proto_u64, AS_NUMBER, offsetof(struct row, flows), IN_ROW, HIDE_ON_EVENT);
}

static bool proto_tail(struct format *f, const char *writer_id)
{
    struct strbuf s;
    free(f->tail);
    strbuf_init(&s, 4096);
    if (writer_id)
        proto_text(&s, PROTO_writer_id, writer_id, strlen(writer_id));
    f->tail = format_keep(&s, &f->tail_len);
    return f->tail != NULL;
}

static int proto_prepare(struct format *f)
{
    const unsigned n = f->n;
    for (unsigned i = 0; i < n; i++) {
        struct fcol *c = &f->col[i];
        const struct field *fd = c->column->field;
        const bool second = i && f->col[i - 1].column == c->column;
        column_kind(c);
        if (fd->flags & F_CUSTOM)
            snprintf(c->title, sizeof(c->title), "%s", fd->json);
        column_tag(c, (fd->flags & F_CUSTOM ? 0 : numbers[fd - fields]) + second);
        if (c->type == AS_TEXT && c->put && c->max > SHORT_TEXT)
            return -1;
        if (fd->kind == FK_RD && f->st.rd_origin) {
            struct fcol *origin = &f->col[f->n++];
            *origin = *c;
            origin->off = f->layout->rd_origin_off;
            origin->put = json_rd_origin;
            column_tag(origin, numbers[fd - fields] + 1u);
        }
    }
    counters(f);
    return proto_tail(f, f->st.writer_id) ? 0 : -1;
}

/* ---- rows */

static bool is_zero(const char *v, const char *end)
{
    while (v < end && !*v)
        v++;
    return v == end;
}

/* A value of bounded size; what is 0 or empty leaves nothing. */
static char *put_fixed(struct fcol *c, const struct format *f, const struct row *r, char *p)
{
    char *v = p + c->prefix_len;
    memcpy(p, c->prefix, sizeof(uint32_t)); /* tags have one or two octets */
    if (c->type == AS_TEXT) {
        char *end = c->put(c, f, fcol_value(c, f, r), v + 1);
        *v = (char)(end - v - 1);
        return *v ? end : p;
    }
    char *end = c->put(c, f, fcol_value(c, f, r), v);
    return is_zero(v, end) ? p : end;
}

static void proto_row(struct format *f, const struct row *r, struct strbuf *out)
{
    const size_t start = out->len;
    if (!strbuf_room(out, f->row_max))
        return;
    char *p = out->p + out->len;
    for (struct fcol *c = f->col, *end = f->col + f->n; c < end; c++) {
        if (c->hide && column_hidden(f, c, r))
            continue;
        if (c->put) {
            p = put_fixed(c, f, r, p);
            continue;
        }
        uint32_t len;
        const uint8_t *v = fcol_bytes(c, f, r, &len);
        out->len = (size_t)(p - out->p);
        put_variable(c, f, v, len, out);
        if (out->failed || !strbuf_room(out, f->row_max)) {
            out->len = start;
            return;
        }
        p = out->p + out->len;
    }
    memcpy(p, f->tail, f->tail_len);
    out->len = (size_t)(p - out->p) + f->tail_len;
}

const struct format_ops format_proto = { proto_prepare, NULL, proto_row, proto_tail };
