/* SPDX-License-Identifier: BSD-2-Clause */
/* BGP-LS as JSON: TLVs are rows of ls.def. Called for routes of link state that are logged or dumped. */
#include "bgp/ls_json.h"

#include <string.h>

#include "bgp/text_impl.h"
#include "output/json.h"

enum { HEAD = 4, LS_VPN = 72, NLRI_FIXED = 9, IPV6_PREFIX = 4 };

/* A function of the table: the value without quotes around the member; false: not what it should be, nothing
 * written. */
typedef bool value_fn(struct strbuf *s, struct cursor c);

static bool put_u(struct strbuf *s, struct cursor c)
{
    size_t n = cursor_left(&c);
    if (n == 0 || n > 8)
        return false;
    strbuf_u64(s, load_be(c.p, n));
    return true;
}

static bool put_quoted_addr(struct strbuf *s, struct cursor c, size_t len)
{
    if (cursor_left(&c) != len)
        return false;
    strbuf_char(s, '"');
    if (len == 4)
        text_v4(s, c.p);
    else
        text_v6(s, c.p);
    strbuf_char(s, '"');
    return true;
}

static bool put_v4(struct strbuf *s, struct cursor c) { return put_quoted_addr(s, c, 4); }
static bool put_v6(struct strbuf *s, struct cursor c) { return put_quoted_addr(s, c, 16); }

static bool put_hex(struct strbuf *s, struct cursor c)
{
    strbuf_lit(s, "\"0x");
    text_hex(s, c.p, cursor_left(&c));
    strbuf_char(s, '"');
    return true;
}

static bool put_text(struct strbuf *s, struct cursor c)
{
    json_string(s, (const char *)c.p, cursor_left(&c));
    return true;
}

/* IEEE 754, octets a second; what follows the point is cut off, what is no number is 0. */
static void put_float(struct strbuf *s, uint32_t bits)
{
    float v;
    memcpy(&v, &bits, 4);
    strbuf_u64(s, v >= 0 && v < 18446744073709551616.0f ? (uint64_t)v : 0);
}

static bool put_bw(struct strbuf *s, struct cursor c)
{
    if (cursor_left(&c) != 4)
        return false;
    put_float(s, cursor_u32(&c));
    return true;
}

static bool put_bws(struct strbuf *s, struct cursor c)
{
    strbuf_char(s, '[');
    for (const char *between = ""; cursor_left(&c) >= 4; between = ", ") {
        strbuf_str(s, between);
        put_float(s, cursor_u32(&c));
    }
    strbuf_char(s, ']');
    return true;
}

static bool put_mt(struct strbuf *s, struct cursor c)
{
    strbuf_char(s, '[');
    for (const char *between = ""; cursor_left(&c) >= 2; between = ", ") {
        strbuf_str(s, between);
        strbuf_u64(s, cursor_u16(&c) & 0xfff);
    }
    strbuf_char(s, ']');
    return true;
}

static bool put_ids(struct strbuf *s, struct cursor c)
{
    uint32_t local = cursor_u32(&c), remote = cursor_u32(&c);
    if (c.bad)
        return false;
    strbuf_char(s, '"');
    text_pair(s, local, remote);
    strbuf_char(s, '"');
    return true;
}

/* "1:10 2:5": type and value (RFC 8814). */
static bool put_msd(struct strbuf *s, struct cursor c)
{
    strbuf_char(s, '"');
    for (const char *between = ""; cursor_left(&c) >= 2; between = " ") {
        uint8_t type = cursor_u8(&c), value = cursor_u8(&c);
        strbuf_str(s, between);
        text_pair(s, type, value);
    }
    strbuf_char(s, '"');
    return true;
}

static bool put_reach(struct strbuf *s, struct cursor c, bool six)
{
    uint8_t a[16] = { 0 };
    unsigned bits = cursor_u8(&c);
    size_t n = cursor_left(&c), most = six ? 16 : 4;
    if (c.bad || n > most || bits > most * 8 || n < (bits + 7) / 8)
        return false;
    memcpy(a, c.p, n);
    strbuf_char(s, '"');
    if (six)
        text_v6(s, a);
    else
        text_v4(s, a);
    strbuf_char(s, '/');
    strbuf_u64(s, bits);
    strbuf_char(s, '"');
    return true;
}

/* The NLRI's type tells which. */
static bool put_prefix4(struct strbuf *s, struct cursor c) { return put_reach(s, c, false); }
static bool put_prefix6(struct strbuf *s, struct cursor c) { return put_reach(s, c, true); }

/* RFC 9552 §5.2.1.4: OSPF 4 octets, IS-IS 6; with a pseudonode behind it 8 and 7. */
static bool put_igp(struct strbuf *s, struct cursor c)
{
    size_t n = cursor_left(&c);
    if (n != 4 && n != 6 && n != 7 && n != 8)
        return false;
    strbuf_char(s, '"');
    if (n == 4 || n == 8) {
        text_v4(s, c.p);
    } else {
        for (unsigned i = 0; i < 6; i += 2) { /* 0001.0002.0003 */
            if (i)
                strbuf_char(s, '.');
            text_hex(s, c.p + i, 2);
        }
    }
    strbuf_char(s, '"');
    if (n == 7)
        json_uint(s, "pseudonode", c.p[6]);
    if (n == 8) {
        json_name(s, "pseudonode");
        cursor_skip(&c, 4);
        put_v4(s, c);
    }
    return true;
}

static bool put_node(struct strbuf *s, struct cursor c);

/* ---- tables */

struct row {
    uint16_t type;
    const char *member;
    value_fn *put;
};

#define LS_NLRI(type, member, kind) { type, member, put_##kind },
#define LS_NODE(type, member, kind)
#define LS_ATTR(type, member, kind)
static const struct row nlri4_rows[] = {
#define put_prefix put_prefix4
#include "bgp/ls.def"
#undef put_prefix
    { 0, NULL, NULL },
};

static const struct row nlri6_rows[] = {
#define put_prefix put_prefix6
#include "bgp/ls.def"
#undef put_prefix
#undef LS_NLRI
#undef LS_NODE
    { 0, NULL, NULL },
};

static const struct row node_rows[] = {
#define LS_NLRI(type, member, kind)
#define LS_NODE(type, member, kind) { type, member, put_##kind },
#include "bgp/ls.def"
#undef LS_NODE
#undef LS_ATTR
    { 0, NULL, NULL },
};

static const struct row attr_rows[] = {
#define LS_NODE(type, member, kind)
#define LS_ATTR(type, member, kind) { type, member, put_##kind },
#include "bgp/ls.def"
#undef LS_NLRI
#undef LS_NODE
#undef LS_ATTR
    { 0, NULL, NULL },
};

/* The next TLV; false: no more, or it ends behind what is left. */
static bool next_tlv(struct cursor *c, uint16_t *type, struct cursor *value)
{
    if (cursor_left(c) < HEAD)
        return false;
    *type = cursor_u16(c);
    *value = cursor_sub(c, cursor_u16(c));
    return !c->bad;
}

/* Writes a TLV as the member that its row says. False: it has none, was there before, or makes no sense. */
static bool put_member(struct strbuf *s, const struct row *rows, uint64_t *seen, uint16_t type,
                       struct cursor value)
{
    unsigned i = 0;
    while (rows[i].member && rows[i].type != type)
        i++;
    if (!rows[i].member || *seen >> i & 1)
        return false;
    size_t start = s->len;
    json_name(s, rows[i].member);
    bool fine = rows[i].put(s, value);
    if (fine)
        *seen |= UINT64_C(1) << i;
    else
        s->len = start;
    return fine;
}

/* All TLVs: first the members, then what is none, as octets in the list `rest`. */
static void put_tlvs(struct strbuf *s, struct cursor c, const struct row *rows, const char *rest)
{
    uint64_t seen = 0, again = 0;
    uint16_t type;
    bool some = false;
    struct cursor value, all = c;
    struct strbuf nowhere = { .max = 1 << 16 };
    while (next_tlv(&c, &type, &value))
        put_member(s, rows, &seen, type, value);
    while (next_tlv(&all, &type, &value)) {
        strbuf_clear(&nowhere);
        if (put_member(&nowhere, rows, &again, type, value))
            continue;
        if (some)
            strbuf_lit(s, ", ");
        else
            json_name(s, rest);
        strbuf_str(s, some ? "\"" : "[\"");
        strbuf_u64(s, type);
        strbuf_char(s, ':');
        text_hex(s, value.p, cursor_left(&value));
        strbuf_char(s, '"');
        some = true;
    }
    if (some)
        strbuf_char(s, ']');
    strbuf_free(&nowhere);
}

static bool put_node(struct strbuf *s, struct cursor c)
{
    size_t start = s->len;
    put_tlvs(s, c, node_rows, "tlvs");
    if (s->len == start) {
        strbuf_lit(s, "{}");
    } else if (!s->failed) { /* the first comma and blank become the brace */
        s->p[start] = '{';
        memmove(s->p + start + 1, s->p + start + 2, s->len - start - 2);
        s->p[s->len - 1] = '}';
    }
    return true;
}

/* ---- what is called */

static const char *const nlri_types[] = { NULL,
                                          "Node",
                                          "Link",
                                          "IPv4 Topology Prefix",
                                          "IPv6 Topology Prefix",
                                          "SR Policy Candidate Path",
                                          "SRv6 SID",
                                          "Stub Link" };
static const char *const protocols[] = { NULL,     "IS-IS L1", "IS-IS L2", "OSPFv2",  "Direct",
                                         "Static", "OSPFv3",   "BGP",      "RSVP-TE", "SR" };

static void put_named(struct strbuf *s, const char *member, unsigned v, const char *const *names, unsigned n)
{
    if (v < n && names[v])
        json_word(s, member, names[v]);
    else
        json_uint(s, member, v);
}

bool bgp_ls_nlri_json(struct strbuf *s, const struct rib_key *k)
{
    struct cursor c = cursor_of(k->nlri.p, k->nlri.len);
    unsigned type = cursor_u16(&c);
    cursor_skip(&c, 2);
    if (k->safi == LS_VPN)
        cursor_skip(&c, 8);
    if (c.bad || cursor_left(&c) < NLRI_FIXED)
        return false;
    put_named(s, "nlri_type", type, nlri_types, sizeof(nlri_types) / sizeof(nlri_types[0]));
    put_named(s, "proto", cursor_u8(&c), protocols, sizeof(protocols) / sizeof(protocols[0]));
    json_uint(s, "identifier", cursor_u64(&c));
    put_tlvs(s, c, type == IPV6_PREFIX ? nlri6_rows : nlri4_rows, "nlri_tlvs");
    return true;
}

void bgp_ls_attr_json(struct strbuf *s, const uint8_t *p, size_t len)
{
    put_tlvs(s, cursor_of(p, len), attr_rows, "attr_tlvs");
}
