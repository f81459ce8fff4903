/* SPDX-License-Identifier: BSD-2-Clause */
/* A route as members of a JSON object, as message logs, dumps and the looking glass show it; BGP and BMP
 * alike. Hot: a full table is a million of them. The attributes are written once for each set, the rest for
 * each route. */
#ifndef BGP_ROUTE_JSON_H
#define BGP_ROUTE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include "base/strbuf.h"
#include "rib/attrs.h"
#include "rib/rib.h"

/* The *_encode_as_array keys and their kind. */
struct bgp_json_style {
    bool comms_as_array, as_path_as_array;
    bool comms_as_numbers; /* bgp_comms_num */
    bool origin_as_int;    /* tmp_bgp_daemon_origin_type_int */
};

/* Members of the attributes, each with a comma before it: bgp_nexthop, as_path, comms, ecomms, lcomms,
 * origin, local_pref, med, aigp, psid_li, otc; those that are absent are left out. */
void bgp_attrs_json(struct strbuf *s, const struct rib_attrs *a, const struct bgp_json_style *st);

/* The whole route, with a comma before it: afi, safi, ip_prefix, as_path_id, the attributes (what
 * bgp_attrs_json has written; len 0: none), roa, rd and where it is from, mpls_label. roa: a letter, or 0 for
 * none. */
void bgp_route_json(struct strbuf *s, const struct rib_key *k, struct rib_octets labels, const char *attrs,
                    size_t len, char roa);

#endif
