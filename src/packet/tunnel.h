/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets within packets. tunnel_0 names tunnels whose inner packet is counted in place of the outer one;
 * where fields of tunnels are counted (tunnel_*, vxlan, nvgre), the inner packet of every tunnel fills them.
 * A tunnel is a row of tunnels[] in tunnel.c. */
#ifndef PACKET_TUNNEL_H
#define PACKET_TUNNEL_H

#include "base/cursor.h"
#include "base/err.h"
#include "packet/link.h"

struct tunnel_set; /* opaque; what a decoder looks for */

/* text: the value of tunnel_0, or NULL; describe: fields of tunnels are asked for, with_l4: ports or TCP
 * flags among them. *out gets NULL when there is nothing to look for. -1: ERR_CONFIG says what is wrong with
 * the text, ERR_SYS: no memory. */
int tunnel_set_new(const char *text, bool describe, bool with_l4, struct tunnel_set **out, struct err *e);
void tunnel_set_free(struct tunnel_set *t);

/* The UDP ports of the tunnels that are looked for. */
const struct tunnel_ports *tunnel_ports(const struct tunnel_set *t);

/* Tunnels whose inner packet was decoded, and headers of tunnels behind which there was none. */
struct tunnel_stats {
    uint64_t inner, other;
};
const struct tunnel_stats *tunnel_stats(const struct tunnel_set *t);

struct dissect;

/* Looks for a tunnel behind the IP header of x, whose protocol is `proto` and whose payload is `at`; x->f has
 * the outer packet. PACKET_OK: x->f is to be counted, x->replaced says whether as the inner packet;
 * PACKET_HELD, PACKET_TUNNEL_REST: the inner packet is a fragment that is not. */
enum packet_drop tunnel_look(struct dissect *x, uint8_t proto, struct cursor at);

#endif
