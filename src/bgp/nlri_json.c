/* SPDX-License-Identifier: BSD-2-Clause */
/* EVPN, flowspec and their like as JSON. What cannot be taken apart is there as a line of text all the same.
 */
#include "bgp/nlri_json.h"

#include "bgp/evpn.h"
#include "bgp/families.h"
#include "bgp/flowspec.h"
#include "bgp/ls_json.h"
#include "bgp/text.h"
#include "bgp/text_impl.h"
#include "output/json.h"

enum { SAFI_LS_VPN = 72, SAFI_LS_SPF = 80, SAFI_FLOW_VPN = 134, SAFI_VPLS = 65, SAFI_MVPN = 5 };

static void put_quoted_octets(struct strbuf *s, const char *name, const uint8_t *p, size_t n)
{
    json_name(s, name);
    for (size_t i = 0; i < n; i++) {
        strbuf_char(s, i ? ':' : '"');
        text_hex(s, p + i, 1);
    }
    strbuf_char(s, '"');
}

static void put_evpn_ip(struct strbuf *s, const struct evpn *e)
{
    if (e->type != EVPN_PREFIX) {
        if (addr_is_set(&e->ip))
            json_addr(s, "ip", &e->ip);
        return;
    }
    json_name(s, "ip_prefix");
    strbuf_char(s, '"');
    text_addr(s, &e->ip);
    strbuf_char(s, '/');
    strbuf_u64(s, e->ip_bits);
    strbuf_char(s, '"');
}

static void put_evpn_labels(struct strbuf *s, const struct evpn *e)
{
    static const struct {
        const char *name;
        unsigned shift;
    } looks[] = { { "mpls_label", 4 },
                  { "vni", 0 } }; /* which of the two it is, the encapsulation says: RFC 8365 §5.1.3 */
    for (unsigned i = 0; i < 2; i++) {
        json_name(s, looks[i].name);
        for (unsigned n = 0; n < e->n_labels; n++) {
            strbuf_str(s, n ? " " : "\"");
            strbuf_u64(s, e->label[n] >> looks[i].shift);
        }
        strbuf_char(s, '"');
    }
}

static void put_evpn(struct strbuf *s, const struct rib_key *k, struct rib_octets rest)
{
    struct evpn e;
    if (!evpn_decode(k->nlri, rest, &e))
        return;
    json_name(s, "evpn");
    strbuf_lit(s, "{\"route_type\": ");
    strbuf_u64(s, e.type);
    if (e.has & EVPN_HAS_ESI)
        put_quoted_octets(s, "esi", e.esi, sizeof(e.esi));
    if (e.has & EVPN_HAS_TAG)
        json_uint(s, "ethernet_tag", e.tag);
    if (e.has & EVPN_HAS_MAC)
        put_quoted_octets(s, "mac", e.mac, sizeof(e.mac));
    if (e.has & EVPN_HAS_IP)
        put_evpn_ip(s, &e);
    if (e.has & EVPN_HAS_GATEWAY && addr_is_set(&e.gateway))
        json_addr(s, "gateway", &e.gateway);
    if (e.has & EVPN_HAS_GROUP) {
        json_addr(s, "source", &e.source);
        json_addr(s, "group", &e.group);
        json_addr(s, "originator", &e.originator);
        json_uint(s, "flags", e.flags);
    }
    if (e.has & EVPN_HAS_LABELS)
        put_evpn_labels(s, &e);
    strbuf_char(s, '}');
}

/* Components come in ascending order, each type once (RFC 8955 §4.2): else there is no object of them. */
static void put_flow(struct strbuf *s, const struct rib_key *k)
{
    struct cursor c = flowspec_begin(k);
    struct flowspec_part part;
    size_t start = s->len;
    bool ordered = true;
    for (uint8_t last = 0; ordered && flowspec_next(&c, k, &part); last = part.type) {
        ordered = part.type > last && part.word;
        strbuf_str(s, last ? ", \"" : ", \"flowspec\": {\"");
        strbuf_str(s, part.word ? part.word : "");
        strbuf_lit(s, "\": \"");
        flowspec_part_text(s, k, &part);
        strbuf_char(s, '"');
    }
    if (c.bad || !ordered)
        s->len = s->failed ? s->len : start;
    else if (s->len != start)
        strbuf_char(s, '}');
}

void bgp_nlri_json(struct strbuf *s, const struct rib_key *k, struct rib_octets rest)
{
    json_name(s, "nlri");
    strbuf_char(s, '"');
    bgp_text_nlri(s, k);
    strbuf_char(s, '"');
    if (k->safi == SAFI_EVPN)
        put_evpn(s, k, rest);
    else if (k->safi == SAFI_FLOW || k->safi == SAFI_FLOW_VPN)
        put_flow(s, k);
    else if (k->afi == AFI_BGP_LS)
        bgp_ls_nlri_json(s, k);
}

const uint8_t *bgp_key_rd(const struct rib_key *k)
{
    enum { RD = 8 };
    if (k->has_rd)
        return k->rd;
    unsigned at = k->safi == SAFI_EVPN ? 2 : k->safi == SAFI_VPLS ? 2 : k->safi == SAFI_LS_VPN ? 4 : 0;
    bool has = at || k->safi == SAFI_FLOW_VPN;
    return has && k->nlri.len >= at + RD ? k->nlri.p + at : NULL;
}

/* RFC 6514 §5. */
static void put_pmsi(struct strbuf *s, struct cursor c)
{
    static const char *const types[] = { "none",   "RSVP-TE P2MP", "mLDP P2MP",           "PIM-SSM",
                                         "PIM-SM", "BIDIR-PIM",    "ingress replication", "mLDP MP2MP" };
    json_name(s, "pmsi_tunnel");
    strbuf_lit(s, "{\"flags\": ");
    strbuf_u64(s, cursor_u8(&c));
    uint8_t type = cursor_u8(&c);
    if (type < sizeof(types) / sizeof(types[0]))
        json_word(s, "type", types[type]);
    else
        json_uint(s, "type", type);
    uint64_t high = cursor_u8(&c), label = high << 16 | cursor_u16(&c);
    json_uint(s, "mpls_label", label >> 4);
    json_uint(s, "vni", label);
    json_name(s, "id");
    size_t n = cursor_left(&c);
    strbuf_char(s, '"');
    if (n == 4)
        text_v4(s, c.p);
    else if (n == 16)
        text_v6(s, c.p);
    else
        text_hex(s, c.p, n);
    strbuf_lit(s, "\"}");
}

static void put_octets(struct strbuf *s, const char *name, struct cursor c)
{
    json_name(s, name);
    strbuf_char(s, '"');
    text_hex(s, c.p, cursor_left(&c));
    strbuf_char(s, '"');
}

void bgp_others_json(struct strbuf *s, struct rib_octets others)
{
    enum { EXTENDED = 0x10, PMSI = 22, TUNNEL = 23, LINK_STATE = 29 };
    struct cursor c = cursor_of(others.len ? (const void *)others.p : "", others.len);
    while (cursor_left(&c)) {
        uint8_t flags = cursor_u8(&c), type = cursor_u8(&c);
        struct cursor value = cursor_sub(&c, flags & EXTENDED ? cursor_u16(&c) : cursor_u8(&c));
        if (c.bad)
            return;
        if (type == LINK_STATE)
            bgp_ls_attr_json(s, value.p, cursor_left(&value));
        else if (type == PMSI)
            put_pmsi(s, value);
        else if (type == TUNNEL)
            put_octets(s, "tunnel_encap", value);
    }
}
