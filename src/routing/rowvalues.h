/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps that say something of a flow's routes: bgp_agent_map (whose routes are looked up),
 * bgp_peer_src_as_map, bgp_src_local_pref_map, bgp_src_med_map (values of the source), bgp_peer_dst_ip_map
 * (another next hop). The first row that fits a flow counts. Loaded by core/maps.c, asked by step.c. */
#ifndef ROUTING_ROWVALUES_H
#define ROUTING_ROWVALUES_H

#include "core/maps.h"
#include "core/rowmap.h"

enum route_map { MAP_AGENT, MAP_PEER_SRC_AS, MAP_SRC_LOCAL_PREF, MAP_SRC_MED, MAP_PEER_DST_IP, ROUTE_MAPS };

/* What a row says. */
struct rowvalue {
    struct addr addr; /* MAP_AGENT, MAP_PEER_DST_IP */
    uint32_t number;  /* the others */
    uint16_t port;    /* MAP_AGENT: of the session, 0: any */
    bool from_bgp;    /* `bgp` in place of a number */
};

extern const struct map_ops route_map_ops[ROUTE_MAPS];

struct rowvalues; /* what route_map_ops[].load returns */

/* What the first row that fits says, NULL: none does. */
const struct rowvalue *rowvalues_find(const struct rowvalues *v, const struct flow *f,
                                      struct match_memory *mem);

/* Does it look at nothing but the exporter? Then what it says of one can be kept. */
bool rowvalues_by_sender(const struct rowvalues *v);

#endif
