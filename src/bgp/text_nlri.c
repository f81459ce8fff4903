/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys of all families as one line of text: the form by family; what nobody decodes is hex. */
#include "bgp/evpn.h"
#include "bgp/families.h"
#include "bgp/flowspec.h"
#include "bgp/text.h"
#include "bgp/text_impl.h"

/* "[192.0.2.1]"; nothing stands for any. */
static void put_box_addr(struct strbuf *s, const struct addr *a)
{
    strbuf_lit(s, ":[");
    text_addr(s, a);
    strbuf_char(s, ']');
}

static void put_box_u64(struct strbuf *s, uint64_t v)
{
    strbuf_lit(s, ":[");
    strbuf_u64(s, v);
    strbuf_char(s, ']');
}

static void put_box_octets(struct strbuf *s, const uint8_t *p, size_t n)
{
    strbuf_lit(s, ":[");
    for (size_t i = 0; i < n; i++) {
        if (i)
            strbuf_char(s, ':');
        text_hex(s, p + i, 1);
    }
    strbuf_char(s, ']');
}

static unsigned ip_bits(const struct addr *a) { return addr_is_v4(a) ? 32 : addr_is_set(a) ? 128 : 0; }

/* As FRR shows them: [2]:[tag]:[MAC bits]:[MAC]:[IP bits]:[IP] and so on. */
static bool put_evpn(struct strbuf *s, const struct rib_key *k)
{
    struct evpn e;
    if (!evpn_decode(k->nlri, (struct rib_octets){ NULL, 0 }, &e))
        return false;
    strbuf_char(s, '[');
    strbuf_u64(s, e.type);
    strbuf_char(s, ']');
    if (e.has & EVPN_HAS_TAG)
        put_box_u64(s, e.tag);
    if (e.has & EVPN_HAS_ESI)
        put_box_octets(s, e.esi, sizeof(e.esi));
    if (e.has & EVPN_HAS_MAC) {
        put_box_u64(s, 48);
        put_box_octets(s, e.mac, sizeof(e.mac));
    }
    if (e.has & EVPN_HAS_IP) {
        put_box_u64(s, e.type == EVPN_PREFIX ? e.ip_bits : ip_bits(&e.ip));
        put_box_addr(s, &e.ip);
    }
    if (e.has & EVPN_HAS_GROUP) {
        put_box_addr(s, &e.source);
        put_box_addr(s, &e.group);
        put_box_addr(s, &e.originator);
    }
    return true;
}

static bool put_flow(struct strbuf *s, const struct rib_key *k)
{
    struct cursor c = flowspec_begin(k);
    struct flowspec_part part;
    size_t start = s->len;
    while (flowspec_next(&c, k, &part)) {
        if (s->len != start)
            strbuf_lit(s, "; ");
        if (part.word) {
            strbuf_str(s, part.word);
        } else {
            strbuf_lit(s, "type-");
            strbuf_u64(s, part.type);
        }
        strbuf_char(s, ' ');
        flowspec_part_text(s, k, &part);
    }
    if (c.bad && !s->failed)
        s->len = start;
    return !c.bad;
}

/* RFC 9830 §2.1: distinguisher, color, endpoint. */
static bool put_sr_policy(struct strbuf *s, const struct rib_key *k)
{
    struct cursor c = cursor_of(k->nlri.p, k->nlri.len);
    unsigned ip = cursor_u8(&c) / 8u - 8;
    uint32_t distinguisher = cursor_u32(&c), color = cursor_u32(&c);
    if (c.bad || cursor_left(&c) != ip || (ip != 4 && ip != 16))
        return false;
    strbuf_char(s, '[');
    strbuf_u64(s, distinguisher);
    strbuf_char(s, ']');
    put_box_u64(s, color);
    strbuf_lit(s, ":[");
    if (ip == 4)
        text_v4(s, c.p);
    else
        text_v6(s, c.p);
    strbuf_char(s, ']');
    return true;
}

/* RFC 4684 §4: origin AS and a route target, whole or its first bits; nothing: all of them. */
static bool put_route_target(struct strbuf *s, const struct rib_key *k)
{
    enum { AS = 32, WHOLE = 96 };
    unsigned bits = k->nlri.p[0];
    if (bits == 0) {
        strbuf_lit(s, "default");
        return true;
    }
    if (bits != WHOLE || k->nlri.len != 1 + WHOLE / 8)
        return false;
    strbuf_u64(s, load_be32(k->nlri.p + 1));
    strbuf_char(s, ':');
    bgp_text_ext_comm(s, k->nlri.p + 1 + AS / 8);
    return true;
}

static bool put_whole(struct strbuf *s, const struct rib_key *k)
{
    text_hex(s, k->nlri.p, k->nlri.len);
    return true;
}

void bgp_text_nlri(struct strbuf *s, const struct rib_key *k)
{
    enum { RT = 132, SR_POLICY = 73, FLOW_VPN = 134 };
    if (!k->nlri.len) {
        bgp_text_prefix(s, k);
        return;
    }
    bool done = k->safi == SAFI_EVPN                          ? put_evpn(s, k)
                : k->safi == SAFI_FLOW || k->safi == FLOW_VPN ? put_flow(s, k)
                : k->safi == SR_POLICY                        ? put_sr_policy(s, k)
                : k->safi == RT                               ? put_route_target(s, k)
                                                              : false;
    if (!done)
        put_whole(s, k);
}
