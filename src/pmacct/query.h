/* SPDX-License-Identifier: BSD-2-Clause */
/* The query language of -c, -N and -M: `-c src_host,proto -N '10.0.0.1,tcp;*,udp'`. Read without knowing the
 * table; written as a request once the table's layout is there. */
#ifndef PMACCT_QUERY_H
#define PMACCT_QUERY_H

#include "core/imt_proto.h"

/* What one place of -c asks about. */
enum want_kind {
    WANT_FIELD,
    WANT_FLOWS,   /* the flows counter */
    WANT_NOTHING, /* `none`: any value will do */
};

struct want {
    const struct field *field;
    enum want_kind kind;
};

enum { WANTS_MAX = FIELD_MAX };

struct wants {
    struct want want[WANTS_MAX];
    unsigned n;
};

/* Parses -c. -1: e says "unknown primitive 'x'", or that there are none or too many. */
int wants_parse(const char *list, struct wants *w, struct err *e);

/* One value of a query. */
struct value {
    enum { VALUE_GIVEN, VALUE_ANY, VALUE_MISSING } kind;
    uint32_t len;
    size_t at; /* its octets: in query_list.octets */
};

struct query_list {
    const struct wants *wants;
    struct value *value; /* n rows of wants->n */
    unsigned n, cap;
    struct strbuf octets;
};

/* Parses what -N and -M take: queries between `;`, or `file:<name>` with one in each line. -1 with e.
 * query_list_free in any case. */
int query_list_parse(const char *text, const struct wants *w, bool utc, struct query_list *q, struct err *e);
void query_list_free(struct query_list *q);

/* Writes the request for a table with this layout. A field that the table does not have is taken as never
 * set. *absent gets the first of these, or NULL. -1: larger than a request may be. */
int query_list_request(const struct query_list *q, const struct layout *l, enum imt_op op, uint8_t flags,
                       struct strbuf *out, const struct field **absent, struct err *e);

#endif
