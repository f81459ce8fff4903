/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses and MACs as text and back, and to and from socket addresses. The writers run once a column and
 * row: no printf, no inet_ntop. */
#include "base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>

static const char hex_digit[16] = "0123456789abcdef";

/* `::` is kept in this form, because all zero says "never set". */
static bool addr_is_any6(const struct addr *a)
{
    static const uint8_t any[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe };
    return !memcmp(a->b, any, sizeof(any));
}

void addr_get_v6(const struct addr *a, uint8_t octets16[16])
{
    if (addr_is_any6(a))
        memset(octets16, 0, 16);
    else
        memcpy(octets16, a->b, 16);
}

/* All octets as text: how long one is cannot be foreseen, and to make it takes 34 instructions. */
#define OCTET(v)                                                                                             \
    {                                                                                                        \
        { '0' + ((v) >= 100  ? (v) / 100                                                                     \
                 : (v) >= 10 ? (v) / 10                                                                      \
                             : (v)),                                                                         \
          '0' + ((v) >= 100 ? (v) / 10 % 10 : (v) % 10), '0' + (v) % 10 },                                   \
            1 + ((v) >= 10) + ((v) >= 100)                                                                   \
    }
#define OCTETS_4(v) OCTET(v), OCTET((v) + 1), OCTET((v) + 2), OCTET((v) + 3)
#define OCTETS_16(v) OCTETS_4(v), OCTETS_4((v) + 4), OCTETS_4((v) + 8), OCTETS_4((v) + 12)
#define OCTETS_64(v) OCTETS_16(v), OCTETS_16((v) + 16), OCTETS_16((v) + 32), OCTETS_16((v) + 48)
static const struct {
    char text[3];
    uint8_t len;
} octets[256] = { OCTETS_64(0), OCTETS_64(64), OCTETS_64(128), OCTETS_64(192) };

/* Writes 4 octets, of which the text may have 3. */
static inline char *put_octet(char *p, uint8_t v)
{
    memcpy(p, &octets[v], 4);
    return p + octets[v].len;
}

static char *put_v4(char *p, const uint8_t *b)
{
    p = put_octet(p, b[0]);
    *p++ = '.';
    p = put_octet(p, b[1]);
    *p++ = '.';
    p = put_octet(p, b[2]);
    *p++ = '.';
    return put_octet(p, b[3]);
}

static char *put_group(char *p, unsigned v)
{
    if (v >= 0x1000)
        *p++ = hex_digit[v >> 12];
    if (v >= 0x100)
        *p++ = hex_digit[v >> 8 & 15];
    if (v >= 0x10)
        *p++ = hex_digit[v >> 4 & 15];
    *p++ = hex_digit[v & 15];
    return p;
}

/* The run of zero groups that `::` stands for: the longest of at least two, the first among equals (RFC 5952
 * §4.2). */
static int longest_zeros(const unsigned group[8], int *len)
{
    int best = -1, best_len = 1, at = -1;
    for (int i = 0; i < 8; i++) {
        if (group[i]) {
            at = -1;
            continue;
        }
        if (at < 0)
            at = i;
        if (i - at + 1 > best_len) {
            best = at;
            best_len = i - at + 1;
        }
    }
    *len = best_len;
    return best;
}

static char *put_v6(char *p, const uint8_t *b)
{
    unsigned group[8];
    for (int i = 0; i < 8; i++)
        group[i] = (unsigned)b[2 * i] << 8 | b[2 * i + 1];
    int len, zeros = longest_zeros(group, &len);

    if (zeros == 0 && len == 6) { /* IPv4-compatible, written as such everywhere */
        *p++ = ':';
        *p++ = ':';
        return put_v4(p, b + 12);
    }
    for (int i = 0; i < 8; i++) {
        if (i == zeros) {
            *p++ = ':';
            i += len - 1;
            if (i == 7)
                *p++ = ':';
            continue;
        }
        if (i)
            *p++ = ':';
        p = put_group(p, group[i]);
    }
    return p;
}

size_t addr_text(const struct addr *a, char *buf)
{
    if (addr_is_v4(a))
        return (size_t)(put_v4(buf, a->b + 12) - buf);
    if (!addr_is_set(a))
        return 0;
    uint8_t b[16];
    addr_get_v6(a, b);
    return (size_t)(put_v6(buf, b) - buf);
}

const char *addr_str(const struct addr *a, char buf[ADDR_TEXT])
{
    size_t n = addr_text(a, buf);
    if (!n)
        n = (size_t)(stpcpy(buf, "none") - buf);
    buf[n] = '\0';
    return buf;
}

int addr_parse(const char *text, struct addr *a)
{
    uint8_t b[16];
    if (inet_pton(AF_INET, text, b) == 1)
        addr_set_v4(a, b);
    else if (inet_pton(AF_INET6, text, b) == 1)
        addr_set_v6(a, b);
    else
        return -1;
    return 0;
}

void addr_from_sockaddr(const struct sockaddr *sa, struct addr *a, uint16_t *port)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    *a = (struct addr){ { 0 } };
    *port = 0;
    if (sa->sa_family == AF_INET) {
        memcpy(&in, sa, sizeof(in));
        addr_set_v4(a, &in.sin_addr);
        *port = ntohs(in.sin_port);
    } else if (sa->sa_family == AF_INET6) {
        memcpy(&in6, sa, sizeof(in6));
        addr_set_v6(a, &in6.sin6_addr);
        *port = ntohs(in6.sin6_port);
    }
}

socklen_t addr_to_sockaddr(const struct addr *a, uint16_t port, bool want_v6, struct sockaddr_storage *ss)
{
    memset(ss, 0, sizeof(*ss));
    if (!want_v6 && (addr_is_v4(a) || !addr_is_set(a))) {
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
        memcpy(&in.sin_addr, a->b + 12, 4);
        memcpy(ss, &in, sizeof(in));
        return sizeof(in);
    }
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    addr_get_v6(a, in6.sin6_addr.s6_addr);
    memcpy(ss, &in6, sizeof(in6));
    return sizeof(in6);
}

void addr_mask(struct addr *a, unsigned bits)
{
    if (!addr_is_set(a))
        return;
    bool v4 = addr_is_v4(a);
    unsigned keep = v4 ? (bits > 32 ? 32 : bits) + 96 : bits > 128 ? 128 : bits;
    uint8_t b[16];
    addr_get_v6(a, b);
    for (unsigned i = 0; i < 16; i++) {
        unsigned left = keep > i * 8 ? keep - i * 8 : 0;
        if (left < 8)
            b[i] &= (uint8_t)(0xff00u >> left);
    }
    if (v4)
        addr_set_v4(a, b + 12);
    else
        addr_set_v6(a, b);
}

void mac_text(const uint8_t mac[6], char *buf)
{
    for (int i = 0; i < 6; i++) {
        *buf++ = hex_digit[mac[i] >> 4];
        *buf++ = hex_digit[mac[i] & 15];
        if (i < 5)
            *buf++ = ':';
    }
}
