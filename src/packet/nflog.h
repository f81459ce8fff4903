/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of Linux's NFLOG (nfnetlink_log) taken apart: what uacctd receives from the kernel, and packets of
 * captures with link type DLT_NFLOG (239), which hold the same. link.c decodes what is in them.
 *
 * A capture's packet and the body of a netlink message are one format: nfgenmsg (family, version, group),
 * then attributes. So a link type calls nflog_parse with the frame as it is, hands nflog_link the flow, and
 * goes on at `payload` by the Ethertype `protocol`. */
#ifndef PACKET_NFLOG_H
#define PACKET_NFLOG_H

#include <stdbool.h>
#include <stdint.h>
#include "base/cursor.h"
#include "core/flow.h"

/* Why a message is not used. Each value is a counter of who parses. */
enum nflog_fault {
    NFLOG_OK,
    NFLOG_SHORT,      /* ends within its header */
    NFLOG_VERSION,    /* not version 0 */
    NFLOG_ATTR_LEN,   /* an attribute is longer than what is left, or shorter than its own header */
    NFLOG_ATTR_SHORT, /* an attribute is shorter than what it has to hold */
    NFLOG_NO_PAYLOAD, /* nothing of the packet was copied */
    NFLOG_FAULT_MAX
};

/* How a fault is called in the log and in the statistics. */
extern const char *const nflog_fault_names[NFLOG_FAULT_MAX];

/* Attributes whose presence matters; numbers of linux/netfilter/nfnetlink_log.h. */
enum nflog_attr {
    NFLOG_A_PACKET_HDR = 1,
    NFLOG_A_TIMESTAMP = 3,
    NFLOG_A_PAYLOAD = 9,
    NFLOG_A_SEQ = 12,
    NFLOG_A_CT = 18,
    NFLOG_A_CT_INFO = 19,
    NFLOG_A_VLAN = 20,
    NFLOG_A_MAX = 22
};

enum nflog_hook {
    NFLOG_PREROUTING,
    NFLOG_INPUT,
    NFLOG_FORWARD,
    NFLOG_OUTPUT,
    NFLOG_POSTROUTING,
    NFLOG_INGRESS
};

/* One packet. Integers in host order; pointers lead into the message and live as long as it does. */
struct nflog_packet {
    const uint8_t *payload; /* from the network header on, clipped to the copy range */
    uint32_t payload_len;
    const uint8_t *link; /* the link header that was in front, NULL: none (the packet begins here) */
    uint32_t link_len;
    const uint8_t *hwaddr; /* the sender's address, hwaddr_len octets, or NULL */
    uint16_t hwaddr_len;
    uint16_t hwtype;   /* ARPHRD_* */
    uint16_t protocol; /* Ethertype of the payload, 0: not told */
    uint16_t group;
    uint8_t family, hook;                          /* AF_*; enum nflog_hook */
    uint16_t vlan_tci;                             /* of a tag that the network card took off; see `have` */
    uint16_t vlan_proto;                           /* its Ethertype */
    uint32_t have;                                 /* bit 1 << enum nflog_attr: it was in the message */
    uint32_t indev, outdev, physindev, physoutdev; /* interface numbers, 0: none; phys: a bridge's ports */
    uint32_t mark, seq, ct_info;                   /* ct_info: enum ip_conntrack_info */
    const uint8_t *ct; /* the connection, attributes of nf_conntrack_netlink, or NULL */
    uint32_t ct_len;
    int64_t at_us; /* when the kernel saw the packet, µs since the epoch, 0: not told */
    /* The Ethernet frame as nflog_frame made it, for plugins that want frames. Never set by nflog_parse. */
    const uint8_t *frame;
    uint32_t frame_len;
};

/* Parses the body of a message (or a frame of a DLT_NFLOG capture of any byte order). When the result is not
 * NFLOG_OK, *p is not to be used. */
enum nflog_fault nflog_parse(struct cursor body, struct nflog_packet *p);

/* Length of the packet on the wire, from the network header on: as its IP header says, since the message has
 * only what was copied. At least payload_len. */
uint32_t nflog_wire_len(const struct nflog_packet *p);

/* Octets in front of the network header on the wire: the link header, and the tag that was taken off it. */
uint32_t nflog_link_len(const struct nflog_packet *p);

/* Puts the Ethernet frame that the message tells of together again: link header, tag, payload, as far as
 * there is room for them. Returns its octets; 0: the link is no Ethernet, or its header is not known. */
uint32_t nflog_frame(const struct nflog_packet *p, uint8_t *buf, uint32_t size);

/* Fills the flow's link members as far as the message has them: MAC addresses, VLAN and priority, in_iface,
 * out_iface (a bridge's port rather than the bridge), sampling_direction (in: came in and is for this host or
 * not routed yet; out: sent by this host; unknown: forwarded). */
void nflog_link(const struct nflog_packet *p, struct flow *f);

/* Which way does the packet go, as connection tracking sees it: that of the connection's first packet, or
 * that of the answers? Unknown: the message does not say. */
enum nflog_way { NFLOG_WAY_UNKNOWN, NFLOG_WAY_ORIGINAL, NFLOG_WAY_REPLY };
enum nflog_way nflog_way(const struct nflog_packet *p);

/* Sets the flow's post_nat_* members: addresses and ports that the packet has when it leaves this host,
 * whatever the hook that logged it, from the two tuples of its connection and its way. Zeros: the message has
 * no connection, or a damaged one. */
void nflog_nat(const struct nflog_packet *p, struct flow *f);

/* What stands next in a netlink datagram. */
enum nflog_step {
    NFLOG_STEP_PACKET, /* a packet: *body is what nflog_parse takes */
    NFLOG_STEP_OTHER,  /* a message of another type */
    NFLOG_STEP_END,    /* nothing more (or NLMSG_DONE, which ends a batch) */
    NFLOG_STEP_BAD,    /* a length that cannot be: what is left of the datagram is lost */
};

enum nflog_step nflog_next(struct cursor *datagram, struct cursor *body);

#endif
