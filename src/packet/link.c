/* SPDX-License-Identifier: BSD-2-Clause */
/* Link types and the layers up to IP. Each layer is a function that reads its header and calls the next one;
 * the tables say which one that is. */
#include "packet/link.h"

#include <stddef.h>
#include <pcap/dlt.h>
#include "packet/ip.h"
#include "packet/nflog.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

typedef enum packet_drop (*layer_fn)(struct dissect *x);

/* A protocol number of the layer below and what decodes it. */
struct next_layer {
    uint16_t number;
    layer_fn fn;
};

struct link_type {
    int dlt;
    bool has_mac;
    layer_fn fn;
};

const char *const packet_drop_names[PACKET_DROP_MAX] = {
    [PACKET_OK] = "counted",           [PACKET_NOT_IP] = "not_ip",        [PACKET_SHORT_LINK] = "short_link",
    [PACKET_SHORT_IP4] = "short_ipv4", [PACKET_SHORT_IP6] = "short_ipv6", [PACKET_BAD_IP4] = "bad_ipv4",
    [PACKET_BAD_IP6] = "bad_ipv6",     [PACKET_TOO_DEEP] = "too_deep",
};

static enum packet_drop by_ethertype(struct dissect *x, uint16_t type);

static enum packet_drop by_table(struct dissect *x, const struct next_layer *rows, size_t n, uint16_t number)
{
    if (++x->depth > PACKET_DEPTH_MAX)
        return PACKET_TOO_DEEP;
    for (size_t i = 0; i < n; i++)
        if (rows[i].number == number)
            return rows[i].fn(x);
    return PACKET_NOT_IP;
}

/* ---- VLAN tags: IEEE 802.1Q. The first tag gives VLAN and priority, the second the customer's VLAN. */

static enum packet_drop vlan_tag(struct dissect *x)
{
    const uint8_t *h = cursor_take(&x->c, 4);
    if (!h)
        return PACKET_SHORT_LINK;
    uint16_t tci = load_be16(h);
    if (!x->tagged) {
        x->f->vlan = tci & 0xfff;
        x->f->cos = (uint8_t)(tci >> 13);
        x->tagged = true;
    } else if (!x->f->in_cvlan) {
        x->f->in_cvlan = tci & 0xfff;
    }
    return by_ethertype(x, load_be16(h + 2));
}

/* ---- MPLS: RFC 3032. What lies under the stack has no number: IP shows itself by its version. */

static enum packet_drop mpls(struct dissect *x)
{
    struct flow *f = x->f;
    unsigned n = 0;
    uint32_t entry;
    do {
        entry = cursor_u32(&x->c);
        if (x->c.bad)
            return PACKET_SHORT_LINK;
        if (n == PACKET_LABELS_MAX)
            return PACKET_TOO_DEEP;
        x->d->labels[n++] = entry >> 12;
    } while (!(entry & 0x100));
    f->mpls_label_top = x->d->labels[0];
    f->mpls_label_bottom = x->d->labels[n - 1];
    f->mpls_stack_depth = (uint8_t)n;
    f->mpls_label_stack = (struct var){ x->d->labels, n * (uint32_t)sizeof(x->d->labels[0]) };
    return ip_decode(x);
}

/* ---- PPP, and PPPoE sessions: RFC 2516 */

static const struct next_layer ppp_protocols[] = {
    { 0x0021, ip4_decode },
    { 0x0057, ip6_decode },
    { 0x0281, mpls },
    { 0x0283, mpls },
};

static enum packet_drop ppp(struct dissect *x)
{
    uint16_t protocol = cursor_u16(&x->c);
    if (x->c.bad)
        return PACKET_SHORT_LINK;
    return by_table(x, ppp_protocols, ARRAY_LEN(ppp_protocols), protocol);
}

static enum packet_drop pppoe_session(struct dissect *x)
{
    cursor_skip(&x->c, 6); /* version and type, code, session, length */
    return x->c.bad ? PACKET_SHORT_LINK : ppp(x);
}

/* ---- LLC: IEEE 802.2, with SNAP */

static enum packet_drop snap(struct dissect *x)
{
    const uint8_t *h = cursor_take(&x->c, 5);
    if (!h)
        return PACKET_SHORT_LINK;
    uint32_t oui = (uint32_t)load_be(h, 3);
    bool ethertype = oui == 0 || oui == 0x0000f8; /* RFC 1042, IEEE 802.1H */
    return ethertype ? by_ethertype(x, load_be16(h + 3)) : PACKET_NOT_IP;
}

static enum packet_drop llc(struct dissect *x)
{
    const uint8_t *h = cursor_take(&x->c, 3);
    if (!h)
        return PACKET_SHORT_LINK;
    switch (load_be(h, 3)) {
    case 0xaaaa03:
        return snap(x);
    case 0x060603:
        return ip4_decode(x);
    default:
        return PACKET_NOT_IP;
    }
}

/* ---- Ethertypes */

static const struct next_layer ethertypes[] = {
    { 0x8100, vlan_tag }, { 0x88a8, vlan_tag },      { 0x9100, vlan_tag },
    { 0x9200, vlan_tag }, { 0x9300, vlan_tag },      { 0x8847, mpls },
    { 0x8848, mpls },     { 0x8864, pppoe_session }, { 0x880b, ppp },
};

enum { ETYPE_MIN = 0x0600 };

/* A type below 0x0600 is the length of what follows: IEEE 802.3 §3.2.6. */
static enum packet_drop by_length(struct dissect *x, uint16_t length)
{
    if (length < cursor_left(&x->c))
        x->c.end = x->c.p + length;
    return llc(x);
}

static enum packet_drop by_ethertype(struct dissect *x, uint16_t type)
{
    x->f->etype = type >= ETYPE_MIN ? type : 0;
    if (type == ETYPE_IP4)
        return ip4_decode(x);
    if (type == ETYPE_IP6)
        return ip6_decode(x);
    if (type < ETYPE_MIN)
        return ++x->depth > PACKET_DEPTH_MAX ? PACKET_TOO_DEEP : by_length(x, type);
    return by_table(x, ethertypes, ARRAY_LEN(ethertypes), type);
}

/* ---- link types */

static enum packet_drop ethernet(struct dissect *x)
{
    const uint8_t *h = cursor_take(&x->c, 14);
    if (!h)
        return PACKET_SHORT_LINK;
    memcpy(x->f->dst_mac.b, h, 6);
    memcpy(x->f->src_mac.b, h + 6, 6);
    return by_ethertype(x, load_be16(h + 12));
}

/* Cooked captures tell the sender's address and whether this host sent the packet. */
enum { COOKED_OUTGOING = 4 };

static void cooked(struct dissect *x, unsigned packet_type, unsigned addr_len, const uint8_t *addr)
{
    x->f->sampling_direction = packet_type == COOKED_OUTGOING ? DIRECTION_OUT : DIRECTION_IN;
    if (addr_len == 6)
        memcpy(x->f->src_mac.b, addr, 6);
}

enum { COOKED_802_3 = 1, COOKED_802_2 = 4 };

static enum packet_drop cooked_next(struct dissect *x, uint16_t protocol)
{
    if (protocol == COOKED_802_2)
        return llc(x);
    return protocol == COOKED_802_3 ? PACKET_NOT_IP : by_ethertype(x, protocol);
}

static enum packet_drop linux_sll(struct dissect *x)
{
    const uint8_t *h = cursor_take(&x->c, 16);
    if (!h)
        return PACKET_SHORT_LINK;
    cooked(x, load_be16(h), load_be16(h + 4), h + 6);
    return cooked_next(x, load_be16(h + 14));
}

static enum packet_drop linux_sll2(struct dissect *x)
{
    const uint8_t *h = cursor_take(&x->c, 20);
    if (!h)
        return PACKET_SHORT_LINK;
    cooked(x, h[10], h[11], h + 12);
    return cooked_next(x, load_be16(h));
}

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
    return ip ? ip_decode(x) : PACKET_NOT_IP;
}

/* RFC 1662: address and control may have been left out. */
static enum packet_drop link_ppp(struct dissect *x)
{
    if (cursor_left(&x->c) >= 2 && load_be16(x->c.p) == 0xff03)
        cursor_skip(&x->c, 2);
    return ppp(x);
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
    f->bytes = (uint64_t)p->link_len + wire;
    bool ip = p->protocol == ETYPE_IP4 || p->protocol == ETYPE_IP6 || p->protocol == 0;
    f->packet = ip ? p->payload : NULL; /* anything else is no frame of any link type */
    f->packet_len = wire;
    f->packet_caplen = p->payload_len;
    f->packet_dlt = DLT_RAW;
    return p->protocol ? cooked_next(x, p->protocol) : ip_decode(x);
}

static enum packet_drop nflog(struct dissect *x)
{
    struct nflog_packet p;
    return nflog_parse(x->c, &p) == NFLOG_OK ? nflog_payload(x, &p) : PACKET_SHORT_LINK;
}

enum { LINKTYPE_RAW = 101, OPENBSD_RAW = 14 };

static const struct link_type link_types[] = {
    { DLT_EN10MB, true, ethernet },  { DLT_LINUX_SLL, true, linux_sll }, { DLT_LINUX_SLL2, true, linux_sll2 },
    { DLT_RAW, false, ip_decode },   { LINKTYPE_RAW, false, ip_decode }, { OPENBSD_RAW, false, ip_decode },
    { DLT_IPV4, false, ip4_decode }, { DLT_IPV6, false, ip6_decode },    { DLT_NULL, false, null_loop },
    { DLT_LOOP, false, null_loop },  { DLT_PPP, false, link_ppp },       { DLT_MPLS, false, mpls },
    { DLT_NFLOG, true, nflog },
};

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

void packet_options_from(struct packet_options *o, const struct config *c, const struct fieldset *needs)
{
    *o = (struct packet_options){ .needs = needs, .sampled = c->ext_sampling_rate > 1 };
}

int packet_decoder_open(struct packet_decoder *d, int dlt, const struct packet_options *o, struct err *e)
{
    const struct fieldset *needs = o->needs;
    *d = (struct packet_decoder){ .dlt = dlt };
    for (size_t i = 0; i < ARRAY_LEN(link_types); i++)
        if (link_types[i].dlt == dlt)
            d->link = &link_types[i];
    if (!d->link)
        return err_set(e, ERR_UNSUPPORTED, "data link not supported: %d", dlt);
    if (!link_layer_only(needs))
        d->want |= WANT_IP;
    if (fieldset_has(needs, FIELD_src_port) || fieldset_has(needs, FIELD_dst_port) ||
        fieldset_has(needs, FIELD_tcpflags))
        d->want |= WANT_L4;
    return 0;
}

void packet_decoder_close(struct packet_decoder *d) { d->link = NULL; }

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

/* Sets everything that a header may fill: what the last frame left must not show. */
static inline void forget(struct flow *f)
{
    memset(&f->src_host, 0, offsetof(struct flow, src_mask));
    memset(&f->src_mac, 0,
           offsetof(struct flow, flow_label) + sizeof(f->flow_label) - offsetof(struct flow, src_mac));
    f->mpls_stack_depth = 0;
    f->mpls_label_top = f->mpls_label_bottom = 0;
    f->mpls_label_stack = (struct var){ NULL, 0 };
    f->tcpflags = 0;
    f->icmp_type = 0;
}

/* A frame without IP counts where nothing of IP is asked for. */
static inline enum packet_drop conclude(struct packet_decoder *d, enum packet_drop why)
{
    if (!(d->want & WANT_IP) && why == PACKET_NOT_IP)
        why = PACKET_OK;
    d->count[why]++;
    return why;
}

enum packet_drop packet_decode(struct packet_decoder *d, const uint8_t *frame, uint32_t caplen, uint32_t len,
                               struct flow *f)
{
    forget(f);
    f->packets = 1;
    f->bytes = len;
    f->packet = frame;
    f->packet_len = len;
    f->packet_caplen = caplen;
    f->packet_dlt = d->dlt;
    struct dissect x = { .d = d, .f = f, .c = cursor_of(frame, caplen), .frame = frame, .len = len };
    return conclude(d, d->link->fn(&x));
}

enum packet_drop packet_decode_nflog(struct packet_decoder *d, const struct nflog_packet *p, struct flow *f)
{
    forget(f);
    f->packets = 1;
    struct dissect x = { .d = d, .f = f };
    return conclude(d, nflog_payload(&x, p));
}
