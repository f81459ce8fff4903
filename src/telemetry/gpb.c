/* SPDX-License-Identifier: BSD-2-Clause */
/* Walks protocol buffers by their wire format; tables say which field is what. Called by message.c. */
#include "telemetry/gpb.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/base64.h"
#include "base/hash.h"
#include "output/json.h"
#include "telemetry/pb.h"

enum {
    DEPTH = 32,
    FEW = 8, /* so many children of a level are compared one by one */
    NO_ITEM = UINT32_MAX,
};

/* ---- a TelemetryField */

enum {
    FIELD_TIMESTAMP = 1,
    FIELD_NAME,
    FIELD_BYTES = 4,
    FIELD_STRING,
    FIELD_BOOL,
    FIELD_UINT32,
    FIELD_UINT64,
    FIELD_SINT32,
    FIELD_SINT64,
    FIELD_DOUBLE,
    FIELD_FLOAT,
    FIELD_FIELDS = 15,
};

struct item {
    struct cursor body; /* all of it, for its children */
    struct cursor name;
    struct pb_field value; /* number 0: none */
    uint64_t timestamp;
    bool children;
    bool follows;  /* another one of this name stands before it in the level */
    uint32_t next; /* the next one of the name, NO_ITEM: none */
    uint32_t last; /* of the first one: the last of the name */
};

/* Items and slots are stacks: a level takes what it needs and gives it back. */
struct gpb {
    struct item *item;
    size_t n_items, cap_items;
    uint32_t *slot;
    size_t cap_slots;
};

struct gpb *gpb_new(void) { return calloc(1, sizeof(struct gpb)); }

void gpb_free(struct gpb *g)
{
    if (!g)
        return;
    free(g->item);
    free(g->slot);
    free(g);
}

/* Which wire type a value has to have. */
static const uint8_t value_wire[FIELD_FIELDS + 1] = {
    [FIELD_BYTES] = WIRE_LEN,     [FIELD_STRING] = WIRE_LEN,    [FIELD_BOOL] = WIRE_VARINT,
    [FIELD_UINT32] = WIRE_VARINT, [FIELD_UINT64] = WIRE_VARINT, [FIELD_SINT32] = WIRE_VARINT,
    [FIELD_SINT64] = WIRE_VARINT, [FIELD_DOUBLE] = WIRE_64,     [FIELD_FLOAT] = WIRE_32,
    [FIELD_FIELDS] = WIRE_LEN,
};

static int read_item(struct cursor body, struct item *it)
{
    struct pb_field f = { 0 };
    *it = (struct item){ .body = body, .next = NO_ITEM };
    while (pb_next(&body, &f)) {
        if (f.number == FIELD_TIMESTAMP && f.wire == WIRE_VARINT)
            it->timestamp = f.v;
        else if (f.number == FIELD_NAME && f.wire == WIRE_LEN)
            it->name = f.in;
        else if (f.number < FIELD_BYTES || f.number > FIELD_FIELDS || f.wire != value_wire[f.number])
            continue;
        else if (f.number == FIELD_FIELDS)
            it->children = true;
        else if (f.number <= FIELD_FLOAT)
            it->value = f;
    }
    return body.bad || cursor_left(&body) ? -1 : 0;
}

static bool same_name(const struct item *a, const struct item *b)
{
    const size_t n = cursor_left(&a->name);
    return n == cursor_left(&b->name) && (n == 0 || !memcmp(a->name.p, b->name.p, n));
}

static struct item *push_item(struct gpb *g)
{
    if (g->n_items == g->cap_items) {
        const size_t cap = g->cap_items ? g->cap_items * 2 : 64;
        struct item *more = realloc(g->item, cap * sizeof(*more));
        if (!more)
            return NULL;
        g->item = more;
        g->cap_items = cap;
    }
    return &g->item[g->n_items++];
}

/* The children of a body become items from g->n_items on; *unnamed: none of them has a name. */
static int push_children(struct gpb *g, struct cursor body, bool *unnamed)
{
    struct pb_field f = { 0 };
    *unnamed = true;
    while (pb_next(&body, &f)) {
        if (f.number != FIELD_FIELDS || f.wire != WIRE_LEN)
            continue;
        struct item *it = push_item(g);
        if (!it || read_item(f.in, it) == -1)
            return -1;
        *unnamed &= !cursor_left(&it->name);
    }
    return 0;
}

/* ---- names that occur again */

static void chain(struct gpb *g, uint32_t first, uint32_t again)
{
    g->item[again].follows = true;
    g->item[g->item[first].last].next = again;
    g->item[first].last = again;
}

static void group_few(struct gpb *g, uint32_t from)
{
    for (uint32_t i = from; i < g->n_items; i++) {
        g->item[i].last = i;
        for (uint32_t k = from; k < i; k++)
            if (!g->item[k].follows && same_name(&g->item[k], &g->item[i])) {
                chain(g, k, i);
                break;
            }
    }
}

static int group_many(struct gpb *g, uint32_t from)
{
    size_t cap = 64;
    while (cap < (g->n_items - from) * 2)
        cap *= 2;
    if (cap > g->cap_slots) {
        uint32_t *more = realloc(g->slot, cap * sizeof(*more));
        if (!more)
            return -1;
        g->slot = more;
        g->cap_slots = cap;
    }
    memset(g->slot, 0xff, cap * sizeof(*g->slot));
    for (uint32_t i = from; i < g->n_items; i++) {
        struct item *it = &g->item[i];
        size_t at =
            hash_bytes(it->name.p ? it->name.p : (const void *)"", cursor_left(&it->name)) & (cap - 1);
        it->last = i;
        while (g->slot[at] != NO_ITEM && !same_name(&g->item[g->slot[at]], it))
            at = (at + 1) & (cap - 1);
        if (g->slot[at] == NO_ITEM)
            g->slot[at] = i;
        else
            chain(g, g->slot[at], i);
    }
    return 0;
}

static int group(struct gpb *g, uint32_t from)
{
    if (g->n_items - from > FEW)
        return group_many(g, from);
    group_few(g, from);
    return 0;
}

/* ---- values as JSON */

static void put_octets(struct strbuf *out, const struct cursor *c)
{
    strbuf_char(out, '"');
    base64_add(out, c->p, cursor_left(c));
    strbuf_char(out, '"');
}

static void put_text(struct strbuf *out, const struct cursor *c)
{
    json_string(out, cursor_left(c) ? (const char *)c->p : "", cursor_left(c));
}

/* The shortest of three forms that reads back as the same number. */
static void put_double(struct strbuf *out, double v, int least, int most)
{
    char text[32];
    if (!isfinite(v)) {
        strbuf_lit(out, "null");
        return;
    }
    for (int digits = least; digits <= most; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, v);
        const double back = strtod(text, NULL);
        if (most < 15 ? (float)back == (float)v : back == v)
            break;
    }
    strbuf_str(out, text);
}

static void put_float(struct strbuf *out, uint32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof(v));
    put_double(out, (double)v, 6, 9);
}

static void put_double_bits(struct strbuf *out, uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof(v));
    put_double(out, v, 15, 17);
}

static int64_t zigzag(uint64_t v) { return (int64_t)(v >> 1) ^ -(int64_t)(v & 1); }

static void put_value(struct strbuf *out, const struct pb_field *f)
{
    switch (f->number) {
    case FIELD_BYTES:
        put_octets(out, &f->in);
        return;
    case FIELD_STRING:
        put_text(out, &f->in);
        return;
    case FIELD_BOOL:
        strbuf_str(out, f->v ? "true" : "false");
        return;
    case FIELD_UINT32:
        strbuf_u64(out, (uint32_t)f->v);
        return;
    case FIELD_UINT64:
        strbuf_printf(out, "\"%" PRIu64 "\"", f->v);
        return;
    case FIELD_SINT32:
        strbuf_printf(out, "%" PRId32, (int32_t)zigzag((uint32_t)f->v));
        return;
    case FIELD_SINT64:
        strbuf_printf(out, "\"%" PRId64 "\"", zigzag(f->v));
        return;
    case FIELD_DOUBLE:
        put_double_bits(out, f->v);
        return;
    case FIELD_FLOAT:
        put_float(out, (uint32_t)f->v);
        return;
    default:
        strbuf_lit(out, "{}"); /* a container with nothing in it */
    }
}

/* ---- levels */

static int put_level(struct gpb *g, struct cursor body, unsigned depth, struct strbuf *out);

static int put_item(struct gpb *g, uint32_t i, unsigned depth, struct strbuf *out)
{
    if (g->item[i].children)
        return put_level(g, g->item[i].body, depth + 1, out);
    put_value(out, &g->item[i].value);
    return 0;
}

/* One item, or the array of all that have its name. */
static int put_group(struct gpb *g, uint32_t i, unsigned depth, struct strbuf *out)
{
    if (g->item[i].next == NO_ITEM)
        return put_item(g, i, depth, out);
    strbuf_char(out, '[');
    for (uint32_t k = i; k != NO_ITEM; k = g->item[k].next) {
        if (k != i)
            strbuf_lit(out, ", ");
        if (put_item(g, k, depth, out) == -1)
            return -1;
    }
    strbuf_char(out, ']');
    return 0;
}

static int put_list(struct gpb *g, uint32_t from, uint32_t to, unsigned depth, struct strbuf *out)
{
    strbuf_char(out, '[');
    for (uint32_t i = from; i < to; i++) {
        if (i > from)
            strbuf_lit(out, ", ");
        if (put_item(g, i, depth, out) == -1)
            return -1;
    }
    strbuf_char(out, ']');
    return 0;
}

static int put_members(struct gpb *g, uint32_t from, uint32_t to, unsigned depth, struct strbuf *out)
{
    bool first = true;
    strbuf_char(out, '{');
    for (uint32_t i = from; i < to; i++) {
        if (g->item[i].follows)
            continue;
        if (!first)
            strbuf_lit(out, ", ");
        first = false;
        put_text(out, &g->item[i].name);
        strbuf_lit(out, ": ");
        if (put_group(g, i, depth, out) == -1)
            return -1;
    }
    strbuf_char(out, '}');
    return 0;
}

/* What a field holds: an object, or an array where none of its children has a name. */
static int put_level(struct gpb *g, struct cursor body, unsigned depth, struct strbuf *out)
{
    const uint32_t from = (uint32_t)g->n_items;
    bool unnamed;
    if (depth > DEPTH || push_children(g, body, &unnamed) == -1 || group(g, from) == -1)
        return -1;
    const uint32_t to = (uint32_t)g->n_items;
    const int rc =
        unnamed && to > from ? put_list(g, from, to, depth, out) : put_members(g, from, to, depth, out);
    g->n_items = from;
    return rc;
}

/* ---- the message */

static void put_name(struct strbuf *out, const char *name, bool *first)
{
    strbuf_str(out, *first ? "\"" : ", \"");
    strbuf_str(out, name);
    strbuf_lit(out, "\": ");
    *first = false;
}

static void put_timestamp(struct strbuf *out, uint64_t v, bool *first)
{
    if (!v)
        return;
    put_name(out, "timestamp", first);
    strbuf_printf(out, "\"%" PRIu64 "\"", v);
}

/* A row of data_gpbkv: its children are called keys and content. */
static int put_kv_row(struct gpb *g, struct cursor body, struct strbuf *out)
{
    struct item row;
    bool first = true, unnamed;
    const uint32_t from = (uint32_t)g->n_items;
    if (read_item(body, &row) == -1 || push_children(g, body, &unnamed) == -1 || group(g, from) == -1)
        return -1;
    const uint32_t to = (uint32_t)g->n_items;
    strbuf_char(out, '{');
    put_timestamp(out, row.timestamp, &first);
    for (uint32_t i = from; i < to; i++) {
        if (g->item[i].follows)
            continue;
        strbuf_str(out, first ? "" : ", ");
        first = false;
        put_text(out, &g->item[i].name);
        strbuf_lit(out, ": ");
        if (put_group(g, i, 0, out) == -1)
            return -1;
    }
    strbuf_char(out, '}');
    g->n_items = from;
    return 0;
}

/* A row of the compact form: keys and content are messages of a schema of their own. */
static int put_compact_row(struct gpb *g, struct cursor body, struct strbuf *out)
{
    enum { TIMESTAMP = 1, KEYS = 10, CONTENT };
    struct pb_field f = { 0 };
    struct cursor keys = { 0 }, content = { 0 };
    uint64_t at = 0;
    bool first = true;
    (void)g;
    while (pb_next(&body, &f)) {
        if (f.number == TIMESTAMP && f.wire == WIRE_VARINT)
            at = f.v;
        else if (f.number == KEYS && f.wire == WIRE_LEN)
            keys = f.in;
        else if (f.number == CONTENT && f.wire == WIRE_LEN)
            content = f.in;
    }
    if (body.bad || cursor_left(&body))
        return -1;
    strbuf_char(out, '{');
    put_timestamp(out, at, &first);
    put_name(out, "keys", &first);
    put_octets(out, &keys);
    put_name(out, "content", &first);
    put_octets(out, &content);
    strbuf_char(out, '}');
    return 0;
}

enum { DATA_GPBKV = 11, DATA_GPB = 12, COMPACT_ROW = 1 };

/* All fields of this number, as an array of rows. */
static int put_rows(struct gpb *g, struct cursor body, uint32_t number,
                    int (*row)(struct gpb *g, struct cursor body, struct strbuf *out), struct strbuf *out)
{
    struct pb_field f = { 0 };
    bool any = false;
    strbuf_char(out, '[');
    while (pb_next(&body, &f)) {
        if (f.number != number || f.wire != WIRE_LEN)
            continue;
        if (any)
            strbuf_lit(out, ", ");
        any = true;
        if (row(g, f.in, out) == -1)
            return -1;
    }
    strbuf_char(out, ']');
    return body.bad || cursor_left(&body) ? -1 : 0;
}

static const struct header {
    const char *name; /* NULL: no such field, or rows */
    uint8_t wire;
    bool octets; /* base64 */
} headers[] = {
    [1] = { "node_id_str", WIRE_LEN, false },
    [2] = { "node_id_uuid", WIRE_LEN, true },
    [3] = { "subscription_id_str", WIRE_LEN, false },
    [4] = { "subscription_id", WIRE_VARINT, false },
    [5] = { "sensor_path", WIRE_LEN, false },
    [6] = { "encoding_path", WIRE_LEN, false },
    [7] = { "model_version", WIRE_LEN, false },
    [8] = { "collection_id", WIRE_VARINT, false },
    [9] = { "collection_start_time", WIRE_VARINT, false },
    [10] = { "msg_timestamp", WIRE_VARINT, false },
    [13] = { "collection_end_time", WIRE_VARINT, false },
};
enum { N_HEADERS = sizeof(headers) / sizeof(headers[0]) };

static void put_header(struct strbuf *out, const struct pb_field *f, bool *first)
{
    put_name(out, headers[f->number].name, first);
    if (headers[f->number].octets)
        put_octets(out, &f->in);
    else if (f->wire == WIRE_LEN)
        put_text(out, &f->in);
    else if (f->number == 4) /* the only one of 32 bits */
        strbuf_u64(out, (uint32_t)f->v);
    else
        strbuf_printf(out, "\"%" PRIu64 "\"", f->v);
}

int gpb_telemetry_json(struct gpb *g, const uint8_t *p, size_t len, struct strbuf *out)
{
    const struct cursor whole = cursor_of(p, len);
    struct cursor c = whole, table = { 0 };
    struct pb_field f = { 0 }, seen[N_HEADERS] = { { 0 } };
    bool first = true, rows = false, compact = false;
    g->n_items = 0;
    while (pb_next(&c, &f)) {
        rows |= f.number == DATA_GPBKV && f.wire == WIRE_LEN;
        if (f.number == DATA_GPB && f.wire == WIRE_LEN) {
            compact = true;
            table = f.in;
        } else if (f.number < N_HEADERS && headers[f.number].name && headers[f.number].wire == f.wire) {
            seen[f.number] = f;
        }
    }
    if (c.bad || cursor_left(&c))
        return -1;
    strbuf_char(out, '{');
    for (unsigned i = 0; i < N_HEADERS; i++)
        if (seen[i].number)
            put_header(out, &seen[i], &first);
    if (rows) {
        put_name(out, "data_gpbkv", &first);
        if (put_rows(g, whole, DATA_GPBKV, put_kv_row, out) == -1)
            return -1;
    }
    if (compact) {
        put_name(out, "data_gpb", &first);
        if (put_rows(g, table, COMPACT_ROW, put_compact_row, out) == -1)
            return -1;
    }
    strbuf_char(out, '}');
    return out->failed ? -1 : 0;
}
