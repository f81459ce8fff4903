/* SPDX-License-Identifier: BSD-2-Clause */
/* Extended communities as text: each known kind is a row of ext_comms.def. Called by text.c for every one of
 * a list. */
#include "bgp/text.h"

#include <string.h>

#include "bgp/text_impl.h"

/* ---- functions of the table: `p` is the value, six octets */

static void put_as2(struct strbuf *s, const uint8_t *p) { text_pair(s, load_be16(p), load_be32(p + 2)); }
static void put_as4(struct strbuf *s, const uint8_t *p) { text_pair(s, load_be32(p), load_be16(p + 4)); }
static void put_last1(struct strbuf *s, const uint8_t *p) { strbuf_u64(s, p[5]); }
static void put_last2(struct strbuf *s, const uint8_t *p) { strbuf_u64(s, load_be16(p + 4)); }
static void put_color(struct strbuf *s, const uint8_t *p) { text_pair(s, load_be16(p), load_be32(p + 2)); }
static void put_mac(struct strbuf *s, const uint8_t *p) { text_mac(s, p); }
static void put_mobility(struct strbuf *s, const uint8_t *p) { text_pair(s, p[0], load_be32(p + 2)); }
static void put_layer2(struct strbuf *s, const uint8_t *p) { text_pair(s, load_be16(p), load_be16(p + 2)); }

static void put_nothing(struct strbuf *s, const uint8_t *p)
{
    (void)s;
    (void)p;
}

static void put_ip(struct strbuf *s, const uint8_t *p)
{
    text_v4(s, p);
    strbuf_char(s, ':');
    strbuf_u64(s, load_be16(p + 4));
}

/* AS and a rate as a float of IEEE 754; what follows the point is cut off. */
static void put_rate(struct strbuf *s, const uint8_t *p)
{
    uint32_t bits = load_be32(p + 2);
    float rate;
    memcpy(&rate, &bits, 4);
    strbuf_u64(s, load_be16(p));
    strbuf_char(s, ':');
    if (rate >= 0 && rate < 18446744073709551616.0f)
        strbuf_u64(s, (uint64_t)rate);
    else
        strbuf_str(s, rate > 0 ? "inf" : "nan");
}

/* RFC 4577 §4.2.6: area, type, options. */
static void put_ospf(struct strbuf *s, const uint8_t *p)
{
    text_v4(s, p);
    strbuf_char(s, ':');
    text_pair(s, p[4], p[5]);
}

static void put_validity(struct strbuf *s, const uint8_t *p) /* RFC 8097 §2 */
{
    static const char *const states[] = { "valid", "not-found", "invalid" };
    strbuf_str(s, p[5] < 3 ? states[p[5]] : "unknown");
}

static void put_cost(struct strbuf *s, const uint8_t *p)
{
    text_pair(s, p[0], p[1]);
    strbuf_char(s, ':');
    strbuf_u64(s, load_be32(p + 2));
}

/* Flags, two octets of nothing, label (the upper 20 of 24 bits): RFC 7432 §7.5, 8317 §6.1. */
static void put_label(struct strbuf *s, const uint8_t *p) { text_pair(s, p[0], load_be(p + 3, 3) >> 4); }

/* RFC 8584 §2.2: algorithm in the lower 5 bits, then a bitmap. */
static void put_election(struct strbuf *s, const uint8_t *p) { text_pair(s, p[0] & 31, load_be16(p + 1)); }

static void put_action(struct strbuf *s, const uint8_t *p) /* RFC 8955 §7.3 */
{
    static const char *const actions[] = { "none", "terminal", "sample", "terminal,sample" };
    strbuf_str(s, actions[p[5] & 3]);
}

static const struct {
    uint8_t type, subtype;
    const char *name;
    void (*put)(struct strbuf *s, const uint8_t *p);
} rows[] = {
#define EXT(type, subtype, name, put) { type, subtype, name, put_##put },
#include "bgp/ext_comms.def"
#undef EXT
};

static void put_ext_comm(struct strbuf *s, const uint8_t *p, bool numbers)
{
    enum { NOT_TRANSITIVE = 0x40 };
    uint8_t type = p[0], subtype = p[1];
    if (type >= NOT_TRANSITIVE && type <= (NOT_TRANSITIVE | 2))
        type &= (uint8_t)~NOT_TRANSITIVE;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]);
         i++) { /* route targets, nearly all there are, come first */
        if (rows[i].subtype == subtype && rows[i].type == type) {
            if (numbers)
                text_pair(s, p[0], subtype);
            if (numbers && rows[i].put != put_nothing)
                strbuf_char(s, ':');
            if (!numbers)
                strbuf_str(s, rows[i].name);
            rows[i].put(s, p + 2);
            return;
        }
    }
    strbuf_lit(s, "0x");
    text_hex(s, p, 8);
}

void bgp_text_ext_comm(struct strbuf *s, const uint8_t *p) { put_ext_comm(s, p, false); }
void bgp_text_ext_comm_num(struct strbuf *s, const uint8_t *p) { put_ext_comm(s, p, true); }
