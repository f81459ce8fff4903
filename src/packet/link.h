/* SPDX-License-Identifier: BSD-2-Clause */
/* From a captured frame to struct flow: link types and what stands between them and IP (VLAN tags, MPLS,
 * PPPoE, LLC). A link type, an Ethertype or a PPP protocol is a row of a table in link.c plus a function.
 * pmacctd and uacctd call this for every packet. */
#ifndef PACKET_LINK_H
#define PACKET_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include "base/cursor.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "config/config.h"
#include "core/fields.h"
#include "core/flow.h"

/* What became of a frame. Each value is a counter of struct packet_decoder. */
enum packet_drop {
    PACKET_OK,         /* the flow is to be counted */
    PACKET_NOT_IP,     /* carries no IP, and what is counted has fields of IP */
    PACKET_SHORT_LINK, /* ends within the link layer */
    PACKET_SHORT_IP4,  /* ends within the IPv4 header */
    PACKET_SHORT_IP6,
    PACKET_BAD_IP4, /* version or header length are impossible */
    PACKET_BAD_IP6,
    PACKET_TOO_DEEP,    /* more headers, one within the other, than anybody uses */
    PACKET_HELD,        /* a fragment that waits for the first one of its packet: packet_orphan */
    PACKET_TUNNEL_REST, /* a later fragment of a packet that was counted by what the tunnel in it carries */
    PACKET_DROP_MAX
};

/* How a drop is called in the statistics. */
extern const char *const packet_drop_names[PACKET_DROP_MAX];

enum { PACKET_LABELS_MAX = 16, PACKET_DEPTH_MAX = 16 };

enum packet_want {
    WANT_IP = 1, /* not set: link layer only, and bytes are those of the frame */
    WANT_L4 = 2, /* ports, TCP flags, ICMP type */
    WANT_TUNNEL = 4,
    WANT_FRAGMENTS = 8,
    WANT_UPPER = WANT_L4 | WANT_TUNNEL | WANT_FRAGMENTS, /* anything behind the IP header */
};

/* What is asked of a decoder. All zero but `needs`: headers as far as the fields need them, no more. */
struct packet_options {
    const struct fieldset *needs; /* fields that somebody counts by; read by packet_decoder_open only */
    const char *tunnels;          /* as tunnel_0 is written, NULL: none; kept, not copied */
    bool unknown_etype;           /* frames without IP are counted as well: aggregate_unknown_etype */
    bool fragments;               /* later fragments get the ports of their first one, if ports are needed */
    bool force_fragments;         /* and if they are not, too */
    bool sampled;                 /* packets are missing: fragments do not wait for their first one */
    size_t frag_octets;           /* of memory for fragments, 0: the default */
};

/* The options as a packet daemon's or collector's configuration has them. */
void packet_options_from(struct packet_options *o, const struct config *c, const struct fieldset *needs);

/* UDP ports, by their lowest 6 bits: most ports are none of those that tunnels have. */
struct tunnel_ports {
    uint64_t dst, src;
};

static inline bool tunnel_ports_have(const struct tunnel_ports *t, uint16_t src, uint16_t dst)
{
    return (t->dst >> (dst % 64) | t->src >> (src % 64)) & 1;
}

struct link_type;
struct tunnel_set;
struct frag_table;

/* One for each capture. */
struct packet_decoder {
    const struct link_type *link;
    unsigned want; /* enum packet_want */
    int dlt;
    bool unknown_etype;
    bool plain;        /* common frames of Ethernet may take the short cut of plain.h */
    int64_t at_us;     /* set by the caller to the time of the frame before packet_decode, if fragments are
                        * wanted */
    const uint8_t *ip; /* of the last frame: the IP header whose fields the flow shows; NULL: none */
    struct cursor udp; /* of the last frame: payload of its UDP header as far as captured; empty, bad: none */
    struct tunnel_ports tunnel_ports;   /* none without tunnels */
    struct tunnel_set *tunnels;         /* NULL: none is looked for */
    struct frag_table *fragments;       /* NULL: later fragments have no ports */
    uint64_t count[PACKET_DROP_MAX];    /* frames by what became of them */
    uint64_t cut;                       /* counted, though a header behind the IP header was cut short */
    uint32_t labels[PACKET_LABELS_MAX]; /* MPLS labels of the last frame, what flow.mpls_label_stack shows */
};

/* Prepares a decoder for a link type (DLT_* of libpcap, or the LINKTYPE_* of a file) and for what is asked.
 * -1: the link type is not supported ("data link not supported: N"), the tunnels make no sense, no memory. */
int packet_decoder_open(struct packet_decoder *d, int dlt, const struct packet_options *o, struct err *e);
void packet_decoder_close(
    struct packet_decoder *d); /* also of one that is all zero, or could not be opened */

/* The link type of a header that sFlow sampled, by its header_protocol (sFlow version 5 §5.3); -1: none that
 * is decoded. */
int packet_dlt_of_sflow(uint32_t header_protocol);

/* Does the link layer have MAC addresses and VLAN tags? */
bool packet_decoder_has_mac(const struct packet_decoder *d);

/* For the check function of daemons that decode packets: is tunnel_0 good? -1: e says where it stands and
 * what is wrong with it. */
int packet_config_check(const struct config_set *set, struct err *e);

/* Fills the packet's members of *f (everything a packet can tell, counters included) from a frame of which
 * `caplen` octets are there and which had `len` on the wire. Members that no packet fills are left alone, so
 * *f is zeroed once and then used for one frame after the other. What is decoded before a header ends early
 * is kept. */
enum packet_drop packet_decode(struct packet_decoder *d, const uint8_t *frame, uint32_t caplen, uint32_t len,
                               struct flow *f);

struct nflog_packet; /* packet/nflog.h */

/* As packet_decode, for a message of NFLOG that was parsed already; d was opened with DLT_NFLOG. */
enum packet_drop packet_decode_nflog(struct packet_decoder *d, const struct nflog_packet *p, struct flow *f);

/* Fragments that were held (PACKET_HELD) and whose first one never came: each call sets *f, as packet_decode
 * does, to what was held of one packet (f->packets of them), and *at_us to its time; false: no more for now.
 * now_us: time of the packets, INT64_MAX at the end of the input. What f->in_iface and f->out_iface were when
 * the fragment was decoded they are again. Cheap to ask: packet_orphans_due says whether it is worth a call.
 */
bool packet_orphan(struct packet_decoder *d, int64_t now_us, struct flow *f, int64_t *at_us);
bool packet_orphans_due(const struct packet_decoder *d, int64_t now_us);

#endif
