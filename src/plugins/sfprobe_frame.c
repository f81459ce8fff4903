/* SPDX-License-Identifier: BSD-2-Clause */
/* Captured frames as sampled headers: a row a link type. */
#include "plugins/sfprobe_frame.h"

#include "base/cursor.h"

enum { BY_VERSION = 0, FCS = 4, MAC_LEN = 6, TAGGED = 0x8100, TAGGED_AD = 0x88a8, TAGGED_QINQ = 0x9100 };

/* Link types by their number in capture files and by that of libpcap, where these differ. */
static const struct {
    uint16_t dlt;
    uint8_t protocol; /* enum sflow_protocol; BY_VERSION: IPv4 or IPv6, as the octet behind `skip` tells */
    uint8_t skip;     /* octets that are left out */
    uint8_t trailer;  /* octets that captures never have and the wire does */
} links[] = {
    { 1, SFLOW_PROTO_ETHERNET, 0, FCS },
    { 0, BY_VERSION, 4, 0 },   /* BSD loopback */
    { 108, BY_VERSION, 4, 0 }, /* OpenBSD loopback */
    { 9, SFLOW_PROTO_PPP, 0, 0 },
    { 10, SFLOW_PROTO_FDDI, 0, 0 },
    { 12, BY_VERSION, 0, 0 },
    { 14, BY_VERSION, 0, 0 },
    { 101, BY_VERSION, 0, 0 }, /* raw IP */
    { 228, BY_VERSION, 0, 0 },
    { 229, BY_VERSION, 0, 0 },
    { 50, SFLOW_PROTO_POS, 0, 0 },  /* PPP in HDLC framing */
    { 104, SFLOW_PROTO_POS, 0, 0 }, /* Cisco HDLC */
    { 105, SFLOW_PROTO_802_11, 0, 0 },
    { 107, SFLOW_PROTO_FRAME_RELAY, 0, 0 },
    { 113, BY_VERSION, 16, 0 }, /* Linux cooked */
    { 276, BY_VERSION, 20, 0 },
};

static const uint8_t broadcast[MAC_LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static void look_at_ethernet(struct cursor c, struct frame_info *info)
{
    const uint8_t *macs = cursor_take(&c, 2 * MAC_LEN);
    if (!macs)
        return;
    if (macs[0] & 1)
        info->cast = memcmp(macs, broadcast, MAC_LEN) == 0 ? CAST_BROAD : CAST_MULTI;
    uint16_t type = cursor_u16(&c), tci = cursor_u16(&c);
    if (c.bad || (type != TAGGED && type != TAGGED_AD && type != TAGGED_QINQ))
        return;
    info->vlan = tci & 0xfff;
    info->priority = (uint8_t)(tci >> 13);
}

bool sfprobe_frame(const struct record_packet *p, const uint8_t *frame, struct sflow_flow_sample *s,
                   struct frame_info *info)
{
    *info = (struct frame_info){ .cast = CAST_UNI };
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        if (links[i].dlt != p->dlt)
            continue;
        struct cursor c = cursor_of(frame, p->caplen);
        cursor_skip(&c, links[i].skip);
        s->protocol = links[i].protocol;
        if (s->protocol == BY_VERSION) {
            uint8_t version = cursor_left(&c) ? *c.p >> 4 : 0;
            if (version != 4 && version != 6)
                return false;
            s->protocol = version == 6 ? SFLOW_PROTO_IP6 : SFLOW_PROTO_IP4;
        } else if (s->protocol == SFLOW_PROTO_ETHERNET) {
            look_at_ethernet(c, info);
        }
        s->header = c.p;
        s->header_len = (uint32_t)cursor_left(&c);
        s->stripped = links[i].skip + links[i].trailer;
        s->frame_len = p->len + links[i].trailer;
        return true;
    }
    return false;
}
