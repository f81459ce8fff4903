/* SPDX-License-Identifier: BSD-2-Clause */
/* Address families by number and by name. A family's number in families.def is its bit in the sets of what a
 * session has negotiated. */
#ifndef BGP_FAMILIES_H
#define BGP_FAMILIES_H

#include <stdbool.h>
#include <stdint.h>

enum bgp_family {
#define FAMILY(name, afi, safi, text, form, bits, hops) BGP_##name,
#include "bgp/families.def"
#undef FAMILY
    BGP_FAMILIES
};
_Static_assert(BGP_FAMILIES <= 64, "a set of families is a uint64_t");

#define BGP_FAMILY_BIT(f) (UINT64_C(1) << (f))
#define BGP_ALL_FAMILIES UINT64_MAX

enum { AFI_IPV4 = 1, AFI_IPV6 = 2, AFI_L2VPN = 25, AFI_BGP_LS = 16388 };
enum {
    SAFI_UNICAST = 1,
    SAFI_MULTICAST = 2,
    SAFI_LABELLED = 4,
    SAFI_EVPN = 70,
    SAFI_BGP_LS = 71,
    SAFI_VPN = 128,
    SAFI_FLOW = 133
};

/* The family of these numbers (IANA's), or BGP_FAMILIES when it is not in the table. */
enum bgp_family bgp_family_of(uint16_t afi, uint8_t safi);

struct bgp_family_id {
    uint16_t afi;
    uint8_t safi;
};
struct bgp_family_id bgp_family_id(enum bgp_family f);

/* "ipv4 unicast"; for messages. */
const char *bgp_family_name(enum bgp_family f);

#endif
