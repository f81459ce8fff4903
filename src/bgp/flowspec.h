/* SPDX-License-Identifier: BSD-2-Clause */
/* Flow specifications (RFC 8955, 8956): the components of an NLRI one by one, for text and JSON. */
#ifndef BGP_FLOWSPEC_H
#define BGP_FLOWSPEC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/strbuf.h"
#include "rib/rib.h"

/* One component: its type, a word for it ("dst", "proto", "tcp-flags"; NULL: unknown type), and its octets
 * behind the type. */
struct flowspec_part {
    uint8_t type;
    const char *word;
    const uint8_t *p;
    size_t len;
};

/* A cursor over the components of a flowspec key, behind the RD of VPN families. */
struct cursor flowspec_begin(const struct rib_key *k);

/* The next component. False at the end, and where octets are none (c->bad then). */
bool flowspec_next(struct cursor *c, const struct rib_key *k, struct flowspec_part *part);

/* What a component says, without its word: "192.0.2.0/24", ">=1024&<=2048|=80", "=syn|=ack". */
void flowspec_part_text(struct strbuf *s, const struct rib_key *k, const struct flowspec_part *part);

#endif
