/* SPDX-License-Identifier: BSD-2-Clause */
/* Link types, and the decoder that starts at them. A link type is a row of link_types[] and a function that
 * reads its header and calls the layer that follows. */
#include "packet/link.h"

#include <inttypes.h>
#include <stddef.h>
#include <pcap/dlt.h>
#include "packet/dissect.h"
#include "packet/frag.h"
#include "packet/nflog.h"
#include "packet/plain.h"
#include "packet/tunnel.h"

struct link_type {
    int dlt;
    bool has_mac;
    layer_fn fn;
};

const char *const packet_drop_names[PACKET_DROP_MAX] = {
    [PACKET_OK] = "counted",
    [PACKET_NOT_IP] = "not_ip",
    [PACKET_SHORT_LINK] = "short_link",
    [PACKET_SHORT_IP4] = "short_ipv4",
    [PACKET_SHORT_IP6] = "short_ipv6",
    [PACKET_BAD_IP4] = "bad_ipv4",
    [PACKET_BAD_IP6] = "bad_ipv6",
    [PACKET_TOO_DEEP] = "too_deep",
    [PACKET_HELD] = "held",
    [PACKET_TUNNEL_REST] = "tunnel_rest",
};

/* ---- cooked captures: they tell the sender's address and whether this host sent the packet */

enum { COOKED_OUTGOING = 4 };

static void cooked(struct dissect *x, unsigned packet_type, unsigned addr_len, const uint8_t *addr)
{
    x->f->sampling_direction = packet_type == COOKED_OUTGOING ? DIRECTION_OUT : DIRECTION_IN;
    if (addr_len == 6)
        memcpy(x->f->src_mac.b, addr, 6);
}

enum { COOKED_802_3 = 1, COOKED_802_2 = 4 };

static enum packet_drop frame_relay(struct dissect *x);

/* What the protocol field means depends on the hardware that the interface has: ARPHRD_* of Linux. */
enum { HARDWARE_FRAME_RELAY = 770, HARDWARE_RADIOTAP = 803, HARDWARE_NETLINK = 824 };

static enum packet_drop cooked_next(struct dissect *x, unsigned hardware, uint16_t protocol)
{
    switch (hardware) {
    case HARDWARE_FRAME_RELAY:
        return frame_relay(x);
    case HARDWARE_RADIOTAP:
        return layer_radiotap(x);
    case HARDWARE_NETLINK:
        return PACKET_NOT_IP;
    default:
        return protocol == COOKED_802_2 ? layer_llc(x) : layer_ethertype(x, protocol);
    }
}

static enum packet_drop linux_sll(struct dissect *x)
{
    const uint8_t *h = cursor_take(&x->c, 16);
    if (!h)
        return PACKET_SHORT_LINK;
    cooked(x, load_be16(h), load_be16(h + 4), h + 6);
    return cooked_next(x, load_be16(h + 2), load_be16(h + 14));
}

static enum packet_drop linux_sll2(struct dissect *x)
{
    const uint8_t *h = cursor_take(&x->c, 20);
    if (!h)
        return PACKET_SHORT_LINK;
    cooked(x, h[10], h[11], h + 12);
    return cooked_next(x, load_be16(h + 8), load_be16(h));
}

/* ---- no more than the kind of packet */

/* The address family in the byte order of the host that captured (NULL) or of the network (LOOP); its numbers
 * differ between systems, so the IP header's own version decides. */
static enum packet_drop null_loop(struct dissect *x)
{
    const uint8_t *h = cursor_take(&x->c, 4);
    if (!h)
        return PACKET_SHORT_LINK;
    uint32_t family = load_be32(h);
    if (family > 0xffff)
        family = __builtin_bswap32(family);
    bool ip = family == 2 || family == 10 || family == 24 || family == 28 || family == 30;
    return ip ? layer_ip(x) : PACKET_NOT_IP;
}

/* OpenBSD's packet filter: its length, rounded up to 4, then the packet. */
static enum packet_drop pflog(struct dissect *x)
{
    if (!cursor_left(&x->c))
        return PACKET_SHORT_LINK;
    cursor_skip(&x->c, (*x->c.p + 3u) & ~3u);
    return layer_ip(x);
}

static enum packet_drop nothing(struct dissect *x)
{
    (void)x;
    return PACKET_NOT_IP;
}

/* ---- serial lines */

enum { SLIP_LEN = 16 };

static enum packet_drop slip(struct dissect *x)
{
    cursor_skip(&x->c, SLIP_LEN);
    return layer_ip(x);
}

/* Cisco HDLC: address, control, Ethertype. */
static enum packet_drop cisco_hdlc(struct dissect *x)
{
    const uint8_t *h = cursor_take(&x->c, 4);
    return h ? layer_ethertype(x, load_be16(h + 2)) : PACKET_SHORT_LINK;
}

static enum packet_drop ppp_serial(struct dissect *x)
{
    enum { UNICAST = 0x0f, MULTICAST = 0x8f };
    if (!cursor_left(&x->c))
        return PACKET_SHORT_LINK;
    bool cisco = *x->c.p == UNICAST || *x->c.p == MULTICAST;
    return cisco ? cisco_hdlc(x) : layer_ppp_hdlc(x);
}

/* Linux' pppd puts the direction where the address was. */
static enum packet_drop ppp_pppd(struct dissect *x)
{
    const uint8_t *h = cursor_take(&x->c, 2);
    if (!h)
        return PACKET_SHORT_LINK;
    x->f->sampling_direction = h[0] ? DIRECTION_OUT : DIRECTION_IN;
    return layer_ppp(x);
}

static enum packet_drop ppp_with_direction(struct dissect *x)
{
    x->f->sampling_direction = cursor_u8(&x->c) ? DIRECTION_OUT : DIRECTION_IN;
    return layer_ppp_hdlc(x);
}

/* RFC 2427: an address of octets whose lowest bit is 0 in all but the last one, control, NLPID; or an
 * Ethertype, as Cisco has it. */
static enum packet_drop frame_relay(struct dissect *x)
{
    enum { ADDRESS_MAX = 4, UNNUMBERED = 3 };
    unsigned n = 0;
    while (!(cursor_u8(&x->c) & 1) && ++n < ADDRESS_MAX && !x->c.bad)
        ;
    if (cursor_left(&x->c) < 2)
        return PACKET_SHORT_LINK;
    if (*x->c.p != UNNUMBERED)
        return layer_ethertype(x, cursor_u16(&x->c));
    cursor_skip(&x->c, 1);
    return layer_nlpid(x);
}

/* ---- rings */

/* After the frame control: destination, source. */
static void ring_macs(struct dissect *x, const uint8_t *dst)
{
    memcpy(x->f->dst_mac.b, dst, 6);
    memcpy(x->f->src_mac.b, dst + 6, 6);
}

static enum packet_drop fddi(struct dissect *x)
{
    const uint8_t *h = cursor_take(&x->c, 13);
    if (!h)
        return PACKET_SHORT_LINK;
    ring_macs(x, h + 1);
    return (h[0] & 0xf0) == 0x50 ? layer_llc(x) : PACKET_NOT_IP;
}

/* IEEE 802.5: access and frame control, addresses, and a route when the source's group bit is set. */
static enum packet_drop token_ring(struct dissect *x)
{
    enum { ROUTED = 0x80, KIND = 0xc0, LLC = 0x40, ROUTE_LEN = 0x1f };
    const uint8_t *h = cursor_take(&x->c, 14);
    if (!h)
        return PACKET_SHORT_LINK;
    ring_macs(x, h + 2);
    if (h[8] & ROUTED) {
        x->f->src_mac.b[0] &= (uint8_t)~ROUTED;
        if (!cursor_left(&x->c))
            return PACKET_SHORT_LINK;
        cursor_skip(&x->c, *x->c.p & ROUTE_LEN);
    }
    return (h[1] & KIND) == LLC ? layer_llc(x) : PACKET_NOT_IP;
}

/* ---- a header that names a link type, and packets with attributes */

static const struct link_type *find_link(int dlt);

/* Per-Packet Information: length and link type, little-endian. */
static enum packet_drop ppi(struct dissect *x)
{
    const uint8_t *h = x->c.p;
    if (cursor_left(&x->c) < 8)
        return PACKET_SHORT_LINK;
    unsigned len = h[2] | (unsigned)h[3] << 8;
    const struct link_type *inner = find_link((int)__builtin_bswap32(load_be32(h + 4)));
    cursor_skip(&x->c, len < 8 ? 8 : len);
    if (x->c.bad)
        return PACKET_SHORT_LINK;
    return !inner || inner->fn == ppi ? PACKET_NOT_IP : inner->fn(x);
}

/* What the kernel's netfilter logged: the packet from its network header on, and beside it what was known of
 * the link. Its Ethertype is 1 or 4 for frames that have a length in its place, as with cooked captures. */
static enum packet_drop nflog_payload(struct dissect *x, const struct nflog_packet *p)
{
    struct flow *f = x->f;
    uint32_t wire = nflog_wire_len(p);
    nflog_link(p, f);
    x->tagged = p->have & 1u << NFLOG_A_VLAN;
    x->frame = p->payload;
    x->len = wire;
    x->c = cursor_of(p->payload, p->payload_len);
    f->bytes = (uint64_t)nflog_link_len(p) + wire;
    bool ip = p->protocol == ETYPE_IP4 || p->protocol == ETYPE_IP6 || p->protocol == 0;
    f->packet = p->frame ? p->frame : ip ? p->payload : NULL; /* else no frame of any link type */
    f->packet_len = p->frame ? (uint32_t)f->bytes : wire;
    f->packet_caplen = p->frame ? p->frame_len : p->payload_len;
    f->packet_dlt = p->frame ? DLT_EN10MB : DLT_RAW;
    return p->protocol ? cooked_next(x, 0, p->protocol) : layer_ip(x);
}

static enum packet_drop nflog(struct dissect *x)
{
    struct nflog_packet p;
    return nflog_parse(x->c, &p) == NFLOG_OK ? nflog_payload(x, &p) : PACKET_SHORT_LINK;
}

/* ---- the table */

/* Files have numbers of their own for some. */
enum { LINKTYPE_RAW = 101, OPENBSD_RAW = 14, LINKTYPE_ATM_RFC1483 = 100 };

static const struct link_type link_types[] = {
    { DLT_EN10MB, true, layer_ethernet },
    { DLT_LINUX_SLL, true, linux_sll },
    { DLT_LINUX_SLL2, true, linux_sll2 },
    { DLT_RAW, false, layer_ip },
    { LINKTYPE_RAW, false, layer_ip },
    { OPENBSD_RAW, false, layer_ip },
    { DLT_IPV4, false, layer_ip4 },
    { DLT_IPV6, false, layer_ip6 },
    { DLT_NULL, false, null_loop },
    { DLT_LOOP, false, null_loop },
    { DLT_PPP, false, layer_ppp_hdlc },
    { DLT_PPP_SERIAL, false, ppp_serial },
    { DLT_PPP_ETHER, false, layer_pppoe },
    { DLT_PPP_PPPD, false, ppp_pppd },
    { DLT_PPP_WITH_DIR, false, ppp_with_direction },
    { DLT_C_HDLC, false, cisco_hdlc },
    { DLT_FRELAY, false, frame_relay },
    { DLT_SLIP, false, slip },
    { DLT_MPLS, false, layer_mpls },
    { DLT_ATM_RFC1483, false, layer_llc },
    { LINKTYPE_ATM_RFC1483, false, layer_llc },
    { DLT_IEEE802, true, token_ring },
    { DLT_FDDI, true, fddi },
    { DLT_IEEE802_11, true, layer_wlan },
    { DLT_IEEE802_11_RADIO, true, layer_radiotap },
    { DLT_IEEE802_11_RADIO_AVS, true, layer_avs },
    { DLT_PRISM_HEADER, true, layer_prism },
    { DLT_PPI, true, ppi },
    { DLT_NFLOG, true, nflog },
    { DLT_PFLOG, false, pflog },
    { DLT_LTALK, false, nothing },
};

static const struct link_type *find_link(int dlt)
{
    for (size_t i = 0; i < ARRAY_LEN(link_types); i++)
        if (link_types[i].dlt == dlt)
            return &link_types[i];
    return NULL;
}

/* ---- the decoder */

static const enum field_id link_fields[] = { FIELD_src_mac,
                                             FIELD_dst_mac,
                                             FIELD_vlan,
                                             FIELD_in_vlan,
                                             FIELD_out_vlan,
                                             FIELD_in_cvlan,
                                             FIELD_out_cvlan,
                                             FIELD_cos,
                                             FIELD_etype,
                                             FIELD_mpls_label_top,
                                             FIELD_mpls_label_bottom,
                                             FIELD_mpls_stack_depth,
                                             FIELD_mpls_label_stack };

/* Bytes are those of the frame, and frames without IP count, only where fields of the link layer and none
 * above it are asked for. */
static bool link_layer_only(const struct fieldset *needs)
{
    struct fieldset above = *needs;
    for (size_t i = 0; i < ARRAY_LEN(link_fields); i++)
        fieldset_del(&above, link_fields[i]);
    bool has_link_field = false;
    for (size_t i = 0; i < ARRAY_LEN(needs->w); i++)
        has_link_field |= above.w[i] != needs->w[i];
    for (unsigned id = 0; id < FIELD_MAX; id++)
        if (fieldset_has(&above, id) && fields[id].group != FG_MISC && fields[id].group != FG_TIME)
            return false;
    return has_link_field;
}

static bool needs_tunnels(const struct fieldset *needs)
{
    for (unsigned id = 0; id < FIELD_MAX; id++)
        if (fieldset_has(needs, id) && fields[id].group == FG_TUNNEL)
            return true;
    return false;
}

static unsigned layers_wanted(const struct packet_options *o)
{
    const struct fieldset *needs = o->needs;
    if (link_layer_only(needs) && !o->force_fragments)
        return 0;
    bool l4 = fieldset_has(needs, FIELD_src_port) || fieldset_has(needs, FIELD_dst_port) ||
              fieldset_has(needs, FIELD_tcpflags) || o->force_fragments;
    return WANT_IP | (l4 ? WANT_L4 : 0) | (l4 && (o->fragments || o->force_fragments) ? WANT_FRAGMENTS : 0);
}

int packet_decoder_open(struct packet_decoder *d, int dlt, const struct packet_options *o, struct err *e)
{
    const struct fieldset *needs = o->needs;
    *d = (struct packet_decoder){ .dlt = dlt, .link = find_link(dlt), .unknown_etype = o->unknown_etype };
    if (!d->link)
        return err_set(e, ERR_UNSUPPORTED, "data link not supported: %d", dlt);
    d->want = layers_wanted(o);
    if (!(d->want & WANT_IP))
        return 0;
    bool tunnel_l4 = fieldset_has(needs, FIELD_tunnel_src_port) ||
                     fieldset_has(needs, FIELD_tunnel_dst_port) || fieldset_has(needs, FIELD_tunnel_tcpflags);
    if (tunnel_set_new(o->tunnels, needs_tunnels(needs), tunnel_l4, &d->tunnels, e) == -1)
        return -1;
    if (d->tunnels) {
        d->want |= WANT_TUNNEL;
        d->tunnel_ports = *tunnel_ports(d->tunnels);
    }
    d->plain = dlt == DLT_EN10MB && d->want & WANT_L4;
    if (!(d->want & WANT_FRAGMENTS) || (d->fragments = frag_new(o->frag_octets, !o->sampled)) != NULL)
        return 0;
    packet_decoder_close(d);
    return err_set(e, ERR_SYS, "no memory for fragments");
}

void packet_decoder_close(struct packet_decoder *d)
{
    tunnel_set_free(d->tunnels);
    frag_free(d->fragments);
    d->tunnels = NULL;
    d->fragments = NULL;
    d->link = NULL;
}

/* sFlow version 5 §5.3, enum header_protocol. */
static const struct {
    uint8_t protocol;
    int dlt;
} sflow_links[] = {
    { 1, DLT_EN10MB }, { 3, DLT_IEEE802 },      { 4, DLT_FDDI },        { 5, DLT_FRELAY },
    { 7, DLT_PPP },    { 10, DLT_ATM_RFC1483 }, { 11, DLT_IPV4 },       { 12, DLT_IPV6 },
    { 13, DLT_MPLS },  { 14, DLT_PPP_SERIAL },  { 15, DLT_IEEE802_11 },
};

int packet_dlt_of_sflow(uint32_t header_protocol)
{
    for (size_t i = 0; i < ARRAY_LEN(sflow_links); i++)
        if (sflow_links[i].protocol == header_protocol)
            return sflow_links[i].dlt;
    return -1;
}

bool packet_decoder_has_mac(const struct packet_decoder *d) { return d->link->has_mac; }

/* Where the link layer alone counts, a frame counts as soon as its first header is there. */
static enum packet_drop judge(struct packet_decoder *d, enum packet_drop why, const struct flow *f)
{
    static const struct mac none;
    if (why == PACKET_NOT_IP && (d->unknown_etype || !(d->want & WANT_IP)))
        return PACKET_OK;
    if (d->want & WANT_IP || (!f->etype && !memcmp(&f->src_mac, &none, sizeof(none))))
        return why;
    d->cut++;
    return PACKET_OK;
}

static inline enum packet_drop conclude(struct packet_decoder *d, enum packet_drop why, const struct flow *f)
{
    if (UNLIKELY(why != PACKET_OK))
        why = judge(d, why, f);
    d->count[why]++;
    return why;
}

enum packet_drop packet_decode(struct packet_decoder *d, const uint8_t *frame, uint32_t caplen, uint32_t len,
                               struct flow *f)
{
    packet_forget_rest(f, d->want);
    f->packets = 1;
    f->packet = frame;
    f->packet_len = len;
    f->packet_caplen = caplen;
    f->packet_dlt = d->dlt;
    if (d->plain && plain_decode(d, frame, caplen, len, f)) {
        d->count[PACKET_OK]++;
        return PACKET_OK;
    }
    packet_forget_ends(f);
    f->bytes = len;
    struct dissect x = { .d = d,
                         .f = f,
                         .c = cursor_of(frame, caplen),
                         .frame = frame,
                         .len = len,
                         .want = d->want,
                         .labels = d->labels };
    enum packet_drop why = d->link->fn(&x);
    d->ip = x.ip;
    return conclude(d, why, f);
}

enum packet_drop packet_decode_nflog(struct packet_decoder *d, const struct nflog_packet *p, struct flow *f)
{
    packet_forget_ends(f);
    packet_forget_rest(f, d->want);
    f->packets = 1;
    struct dissect x = { .d = d, .f = f, .want = d->want, .labels = d->labels };
    enum packet_drop why = nflog_payload(&x, p);
    d->ip = x.ip;
    return conclude(d, why, f);
}

bool packet_orphans_due(const struct packet_decoder *d, int64_t now_us)
{
    return d->fragments && now_us >= frag_due(d->fragments);
}

bool packet_orphan(struct packet_decoder *d, int64_t now_us, struct flow *f, int64_t *at_us)
{
    d->ip = NULL;
    return d->fragments && frag_orphan(d->fragments, now_us, f, at_us);
}
