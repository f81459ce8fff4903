/* SPDX-License-Identifier: BSD-2-Clause */
/* Routes of families that are no prefixes as members of JSON objects, and what some attributes say that only
 * they have. Called by route_json.c. */
#ifndef BGP_NLRI_JSON_H
#define BGP_NLRI_JSON_H

#include "base/strbuf.h"
#include "rib/rib.h"

/* Members of a key that is an NLRI, each with a comma before it: nlri (one line of text); then evpn or
 * flowspec, objects of its parts, or the members of BGP-LS. */
void bgp_nlri_json(struct strbuf *s, const struct rib_key *k, struct rib_octets rest);

/* The route distinguisher of a key, wherever its family has it; NULL: none. */
const uint8_t *bgp_key_rd(const struct rib_key *k);

/* Members of attributes that are kept whole (rib_attrs.others): those of BGP-LS; pmsi_tunnel. */
void bgp_others_json(struct strbuf *s, struct rib_octets others);

#endif
