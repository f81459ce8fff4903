/* SPDX-License-Identifier: BSD-2-Clause */
/* EVPN routes: key and rest (nlri.c), what they say (text, JSON), and back (write.c). */
#include "bgp/evpn.h"

#include <string.h>

enum { RD = 8, ESI = 10, TAG = 4, MAC = 6, LABEL = 3 };

static void append(uint8_t *to, uint32_t *n, const uint8_t *p, size_t len)
{
    memcpy(to + *n, p, len);
    *n += (uint32_t)len;
}

/* Octets of an address of so many bits; 0xff: no address has them. */
static unsigned ip_octets(uint8_t bits) { return bits == 0 ? 0 : bits == 32 ? 4 : bits == 128 ? 16 : 0xff; }

/* Parts of the wire's NLRI that the key has, in their order; what remains is the rest. */
struct parts {
    const uint8_t *key1, *esi, *key2, *labels, *gateway;
    size_t key1_len, key2_len, labels_len, gateway_len;
};

/* Ethernet A-D: RD, ESI, tag, label. */
static bool cut_ad(struct cursor c, struct parts *p)
{
    p->key1 = cursor_take(&c, p->key1_len = RD + ESI + TAG);
    p->labels = cursor_take(&c, p->labels_len = LABEL);
    return !c.bad && cursor_left(&c) == 0;
}

/* RFC 7432 §7.2: RD, ESI, tag, MAC length, MAC, IP length, IP, one or two labels. */
static bool cut_mac(struct cursor c, struct parts *p)
{
    p->key1 = cursor_take(&c, p->key1_len = RD);
    p->esi = cursor_take(&c, ESI);
    p->key2 = cursor_take(&c, TAG);
    uint8_t mac_bits = cursor_u8(&c);
    cursor_skip(&c, MAC);
    unsigned ip = ip_octets(cursor_u8(&c));
    cursor_skip(&c, ip);
    if (c.bad || mac_bits != 48)
        return false;
    p->key2_len = (size_t)(c.p - p->key2);
    p->labels_len = cursor_left(&c);
    p->labels = c.p;
    return p->labels_len == LABEL || p->labels_len == 2 * LABEL;
}

/* RFC 9136 §3.1: RD, ESI, tag, length, prefix, gateway, label; all addresses are of one kind. */
static bool cut_prefix(struct cursor c, struct parts *p)
{
    unsigned ip = cursor_left(&c) == 34 ? 4 : cursor_left(&c) == 58 ? 16 : 0;
    p->key1 = cursor_take(&c, p->key1_len = RD);
    p->esi = cursor_take(&c, ESI);
    p->key2 = cursor_take(&c, p->key2_len = TAG + 1 + ip);
    p->gateway = cursor_take(&c, p->gateway_len = ip);
    p->labels = cursor_take(&c, p->labels_len = LABEL);
    return ip && !c.bad && p->key2[TAG] <= ip * 8;
}

void evpn_split(const uint8_t *nlri, size_t len, uint8_t *key, uint32_t *key_len, uint8_t *rest,
                uint32_t *rest_len)
{
    static bool (*const cut[])(struct cursor c, struct parts * p) = {
        [EVPN_ETHERNET_AD] = cut_ad,
        [EVPN_MAC_IP] = cut_mac,
        [EVPN_PREFIX] = cut_prefix,
    };
    struct parts p = { 0 };
    uint8_t type = nlri[0];
    *key_len = *rest_len = 0;
    if (type >= sizeof(cut) / sizeof(cut[0]) || !cut[type] || !cut[type](cursor_of(nlri + 2, len - 2), &p)) {
        append(key, key_len, nlri, len);
        return;
    }
    key[0] = type;
    *key_len = 2;
    append(key, key_len, p.key1, p.key1_len);
    if (p.key2)
        append(key, key_len, p.key2, p.key2_len);
    key[1] = (uint8_t)(*key_len - 2);
    append(rest, rest_len, p.labels, p.labels_len);
    if (p.esi)
        append(rest, rest_len, p.esi, ESI);
    if (p.gateway)
        append(rest, rest_len, p.gateway, p.gateway_len);
}

/* ---- what it says */

static void take_octets(struct cursor *c, uint8_t *to, size_t n)
{
    const uint8_t *p = cursor_take(c, n);
    if (p)
        memcpy(to, p, n);
}

/* An address of 0, 4 or 16 octets. */
static void take_ip(struct cursor *c, unsigned octets, struct addr *a)
{
    const uint8_t *p = cursor_take(c, octets);
    if (p && octets == 4)
        addr_set_v4(a, p);
    else if (p && octets == 16)
        addr_set_v6(a, p);
}

static void take_sized_ip(struct cursor *c, struct addr *a) { take_ip(c, ip_octets(cursor_u8(c)), a); }

static void take_esi(struct cursor *c, struct evpn *e)
{
    take_octets(c, e->esi, ESI);
    e->has |= EVPN_HAS_ESI;
}

static void take_tag(struct cursor *c, struct evpn *e)
{
    e->tag = cursor_u32(c);
    e->has |= EVPN_HAS_TAG;
}

static void take_labels(struct cursor *c, unsigned n, struct evpn *e)
{
    for (e->n_labels = 0; e->n_labels < n && !c->bad; e->n_labels++) {
        uint32_t high = cursor_u8(c), low = cursor_u16(c);
        e->label[e->n_labels] = high << 16 | low;
    }
    e->has |= n ? EVPN_HAS_LABELS : 0;
}

static void read_ad(struct cursor *c, struct cursor *rest, struct evpn *e)
{
    take_esi(c, e);
    take_tag(c, e);
    if (cursor_left(rest))
        take_labels(rest, 1, e);
}

static void read_mac(struct cursor *c, struct cursor *rest, struct evpn *e)
{
    take_tag(c, e);
    cursor_skip(c, 1);
    take_octets(c, e->mac, MAC);
    take_sized_ip(c, &e->ip);
    e->has |= EVPN_HAS_MAC | (addr_is_set(&e->ip) ? EVPN_HAS_IP : 0);
    if (cursor_left(rest)) {
        take_labels(rest, cursor_left(rest) >= ESI + 2 * LABEL ? 2 : 1, e);
        take_esi(rest, e);
    }
}

static void read_multicast(struct cursor *c, struct cursor *rest, struct evpn *e)
{
    (void)rest;
    take_tag(c, e);
    take_sized_ip(c, &e->ip);
    e->has |= EVPN_HAS_IP;
}

static void read_segment(struct cursor *c, struct cursor *rest, struct evpn *e)
{
    (void)rest;
    take_esi(c, e);
    take_sized_ip(c, &e->ip);
    e->has |= EVPN_HAS_IP;
}

static void read_prefix(struct cursor *c, struct cursor *rest, struct evpn *e)
{
    take_tag(c, e);
    e->ip_bits = cursor_u8(c);
    unsigned ip = (unsigned)cursor_left(c);
    if (ip != 4 && ip != 16)
        c->bad = true;
    take_ip(c, ip, &e->ip);
    e->has |= EVPN_HAS_IP;
    if (cursor_left(rest)) {
        take_labels(rest, 1, e);
        take_esi(rest, e);
        take_ip(rest, ip, &e->gateway);
        e->has |= EVPN_HAS_GATEWAY;
    }
}

static void read_group(struct cursor *c, struct evpn *e)
{
    take_sized_ip(c, &e->source);
    take_sized_ip(c, &e->group);
    take_sized_ip(c, &e->originator);
    e->has |= EVPN_HAS_GROUP;
}

static void read_smet(struct cursor *c, struct cursor *rest, struct evpn *e)
{
    (void)rest;
    take_tag(c, e);
    read_group(c, e);
    e->flags = cursor_u8(c);
}

static void read_join(struct cursor *c, struct cursor *rest, struct evpn *e)
{
    take_esi(c, e);
    read_smet(c, rest, e);
}

/* RFC 9251 §9.3: reserved 4, maximum response time 1, flags 1. */
static void read_leave(struct cursor *c, struct cursor *rest, struct evpn *e)
{
    (void)rest;
    take_esi(c, e);
    take_tag(c, e);
    read_group(c, e);
    cursor_skip(c, 4);
    e->max_response = cursor_u8(c);
    e->flags = cursor_u8(c);
    e->has |= EVPN_HAS_MAX_RESPONSE;
}

bool evpn_decode(struct rib_octets key, struct rib_octets rest, struct evpn *e)
{
    static void (*const readers[])(struct cursor * c, struct cursor * rest, struct evpn * e) = {
        [EVPN_ETHERNET_AD] = read_ad,
        [EVPN_MAC_IP] = read_mac,
        [EVPN_INCLUSIVE_MULTICAST] = read_multicast,
        [EVPN_SEGMENT] = read_segment,
        [EVPN_PREFIX] = read_prefix,
        [EVPN_SMET] = read_smet,
        [EVPN_JOIN_SYNC] = read_join,
        [EVPN_LEAVE_SYNC] = read_leave,
    };
    struct cursor c = cursor_of(key.p, key.len), r = cursor_of(rest.len ? rest.p : key.p, rest.len);
    memset(e, 0, sizeof(*e));
    e->type = cursor_u8(&c);
    if (cursor_u8(&c) != cursor_left(&c) || e->type >= sizeof(readers) / sizeof(readers[0]) ||
        !readers[e->type])
        return false;
    take_octets(&c, e->rd, RD);
    readers[e->type](&c, &r, e);
    return !c.bad && !r.bad && cursor_left(&c) == 0 && cursor_left(&r) == 0;
}

/* ---- the other way */

size_t evpn_join(struct rib_octets key, struct rib_octets rest, uint8_t *nlri)
{
    uint32_t n = 0;
    uint8_t type = key.len ? key.p[0] : 0;
    if (rest.len == 0 || key.len < 2 + RD) {
        append(nlri, &n, key.p, key.len);
        return n;
    }
    size_t labels = type == EVPN_MAC_IP && rest.len >= 2 * LABEL + ESI ? 2 * LABEL : LABEL;
    append(nlri, &n, key.p, 2 + RD);
    if (type != EVPN_ETHERNET_AD && rest.len >= labels + ESI)
        append(nlri, &n, rest.p + labels, ESI);
    append(nlri, &n, key.p + 2 + RD, key.len - 2 - RD);
    if (rest.len > labels + ESI)
        append(nlri, &n, rest.p + labels + ESI, rest.len - labels - ESI);
    append(nlri, &n, rest.p, labels);
    nlri[1] = (uint8_t)(n - 2);
    return n;
}
