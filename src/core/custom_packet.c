/* SPDX-License-Identifier: BSD-2-Clause */
/* Primitives of the site out of the octets of a packet: where its layers begin, and what stands there. Called
 * by worker.c for packets, where a site has such primitives. */
#include <string.h>
#include <netinet/in.h>
#include <pcap/dlt.h>
#include "base/cursor.h"
#include "core/custom.h"

enum {
    ETYPE_IP4 = 0x0800,
    ETYPE_IP6 = 0x86dd,
    ETYPE_MPLS = 0x8847,
    ETYPE_MPLS_MULTI = 0x8848,
    DEPTH_MAX = 16
};

/* A layer of the packet in hand: its octets up to the end of what was captured. */
struct layer {
    bool there;
    uint16_t proto; /* EtherType of l3, IP protocol of l4 */
    struct cursor at;
};

static void enter(struct layer layers[LAYER_MAX], enum custom_layer which, uint16_t proto, struct cursor at)
{
    layers[which] = (struct layer){ true, proto, at };
}

static void find_payload(struct layer layers[LAYER_MAX], uint8_t proto, struct cursor c)
{
    if (proto == IPPROTO_TCP) {
        struct cursor offset = c;
        cursor_skip(&offset, 12);
        const unsigned len = (cursor_u8(&offset) >> 4) * 4u;
        cursor_skip(&c, offset.bad || len < 20 ? SIZE_MAX : len);
    } else {
        cursor_skip(&c, 8); /* UDP, ICMP and most others */
    }
    if (!c.bad)
        enter(layers, LAYER_PAYLOAD, proto, c);
}

static void find_l4(struct layer layers[LAYER_MAX], uint8_t proto, struct cursor c)
{
    if (c.bad)
        return;
    enter(layers, LAYER_L4, proto, c);
    find_payload(layers, proto, c);
}

static void ip4(struct layer layers[LAYER_MAX], struct cursor c)
{
    struct cursor h = c;
    const unsigned ihl = (cursor_u8(&h) & 15) * 4u;
    cursor_skip(&h, 5);
    const uint16_t fragment = cursor_u16(&h);
    cursor_skip(&h, 1);
    const uint8_t proto = cursor_u8(&h);
    cursor_skip(&c, h.bad || ihl < 20 ? SIZE_MAX : ihl);
    if (!(fragment & 0x1fff))
        find_l4(layers, proto, c);
}

/* Hop-by-hop, routing, fragment, authentication, destination options: RFC 8200 §4.1. */
static bool is_extension(uint8_t proto)
{
    return proto == 0 || proto == 43 || proto == 44 || proto == 51 || proto == 60;
}

static void ip6(struct layer layers[LAYER_MAX], struct cursor c)
{
    struct cursor h = c;
    cursor_skip(&h, 6);
    uint8_t proto = cursor_u8(&h);
    cursor_skip(&c, 40);
    for (unsigned n = 0; n < DEPTH_MAX && !c.bad && is_extension(proto); n++) {
        const uint8_t this = proto;
        proto = cursor_u8(&c);
        const uint8_t len = cursor_u8(&c);
        if (this == 44 && cursor_left(&c) >= 2 && load_be16(c.p) >> 3)
            return; /* not the first fragment */
        cursor_skip(&c, this == 44 ? 6u : this == 51 ? (len + 2u) * 4 - 2 : (len + 1u) * 8 - 2);
    }
    find_l4(layers, proto, c);
}

static void l3(struct layer layers[LAYER_MAX], uint16_t etype, struct cursor c)
{
    if (c.bad)
        return;
    enter(layers, LAYER_L3, etype, c);
    if (etype == ETYPE_IP4)
        ip4(layers, c);
    else if (etype == ETYPE_IP6)
        ip6(layers, c);
}

/* The EtherType of what lies behind: by its version, as raw IP and MPLS have it. */
static uint16_t etype_of(const struct cursor *c)
{
    const unsigned version = cursor_left(c) ? *c->p >> 4 : 0;
    return version == 4 ? ETYPE_IP4 : version == 6 ? ETYPE_IP6 : 0;
}

static void mpls(struct layer layers[LAYER_MAX], struct cursor c)
{
    enter(layers, LAYER_MPLS, 0, c);
    for (unsigned n = 0; n < DEPTH_MAX; n++)
        if (cursor_u32(&c) & 0x100)
            break;
    l3(layers, etype_of(&c), c);
}

/* From an EtherType on: tags, labels, IP. */
static void ethertype(struct layer layers[LAYER_MAX], struct cursor c)
{
    uint16_t type = cursor_u16(&c);
    for (unsigned n = 0; n < DEPTH_MAX && (type == 0x8100 || type == 0x88a8 || type == 0x9100); n++) {
        if (!layers[LAYER_VLAN].there)
            enter(layers, LAYER_VLAN, type, c);
        cursor_skip(&c, 2);
        type = cursor_u16(&c);
    }
    if (c.bad)
        return;
    if (type == ETYPE_MPLS || type == ETYPE_MPLS_MULTI)
        mpls(layers, c);
    else
        l3(layers, type, c);
}

/* How far the EtherType is from the start of the frame; -1: IP begins there; -2: not known. */
static int etype_offset(int dlt)
{
    switch (dlt) {
    case DLT_EN10MB:
        return 12;
    case DLT_LINUX_SLL:
        return 14;
    case DLT_LINUX_SLL2:
        return 0;
    case DLT_RAW:
    case 101:
    case DLT_IPV4:
    case DLT_IPV6:
        return -1;
    default:
        return -2;
    }
}

static void find_layers(const struct flow *f, struct layer layers[LAYER_MAX])
{
    struct cursor c = cursor_of(f->packet, f->packet_caplen);
    const int offset = etype_offset(f->packet_dlt);
    memset(layers, 0, LAYER_MAX * sizeof(layers[0]));
    enter(layers, LAYER_PACKET, 0, c);
    if (f->packet_dlt == DLT_EN10MB)
        enter(layers, LAYER_MAC, 0, c);
    if (offset == -1)
        l3(layers, etype_of(&c), c);
    if (offset < 0)
        return;
    if (f->packet_dlt == DLT_LINUX_SLL2) { /* the protocol stands first, the rest of the header behind it */
        const uint16_t type = cursor_u16(&c);
        cursor_skip(&c, 18);
        l3(layers, type, c);
        return;
    }
    cursor_skip(&c, (size_t)offset);
    ethertype(layers, c);
}

/* The octets at a place. A text of variable length ends at a NUL, other ones with the packet. */
static void take(const struct custom *own, const struct layer *l, uint16_t offset, struct var *out)
{
    struct cursor c = l->at;
    cursor_skip(&c, offset);
    if (own->len) {
        const uint8_t *p = cursor_take(&c, own->len);
        if (p)
            *out = (struct var){ p, own->len };
        return;
    }
    if (c.bad)
        return;
    const size_t left = cursor_left(&c);
    *out = (struct var){ c.p,
                         (uint32_t)(own->field.kind == FK_C_STR ? strnlen((const char *)c.p, left) : left) };
}

void customs_from_packet(const struct customs *c, uint64_t which, struct flow *f)
{
    struct layer layers[LAYER_MAX];
    find_layers(f, layers);
    customs_clear(c, which, f);
    for (unsigned i = 0; which >> i; i++) {
        const struct custom *own = &c->c[i];
        for (unsigned k = 0; which >> i & 1 && k < own->n_places; k++) {
            const struct custom_place *p = &own->place[k];
            const struct layer *l = &layers[p->layer];
            if (l->there && (p->any_proto || p->proto == l->proto))
                take(own, l, p->offset, &f->custom[i]);
        }
    }
}
