/* SPDX-License-Identifier: BSD-2-Clause */
/* Host addresses in one canonical form of 16 octets in network order, so that equal addresses are equal
 * bytes:
 *   never set   all zero
 *   IPv4        ::ffff:a.b.c.d
 *   IPv6        as it is; but `::`, which would be "never set", is ::fffe:0:0 (reserved space)
 * An IPv6 field that holds an IPv4-mapped address therefore reads as IPv4, which is what it means. */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

struct addr {
    uint8_t b[16];
};

#define ADDR_TEXT 46 /* octets that addr_text needs, the final NUL included */

static inline void addr_set_v4(struct addr *a, const void *octets4)
{
    static const uint8_t map[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    memcpy(a->b, map, sizeof(map));
    memcpy(a->b + 12, octets4, 4);
}

static inline void addr_set_v6(struct addr *a, const void *octets16)
{
    static const uint8_t any[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe };
    uint64_t half[2];
    memcpy(half, octets16, sizeof(half));
    memcpy(a->b, half[0] | half[1] ? octets16 : any, 16);
}

static inline bool addr_is_set(const struct addr *a)
{
    uint64_t half[2];
    memcpy(half, a->b, sizeof(half));
    return (half[0] | half[1]) != 0;
}

static inline bool addr_is_v4(const struct addr *a)
{
    uint64_t high;
    uint32_t mid;
    memcpy(&high, a->b, 8);
    memcpy(&mid, a->b + 8, 4);
    return high == 0 && mid == htonl(0xffff);
}

/* An address in as few octets as it needs: 0 when never set, 4 for IPv4, 16. Writes them at p, where 16 must
 * have room; returns how many. addr_expand is the way back. */
static inline uint32_t addr_compact(const struct addr *a, uint8_t *p)
{
    if (__builtin_expect(addr_is_v4(a), 1)) {
        memcpy(p, a->b + 12, 4);
        return 4;
    }
    if (!addr_is_set(a))
        return 0;
    memcpy(p, a->b, 16);
    return 16;
}

static inline void addr_expand(const uint8_t *p, uint32_t len, struct addr *a)
{
    memset(a, 0, sizeof(*a));
    if (len == 4)
        addr_set_v4(a, p);
    else if (len == 16)
        memcpy(a->b, p, 16);
}

static inline bool addr_equal(const struct addr *a, const struct addr *b) { return !memcmp(a->b, b->b, 16); }

/* The 16 octets of an IPv6 address as on the wire (undoes the form of `::`). */
void addr_get_v6(const struct addr *a, uint8_t octets16[16]);

/* Writes the address as text (RFC 5952; IPv4 dotted; nothing when never set), without a NUL. Returns the
 * length, at most ADDR_TEXT - 1. Fast: for rows. */
size_t addr_text(const struct addr *a, char *buf);

/* As addr_text, NUL-terminated, `none` when never set; returns buf. For messages. */
const char *addr_str(const struct addr *a, char buf[ADDR_TEXT]);

/* Parses an IPv4 or IPv6 literal. Returns 0, or -1. */
int addr_parse(const char *text, struct addr *a);

/* From and to socket addresses; IPv4-mapped sources become IPv4. Port in host order. `want_v6` makes an
 * IPv4 address an IPv4-mapped one. addr_to_sockaddr returns the length. */
void addr_from_sockaddr(const struct sockaddr *sa, struct addr *a, uint16_t *port);
socklen_t addr_to_sockaddr(const struct addr *a, uint16_t port, bool want_v6, struct sockaddr_storage *ss);

/* Keeps the first `bits` bits of the address (0..32 for IPv4, 0..128 for IPv6), clears the rest. */
void addr_mask(struct addr *a, unsigned bits);

#define MAC_TEXT 17
/* aa:bb:cc:dd:ee:ff, 17 characters without a NUL. */
void mac_text(const uint8_t mac[6], char *buf);

#endif
