/* SPDX-License-Identifier: BSD-2-Clause */
/* What looking glass clients ask, out of JSON: flat objects of a few members. */
#ifndef BGP_LGQUERY_H
#define BGP_LGQUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"

enum { LG_ROUTES = 1, LG_PEERS = 2 }; /* query_type */

/* Members of all kinds of objects; those that are absent are zero. */
struct lg_query {
    uint64_t query_type, queries;
    bool has_prefix, has_peer, has_rd, has_length;
    struct addr prefix;
    uint8_t bits; /* of the prefix as an IPv4 or IPv6 one */
    struct addr peer;
    uint16_t peer_port; /* 0: any */
    uint8_t rd[8];
};

/* NULL: fine; else what is wrong, a literal. Members of other names are skipped. */
const char *lg_query_parse(const char *text, size_t len, struct lg_query *q);

/* "0:65000:1", "1:192.0.2.1:7", "2:65551:1", or without the type. False: no RD. */
bool lg_rd_parse(const char *text, uint8_t rd[8]);

#endif
