/* SPDX-License-Identifier: BSD-2-Clause */
/* The packed key of one plugin: which fields lie where in it. Made once from `aggregate`; the projection
 * fills keys, the aggregation table compares them, every output reads them, and the memory plugin sends it to
 * its client.
 *
 * A key is `fixed` octets (a multiple of 8) and then, only if there are variable fields, their bytes back to
 * back in the order of the columns, zero-padded to a multiple of 8. In the fixed part a variable field is its
 * length, a uint16_t. Two flows belong to one aggregate when their keys are equal in length and bytes. */
#ifndef CORE_LAYOUT_H
#define CORE_LAYOUT_H

#include "core/fields.h"

struct column {
    const struct field *field;
    uint16_t off; /* in the key; of F_OR fields: unused */
    uint16_t len; /* octets in the key (2 for variable fields) */
};

enum { LAYOUT_NO_BIN = 0xffff };

struct layout {
    struct column col[FIELD_MAX];
    uint16_t n;             /* columns, ordered by place in the key; F_OR columns last */
    uint16_t n_var;         /* variable ones among them */
    uint16_t fixed;         /* octets of the fixed part */
    uint16_t bin_off;       /* where the time bin stands (int64_t, seconds), or LAYOUT_NO_BIN */
    uint16_t rd_origin_off; /* where the origin of mpls_vpn_rd stands (one octet), when that is a column */
    bool flows;             /* the flows counter is shown */
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
    uint8_t kind; /* enum flow_kind of the last record */
};

/* Lays the fields of spec out. `with_bin`: reserve the time bin. */
void layout_make(struct layout *l, const struct aggregate_spec *spec, bool with_bin);

/* The bytes of a variable column of a key; *len gets their number. */
const uint8_t *layout_var(const struct layout *l, const struct column *c, const uint8_t *key, uint32_t *len);

/* The column of a field, or NULL. */
const struct column *layout_find(const struct layout *l, enum field_id id);

/* Orders columns for an output: fills order[] with pointers into l->col, by place in csv, by rank in JSON,
 * ... and returns how many there are; columns of rank 0 and, in csv, those without a title are left out. */
enum column_order { ORDER_CSV, ORDER_JSON, ORDER_CLIENT, ORDER_SQL };
unsigned layout_order(const struct layout *l, enum column_order by, const struct column *order[FIELD_MAX]);

#endif
