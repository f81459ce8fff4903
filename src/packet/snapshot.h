/* SPDX-License-Identifier: BSD-2-Clause */
/* What headers have filled of a struct flow, set aside: for fragments that wait, and for the packet around a
 * tunnel that turns out to be none. */
#ifndef PACKET_SNAPSHOT_H
#define PACKET_SNAPSHOT_H

#include <stddef.h>
#include <string.h>
#include "packet/link.h"

/* The members from `from` to before `to` lie together in struct flow (flow.h). */
#define FLOW_SPAN(from, to) (offsetof(struct flow, to) - offsetof(struct flow, from))

enum {
    SPAN_ENDS = FLOW_SPAN(src_host, src_mask), /* addresses, ports, protocol, ToS */
    SPAN_LINK = FLOW_SPAN(src_mac, tag),       /* MAC addresses to flow label */
    SPAN_TUNNEL = FLOW_SPAN(vxlan, mpls_label_top),
};

struct snapshot {
    uint8_t ends[SPAN_ENDS], link[SPAN_LINK], tunnel[SPAN_TUNNEL];
    uint8_t depth, tcpflags, tunnel_tcpflags;
    uint16_t icmp_type;
    uint32_t in_iface, out_iface;
    uint32_t top, bottom, labels[PACKET_LABELS_MAX];
    uint64_t packets, bytes;
};

static inline void snapshot_save(struct snapshot *s, const struct flow *f)
{
    memcpy(s->ends, &f->src_host, SPAN_ENDS);
    memcpy(s->link, &f->src_mac, SPAN_LINK);
    memcpy(s->tunnel, &f->vxlan, SPAN_TUNNEL);
    s->depth = f->mpls_stack_depth;
    s->top = f->mpls_label_top;
    s->bottom = f->mpls_label_bottom;
    if (s->depth)
        memcpy(s->labels, f->mpls_label_stack.p, f->mpls_label_stack.len);
    s->tcpflags = f->tcpflags;
    s->tunnel_tcpflags = f->tunnel_tcpflags;
    s->icmp_type = f->icmp_type;
    s->in_iface = f->in_iface;
    s->out_iface = f->out_iface;
    s->packets = f->packets;
    s->bytes = f->bytes;
}

/* labels: where f->mpls_label_stack is to lie, PACKET_LABELS_MAX of them. */
static inline void snapshot_load(const struct snapshot *s, struct flow *f, uint32_t *labels)
{
    memcpy(&f->src_host, s->ends, SPAN_ENDS);
    memcpy(&f->src_mac, s->link, SPAN_LINK);
    memcpy(&f->vxlan, s->tunnel, SPAN_TUNNEL);
    f->mpls_stack_depth = s->depth;
    f->mpls_label_top = s->top;
    f->mpls_label_bottom = s->bottom;
    f->mpls_label_stack = (struct var){ s->depth ? labels : NULL, s->depth * (uint32_t)sizeof(labels[0]) };
    memcpy(labels, s->labels, s->depth * sizeof(labels[0]));
    f->tcpflags = s->tcpflags;
    f->tunnel_tcpflags = s->tunnel_tcpflags;
    f->icmp_type = s->icmp_type;
    f->in_iface = s->in_iface;
    f->out_iface = s->out_iface;
    f->packets = s->packets;
    f->bytes = s->bytes;
}

#endif
