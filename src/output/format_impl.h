/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the formats (format.c, format_text.c, format_table.c, format_csv.c, format_json.c, format_avro.c,
 * format_avro_json.c, format_proto.c) and by nobody else. A format is an array of output columns, each with
 * the function that writes its kind, made once by format_new. */
#ifndef OUTPUT_FORMAT_IMPL_H
#define OUTPUT_FORMAT_IMPL_H

#include "output/format.h"

struct fcol;

/* Writes a value of bounded size at p (there is room for fcol.max octets and some slack); returns the end. */
typedef char *put_fn(struct fcol *c, const struct format *f, const uint8_t *v, char *p);
/* Writes a value of any size. */
typedef void put_var_fn(const struct format *f, const uint8_t *v, uint32_t len, struct strbuf *out);

enum where {
    IN_KEY,
    IN_TAIL,
    IN_ROW,
    NOWHERE
}; /* IN_TAIL: an address; NOWHERE: not asked for (client -a): zeros */
enum hide { HIDE_NEVER, HIDE_ON_EVENT, HIDE_UNBINNED, HIDE_ALWAYS };

enum { PREFIX_MAX = 128, PREFIX_STEP = 32 };

struct fcol {
    put_fn *put; /* NULL: put_var */
    put_var_fn *put_var;
    const struct column *column; /* NULL for counters and stamps */
    uint16_t off;                /* of the value in the key or in struct row */
    uint16_t size;               /* octets of a fixed value */
    uint16_t max;                /* characters that put writes at most */
    uint16_t width;              /* formatted: characters with padding, 0: not padded */
    uint8_t where, hide;
    bool var;    /* of variable length in the key */
    bool quoted; /* JSON: a string */
    bool check;  /* csv: may hold what has to be quoted */
    uint8_t prefix_len;
    struct time_cache tc;
    struct addr addr;   /* of the row in hand */
    uint8_t type;       /* Avro: enum avro_type; protobuf: its own */
    uint8_t number;     /* protobuf: of the field */
    bool optional, own; /* Avro: a union with null; a member of custom_primitives */
    bool ascii;         /* Avro: put_var writes text whose length has to go before it */
    uint8_t null_len;   /* Avro: octets of the prefix that stand before null */
    char title[64];
    char prefix[PREFIX_MAX]; /* JSON: `, "name": `; copied in steps of PREFIX_STEP */
};

/* What a field of an Avro record is (Avro 1.11, "Schema Declaration"). Arrays and maps are of strings. */
enum avro_type { AVRO_INT, AVRO_LONG, AVRO_DOUBLE, AVRO_STRING, AVRO_ARRAY, AVRO_MAP };

struct proto_text {
    char text[15];
    uint8_t len;
};

struct format_ops {
    /* Completes the columns (those of the layout are there) by counters and what else belongs to a row. */
    int (*prepare)(struct format *f); /* -1: out of memory */
    void (*header)(struct format *f, struct strbuf *out);
    void (*row)(struct format *f, const struct row *r, struct strbuf *out);
    /* Makes the tail anew, for another writer_id (NULL: none). False: out of memory. NULL: there is none. */
    bool (*tail)(struct format *f, const char *writer_id);
};
extern const struct format_ops format_table, format_csv, format_json, format_avro, format_avro_json,
    format_proto;

enum { FORMAT_COLS = FIELD_MAX * 2 + CUSTOM_MAX + 8 };

struct format {
    const struct format_ops *ops;
    const struct layout *layout;
    struct format_style st;
    unsigned n;
    size_t row_max;  /* room to claim before fixed columns are written */
    size_t head_len; /* JSON: what a row starts with, `{"event_type": "purge"` */
    size_t tail_len; /* JSON: what it ends with */
    char *head, *tail;
    unsigned skip; /* JSON: octets of the first prefix to leave out */
    char updated[TIME_TEXT];
    uint8_t updated_len;
    struct proto_text proto[256];
    struct column absent[FIELD_MAX]; /* columns that are shown though the layout lacks them */
    struct fcol col[FORMAT_COLS];
};

/* What format_text.c knows of a kind. */
struct kind_text {
    put_fn *put;
    put_var_fn *put_var; /* csv and formatted */
    uint8_t max;
    bool json_string;
    bool free_text; /* can hold anything */
};
extern const struct kind_text kind_text[FK_MAX];

put_fn text_u64, text_addr_table, text_stamp, text_updated, text_fwd_status;
put_var_fn text_as_path_client;

/* A column of the layout (or an absent one) as the text formats write it. */
void fcol_init(struct fcol *fc, const struct format *f, const struct column *c);
/* Adds a column; a coordinate becomes two. Returns the first. */
struct fcol *format_add(struct format *f, const struct column *c);
/* The columns of the layout in the order of an Avro record, with names (title) and types, then stamps and
 * counters; puts are still those of JSON. Returns how many of them are members of custom_primitives. */
unsigned avro_columns(struct format *f);

/* ---- JSON's, which Avro shares (format_json.c) */

/* How a kind is written where kind_text does not say it. */
void json_kind(const struct format_style *st, struct fcol *c);
put_fn json_rd_origin;
put_var_fn json_plain;
/* What a row starts and ends with. -1: out of memory. */
int json_ends(struct format *f);
bool json_tail(struct format *f, const char *writer_id);
/* Is this column left out of this row, or null in it? */
bool column_hidden(const struct format *f, const struct fcol *c, const struct row *r);

/* Labels as pairs, "k1%v1,k2%v2", both signs separating alike; an odd rest is left out. */
struct pairs {
    const uint8_t *p, *end;
};
/* Those of a label. */
static inline struct pairs pairs_of(const uint8_t *v, uint32_t len)
{
    return (struct pairs){ len ? v : NULL, v + len };
}
/* The next key and value, of those that come again the last ones only; false: none is left. */
bool pairs_next(struct pairs *x, const uint8_t *word[2], uint32_t len[2]);

/* The next word of a list with blanks between; false: none is left. */
bool words_next(const uint8_t **at, const uint8_t *end, const uint8_t **word, uint32_t *len);

/* A prefix goes out in steps that need no loop; behind it there is room (row_max). */
static inline char *put_prefix(const struct fcol *c, unsigned skip, char *p)
{
    memcpy(p, c->prefix + skip, PREFIX_STEP);
    if (__builtin_expect(c->prefix_len > PREFIX_STEP, 0))
        memcpy(p, c->prefix + skip, c->prefix_len - skip);
    return p + c->prefix_len - skip;
}

/* Adds a counter of struct row. */
struct fcol *format_add_counter(struct format *f, const char *title, uint16_t off, uint16_t width);
void format_add_counters(struct format *f);

/* The octets of a value of fixed size; those of an address are put together in c. */
static inline const uint8_t *fcol_value(struct fcol *c, const struct format *f, const struct row *r)
{
    static const uint8_t nothing[16];
    if (c->where == IN_KEY)
        return r->key + c->off;
    if (c->where == IN_TAIL) {
        layout_addr(f->layout, c->column, r->key, &c->addr);
        return c->addr.b;
    }
    return c->where == IN_ROW ? (const uint8_t *)r + c->off : nothing;
}

/* The octets of a value for put_var. */
const uint8_t *fcol_bytes(struct fcol *c, const struct format *f, const struct row *r, uint32_t *len);

/* Writes a value of any size; p is where the row has got to, and the result is. NULL: there is no room, the
 * row is given up. */
static inline char *put_any(struct fcol *c, const struct format *f, const struct row *r, char *p,
                            struct strbuf *out)
{
    uint32_t len;
    const uint8_t *v = fcol_bytes(c, f, r, &len);
    out->len = (size_t)(p - out->p);
    c->put_var(f, v, len, out);
    return out->failed || !strbuf_room(out, f->row_max) ? NULL : out->p + out->len;
}

/* The octets of s in memory of their own, and their number; NULL and 0 when there is none left. Frees s. */
char *format_keep(struct strbuf *s, size_t *len);

/* ---- binary formats (format_avro.c, format_proto.c) */

/* Makes the put_fns prefix_u8 to prefix_u64; put(p, n) writes a number at p and returns its end. */
#define NUMBER_PUT(prefix, bits, put)                                                                        \
    static char *prefix##_u##bits(struct fcol *c, const struct format *f, const uint8_t *v, char *p)         \
    {                                                                                                        \
        uint##bits##_t n;                                                                                    \
        (void)c, (void)f;                                                                                    \
        memcpy(&n, v, sizeof(n));                                                                            \
        return put(p, n);                                                                                    \
    }
#define NUMBER_PUTS(prefix, put)                                                                             \
    NUMBER_PUT(prefix, 8, put)                                                                               \
    NUMBER_PUT(prefix, 16, put)                                                                              \
    NUMBER_PUT(prefix, 32, put)                                                                              \
    NUMBER_PUT(prefix, 64, put)

/* Eight octets, little endian, as in memory (HACKING.md). */
put_fn binary_double;

/* Decimal, inlined for the small numbers that rows are full of. */
static inline char *put_u64(char *p, uint64_t v)
{
    if (v < 10) {
        *p = (char)('0' + v);
        return p + 1;
    }
    return p + u64_text(v, p);
}

#endif
