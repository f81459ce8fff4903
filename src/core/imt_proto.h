/* SPDX-License-Identifier: BSD-2-Clause */
/* What a memory plugin and its client say to each other over the socket at imt_path. Both link this file.
 *
 * The server speaks first: HELLO, the layout of its keys. The client sends one REQUEST. The server answers by
 * any number of ROWS and COUNTS and one DONE, or by an ERROR, and closes. Every message is 16 octets of
 * header (magic, version, type, length of the body, zero; big-endian) and its body. Integers are big-endian,
 * but keys and the counters of ROWS, which are memory as the table holds it: both ends run on one machine,
 * and a million rows are not to be turned around octet by octet. Nothing received is believed: every read is
 * bounded, every offset checked once. */
#ifndef CORE_IMT_PROTO_H
#define CORE_IMT_PROTO_H

#include "base/cursor.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "core/layout.h"

#define IMT_PATH_DEFAULT "/tmp/collect.pipe"

enum {
    IMT_MAGIC = 0x494d5431, /* "IMT1" */
    IMT_VERSION = 2,        /* of everything below; both ends must have the same */
    IMT_HEADER = 16,        /* octets; a multiple of 8, so that keys come to lie aligned */
    IMT_QUERIES_MAX = 4096, /* alternatives in one request */
    IMT_HELLO_MAX = 64 << 10,
    IMT_REQUEST_MAX = 2 << 20,
    IMT_BLOCK = 256 << 10,    /* octets of ROWS that the server aims at */
    IMT_REPLY_MAX = 16 << 20, /* octets of any body a client takes */
};

enum imt_type { IMT_HELLO = 1, IMT_REQUEST, IMT_ROWS, IMT_COUNTS, IMT_DONE, IMT_ERROR };

enum imt_op {
    IMT_OP_NONE,  /* nothing but what the flags say, and DONE */
    IMT_OP_TABLE, /* all entries, as ROWS */
    IMT_OP_MATCH, /* entries that match a query, each once, as ROWS */
    IMT_OP_COUNT, /* sums of what matches, for each query, as COUNTS */
    IMT_OP_MAX
};

enum {
    IMT_F_ERASE = 1, /* clear the table; the answer is of the table as it was */
    IMT_F_RESET = 2, /* zero what matched: MATCH and COUNT */
    IMT_F_LOCK = 4,  /* the answer is of one moment */
    IMT_F_ALL = 7
};

struct imt_header {
    uint16_t type;
    uint32_t len; /* octets of body */
};

/* Parses a header. -1: not this protocol or not this version; e says which. */
int imt_header_get(struct cursor *c, struct imt_header *h, struct err *e);

/* Begins a message in s; returns where, for imt_end, which fills the length in once the body is there. */
size_t imt_begin(struct strbuf *s, enum imt_type type);
void imt_end(struct strbuf *s, size_t at);

/* ---- HELLO: the layout, fields by name */
void imt_hello_put(struct strbuf *s, const struct layout *l);
/* Rebuilds the layout from a HELLO's body. -1 with ERR_UNSUPPORTED when the server knows fields that this
 * build does not, ERR_FORMAT when it is no layout. Free with layout_free. */
int imt_hello_get(struct cursor body, struct layout *l, struct err *e);

/* ---- REQUEST */

/* A term names what it compares: a column by its place in the layout, or one of these counters. */
enum { IMT_TERM_FLOWS = 0xffff };

struct imt_term {
    uint16_t column; /* index into layout.col, or IMT_TERM_FLOWS */
    uint32_t len;
    const uint8_t *value; /* as the key holds it; a variable column: its bytes; IMT_TERM_FLOWS: uint64_t */
};

struct imt_request {
    uint8_t op;    /* enum imt_op */
    uint8_t flags; /* IMT_F_* */
    uint16_t n_queries;
    struct cursor queries; /* n_queries of them, for imt_query_get */
};

/* A request is written as header, then for each query imt_query_begin, its terms, imt_query_end. */
size_t imt_request_begin(struct strbuf *s, enum imt_op op, uint8_t flags, uint16_t n_queries);
size_t imt_query_begin(struct strbuf *s, bool never);
void imt_term_put(struct strbuf *s, uint16_t column, const void *value, uint32_t len);
void imt_query_end(struct strbuf *s, size_t at, uint16_t n_terms);

/* Parses the head of a REQUEST's body; the queries are read one by one. -1 with ERR_FORMAT. */
int imt_request_get(struct cursor body, struct imt_request *r, struct err *e);

struct imt_query {
    bool never; /* matches nothing, but has its place among the answers */
    uint16_t n_terms;
    struct cursor terms;
};

/* False: malformed. */
bool imt_query_get(struct cursor *queries, struct imt_query *q);
bool imt_term_get(struct cursor *terms, struct imt_term *t);

/* ---- ROWS: entries back to back, each this and key_len octets of key; key_len is a multiple of 8. */
struct imt_row {
    uint64_t packets, bytes, flows;
    uint32_t key_len;
    uint8_t kind, tcpflags, tunnel_tcpflags, pad;
};

/* The next row of a ROWS body, checked against the layout. False: the end, or malformed (body->bad). */
bool imt_row_get(struct cursor *body, const struct layout *l, struct row *out, uint32_t *key_len);

/* ---- COUNTS: for each query in order */
struct imt_count {
    uint64_t packets, bytes, flows, entries;
};
void imt_counts_put(struct strbuf *s, const struct imt_count *count, uint16_t n);
/* False: the end, or malformed (body->bad). */
bool imt_count_get(struct cursor *body, struct imt_count *out);

/* ---- DONE */
struct imt_done {
    uint64_t rows;        /* sent */
    int64_t last_reset_s; /* seconds since the last erase, before this request; -1: never */
};
void imt_done_put(struct strbuf *s, const struct imt_done *d);
int imt_done_get(struct cursor body, struct imt_done *d, struct err *e);

/* ---- ERROR: a text without newline */
void imt_error_put(struct strbuf *s, const char *text);

#endif
