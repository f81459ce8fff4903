/* SPDX-License-Identifier: BSD-2-Clause */
/* The ring records of plugins that get whole datagrams (plugin_ops.datagrams). They have a size word of their
 * own, since a datagram can be larger than RECORD_SIZE_MAX; the payload lies in one piece, as it came.
 * Written by worker_datagram, read by tee. */
#ifndef CORE_DATAGRAM_H
#define CORE_DATAGRAM_H

#include <stdint.h>
#include "base/addr.h"

struct datagram; /* core/input.h */

enum { DATAGRAM_PAYLOAD_MAX = 65527 }; /* octets: a UDP length without the header, as IPv6 can carry it */

struct datagram_record {
    uint32_t size; /* octets of the record, this header and padding included; a multiple of 8 */
    uint32_t len;  /* octets of the payload */
    uint64_t tag;  /* pre_tag_map's, 0: none */
    struct addr from;
    uint16_t port;    /* of the sender, host order */
    uint16_t flags;   /* enum datagram_flag */
    uint32_t scratch; /* 0; the plugin's to use */
    uint8_t payload[];
};
_Static_assert(sizeof(struct datagram_record) == 40, "no padding in records");

enum datagram_flag {
    DATAGRAM_FOR_ALL = 1,  /* whatever the tag: what is no flow, when datagrams are split by flow */
    DATAGRAM_TEMPLATE = 2, /* one template of NetFlow v9 or IPFIX: who comes later will need it */
};

/* A part of a datagram that travels alone: pieces that make it up, the header first. Belongs to the decoder,
 * and lives until worker_flow or worker_split returns. */
struct split {
    const struct datagram *of; /* whose sender it keeps */
    struct {
        const void *p;
        uint32_t len;
    } part[4];
    unsigned n;     /* parts */
    uint16_t flags; /* enum datagram_flag */
};

static inline uint32_t datagram_record_size(uint32_t len)
{
    return ((uint32_t)sizeof(struct datagram_record) + len + 7u) & ~7u;
}

#endif
