/* SPDX-License-Identifier: BSD-2-Clause */
/* IP and UDP headers in front of a payload, for datagrams that are sent in somebody else's name. */
#ifndef BASE_CRAFT_H
#define BASE_CRAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"

enum { CRAFT_V4 = 28, CRAFT_V6 = 48, CRAFT_MAX = 48 /* octets of both headers */ };

struct craft {
    struct addr from, to; /* of one family */
    uint16_t from_port, to_port;
    uint8_t tos;
    uint32_t len;         /* octets of the payload */
    uint32_t payload_sum; /* craft_sum of it; only IPv6 needs it */
};

/* Sum of the payload for the checksum of UDP, folded to 16 bits. */
uint32_t craft_sum(const uint8_t *p, size_t len);

/* Octets of the longest payload that fits behind the headers of the family. */
static inline uint32_t craft_room(bool v6) { return v6 ? 65535 - 8 : 65535 - CRAFT_V4; }

/* Writes an IPv4 or IPv6 header (TTL 255, id 0) and a UDP header; returns their octets. The checksum of IPv4
 * is in it; that of UDP is computed for IPv6 and left out (0) for IPv4. */
size_t craft_headers(const struct craft *c, uint8_t out[CRAFT_MAX]);

/* Makes of the IP header of `whole` (as craft_headers wrote it) that of a fragment; returns its octets: 20,
 * or 48 with a fragment header. `off`: octets of the datagram (UDP header included) before it, a multiple of
 * 8; `len`: octets in it. */
size_t craft_fragment(const uint8_t *whole, uint32_t off, uint32_t len, bool more, uint32_t id,
                      uint8_t out[CRAFT_MAX]);

#endif
