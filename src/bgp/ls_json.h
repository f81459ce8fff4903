/* SPDX-License-Identifier: BSD-2-Clause */
/* BGP-LS (RFC 9552) as members of JSON objects: what an NLRI names, and what attribute 29 says of it. */
#ifndef BGP_LS_JSON_H
#define BGP_LS_JSON_H

#include <stdbool.h>

#include "base/strbuf.h"
#include "rib/rib.h"

/* Members of a key of SAFI 71, 72 or 80, each with a comma before it: nlri_type, proto, identifier,
 * descriptors. False, and nothing written: it is none. */
bool bgp_ls_nlri_json(struct strbuf *s, const struct rib_key *k);

/* Members of the attribute's value; what has none is listed in attr_tlvs as "type:octets". */
void bgp_ls_attr_json(struct strbuf *s, const uint8_t *p, size_t len);

#endif
