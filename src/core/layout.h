/* SPDX-License-Identifier: BSD-2-Clause */
/* The packed key of one plugin: which fields lie where in it. Made once from `aggregate`; the projection
 * fills keys, the aggregation table compares them, every output reads them, and the memory plugin sends it to
 * its client.
 *
 * A key is `fixed` octets (a multiple of 8) and then the tail, the octets of addresses and of variable fields
 * back to back in the order of the columns, zero-padded to a multiple of 8. In the fixed part an address is
 * one octet, its length in the tail (0: never set, 4, 16), and a variable field a uint16_t, its length. A key
 * is what decides how much memory a record touches: most addresses are IPv4. Two flows belong to one
 * aggregate when their keys are equal in length and bytes. */
#ifndef CORE_LAYOUT_H
#define CORE_LAYOUT_H

#include "core/fields.h"

enum column_place {
    PLACE_FIXED, /* the value stands in the fixed part */
    PLACE_ADDR,  /* an address: its length in the fixed part, its octets in the tail */
    PLACE_VAR,   /* a variable field: the same */
    PLACE_ROW,   /* beside the counters (F_OR, F_STITCH): not part of the key */
};

struct column {
    const struct field *field;
    uint16_t off;  /* in the fixed part */
    uint16_t len;  /* octets in the fixed part */
    uint8_t place; /* enum column_place */
};

enum { LAYOUT_NO_BIN = 0xffff };

struct layout {
    struct column col[COLUMNS_MAX];
    uint16_t n;             /* columns, ordered by place in the key; F_OR columns last */
    uint16_t n_tail;        /* those among them that have octets in the tail */
    uint16_t fixed;         /* octets of the fixed part */
    uint16_t bin_off;       /* where the time bin stands (int64_t, seconds), or LAYOUT_NO_BIN */
    uint16_t rd_origin_off; /* where the origin of mpls_vpn_rd stands (one octet), when that is a column */
    bool flows;             /* the flows counter is shown */
    struct custom *own;     /* those of columns that came over a socket (layout_free), or NULL */
    uint16_t n_own;
};

/* Counters of an aggregate; also what a record carries. */
struct counters {
    uint64_t packets, bytes, flows;
};

/* What one row of output is made from. */
struct row {
    const uint8_t *key; /* laid out by the layout */
    uint64_t packets, bytes, flows;
    uint8_t tcpflags, tunnel_tcpflags;
    uint8_t kind;                         /* enum flow_kind of the last record */
    int64_t timestamp_min, timestamp_max; /* with stitching; µs since the epoch */
};

/* Lays the fields of spec out. `with_bin`: reserve the time bin. */
void layout_make(struct layout *l, const struct aggregate_spec *spec, bool with_bin);

/* Frees what a layout that came over a socket has of its own. */
void layout_free(struct layout *l);

static inline bool column_in_tail(const struct column *c)
{
    return c->place == PLACE_ADDR || c->place == PLACE_VAR;
}

/* Octets that a column of the tail has in this key. */
uint32_t column_tail_len(const struct column *c, const uint8_t *key);

/* The octets of a column of the tail; *len gets their number. */
const uint8_t *layout_tail(const struct layout *l, const struct column *c, const uint8_t *key, uint32_t *len);

/* The address in a column of FK_ADDR or FK_NET, wherever it stands. */
void layout_addr(const struct layout *l, const struct column *c, const uint8_t *key, struct addr *out);

/* The column of a field, or NULL. */
const struct column *layout_find(const struct layout *l, enum field_id id);

/* Orders columns for an output: fills order[] with pointers into l->col, by place in csv, by rank in JSON,
 * ... and returns how many there are; columns of rank 0 and, in csv, those without a title are left out. */
enum column_order { ORDER_CSV, ORDER_JSON, ORDER_CLIENT, ORDER_SQL };
unsigned layout_order(const struct layout *l, enum column_order by, const struct column *order[COLUMNS_MAX]);

#endif
