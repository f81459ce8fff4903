/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes MRT records. Called for a collector's table dumps and for the snapshot that outlives it. */
#include "bgp/mrt.h"

#include <string.h>

#include "base/cursor.h"
#include "bgp/write.h"

enum { HEADER = 12, PEER_INDEX_TABLE = 1, RIB_GENERIC = 6, GENERIC_ADDPATH = 12, STATE_CHANGE_AS4 = 5 };

/* A record's header; returns where it stands, for the length. */
static size_t begin(struct strbuf *s, int64_t at_s, uint16_t type, uint16_t subtype)
{
    size_t start = s->len;
    uint8_t h[HEADER] = { 0 };
    put_be16(put_be16(put_be32(h, (uint32_t)at_s), type), subtype);
    strbuf_add(s, h, sizeof(h));
    return start;
}

static void end(struct strbuf *s, size_t start)
{
    if (!s->failed)
        put_be32((uint8_t *)s->p + start + 8, (uint32_t)(s->len - start - HEADER));
}

static void add_u16(struct strbuf *s, uint16_t v)
{
    uint8_t p[2];
    put_be16(p, v);
    strbuf_add(s, p, sizeof(p));
}

static void add_u32(struct strbuf *s, uint32_t v)
{
    uint8_t p[4];
    put_be32(p, v);
    strbuf_add(s, p, sizeof(p));
}

static void add_addr(struct strbuf *s, const struct addr *a, bool six)
{
    uint8_t p[16];
    addr_get_v6(a, p);
    strbuf_add(s, six ? p : p + 12, six ? 16 : 4);
}

static bool is_six(const struct addr *a) { return addr_is_set(a) && !addr_is_v4(a); }

void mrt_write_peers(struct strbuf *s, int64_t at_s, const uint8_t collector_id[4], const char *view,
                     const struct mrt_peer *peers, unsigned n)
{
    enum { IPV6 = 1, AS4 = 2 };
    size_t start = begin(s, at_s, MRT_TABLE_DUMP_V2, PEER_INDEX_TABLE), view_len = view ? strlen(view) : 0;
    strbuf_add(s, collector_id, 4);
    add_u16(s, (uint16_t)view_len);
    strbuf_add(s, view ? view : "", view_len);
    add_u16(s, (uint16_t)n);
    for (unsigned i = 0; i < n; i++) {
        bool six = is_six(&peers[i].addr);
        strbuf_char(s, (char)(AS4 | (six ? IPV6 : 0)));
        strbuf_add(s, peers[i].id, 4);
        add_addr(s, &peers[i].addr, six);
        add_u32(s, peers[i].as);
    }
    end(s, start);
}

/* The subtype that a family has for itself; 0: RIB_GENERIC. */
static uint16_t subtype_of(enum bgp_family f, bool add_path)
{
    uint16_t own = f == BGP_IPV4_UNICAST     ? 2
                   : f == BGP_IPV4_MULTICAST ? 3
                   : f == BGP_IPV6_UNICAST   ? 4
                   : f == BGP_IPV6_MULTICAST ? 5
                                             : 0;
    return own && add_path ? own + 6 : own;
}

bool mrt_write_route(struct strbuf *s, int64_t at_s, uint32_t seq, unsigned peer, int64_t originated_s,
                     const struct rib_key *k, struct rib_octets labels, const struct rib_attrs *a)
{
    enum { NLRI_MOST = 4200, FIXED = 64 };
    enum bgp_family family = bgp_family_of(k->afi, k->safi);
    size_t most = NLRI_MOST + 256 + (size_t)a->as_path.len + a->comms.len + a->ext_comms.len +
                  a->lrg_comms.len + a->others.len;
    if (family == BGP_FAMILIES || !strbuf_room(s, HEADER + FIXED + most))
        return false;
    uint16_t own = subtype_of(family, k->has_path_id);
    size_t start = begin(s, at_s, MRT_TABLE_DUMP_V2,
                         own              ? own
                         : k->has_path_id ? GENERIC_ADDPATH
                                          : RIB_GENERIC);
    add_u32(s, seq);
    if (!own) {
        add_u16(s, k->afi);
        strbuf_char(s, (char)k->safi);
    }
    struct rib_key plain = *k; /* the path identifier has a place of its own */
    plain.has_path_id = false;
    struct bgp_out o = { (uint8_t *)s->p + s->len, (uint8_t *)s->p + s->cap, false };
    bgp_write_nlri(&o, &plain, labels);
    s->len = (size_t)(o.p - (uint8_t *)s->p);
    add_u16(s, 1);
    add_u16(s, (uint16_t)peer);
    add_u32(s, (uint32_t)originated_s);
    if (k->has_path_id)
        add_u32(s, k->path_id);
    add_u16(s, 0);
    size_t attrs = s->len;
    o.p = (uint8_t *)s->p + s->len;
    bgp_write_table_attrs(&o, a, family);
    s->len = (size_t)(o.p - (uint8_t *)s->p);
    if (o.full || s->failed || s->len - attrs > UINT16_MAX) {
        s->len = start;
        return false;
    }
    put_be16((uint8_t *)s->p + attrs - 2, (uint16_t)(s->len - attrs));
    end(s, start);
    return true;
}

/* RFC 6396 §4.4, with the microseconds of BGP4MP_ET (§3). A change of state always has 4-octet numbers. */
static size_t begin_bgp4mp(struct strbuf *s, const struct mrt_message *m, uint16_t subtype)
{
    size_t start = begin(s, m->at_us / 1000000, MRT_BGP4MP_ET, subtype);
    bool six = is_six(&m->peer) || is_six(&m->local), as4 = subtype == STATE_CHANGE_AS4 || m->as4;
    add_u32(s, (uint32_t)(m->at_us % 1000000));
    if (as4) {
        add_u32(s, m->peer_as);
        add_u32(s, m->local_as);
    } else {
        add_u16(s, m->peer_as > UINT16_MAX ? BGP_AS_TRANS : (uint16_t)m->peer_as);
        add_u16(s, m->local_as > UINT16_MAX ? BGP_AS_TRANS : (uint16_t)m->local_as);
    }
    add_u16(s, m->if_index);
    add_u16(s, six ? AFI_IPV6 : AFI_IPV4);
    add_addr(s, &m->peer, six);
    add_addr(s, &m->local, six);
    return start;
}

void mrt_write_message(struct strbuf *s, const struct mrt_message *m, const uint8_t *msg, size_t len)
{
    static const uint8_t subtypes[2][2][2] = { { { 1, 4 }, { 6, 7 } }, { { 8, 9 }, { 10, 11 } } };
    size_t start = begin_bgp4mp(s, m, subtypes[m->add_path][m->by_local][m->as4]);
    strbuf_add(s, msg, len);
    end(s, start);
}

void mrt_write_state(struct strbuf *s, const struct mrt_message *m, uint16_t from, uint16_t to)
{
    size_t start = begin_bgp4mp(s, m, STATE_CHANGE_AS4);
    add_u16(s, from);
    add_u16(s, to);
    end(s, start);
}
