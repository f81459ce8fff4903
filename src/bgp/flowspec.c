/* SPDX-License-Identifier: BSD-2-Clause */
/* Flow specifications: components are rows of a table, each a prefix, a list of numeric tests or a list of
 * bit tests. Called for text and JSON of routes. */
#include "bgp/flowspec.h"

#include "bgp/families.h"
#include "bgp/text_impl.h"

enum { END = 0x80, AND = 0x40, SIZE = 0x30, LT = 4, GT = 2, EQ = 1, NOT = 2, MATCH = 1 };
enum kind { UNKNOWN, PREFIX, NUMBERS, TCP_FLAGS, FRAGMENT };

/* RFC 8955 §4.2.2, 8956 §3 */
static const struct {
    const char *word;
    enum kind kind;
} types[] = {
    [1] = { "dst", PREFIX },          [2] = { "src", PREFIX },        [3] = { "proto", NUMBERS },
    [4] = { "port", NUMBERS },        [5] = { "dport", NUMBERS },     [6] = { "sport", NUMBERS },
    [7] = { "icmp-type", NUMBERS },   [8] = { "icmp-code", NUMBERS }, [9] = { "tcp-flags", TCP_FLAGS },
    [10] = { "length", NUMBERS },     [11] = { "dscp", NUMBERS },     [12] = { "fragment", FRAGMENT },
    [13] = { "flow-label", NUMBERS },
};

static enum kind kind_of(uint8_t type)
{
    return type < sizeof(types) / sizeof(types[0]) ? types[type].kind : UNKNOWN;
}

struct cursor flowspec_begin(const struct rib_key *k)
{
    enum { FLOW_VPN = 134, RD = 8 };
    struct cursor c = cursor_of(k->nlri.p, k->nlri.len);
    if (k->safi == FLOW_VPN)
        cursor_skip(&c, RD);
    return c;
}

/* RFC 8956 §3.1: length, offset, and the bits between the two. */
static void skip_prefix(struct cursor *c, uint16_t afi)
{
    unsigned bits = cursor_u8(c), offset = afi == AFI_IPV6 ? cursor_u8(c) : 0,
             most = afi == AFI_IPV6 ? 128 : 32;
    if (bits > most || offset > bits)
        c->bad = true;
    else
        cursor_skip(c, (bits - offset + 7) / 8);
}

static void skip_tests(struct cursor *c)
{
    uint8_t op;
    do {
        op = cursor_u8(c);
        cursor_skip(c, (size_t)1 << ((op & SIZE) >> 4));
    } while (!(op & END) && !c->bad);
}

bool flowspec_next(struct cursor *c, const struct rib_key *k, struct flowspec_part *part)
{
    if (c->bad || !cursor_left(c))
        return false;
    part->type = cursor_u8(c);
    part->p = c->p;
    enum kind kind = kind_of(part->type);
    part->word = kind ? types[part->type].word : NULL;
    if (kind == UNKNOWN || (k->afi != AFI_IPV4 && k->afi != AFI_IPV6))
        cursor_skip(c, cursor_left(c)); /* nobody knows where it ends */
    else if (kind == PREFIX)
        skip_prefix(c, k->afi);
    else
        skip_tests(c);
    part->len = (size_t)(c->p - part->p);
    return !c->bad;
}

static void put_prefix(struct strbuf *s, const struct rib_key *k, struct cursor c)
{
    uint8_t a[16] = { 0 };
    unsigned bits = cursor_u8(&c), offset = k->afi == AFI_IPV6 ? cursor_u8(&c) : 0;
    size_t n = cursor_left(&c) < 16 ? cursor_left(&c) : 16;
    const uint8_t *p = cursor_take(&c, n);
    for (size_t i = 0; i < n; i++) { /* the bits begin at `offset` */
        unsigned at = (unsigned)i + offset / 8, shift = offset % 8;
        if (at < 16)
            a[at] |= (uint8_t)(p[i] >> shift);
        if (shift && at + 1 < 16)
            a[at + 1] |= (uint8_t)(p[i] << (8 - shift));
    }
    for (unsigned i = 0; i < 16; i++) { /* what lies behind the prefix in its last octet */
        unsigned left = bits > i * 8 ? bits - i * 8 : 0;
        if (left < 8)
            a[i] &= (uint8_t)(0xff00u >> left);
    }
    if (k->afi == AFI_IPV6)
        text_v6(s, a);
    else
        text_v4(s, a);
    strbuf_char(s, '/');
    strbuf_u64(s, bits);
    if (offset) {
        strbuf_lit(s, " from ");
        strbuf_u64(s, offset);
    }
}

/* Names of bits, lowest first. */
static const char *const tcp_flags[8] = { "fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr" };
static const char *const fragments[8] = { "df", "isf", "ff", "lf", "", "", "", "" };

static void put_bits(struct strbuf *s, uint64_t v, const char *const names[8])
{
    bool known = v != 0 && v < 256;
    for (unsigned i = 0; i < 8; i++)
        known &= !(v >> i & 1) || names[i][0];
    if (!known) {
        uint8_t octets[8];
        put_be64(octets, v);
        strbuf_lit(s, "0x");
        text_hex(s, octets + (v < 256 ? 7 : v < 65536 ? 6 : 0), v < 256 ? 1 : v < 65536 ? 2 : 8);
        return;
    }
    for (unsigned i = 0, n = 0; i < 8; i++) {
        if (!(v >> i & 1))
            continue;
        if (n++)
            strbuf_char(s, '+');
        strbuf_str(s, names[i]);
    }
}

/* `<=1024&>=80|=8080`; bits: `syn+ack` any of them, `=syn` just these, `!` the contrary. */
static void put_tests(struct strbuf *s, struct cursor c, const char *const names[8])
{
    static const char *const compare[] = { "false", "=", ">", ">=", "<", "<=", "!=", "true" };
    static const char *const match[] = { "", "=", "!", "!=" };
    for (bool first = true; cursor_left(&c); first = false) {
        uint8_t op = cursor_u8(&c);
        size_t n = (size_t)1 << ((op & SIZE) >> 4);
        const uint8_t *p = cursor_take(&c, n);
        if (!p)
            return;
        if (!first)
            strbuf_char(s, op & AND ? '&' : '|');
        if (names) {
            strbuf_str(s, match[op & (NOT | MATCH)]);
            put_bits(s, load_be(p, n), names);
        } else {
            strbuf_str(s, compare[op & (LT | GT | EQ)]);
            strbuf_u64(s, load_be(p, n));
        }
    }
}

void flowspec_part_text(struct strbuf *s, const struct rib_key *k, const struct flowspec_part *part)
{
    struct cursor c = cursor_of(part->p, part->len);
    enum kind kind = k->afi == AFI_IPV4 || k->afi == AFI_IPV6 ? kind_of(part->type) : UNKNOWN;
    switch (kind) {
    case PREFIX:
        put_prefix(s, k, c);
        break;
    case NUMBERS:
        put_tests(s, c, NULL);
        break;
    case TCP_FLAGS:
        put_tests(s, c, tcp_flags);
        break;
    case FRAGMENT:
        put_tests(s, c, fragments);
        break;
    case UNKNOWN:
        strbuf_lit(s, "0x");
        text_hex(s, part->p, part->len);
        break;
    }
}
