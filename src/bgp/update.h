/* SPDX-License-Identifier: BSD-2-Clause */
/* UPDATE (RFC 4271 §4.3, 4760): one message in, calls for its attributes and routes out. Faults are handled
 * as RFC 7606 says (attrs.def). BGP sessions, BMP's route monitoring and MRT files all read routes through
 * this. */
#ifndef BGP_UPDATE_H
#define BGP_UPDATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "bgp/families.h"
#include "bgp/msg.h"
#include "bgp/open.h"
#include "rib/attrs.h"
#include "rib/rib.h"

/* Where the routes of a message go; all of them must be there. Order of calls: withdrawn routes; then, for
 * each next hop of the message (MP_REACH_NLRI's, then NEXT_HOP's), attrs() and behind it announce() for each
 * route with these attributes. A message whose attributes are malformed (treat-as-withdraw) has its
 * announcements handed to withdraw().
 *
 * What attributes, keys and labels point to is the message or memory of the parser, and is gone when the call
 * of bgp_update_parse returns. Of the key: prefixes     afi, safi, bits, addr; rd of VPN families; `labels`
 * as on the wire, 3 octets each, top first EVPN         nlri: type, length, value without what is no part of
 * the key (RFC 7432 §7, 9136 §3.1); that stands in `labels`: see bgp/evpn.h flowspec     nlri: the components
 * (RD first in VPN families) without the length in front others       nlri as on the wire The RD of a key
 * that is `nlri` stands in there; has_rd is not set. */
struct bgp_update_ops {
    void (*attrs)(void *arg, const struct rib_attrs *a);
    void (*announce)(void *arg, const struct rib_key *k, struct rib_octets labels);
    void (*withdraw)(void *arg, const struct rib_key *k, struct rib_octets labels);
    void (*end_of_rib)(void *arg, uint16_t afi, uint8_t safi);
};

/* Reads a whole UPDATE (header included, as bgp_frame gave it). Returns 0 when the session goes on: e->action
 * is BGP_NO_FAULT, or BGP_DISCARD or BGP_WITHDRAW and the fault, for counters and a log line. Returns -1 when
 * it must be reset; routes before the fault may have been handed over. */
int bgp_update_parse(const uint8_t *msg, size_t len, const struct bgp_session_caps *c,
                     const struct bgp_update_ops *ops, void *arg, struct bgp_error *e);

/* Reads attributes alone, as MRT's TABLE_DUMP_V2 has them: `family` is that of the routes, MP_REACH_NLRI may
 * be shortened to its next hop (RFC 6396 §4.3.4), and flags do not count, since there are writers who leave
 * them 0. Calls ops->attrs, nothing else. Returns as bgp_update_parse; after BGP_WITHDRAW attrs was not
 * called. */
int bgp_attrs_parse(const uint8_t *p, size_t len, enum bgp_family family, const struct bgp_session_caps *c,
                    const struct bgp_update_ops *ops, void *arg, struct bgp_error *e);

/* Reads NLRI alone: `n` octets of a family, `withdrawn` or announced; path identifiers as c says. Calls `put`
 * for each route. Returns 0; -1 when they cannot be read on, e says why. */
typedef void bgp_route_fn(void *arg, const struct rib_key *k, struct rib_octets labels);
int bgp_nlri_parse(const uint8_t *p, size_t n, enum bgp_family f, bool withdrawn,
                   const struct bgp_session_caps *c, bgp_route_fn *put, void *arg, struct bgp_error *e);

/* Reads the first of the routes that c stands at, and moves c behind it. False: there is none that can be
 * read. */
bool bgp_nlri_first(struct cursor *c, enum bgp_family f, const struct bgp_session_caps *caps,
                    bgp_route_fn *put, void *arg);

/* "AS_PATH"; for messages, never NULL. */
const char *bgp_attr_name(uint8_t type);

#endif
