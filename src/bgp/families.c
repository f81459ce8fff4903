/* SPDX-License-Identifier: BSD-2-Clause */
/* Families by number and name. A message names one or two, so that a search through a few rows will do. */
#include "bgp/families.h"

static const struct {
    struct bgp_family_id id;
    const char *text;
} rows[BGP_FAMILIES + 1] = {
#define FAMILY(name, afi, safi, text, form, bits, hops) [BGP_##name] = { { (afi), (safi) }, text },
#include "bgp/families.def"
#undef FAMILY
    [BGP_FAMILIES] = { { 0, 0 }, "unknown family" },
};

enum bgp_family bgp_family_of(uint16_t afi, uint8_t safi)
{
    unsigned f = 0;
    while (f < BGP_FAMILIES && (rows[f].id.safi != safi || rows[f].id.afi != afi))
        f++;
    return (enum bgp_family)f;
}

struct bgp_family_id bgp_family_id(enum bgp_family f) { return rows[f].id; }

const char *bgp_family_name(enum bgp_family f) { return rows[f].text; }
