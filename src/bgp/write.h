/* SPDX-License-Identifier: BSD-2-Clause */
/* Attributes and NLRI back onto the wire: for MRT files, for messages to looking glasses and tests. What was
 * read by update.h and is written by this is read again as the same. */
#ifndef BGP_WRITE_H
#define BGP_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bgp/families.h"
#include "rib/attrs.h"
#include "rib/rib.h"

/* Octets that are written into; when they do not suffice, `full` is set and stays, and nothing more is
 * written. */
struct bgp_out {
    uint8_t *p, *end;
    bool full;
};

/* Writes the attributes of a route of this family as MRT's tables have them: AS numbers of 4 octets, a next
 * hop that is not IPv4's own as MP_REACH_NLRI with nothing else in it (RFC 6396 §4.3.4). */
void bgp_write_table_attrs(struct bgp_out *o, const struct rib_attrs *a, enum bgp_family family);

/* Writes one route's NLRI, behind its path identifier where the key has one. */
void bgp_write_nlri(struct bgp_out *o, const struct rib_key *k, struct rib_octets labels);

/* Writes a whole UPDATE for a session of 4-octet numbers that announces a route, or withdraws it (a is NULL
 * then). Nothing is written when the family is not in the table or the route has no room in 65535 octets. */
void bgp_write_update(struct bgp_out *o, const struct rib_attrs *a, const struct rib_key *k,
                      struct rib_octets labels);

/* Writes the End-of-RIB marker of a family: RFC 4724 §2. */
void bgp_write_end_of_rib(struct bgp_out *o, enum bgp_family family);

#endif
