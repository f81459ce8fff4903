/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes IP and UDP headers. RFC 791, RFC 768, RFC 8200. */
#include "base/craft.h"
#include "base/cursor.h"

#include <string.h>

enum { TTL = 255, PROTO_UDP = 17, PROTO_FRAGMENT = 44, IP4 = 20, IP6 = 40, MORE_FRAGMENTS = 0x2000 };

/* Folds a sum of words as they lie in memory; the result lies in memory as it should be sent. */
static uint32_t fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint32_t)sum;
}

/* Ones' complement sums do not mind the order of octets (RFC 1071 §2): 32 bits are added at a time, as they
 * lie in memory. */
uint32_t craft_sum(const uint8_t *p, size_t len)
{
    uint64_t sum = 0;
    uint32_t v;
    for (; len >= 4; p += 4, len -= 4) {
        memcpy(&v, p, 4);
        sum += v;
    }
    v = 0;
    memcpy(&v, p, len);
    return fold(sum + v);
}

static void put_sum(uint8_t *p, uint64_t sum) { memcpy(p, &(uint16_t){ (uint16_t)~fold(sum) }, 2); }

static uint8_t *put_udp(uint8_t *p, const struct craft *c)
{
    p = put_be16(p, c->from_port);
    p = put_be16(p, c->to_port);
    p = put_be16(p, 8 + c->len);
    return put_be16(p, 0);
}

static void put_ip4(uint8_t *p, const struct craft *c)
{
    const struct addr *end[] = { &c->from, &c->to };
    memset(p, 0, IP4);
    p[0] = 0x45;
    p[1] = c->tos;
    put_be16(p + 2, CRAFT_V4 + c->len);
    p[8] = TTL;
    p[9] = PROTO_UDP;
    for (unsigned i = 0; i < 2; i++)
        if (addr_is_v4(end[i]))
            memcpy(p + 12 + 4 * i, end[i]->b + 12, 4);
    put_sum(p + 10, craft_sum(p, IP4));
}

static void put_ip6(uint8_t *p, const struct craft *c)
{
    put_be32(p, 6u << 28 | (uint32_t)c->tos << 20);
    put_be16(p + 4, 8 + c->len);
    p[6] = PROTO_UDP;
    p[7] = TTL;
    addr_get_v6(&c->from, p + 8);
    addr_get_v6(&c->to, p + 24);
}

/* RFC 8200 §8.1: addresses, length and protocol belong to it, and 0 is written as its complement. */
static void put_udp6_sum(uint8_t *udp, const uint8_t *ip, const struct craft *c)
{
    uint8_t tail[8];
    put_be32(put_be32(tail, 8 + c->len), PROTO_UDP);
    const uint64_t sum =
        (uint64_t)c->payload_sum + craft_sum(ip + 8, 32) + craft_sum(tail, 8) + craft_sum(udp, 8);
    uint16_t v = (uint16_t)~fold(sum);
    if (v == 0)
        v = 0xffff;
    memcpy(udp + 6, &v, 2);
}

size_t craft_headers(const struct craft *c, uint8_t out[CRAFT_MAX])
{
    if (addr_is_v4(&c->from) || addr_is_v4(&c->to)) {
        put_ip4(out, c);
        put_udp(out + IP4, c);
        return CRAFT_V4;
    }
    put_ip6(out, c);
    put_udp(out + IP6, c);
    put_udp6_sum(out + IP6, out, c);
    return CRAFT_V6;
}

static size_t fragment6(const uint8_t *whole, uint32_t off, uint32_t len, bool more, uint32_t id,
                        uint8_t *out)
{
    memcpy(out, whole, IP6);
    put_be16(out + 4, 8 + len);
    out[6] = PROTO_FRAGMENT;
    out[IP6] = PROTO_UDP;
    out[IP6 + 1] = 0;
    put_be16(out + IP6 + 2, off | more);
    put_be32(out + IP6 + 4, id);
    return IP6 + 8;
}

size_t craft_fragment(const uint8_t *whole, uint32_t off, uint32_t len, bool more, uint32_t id,
                      uint8_t out[CRAFT_MAX])
{
    if (whole[0] >> 4 == 6)
        return fragment6(whole, off, len, more, id, out);
    memcpy(out, whole, IP4);
    put_be16(out + 2, IP4 + len);
    put_be16(out + 4, id & 0xffff);
    put_be16(out + 6, off / 8 | (more ? MORE_FRAGMENTS : 0));
    put_be16(out + 10, 0);
    put_sum(out + 10, craft_sum(out, IP4));
    return IP4;
}
