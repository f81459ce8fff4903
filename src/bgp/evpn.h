/* SPDX-License-Identifier: BSD-2-Clause */
/* EVPN routes (RFC 7432, 9136, 9251) in the form that keys have, and what they say. The wire's NLRI is taken
 * apart into a key (type, length, RD, tag, MAC, prefix ...) and a rest that may change without its becoming
 * another route: type 1   key RD, ESI, tag                      rest label type 2   key RD, tag, MAC, IP rest
 * label 1, [label 2], ESI type 5   key RD, tag, prefix                   rest label, ESI, gateway Other
 * types, and those whose octets do not fit their type, are keys as a whole. */
#ifndef BGP_EVPN_H
#define BGP_EVPN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/cursor.h"
#include "rib/attrs.h"

enum {
    EVPN_ETHERNET_AD = 1,
    EVPN_MAC_IP,
    EVPN_INCLUSIVE_MULTICAST,
    EVPN_SEGMENT,
    EVPN_PREFIX,
    EVPN_SMET,
    EVPN_JOIN_SYNC,
    EVPN_LEAVE_SYNC
};
enum { EVPN_NLRI_MAX = 257, EVPN_REST_MAX = 32 };

/* What an EVPN route says. Bits of `has` tell what of it is there; `type` and `rd` always are. */
enum {
    EVPN_HAS_ESI = 1 << 0,
    EVPN_HAS_TAG = 1 << 1,
    EVPN_HAS_MAC = 1 << 2,
    EVPN_HAS_IP = 1 << 3, /* ip; ip_bits of it for type 5 */
    EVPN_HAS_GATEWAY = 1 << 4,
    EVPN_HAS_LABELS = 1 << 5, /* n_labels of label */
    EVPN_HAS_GROUP = 1 << 6,  /* types 6 to 8: source, group, originator, flags */
    EVPN_HAS_MAX_RESPONSE = 1 << 7,
};
struct evpn {
    uint32_t has;
    uint8_t type, ip_bits, n_labels, flags, max_response;
    uint8_t rd[8], esi[10], mac[6];
    uint32_t tag, label[2]; /* labels: 24 bits, as a VNI; an MPLS label is the upper 20 of them */
    struct addr ip, gateway, source, group, originator; /* `source` not set: any */
};

/* Takes a route from the wire: type, length, value. `key` gets at most EVPN_NLRI_MAX octets, `rest` at most
 * EVPN_REST_MAX; *key_len and *rest_len how many. */
void evpn_split(const uint8_t *nlri, size_t len, uint8_t *key, uint32_t *key_len, uint8_t *rest,
                uint32_t *rest_len);

/* What a key and its rest say. The rest may be empty: then ESI, labels and gateway are missing. False: not a
 * type that is decoded, or not what its type should look like. */
bool evpn_decode(struct rib_octets key, struct rib_octets rest, struct evpn *e);

/* The other way: writes key and rest as NLRI; returns the octets written, at most EVPN_NLRI_MAX. */
size_t evpn_join(struct rib_octets key, struct rib_octets rest, uint8_t *nlri);

#endif
