/* SPDX-License-Identifier: BSD-2-Clause */
/* IEEE 802.11 frames, and what monitoring interfaces put before them: radiotap, Prism, AVS. */
#include "packet/dissect.h"

/* IEEE 802.11 §9.2.4.1, of the first two octets. */
enum {
    TYPE_MASK = 0x0c,
    TYPE_DATA = 0x08,
    SUBTYPE_NULL = 0x40, /* carries nothing */
    SUBTYPE_QOS = 0x80,
    TO_DS = 0x01, /* second octet from here on */
    FROM_DS = 0x02,
    PROTECTED = 0x40,
    ORDER = 0x80,
};

/* Where source and destination stand among the addresses at 4, 10, 16 and 24, by the two DS bits. */
static const struct {
    uint8_t dst, src;
} places[4] = {
    [0] = { 4, 10 },
    [TO_DS] = { 16, 10 },
    [FROM_DS] = { 4, 16 },
    [TO_DS | FROM_DS] = { 16, 24 },
};

/* pad: headers are padded to a multiple of 4 octets. */
static enum packet_drop wlan(struct dissect *x, bool pad)
{
    const uint8_t *h = x->c.p;
    if (cursor_left(&x->c) < 2)
        return PACKET_SHORT_LINK;
    uint8_t kind = h[0], flags = h[1], ds = flags & (TO_DS | FROM_DS);
    if ((kind & 3) != 0 || (kind & TYPE_MASK) != TYPE_DATA)
        return PACKET_NOT_IP;
    size_t len = 24 + (ds == (TO_DS | FROM_DS) ? 6 : 0);
    if (kind & SUBTYPE_QOS)
        len += flags & ORDER ? 6 : 2; /* HT control beside QoS control */
    if (pad)
        len = (len + 3) & ~(size_t)3;
    cursor_skip(&x->c, len);
    if (x->c.bad)
        return PACKET_SHORT_LINK;
    memcpy(x->f->dst_mac.b, h + places[ds].dst, 6);
    memcpy(x->f->src_mac.b, h + places[ds].src, 6);
    return kind & SUBTYPE_NULL || flags & PROTECTED ? PACKET_NOT_IP : layer_llc(x);
}

enum packet_drop layer_wlan(struct dissect *x) { return wlan(x, false); }

/* ---- radiotap: little-endian, fields in the order of their bits, aligned to their size */

enum { TAP_TSFT = 1, TAP_FLAGS = 2, TAP_EXTENDED = 1u << 31, FLAG_FCS = 0x10, FLAG_PAD = 0x20 };

static uint32_t load_le32(const uint8_t *p) { return __builtin_bswap32(load_be32(p)); }
static uint16_t load_le16(const uint8_t *p) { return __builtin_bswap16(load_be16(p)); }

/* The flags octet of a header of which p has `len` octets, all of it; 0 where there is none. */
static uint8_t radiotap_flags(const uint8_t *p, size_t len)
{
    size_t at = 4;
    uint32_t present = load_le32(p + 4);
    if (!(present & TAP_FLAGS))
        return 0;
    do /* words of presence bits, each saying whether another one follows */
        at += 4;
    while (at + 4 <= len && load_le32(p + at - 4) & TAP_EXTENDED);
    if (present & TAP_TSFT)
        at = ((at + 7) & ~(size_t)7) + 8;
    return at < len ? p[at] : 0;
}

enum packet_drop layer_radiotap(struct dissect *x)
{
    const uint8_t *h = x->c.p;
    if (cursor_left(&x->c) < 8)
        return PACKET_SHORT_LINK;
    size_t len = load_le16(h + 2);
    if (h[0] != 0 || len < 8)
        return PACKET_NOT_IP;
    cursor_skip(&x->c, len);
    if (x->c.bad)
        return PACKET_SHORT_LINK;
    return wlan(x, radiotap_flags(h, len) & FLAG_PAD);
}

/* ---- the older two */

enum { AVS_MAGIC = 0x80211000, AVS_MIN = 8, PRISM_LEN = 144 };

enum packet_drop layer_avs(struct dissect *x)
{
    if (cursor_left(&x->c) < AVS_MIN)
        return PACKET_SHORT_LINK;
    uint32_t len = load_be32(x->c.p + 4);
    cursor_skip(&x->c, len < AVS_MIN ? AVS_MIN : len);
    return x->c.bad ? PACKET_SHORT_LINK : layer_wlan(x);
}

/* Drivers write the length in the order of their host, and some an AVS header under this name. */
enum packet_drop layer_prism(struct dissect *x)
{
    if (cursor_left(&x->c) < AVS_MIN)
        return PACKET_SHORT_LINK;
    if ((load_be32(x->c.p) & 0xfffff000) == AVS_MAGIC)
        return layer_avs(x);
    uint32_t len = load_le32(x->c.p + 4);
    if (len < AVS_MIN || len > 0xffff)
        len = __builtin_bswap32(len);
    cursor_skip(&x->c, len < AVS_MIN || len > 0xffff ? PRISM_LEN : len);
    return x->c.bad ? PACKET_SHORT_LINK : layer_wlan(x);
}
