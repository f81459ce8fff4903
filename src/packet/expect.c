/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the addresses of a frame at once. A guess costs nothing but time: flows are compared with it. */
#include "packet/expect.h"

#include <pcap/dlt.h>
#include "packet/dissect.h"

enum {
    TAGS_MAX = 2,
    TAG_8021Q = 0x8100,
    TAG_8021AD = 0x88a8,
    IP4_LEN = 20,
    IP4_SRC = 12,
    IP6_LEN = 40,
    IP6_SRC = 8
};

/* Octets before the Ethertype and behind it, of those link types that have one. */
static const struct {
    int dlt;
    uint8_t before, behind;
} typed[] = { { DLT_EN10MB, 12, 0 }, { DLT_LINUX_SLL, 14, 0 }, { DLT_LINUX_SLL2, 0, 18 } };

static bool is_bare_ip(int dlt)
{
    return dlt == DLT_RAW || dlt == DLT_IPV4 || dlt == DLT_IPV6 || dlt == DLT_NFLOG;
}

static bool skip_link(int dlt, struct cursor *c)
{
    unsigned i = 0;
    while (i < ARRAY_LEN(typed) && typed[i].dlt != dlt)
        i++;
    if (i == ARRAY_LEN(typed))
        return is_bare_ip(dlt);
    cursor_skip(c, typed[i].before);
    uint16_t type = cursor_u16(c);
    cursor_skip(c, typed[i].behind);
    for (unsigned tags = 0; tags < TAGS_MAX && (type == TAG_8021Q || type == TAG_8021AD); tags++) {
        cursor_skip(c, 2);
        type = cursor_u16(c);
    }
    return type == ETYPE_IP4 || type == ETYPE_IP6;
}

void packet_expect(struct expecting *x, int dlt, struct cursor frame)
{
    if (!skip_link(dlt, &frame) || !cursor_left(&frame))
        return;
    const unsigned version = *frame.p >> 4;
    const uint8_t *h =
        version == 4 || version == 6 ? cursor_take(&frame, version == 4 ? IP4_LEN : IP6_LEN) : NULL;
    if (h)
        expecting_add(x, h + (version == 4 ? IP4_SRC : IP6_SRC), version == 4 ? 4 : 16);
}
