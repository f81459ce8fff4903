/* SPDX-License-Identifier: BSD-2-Clause */
/* Routes back onto the wire. Called by the MRT writer, by tests and fuzz targets, which hold it against the
 * reader. */
#include "bgp/write.h"

#include <string.h>

#include "base/cursor.h"
#include "bgp/evpn.h"
#include "bgp/msg.h"

enum { OPTIONAL = 0x80, TRANSITIVE = 0x40, EXTENDED = 0x10 };
enum {
    ORIGIN = 1,
    AS_PATH,
    NEXT_HOP,
    MED,
    LOCAL_PREF,
    COMMS = 8,
    REACH = 14,
    UNREACH,
    EXT_COMMS,
    AIGP = 26,
    LARGE = 32,
    OTC = 35
};

static uint8_t *take(struct bgp_out *o, size_t n)
{
    if (o->full || (size_t)(o->end - o->p) < n) {
        o->full = true;
        return NULL;
    }
    uint8_t *p = o->p;
    o->p += n;
    return p;
}

static void put(struct bgp_out *o, const void *from, size_t n)
{
    uint8_t *p = take(o, n);
    if (p && n)
        memcpy(p, from, n);
}

static void put_u8(struct bgp_out *o, uint8_t v) { put(o, &v, 1); }

static void put_u16(struct bgp_out *o, uint16_t v)
{
    uint8_t *p = take(o, 2);
    if (p)
        put_be16(p, v);
}

/* An attribute's head; the length is extended where it must be. */
static void put_head(struct bgp_out *o, uint8_t flags, uint8_t type, size_t len)
{
    if (len > UINT16_MAX) {
        o->full = true;
        return;
    }
    put_u8(o, len > 255 ? flags | EXTENDED : flags);
    put_u8(o, type);
    if (len > 255)
        put_u16(o, (uint16_t)len);
    else
        put_u8(o, (uint8_t)len);
}

static void put_attr(struct bgp_out *o, bool have, uint8_t flags, uint8_t type, const uint8_t *p, size_t len)
{
    if (!have)
        return;
    put_head(o, flags, type, len);
    put(o, p, len);
}

static void put_attr_u32(struct bgp_out *o, bool have, uint8_t flags, uint8_t type, uint32_t v)
{
    uint8_t octets[4];
    put_be32(octets, v);
    put_attr(o, have, flags, type, octets, 4);
}

enum { SAFI_FLOW_VPN = 134 };

static bool is_flow(uint8_t safi) { return safi == SAFI_FLOW || safi == SAFI_FLOW_VPN; }

/* The next hop as MP_REACH_NLRI has it, its length in front. One that is "::" is no next hop to us, but only
 * flowspec may leave it out (RFC 8955 §4). */
static void put_mp_hop(struct bgp_out *o, const struct rib_attrs *a, enum bgp_family family)
{
    static const uint8_t no_rd[8];
    struct bgp_family_id id = bgp_family_id(family);
    enum { VPN_MULTICAST = 129 };
    bool rd = id.safi == SAFI_VPN || id.safi == VPN_MULTICAST;
    bool v4 = addr_is_v4(&a->next_hop) && id.afi != AFI_IPV6;
    size_t n = a->has & RIB_NEXT_HOP ? (v4 ? 4 : 16) : is_flow(id.safi) ? 0 : 16;
    uint8_t octets[16] = { 0 };
    if (a->has & RIB_NEXT_HOP)
        addr_get_v6(&a->next_hop, octets);
    put_u8(o, (uint8_t)(n + (rd && n ? 8 : 0)));
    if (rd && n)
        put(o, no_rd, 8);
    put(o, octets + 16 - n, n);
}

/* Attributes that stand before MP_REACH_NLRI, and those behind it. */
static void put_first(struct bgp_out *o, const struct rib_attrs *a, bool classic_hop)
{
    put_attr(o, a->has & RIB_ORIGIN, TRANSITIVE, ORIGIN, &a->origin, 1);
    put_attr(o, a->has & RIB_AS_PATH, TRANSITIVE, AS_PATH, a->as_path.p, a->as_path.len);
    put_attr(o, classic_hop, TRANSITIVE, NEXT_HOP, a->next_hop.b + 12, 4);
    put_attr_u32(o, a->has & RIB_MED, OPTIONAL, MED, a->med);
    put_attr_u32(o, a->has & RIB_LOCAL_PREF, TRANSITIVE, LOCAL_PREF, a->local_pref);
    put_attr(o, a->has & RIB_COMMS, OPTIONAL | TRANSITIVE, COMMS, a->comms.p, a->comms.len);
}

static void put_last(struct bgp_out *o, const struct rib_attrs *a)
{
    uint8_t aigp[11] = { 1, 0, 11 }; /* RFC 7311 §3 */
    put_be64(aigp + 3, a->aigp);
    put_attr(o, a->has & RIB_EXT_COMMS, OPTIONAL | TRANSITIVE, EXT_COMMS, a->ext_comms.p, a->ext_comms.len);
    put_attr(o, a->has & RIB_AIGP, OPTIONAL, AIGP, aigp, sizeof(aigp));
    put_attr(o, a->has & RIB_LRG_COMMS, OPTIONAL | TRANSITIVE, LARGE, a->lrg_comms.p, a->lrg_comms.len);
    put_attr_u32(o, a->has & RIB_OTC, OPTIONAL | TRANSITIVE, OTC, a->otc);
    put(o, a->others.p, a->others.len); /* PREFIX_SID, which the label index is of, among them */
}

static bool is_classic(const struct rib_attrs *a, enum bgp_family family)
{
    return family == BGP_IPV4_UNICAST && a->has & RIB_NEXT_HOP && addr_is_v4(&a->next_hop);
}

void bgp_write_table_attrs(struct bgp_out *o, const struct rib_attrs *a, enum bgp_family family)
{
    bool classic = is_classic(a, family);
    put_first(o, a, classic);
    if (!classic && a->has & RIB_NEXT_HOP) {
        uint8_t hop[32];
        struct bgp_out h = { hop, hop + sizeof(hop), false };
        put_mp_hop(&h, a, family);
        put_attr(o, true, OPTIONAL, REACH, hop, (size_t)(h.p - hop));
    }
    put_last(o, a);
}

static void put_prefix(struct bgp_out *o, const struct rib_key *k, struct rib_octets labels)
{
    unsigned bits = k->bits + (k->has_rd ? 64u : 0u) + labels.len * 8;
    if (bits > 255) {
        o->full = true;
        return;
    }
    put_u8(o, (uint8_t)bits);
    put(o, labels.p, labels.len);
    if (k->has_rd)
        put(o, k->rd, 8);
    put(o, k->addr, (k->bits + 7u) / 8);
}

void bgp_write_nlri(struct bgp_out *o, const struct rib_key *k, struct rib_octets labels)
{
    enum { LONG = 240 };
    uint8_t evpn[EVPN_NLRI_MAX + EVPN_REST_MAX];
    if (k->has_path_id) {
        uint8_t *p = take(o, 4);
        if (p)
            put_be32(p, k->path_id);
    }
    bool prefix = k->safi == SAFI_UNICAST || k->safi == SAFI_MULTICAST || k->safi == SAFI_LABELLED ||
                  k->safi == SAFI_VPN || k->safi == 129;
    if (prefix) {
        put_prefix(o, k, labels);
    } else if (k->safi == SAFI_EVPN) {
        put(o, evpn, evpn_join(k->nlri, labels, evpn));
    } else if (is_flow(k->safi)) {
        if (k->nlri.len >= LONG)
            put_u16(o, (uint16_t)(0xf000 | (k->nlri.len & 0xfff)));
        else
            put_u8(o, (uint8_t)k->nlri.len);
        put(o, k->nlri.p, k->nlri.len);
    } else {
        put(o, k->nlri.p, k->nlri.len);
    }
}

/* Writes the two octets of a length that is known now. */
static void set_len(struct bgp_out *o, uint8_t *at)
{
    if (!o->full && at)
        put_be16(at, (uint16_t)(o->p - at - 2));
}

/* MP_REACH_NLRI or MP_UNREACH_NLRI up to its NLRI; returns where its length stands. */
static uint8_t *begin_mp(struct bgp_out *o, uint8_t type, enum bgp_family family)
{
    struct bgp_family_id id = bgp_family_id(family);
    put_u8(o, OPTIONAL | EXTENDED);
    put_u8(o, type);
    uint8_t *len = take(o, 2);
    put_u16(o, id.afi);
    put_u8(o, id.safi);
    return len;
}

static void put_withdrawal(struct bgp_out *o, enum bgp_family family, const struct rib_key *k,
                           struct rib_octets labels)
{
    uint8_t *len = begin_mp(o, UNREACH, family);
    bgp_write_nlri(o, k, labels);
    set_len(o, len);
}

static void put_announcement(struct bgp_out *o, enum bgp_family family, const struct rib_attrs *a,
                             const struct rib_key *k, struct rib_octets labels)
{
    put_first(o, a, false);
    uint8_t *len = begin_mp(o, REACH, family);
    put_mp_hop(o, a, family);
    put_u8(o, 0);
    bgp_write_nlri(o, k, labels);
    set_len(o, len);
    put_last(o, a);
}

/* Lengths of withdrawn routes and of attributes, and between them what the arguments say. */
static void put_body(struct bgp_out *o, enum bgp_family family, const struct rib_attrs *a,
                     const struct rib_key *k, struct rib_octets labels)
{
    bool classic = a ? is_classic(a, family) : family == BGP_IPV4_UNICAST;
    uint8_t *withdrawn = take(o, 2);
    if (!a && classic)
        bgp_write_nlri(o, k, labels);
    set_len(o, withdrawn);
    uint8_t *attrs = take(o, 2);
    if (a && classic) {
        put_first(o, a, true);
        put_last(o, a);
    } else if (a) {
        put_announcement(o, family, a, k, labels);
    } else if (!classic) {
        put_withdrawal(o, family, k, labels);
    }
    set_len(o, attrs);
    if (a && classic)
        bgp_write_nlri(o, k, labels);
}

static void end_message(struct bgp_out *o, uint8_t *start)
{
    if (o->full || o->p - start > BGP_MAX_EXTENDED) {
        o->p = start;
        o->full = true;
    } else {
        bgp_header_write(start, (size_t)(o->p - start), BGP_UPDATE);
    }
}

void bgp_write_update(struct bgp_out *o, const struct rib_attrs *a, const struct rib_key *k,
                      struct rib_octets labels)
{
    uint8_t *start = o->p;
    enum bgp_family family = bgp_family_of(k->afi, k->safi);
    if (family == BGP_FAMILIES) {
        o->full = true;
        return;
    }
    take(o, BGP_HEADER);
    put_body(o, family, a, k, labels);
    end_message(o, start);
}

void bgp_write_end_of_rib(struct bgp_out *o, enum bgp_family family)
{
    uint8_t *start = o->p;
    take(o, BGP_HEADER);
    put_u16(o, 0);
    uint8_t *attrs = take(o, 2);
    if (family != BGP_IPV4_UNICAST)
        set_len(o, begin_mp(o, UNREACH, family));
    set_len(o, attrs);
    end_message(o, start);
}
