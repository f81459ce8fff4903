/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames: the first octet chooses the link type, the second what is asked for, the rest is a frame, or
 * several of them, each behind two octets of length. */
#include <pcap/dlt.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "base/clock.h"
#include "packet/expect.h"
#include "packet/link.h"

enum {
    ASK_PORTS = 2,
    ASK_LONGER = 4,
    ASK_SEVERAL = 8,
    ASK_INNER = 16,
    ASK_TUNNEL = 32,
    ASK_SAMPLED = 64,
    ASK_LINK = 1
};

static const int links[] = {
    DLT_EN10MB,
    DLT_LINUX_SLL,
    DLT_LINUX_SLL2,
    DLT_RAW,
    DLT_NULL,
    DLT_LOOP,
    DLT_PPP,
    DLT_IPV4,
    DLT_IPV6,
    DLT_PPP_SERIAL,
    DLT_PPP_ETHER,
    DLT_PPP_PPPD,
    DLT_C_HDLC,
    DLT_FRELAY,
    DLT_SLIP,
    DLT_MPLS,
    DLT_ATM_RFC1483,
    DLT_IEEE802,
    DLT_FDDI,
    DLT_IEEE802_11,
    DLT_IEEE802_11_RADIO,
    DLT_IEEE802_11_RADIO_AVS,
    DLT_PRISM_HEADER,
    DLT_PPI,
    DLT_NFLOG,
    DLT_PFLOG,
    DLT_LTALK,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(struct fieldset *needs, unsigned how)
{
    fieldset_add(needs, how & ASK_LINK ? FIELD_src_mac : FIELD_src_host);
    if (how & ASK_PORTS)
        fieldset_add(needs, FIELD_src_port);
    if (how & ASK_TUNNEL) {
        fieldset_add(needs, FIELD_tunnel_src_port);
        fieldset_add(needs, FIELD_vxlan);
    }
}

/* Addresses that are read ahead of decoding lie within the frame. */
static void look_ahead(int dlt, const uint8_t *p, uint32_t n)
{
    struct expecting x;
    expecting_begin(&x);
    packet_expect(&x, dlt, cursor_of(p, n));
    if (x.n4 + x.n6 != 0 && x.n4 + x.n6 != 2)
        abort();
    const struct expected *e = x.n4 ? x.e4 : x.e6;
    if ((x.n4 || x.n6) && (e[0].addr < p || e[1].addr + (x.n4 ? 4 : 16) > p + n))
        abort();
}

/* Whatever comes of it, a frame is counted once. */
static void decode(struct packet_decoder *d, const uint8_t *p, uint32_t n, unsigned how, struct flow *f)
{
    d->at_us += 7 * US_PER_S;
    look_ahead(d->dlt, p, n);
    enum packet_drop why = packet_decode(d, p, n, how & ASK_LONGER ? n + 1400 : n, f);
    if (why >= PACKET_DROP_MAX || f->mpls_label_stack.len > sizeof(d->labels))
        abort();
}

static void decode_several(struct packet_decoder *d, struct cursor c, unsigned how, struct flow *f)
{
    int64_t at_us;
    while (cursor_left(&c) >= 2) {
        uint32_t n = cursor_u16(&c);
        n = n < cursor_left(&c) ? n : (uint32_t)cursor_left(&c);
        struct cursor frame = cursor_sub(&c, n);
        decode(d, frame.p, n, how, f);
        while (packet_orphans_due(d, d->at_us) && packet_orphan(d, d->at_us, f, &at_us))
            ;
    }
    uint64_t held = 0;
    while (packet_orphan(d, INT64_MAX, f, &at_us))
        held += f->packets;
    if (held > d->count[PACKET_HELD])
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct packet_decoder d;
    struct fieldset needs = { { 0 } };
    struct flow f = { 0 };
    if (size < 2 || size > 65536)
        return 0;
    unsigned how = data[1];
    ask(&needs, how);
    struct packet_options o = {
        .needs = &needs,
        .tunnels = how & ASK_INNER
                       ? "gtp; vxlan,inner; vxlan-gpe; geneve; gre; ipip; etherip; srv6; mpls; l2tp; "
                         "l2tpv3; teredo; lisp"
                       : NULL,
        .fragments = true,
        .sampled = how & ASK_SAMPLED,
        .frag_octets = 1, /* the smallest table */
    };
    if (packet_decoder_open(&d, links[data[0] % (sizeof(links) / sizeof(links[0]))], &o, NULL) == -1)
        return 0;
    if (how & ASK_SEVERAL)
        decode_several(&d, cursor_of(data + 2, size - 2), how, &f);
    else
        decode(&d, data + 2, (uint32_t)size - 2, how, &f);
    packet_decoder_close(&d);
    return 0;
}
