/* SPDX-License-Identifier: BSD-2-Clause */
/* Walks over the packets of a TPACKET_V3 block (Linux: Documentation/networking/packet_mmap.rst) where they
 * lie. The block is the kernel's; still nothing outside of it is touched, whatever its lengths say.
 * afpacket.c is the caller. */
#ifndef PACKET_TPACKET_H
#define PACKET_TPACKET_H

#include <linux/if_packet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    TPACKET_TAG_LEN = 4,                                               /* of an 802.1Q tag */
    TPACKET_SLL_LEN = 16,                                              /* of the header of DLT_LINUX_SLL */
    TPACKET_FROM_AT = (int)TPACKET_ALIGN(sizeof(struct tpacket3_hdr)), /* struct sockaddr_ll */
    TPACKET_DATA_AT =
        TPACKET_FROM_AT + (int)sizeof(struct sockaddr_ll), /* the first octet that may be written */
    TPACKET_STEP = 8,                                      /* packets are aligned to this */
    /* Room that the socket must leave in front of each packet (PACKET_RESERVE). */
    TPACKET_ROOM = 8,
};

struct tpacket_block {
    uint8_t *base;
    uint32_t size; /* octets of the block */
    uint32_t at;   /* the next packet's header */
    uint32_t left; /* packets still to come */
    uint32_t lost; /* packets that could not be reached, since a length led out of the block */
};

struct tpacket_frame {
    uint8_t *p;           /* the frame, with the tag or header that the kernel had taken off */
    uint32_t caplen, len; /* captured, on the wire */
    int64_t at_us;        /* µs since the epoch */
};

static inline bool tpacket_damaged(struct tpacket_block *b)
{
    b->lost = b->left;
    b->left = 0;
    return false;
}

/* Starts on a block of `size` octets, aligned to TPACKET_STEP, that belongs to user space. */
static inline void tpacket_begin(struct tpacket_block *b, void *block, uint32_t size)
{
    const struct tpacket_block_desc *d = block;
    const struct tpacket_hdr_v1 *h = &d->hdr.bh1;
    *b = (struct tpacket_block){
        .base = block, .size = size, .at = h->offset_to_first_pkt, .left = h->num_pkts
    };
    if (b->left && (b->at < sizeof(*d) || b->at % TPACKET_STEP))
        tpacket_damaged(b);
}

/* Puts the tag that the kernel took out back in front of what stands `at` octets into the frame. */
static inline void tpacket_put_tag(struct tpacket_frame *f, const struct tpacket3_hdr *h, unsigned at)
{
    bool named = h->hv1.tp_vlan_tpid || h->tp_status & TP_STATUS_VLAN_TPID_VALID;
    uint16_t tpid = named ? h->hv1.tp_vlan_tpid : 0x8100, tci = (uint16_t)h->hv1.tp_vlan_tci;
    uint8_t tag[TPACKET_TAG_LEN] = { (uint8_t)(tpid >> 8), (uint8_t)tpid, (uint8_t)(tci >> 8), (uint8_t)tci };
    memmove(f->p - sizeof(tag), f->p, at);
    f->p -= sizeof(tag);
    memcpy(f->p + at, tag, sizeof(tag));
    f->caplen += sizeof(tag);
    f->len += sizeof(tag);
}

/* The header that libpcap describes for DLT_LINUX_SLL, in front of a packet that came without a link layer.
 */
static inline void tpacket_put_sll(struct tpacket_frame *f, const struct sockaddr_ll *from)
{
    uint8_t *h = f->p - TPACKET_SLL_LEN;
    uint16_t hatype = from->sll_hatype;
    memset(h, 0, TPACKET_SLL_LEN);
    h[1] = from->sll_pkttype;
    h[2] = (uint8_t)(hatype >> 8);
    h[3] = (uint8_t)hatype;
    h[5] = from->sll_halen;
    memcpy(h + 6, from->sll_addr, sizeof(from->sll_addr));
    memcpy(h + 14, &from->sll_protocol, 2); /* in network order already */
    f->p = h;
    f->caplen += TPACKET_SLL_LEN;
    f->len += TPACKET_SLL_LEN;
}

enum { TPACKET_ETHERNET_TAG_AT = 12, TPACKET_ETHERNET_LEN = 14, TPACKET_SLL_TAG_AT = 14 };

/* What the kernel took off comes back where it was: 16 octets are written, none else is moved. */
static inline void tpacket_restore(struct tpacket_frame *f, const struct tpacket3_hdr *h, bool ethernet,
                                   bool cooked, bool tagged)
{
    if (cooked) {
        if (h->tp_mac < TPACKET_DATA_AT + TPACKET_SLL_LEN + TPACKET_TAG_LEN)
            return;
        tpacket_put_sll(f, (const struct sockaddr_ll *)((const uint8_t *)h + TPACKET_FROM_AT));
        if (tagged)
            tpacket_put_tag(f, h, TPACKET_SLL_TAG_AT);
    } else if (ethernet && f->caplen >= TPACKET_ETHERNET_LEN &&
               h->tp_mac >= TPACKET_DATA_AT + TPACKET_TAG_LEN) {
        tpacket_put_tag(f, h, TPACKET_ETHERNET_TAG_AT);
    }
}

/* Another processor has just written the block. Small packets follow each other closely: what comes some
 * packets later is fetched as a stream, whatever their lengths. Of large ones, the beginning. Fetching behind
 * the block's end does no harm. */
static inline void tpacket_fetch(const uint8_t *next, uint32_t step)
{
    enum { LINE = 64, AHEAD = 1024, SMALL = 256 };
    if (__builtin_expect(step > SMALL, 0)) {
        __builtin_prefetch(next);
        __builtin_prefetch(next + LINE);
        __builtin_prefetch(next + 2 * LINE);
        return;
    }
    for (uint32_t i = 0; i < step; i += LINE)
        __builtin_prefetch(next + AHEAD + i);
}

/* The next packet of the block; false at its end. `ethernet`: frames begin with an Ethernet header; `cooked`:
 * the socket gives packets without their link layer. */
static inline bool tpacket_next(struct tpacket_block *b, bool ethernet, bool cooked, struct tpacket_frame *f)
{
    if (!b->left)
        return false;
    if (b->at > b->size || b->size - b->at < TPACKET_DATA_AT)
        return tpacket_damaged(b);
    const struct tpacket3_hdr *h = (const struct tpacket3_hdr *)(b->base + b->at);
    uint32_t room = b->size - b->at, next = h->tp_next_offset;
    bool tagged = h->hv1.tp_vlan_tci || h->tp_status & TP_STATUS_VLAN_VALID;
    if (h->tp_mac < TPACKET_DATA_AT || h->tp_mac > room || h->tp_snaplen > room - h->tp_mac)
        return tpacket_damaged(b);
    *f = (struct tpacket_frame){ .p = b->base + b->at + h->tp_mac,
                                 .caplen = h->tp_snaplen,
                                 .len = h->tp_len < h->tp_snaplen ? h->tp_snaplen : h->tp_len,
                                 .at_us = (int64_t)h->tp_sec * 1000000 + h->tp_nsec / 1000 };
    if (__builtin_expect(cooked || tagged, 0))
        tpacket_restore(f, h, ethernet, cooked, tagged);
    if (--b->left) {
        if (next < TPACKET_DATA_AT || next % TPACKET_STEP || next > room)
            tpacket_damaged(b); /* this one is whole, the next one cannot be found */
        b->at += next;
        tpacket_fetch(b->base + b->at, next);
    }
    return true;
}

#endif
