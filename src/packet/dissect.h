/* SPDX-License-Identifier: BSD-2-Clause */
/* A frame while it is taken apart, and the layers that the files of this folder decode for each other. A
 * layer is a function that stands at its header, reads it and calls the next one. Nobody outside includes
 * this. */
#ifndef PACKET_DISSECT_H
#define PACKET_DISSECT_H

#include <stddef.h>
#include "base/cursor.h"
#include "packet/link.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

enum { ETYPE_MIN = 0x0600, ETYPE_IP4 = 0x0800, ETYPE_IP6 = 0x86dd };

struct dissect {
    struct packet_decoder *d;
    struct flow *f;
    const uint8_t *ip;    /* the IP header that f shows; NULL: none yet */
    struct cursor c;      /* captured octets that are still to be read */
    const uint8_t *frame; /* the first octet */
    uint32_t len;         /* octets on the wire */
    unsigned want;        /* enum packet_want */
    unsigned depth;       /* headers entered so far */
    unsigned level;       /* tunnels entered so far */
    bool tagged;          /* a VLAN tag was seen */
    bool inside;          /* f is no packet that is counted, but one within a tunnel, to be described */
    bool replaced;        /* f shows the packet within a tunnel instead of the one around it */
    uint32_t *labels;     /* [PACKET_LABELS_MAX], for f->mpls_label_stack */
};

/* Clearing everything that a header may fill: what the last frame left must not show. First what nearly every
 * frame sets anew, then the rest. */
static inline void packet_forget_ends(struct flow *f)
{
    memset(&f->src_host, 0, offsetof(struct flow, src_mask));
    memset(&f->src_mac, 0, offsetof(struct flow, tag) - offsetof(struct flow, src_mac));
    f->tcpflags = 0;
    f->icmp_type = 0;
}

static inline void packet_forget_rest(struct flow *f, unsigned want)
{
    f->mpls_stack_depth = 0;
    f->mpls_label_top = f->mpls_label_bottom = 0;
    f->mpls_label_stack = (struct var){ NULL, 0 };
    if (UNLIKELY(want & WANT_TUNNEL)) {
        memset(&f->vxlan, 0, offsetof(struct flow, mpls_label_top) - offsetof(struct flow, vxlan));
        f->tunnel_tcpflags = 0;
    }
}

typedef enum packet_drop (*layer_fn)(struct dissect *x);

/* A protocol number of the layer below and what decodes it. */
struct next_layer {
    uint16_t number;
    layer_fn fn;
};

/* By number, PACKET_NOT_IP where there is no row. Counts the depth. */
enum packet_drop layer_by_table(struct dissect *x, const struct next_layer *rows, size_t n, uint16_t number);

/* Octets of the frame that were on the wire behind the cursor's place. */
static inline uint32_t dissect_wire_left(const struct dissect *x)
{
    size_t at = (size_t)(x->c.p - x->frame);
    return at < x->len ? x->len - (uint32_t)at : 0;
}

/* ---- ether.c: what stands between the link and IP */

enum packet_drop layer_ethernet(struct dissect *x); /* its addresses are those of the packet */
enum packet_drop layer_bridged(struct dissect *x);  /* a frame within a frame, whose addresses stay */
enum packet_drop layer_mpls(struct dissect *x);
enum packet_drop layer_nsh(struct dissect *x);
enum packet_drop layer_llc(struct dissect *x);
enum packet_drop layer_ppp(struct dissect *x);      /* at the protocol, RFC 1661 §2 */
enum packet_drop layer_ppp_hdlc(struct dissect *x); /* address and control may stand before it, RFC 1662 */
enum packet_drop layer_pppoe(struct dissect *x);    /* a session, RFC 2516 */
enum packet_drop layer_nlpid(struct dissect *x);    /* ISO/IEC TR 9577 */

/* By Ethertype. Below 0x0600 it is a length in Ethernet (layer_type_or_length), nothing elsewhere. */
enum packet_drop layer_ethertype(struct dissect *x, uint16_t type);
enum packet_drop layer_type_or_length(struct dissect *x, uint16_t type);

/* Could an Ethernet frame stand here? Type and what follows it are looked at. */
bool ethernet_plausible(const struct dissect *x);

/* ---- wlan.c: IEEE 802.11 and the headers that captures put before it */

enum packet_drop layer_wlan(struct dissect *x);
enum packet_drop layer_radiotap(struct dissect *x);
enum packet_drop layer_prism(struct dissect *x);
enum packet_drop layer_avs(struct dissect *x);

/* ---- ip.c. Where only the link layer is asked for they name the Ethertype and read nothing. */

enum packet_drop layer_ip4(struct dissect *x);
enum packet_drop layer_ip6(struct dissect *x);
enum packet_drop layer_ip(struct dissect *x); /* by the version nibble, as raw IP links and MPLS have it */

/* Is this the header of a whole IP packet: version, header length, no more octets than there were? */
bool ip_plausible(const struct dissect *x);

#endif
