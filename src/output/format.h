/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows as text, or in Avro. One writer is made for a layout and a style; then format_row is called for each
 * row and appends to a strbuf. Used by print, by the sinks that send JSON, and by the pmacct client. Hot: no
 * printf, no allocation a row. */
#ifndef OUTPUT_FORMAT_H
#define OUTPUT_FORMAT_H

#include "base/clock.h"
#include "base/strbuf.h"
#include "core/layout.h"

enum format_kind {
    FORMAT_TABLE,
    FORMAT_CSV,
    FORMAT_JSON,
    FORMAT_AVRO,  /* bare records of Avro's binary encoding, no newline; format_schema tells their schema */
    FORMAT_PROTO, /* bare messages AcctData of docs/flow.proto, no newline */
    FORMAT_AVRO_JSON, /* the same records in Avro's JSON encoding, one a line */
};

struct format_style {
    enum format_kind kind;
    enum column_order order; /* ORDER_CSV for print, ORDER_CLIENT for the client's table and csv */
    bool events;             /* event_*: no packets, flows, bytes */
    char separator;          /* csv */
    bool num_protos;
    struct time_style time;
    bool client;            /* the client's habits: RFC 3339 times with T and zone (or epoch with -I) */
    bool all_columns;       /* client -a: every column */
    const char *event_type; /* JSON: value of a first member event_type, or NULL for none (client) */
    bool tcpflags_as_array, labels_as_array, fwd_status_as_string, label_as_map, comms_as_array,
        as_path_as_array;
    bool stamps;           /* JSON: stamp_inserted and stamp_updated (needs a bin in the layout) */
    int64_t updated_us;    /* JSON: stamp_updated; set anew before each purge */
    const char *writer_id; /* JSON, Avro: last member writer_id, or NULL */
    bool rd_origin;        /* JSON: mpls_vpn_rd_origin beside mpls_vpn_rd (messages to brokers) */
};

struct format; /* opaque */

struct format *format_new(const struct layout *l, const struct format_style *style);
void format_free(struct format *f);
void format_set_updated(struct format *f, int64_t updated_us);
/* The last member writer_id from now on; JSON: NULL: none. In Avro it was one from the start. False: out of
 * memory. */
bool format_set_writer_id(struct format *f, const char *id);

/* JSON: from now on rows have only these n columns of the layout, and no counters. */
void format_only(struct format *f, const struct column *const *columns, unsigned n);

/* The header line of table and csv, with its newline; nothing for JSON. */
void format_header(struct format *f, struct strbuf *out);
/* One row, with its newline. */
void format_row(struct format *f, const struct row *r, struct strbuf *out);

/* Avro: the schema of a row (record acct_data) as JSON in one line, without a newline; nothing for others. */
void format_schema(const struct format *f, struct strbuf *out);

/* The text of one column's value as csv writes it (no quoting): for file names, SQL text binding and the
 * like. */
void format_value(struct format *f, const struct column *c, const struct row *r, struct strbuf *out);

#endif
