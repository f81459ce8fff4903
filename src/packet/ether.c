/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands between the link and IP: Ethertypes, VLAN tags, 802.1ah, MPLS, NSH, PPP, LLC and SNAP. A new
 * protocol is a row of one of the tables and a function. */
#include "packet/dissect.h"

enum packet_drop layer_by_table(struct dissect *x, const struct next_layer *rows, size_t n, uint16_t number)
{
    if (++x->depth > PACKET_DEPTH_MAX)
        return PACKET_TOO_DEEP;
    for (size_t i = 0; i < n; i++)
        if (rows[i].number == number)
            return rows[i].fn(x);
    return PACKET_NOT_IP;
}

/* ---- VLAN tags: IEEE 802.1Q. The first tag gives VLAN and priority, the second the customer's VLAN. A tag
 * of VLAN 0 bears a priority only. */

static enum packet_drop vlan_tag(struct dissect *x)
{
    const uint8_t *h = cursor_take(&x->c, 4);
    if (!h)
        return PACKET_SHORT_LINK;
    uint16_t tci = load_be16(h), vid = tci & 0xfff;
    if (!x->tagged)
        x->f->cos = (uint8_t)(tci >> 13);
    x->tagged = true;
    if (!x->f->vlan)
        x->f->vlan = vid;
    else if (!x->f->in_cvlan)
        x->f->in_cvlan = vid;
    return layer_type_or_length(x, load_be16(h + 2));
}

/* ---- Ethernet */

static inline void take_macs(struct flow *f, const uint8_t *h)
{
    memcpy(f->dst_mac.b, h, 6);
    memcpy(f->src_mac.b, h + 6, 6);
}

enum packet_drop layer_ethernet(struct dissect *x)
{
    const uint8_t *h = cursor_take(&x->c, 14);
    if (!h)
        return PACKET_SHORT_LINK;
    take_macs(x->f, h);
    return layer_type_or_length(x, load_be16(h + 12));
}

enum packet_drop layer_bridged(struct dissect *x)
{
    static const struct mac none;
    const uint8_t *h = cursor_take(&x->c, 14);
    if (!h)
        return PACKET_SHORT_LINK;
    if (!memcmp(&x->f->src_mac, &none, sizeof(none)) && !memcmp(&x->f->dst_mac, &none, sizeof(none)))
        take_macs(x->f, h);
    return layer_type_or_length(x, load_be16(h + 12));
}

bool ethernet_plausible(const struct dissect *x)
{
    static const uint16_t known[] = {
        0x0806, 0x8100, 0x88a8, 0x8847, 0x8848, 0x8863, 0x8864, 0x88cc, 0x8902
    };
    struct dissect y = *x;
    const uint8_t *h = cursor_take(&y.c, 14);
    if (!h)
        return false;
    uint16_t type = load_be16(h + 12);
    if (type == ETYPE_IP4 || type == ETYPE_IP6)
        return ip_plausible(&y) && *y.c.p >> 4 == (type == ETYPE_IP4 ? 4 : 6);
    if (type < ETYPE_MIN) { /* a length, and LLC from a service to its like */
        const uint8_t *llc = cursor_take(&y.c, 3);
        return llc && llc[0] == llc[1] && llc[2] == 3 && type >= 3 && type <= dissect_wire_left(&y) + 3;
    }
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (known[i] == type)
            return true;
    return false;
}

/* IEEE 802.1ah: the service's number, then the customer's frame. */
static enum packet_drop itag(struct dissect *x)
{
    cursor_skip(&x->c, 4);
    return layer_bridged(x);
}

/* ---- MPLS: RFC 3032 */

/* Labels that name what follows: RFC 3032 §2.1, RFC 5586 §4. */
enum { LABEL_IP4_NULL = 0, LABEL_IP6_NULL = 2, LABEL_GAL = 13 };

static enum packet_drop too_deep_or(struct dissect *x, layer_fn fn)
{
    return ++x->depth > PACKET_DEPTH_MAX ? PACKET_TOO_DEEP : fn(x);
}

/* Under the stack nothing has a number. IP shows itself by its version, a pseudowire by the first nibble of
 * its control word (RFC 4385); without one the destination address stands there, and may look like IP. */
static enum packet_drop under_mpls(struct dissect *x, uint32_t bottom)
{
    if (bottom == LABEL_IP4_NULL)
        return layer_ip4(x);
    if (bottom == LABEL_IP6_NULL)
        return layer_ip6(x);
    if (bottom == LABEL_GAL)
        return PACKET_NOT_IP;
    if (ip_plausible(x))
        return layer_ip(x);
    unsigned nibble = cursor_left(&x->c) ? *x->c.p >> 4 : 4;
    struct dissect behind = *x;
    cursor_skip(&behind.c, 4);
    if (nibble == 0 && ethernet_plausible(&behind)) {
        x->c = behind.c;
        return too_deep_or(x, layer_bridged);
    }
    if (ethernet_plausible(x))
        return too_deep_or(x, layer_bridged);
    return layer_ip(x);
}

enum packet_drop layer_mpls(struct dissect *x)
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
        x->labels[n++] = entry >> 12;
    } while (!(entry & 0x100));
    f->mpls_label_top = x->labels[0];
    f->mpls_label_bottom = x->labels[n - 1];
    f->mpls_stack_depth = (uint8_t)n;
    f->mpls_label_stack = (struct var){ x->labels, n * (uint32_t)sizeof(x->labels[0]) };
    return under_mpls(x, x->labels[n - 1]);
}

/* ---- Network Service Header: RFC 8300 §2.2 */

static const struct next_layer nsh_protocols[] = {
    { 1, layer_ip4 }, { 2, layer_ip6 }, { 3, layer_bridged }, { 4, layer_nsh }, { 5, layer_mpls },
};

enum packet_drop layer_nsh(struct dissect *x)
{
    const uint8_t *h = cursor_take(&x->c, 8);
    if (!h)
        return PACKET_SHORT_LINK;
    size_t words = load_be16(h) & 0x3f;
    if (h[0] >> 6 != 0 || words < 2)
        return PACKET_NOT_IP;
    cursor_skip(&x->c, words * 4 - 8);
    return layer_by_table(x, nsh_protocols, ARRAY_LEN(nsh_protocols), h[3]);
}

/* ---- PPP */

/* RFC 3518 §4: flags, kind of frame, the LAN's number if flagged, the frame. */
static enum packet_drop ppp_bridging(struct dissect *x)
{
    enum { LAN_ID = 0x40, ETHERNET = 1 };
    const uint8_t *h = cursor_take(&x->c, 2);
    if (!h)
        return PACKET_SHORT_LINK;
    if (h[1] != ETHERNET)
        return PACKET_NOT_IP;
    if (h[0] & LAN_ID)
        cursor_skip(&x->c, 4);
    return layer_bridged(x);
}

static const struct next_layer ppp_protocols[] = {
    { 0x0021, layer_ip4 },  { 0x0057, layer_ip6 },    { 0x0281, layer_mpls },
    { 0x0283, layer_mpls }, { 0x0031, ppp_bridging },
};

/* A protocol whose first octet is 0 may be sent as one octet; it shows in the lowest bit: RFC 1661 §6.5. */
enum packet_drop layer_ppp(struct dissect *x)
{
    uint16_t protocol = cursor_u8(&x->c);
    if (!(protocol & 1))
        protocol = (uint16_t)(protocol << 8 | cursor_u8(&x->c));
    if (x->c.bad)
        return PACKET_SHORT_LINK;
    return layer_by_table(x, ppp_protocols, ARRAY_LEN(ppp_protocols), protocol);
}

enum packet_drop layer_ppp_hdlc(struct dissect *x)
{
    if (cursor_left(&x->c) >= 2 && load_be16(x->c.p) == 0xff03)
        cursor_skip(&x->c, 2);
    return layer_ppp(x);
}

enum packet_drop layer_pppoe(struct dissect *x)
{
    enum { VERSION_AND_TYPE = 0x11, SESSION = 0 };
    const uint8_t *h = cursor_take(&x->c, 6);
    if (!h)
        return PACKET_SHORT_LINK;
    return h[0] == VERSION_AND_TYPE && h[1] == SESSION ? layer_ppp(x) : PACKET_NOT_IP;
}

/* ---- LLC: IEEE 802.2, with SNAP */

/* Bridged frames in ATM and frame relay, with and without their check sum: RFC 2684 §5.2, RFC 2427 §4.2. */
static enum packet_drop snap_bridged(struct dissect *x, uint16_t pid, unsigned pad)
{
    if (pid != 1 && pid != 7)
        return PACKET_NOT_IP;
    cursor_skip(&x->c, pad);
    return layer_bridged(x);
}

enum { BRIDGED_PAD = 2 };

static enum packet_drop snap(struct dissect *x)
{
    const uint8_t *h = cursor_take(&x->c, 5);
    if (!h)
        return PACKET_SHORT_LINK;
    uint16_t type = load_be16(h + 3);
    switch (load_be(h, 3)) {
    case 0x000000: /* RFC 1042 */
    case 0x0000f8: /* IEEE 802.1H */
        return layer_ethertype(x, type);
    case 0x0080c2:
        return snap_bridged(x, type, BRIDGED_PAD);
    default:
        return PACKET_NOT_IP;
    }
}

enum packet_drop layer_llc(struct dissect *x)
{
    const uint8_t *h = cursor_take(&x->c, 3);
    if (!h)
        return PACKET_SHORT_LINK;
    switch (load_be(h, 3)) {
    case 0xaaaa03:
        return snap(x);
    case 0x060603:
        return layer_ip4(x);
    case 0xfefe03:
        return layer_nlpid(x);
    default:
        return PACKET_NOT_IP;
    }
}

/* In frame relay an octet of padding may stand before SNAP: RFC 2427 §3. */
static enum packet_drop nlpid_padding(struct dissect *x)
{
    return cursor_u8(&x->c) == 0x80 ? snap(x) : PACKET_NOT_IP;
}

static const struct next_layer nlpids[] = {
    { 0xcc, layer_ip4 }, { 0x8e, layer_ip6 }, { 0xcf, layer_ppp }, { 0x80, snap }, { 0x00, nlpid_padding },
};

enum packet_drop layer_nlpid(struct dissect *x)
{
    uint8_t nlpid = cursor_u8(&x->c);
    return x->c.bad ? PACKET_SHORT_LINK : layer_by_table(x, nlpids, ARRAY_LEN(nlpids), nlpid);
}

/* ---- Ethertypes */

/* The common ones first. */
static const struct next_layer ethertypes[] = {
    { 0x8100, vlan_tag },       { 0x8847, layer_mpls }, { 0x88a8, vlan_tag },  { 0x8864, layer_pppoe },
    { 0x8848, layer_mpls },     { 0x9100, vlan_tag },   { 0x9200, vlan_tag },  { 0x9300, vlan_tag },
    { 0x880b, layer_ppp_hdlc }, { 0x88e7, itag },       { 0x894f, layer_nsh }, { 0x6558, layer_bridged },
};

enum packet_drop layer_ethertype(struct dissect *x, uint16_t type)
{
    x->f->etype = type >= ETYPE_MIN ? type : 0;
    if (type == ETYPE_IP4)
        return layer_ip4(x);
    if (type == ETYPE_IP6)
        return layer_ip6(x);
    return layer_by_table(x, ethertypes, ARRAY_LEN(ethertypes), type);
}

/* A type below 0x0600 is the length of what follows: IEEE 802.3 §3.2.6. What starts with 0xffff is IPX
 * without LLC, and no LLC either. */
static enum packet_drop by_length(struct dissect *x, uint16_t length)
{
    x->f->etype = 0;
    if (length < cursor_left(&x->c))
        x->c.end = x->c.p + length;
    return too_deep_or(x, layer_llc);
}

enum packet_drop layer_type_or_length(struct dissect *x, uint16_t type)
{
    if (type == ETYPE_IP4) {
        x->f->etype = type;
        return layer_ip4(x);
    }
    return type < ETYPE_MIN ? by_length(x, type) : layer_ethertype(x, type);
}
