/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks of a TPACKET_V3 ring, as the kernel makes them and as it never would; the filters of captures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>
#include "packet/afpacket.h"

enum { BLOCK = 4096, MAC_AT = 96, FIRST = 48 };

struct made {
    _Alignas(16) uint8_t b[BLOCK];
    uint32_t at, last;
};

static struct tpacket_hdr_v1 *head(struct made *m) { return &((struct tpacket_block_desc *)m->b)->hdr.bh1; }

static void start(struct made *m)
{
    memset(m, 0, sizeof(*m));
    m->at = FIRST;
    head(m)->offset_to_first_pkt = FIRST;
}

static struct tpacket3_hdr *add(struct made *m, const void *data, uint32_t caplen, uint32_t len)
{
    struct tpacket3_hdr *h = (struct tpacket3_hdr *)(m->b + m->at);
    uint32_t size = (MAC_AT + caplen + 15) & ~15u;
    if (m->last)
        ((struct tpacket3_hdr *)(m->b + m->last))->tp_next_offset = m->at - m->last;
    *h = (struct tpacket3_hdr){ .tp_sec = 1700000000 + head(m)->num_pkts,
                                .tp_nsec = 123456789,
                                .tp_snaplen = caplen,
                                .tp_len = len,
                                .tp_mac = MAC_AT,
                                .tp_net = MAC_AT };
    memcpy(m->b + m->at + MAC_AT, data, caplen);
    head(m)->num_pkts++;
    m->last = m->at;
    m->at += size;
    return h;
}

static struct sockaddr_ll *from(struct tpacket3_hdr *h)
{
    return (struct sockaddr_ll *)((uint8_t *)h + TPACKET_FROM_AT);
}

static const uint8_t ethernet[20] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 1, 2, 3, 4, 5 };

static void test_walk(void **state)
{
    (void)state;
    struct made m;
    struct tpacket_block b;
    struct tpacket_frame f;
    start(&m);
    add(&m, ethernet, 20, 20);
    add(&m, ethernet, 17, 1500);
    add(&m, ethernet, 14, 14);
    tpacket_begin(&b, m.b, BLOCK);
    assert_true(tpacket_next(&b, true, false, &f));
    assert_int_equal(f.caplen, 20);
    assert_int_equal(f.at_us, INT64_C(1700000000123456));
    assert_memory_equal(f.p, ethernet, 20);
    assert_true(tpacket_next(&b, true, false, &f));
    assert_int_equal(f.caplen, 17);
    assert_int_equal(f.len, 1500);
    assert_true(tpacket_next(&b, true, false, &f));
    assert_int_equal(f.caplen, 14);
    assert_int_equal(f.at_us, INT64_C(1700000002123456));
    assert_false(tpacket_next(&b, true, false, &f));
    assert_int_equal(b.lost, 0);
}

/* The tag that the kernel took out stands where it was; what lies in front of the frame is left alone. */
static void test_tag(void **state)
{
    static const struct {
        uint32_t status, tci;
        uint16_t tpid;
        bool ethernet;
        uint8_t tag[4]; /* all zero: none */
    } rows[] = {
        { TP_STATUS_VLAN_VALID | TP_STATUS_VLAN_TPID_VALID,
          0xa064,
          0x88a8,
          true,
          { 0x88, 0xa8, 0xa0, 0x64 } },
        { TP_STATUS_VLAN_VALID, 0x0005, 0, true, { 0x81, 0, 0, 5 } },
        { 0, 0x0005, 0, true, { 0x81, 0, 0, 5 } },
        { TP_STATUS_VLAN_VALID, 0, 0, true, { 0x81, 0, 0, 0 } }, /* priority tag of VLAN 0 */
        { 0, 0, 0x8100, true, { 0 } },
        { TP_STATUS_VLAN_VALID, 5, 0x8100, false, { 0 } },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct made m;
        struct tpacket_block b;
        struct tpacket_frame f;
        start(&m);
        struct tpacket3_hdr *h = add(&m, ethernet, 20, 60);
        h->tp_status = rows[i].status;
        h->hv1.tp_vlan_tci = rows[i].tci;
        h->hv1.tp_vlan_tpid = rows[i].tpid;
        memset(from(h), 0xee, sizeof(struct sockaddr_ll));
        tpacket_begin(&b, m.b, BLOCK);
        assert_true(tpacket_next(&b, rows[i].ethernet, false, &f));
        unsigned more = rows[i].tag[0] ? 4 : 0;
        assert_int_equal(f.caplen, 20 + more);
        assert_int_equal(f.len, 60 + more);
        assert_memory_equal(f.p, ethernet, 12);
        assert_memory_equal(f.p + 12, rows[i].tag, more);
        assert_memory_equal(f.p + 12 + more, ethernet + 12, 8);
        for (unsigned k = 0; k < sizeof(struct sockaddr_ll); k++)
            assert_int_equal(((uint8_t *)from(h))[k], 0xee);
    }
}

static void test_cooked(void **state)
{
    static const uint8_t ip[4] = { 0x45, 0, 0, 20 };
    static const uint8_t want[] = { 0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 9, 0, 0, 0x81, 0, 0x20, 3, 8, 0, 0x45 };
    (void)state;
    struct made m;
    struct tpacket_block b;
    struct tpacket_frame f;
    start(&m);
    struct tpacket3_hdr *h = add(&m, ip, 4, 20);
    *from(h) = (struct sockaddr_ll){ .sll_protocol = htons(0x0800),
                                     .sll_hatype = 1,
                                     .sll_pkttype = PACKET_OUTGOING,
                                     .sll_halen = 6,
                                     .sll_addr = { 2, 0, 0, 0, 0, 9 } };
    h->tp_status = TP_STATUS_VLAN_VALID;
    h->hv1.tp_vlan_tci = 0x2003;
    tpacket_begin(&b, m.b, BLOCK);
    assert_true(tpacket_next(&b, false, true, &f));
    assert_int_equal(f.caplen, 24);
    assert_int_equal(f.len, 40);
    assert_memory_equal(f.p, want, sizeof(want));
}

/* Whatever a length says: no octet outside of the block is read or written, and what cannot be reached is
 * counted. */
static void test_hostile(void **state)
{
    static const struct {
        const char *what;
        size_t at; /* of 32 bits in the second packet's header; 0: in the block's */
        uint32_t value;
        unsigned frames, lost;
    } rows[] = {
        { "next offset beyond the block", offsetof(struct tpacket3_hdr, tp_next_offset), BLOCK, 2, 1 },
        { "next offset of all ones", offsetof(struct tpacket3_hdr, tp_next_offset), UINT32_MAX, 2, 1 },
        { "next offset 0", offsetof(struct tpacket3_hdr, tp_next_offset), 0, 2, 1 },
        { "next offset within the header", offsetof(struct tpacket3_hdr, tp_next_offset), 16, 2, 1 },
        { "next offset not aligned", offsetof(struct tpacket3_hdr, tp_next_offset), 129, 2, 1 },
        { "next offset at the last octets", offsetof(struct tpacket3_hdr, tp_next_offset), BLOCK - 256, 2,
          1 },
        { "length beyond the block", offsetof(struct tpacket3_hdr, tp_snaplen), BLOCK, 1, 2 },
        { "length of all ones", offsetof(struct tpacket3_hdr, tp_snaplen), UINT32_MAX, 1, 2 },
        { "data beyond the block", offsetof(struct tpacket3_hdr, tp_mac), 0xffff, 1, 2 },
        { "data within the header", offsetof(struct tpacket3_hdr, tp_mac), 8, 1, 2 },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct made m;
        struct tpacket_frame f;
        start(&m);
        add(&m, ethernet, 20, 20);
        struct tpacket3_hdr *h = add(&m, ethernet, 20, 20);
        add(&m, ethernet, 20, 20);
        memcpy((uint8_t *)h + rows[i].at, &rows[i].value,
               rows[i].at == offsetof(struct tpacket3_hdr, tp_mac) ? 2 : 4);
        uint8_t *exact = aligned_alloc(16, BLOCK); /* so that a sanitizer sees the octet behind it */
        assert_non_null(exact);
        memcpy(exact, m.b, BLOCK);
        struct tpacket_block b;
        unsigned frames = 0;
        tpacket_begin(&b, exact, BLOCK);
        while (tpacket_next(&b, true, false, &f))
            frames++;
        if (frames != rows[i].frames || b.lost != rows[i].lost)
            fail_msg("%s: %u frames, %u lost", rows[i].what, frames, b.lost);
        free(exact);
    }
}

static void test_hostile_block(void **state)
{
    static const uint32_t offsets[] = { 0, 7, 44, 49, BLOCK - 8, BLOCK, UINT32_MAX - 7, UINT32_MAX };
    (void)state;
    for (unsigned i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        struct made m;
        struct tpacket_block b;
        struct tpacket_frame f;
        start(&m);
        add(&m, ethernet, 20, 20);
        head(&m)->offset_to_first_pkt = offsets[i];
        head(&m)->num_pkts = 5;
        tpacket_begin(&b, m.b, BLOCK);
        assert_false(tpacket_next(&b, true, false, &f));
        assert_int_equal(b.lost, 5);
    }
}

/* Every header with every octet changed to several values: it ends, within the block. */
static void test_mutations(void **state)
{
    static const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xff };
    (void)state;
    for (unsigned at = 0; at < FIRST + MAC_AT; at++)
        for (unsigned v = 0; v < sizeof(values); v++) {
            struct made m;
            struct tpacket_block b;
            struct tpacket_frame f;
            unsigned frames = 0, octets = 0;
            start(&m);
            add(&m, ethernet, 20, 20);
            add(&m, ethernet, 20, 20);
            m.b[at] = values[v];
            uint8_t *exact = aligned_alloc(16, BLOCK);
            assert_non_null(exact);
            memcpy(exact, m.b, BLOCK);
            tpacket_begin(&b, exact, BLOCK);
            while (tpacket_next(&b, true, v & 1, &f)) {
                for (uint32_t k = 0; k < f.caplen; k++)
                    octets += f.p[k];
                frames++;
            }
            assert_true(frames <= BLOCK / TPACKET_DATA_AT);
            assert_true(octets < UINT32_MAX);
            free(exact);
        }
}

static void test_alone(void **state)
{
    (void)state;
    struct made m;
    struct tpacket_block b;
    struct tpacket_frame f;
    start(&m);
    tpacket_begin(&b, m.b, BLOCK);
    assert_false(tpacket_next(&b, true, false, &f));
    assert_int_equal(b.lost, 0);
}

/* ---- filters: what they let through, of how long a packet, is tried with the kernel's instructions for
 * packet type and interface put in as loads from a made-up packet: octets 0..3 type, 4..7 interface. */

static unsigned run(const struct sock_filter *filter, unsigned n, unsigned type, unsigned ifindex)
{
    struct bpf_insn insn[32];
    uint8_t packet[64] = { 0, 0, 0, (uint8_t)type, 0, 0, 0, (uint8_t)ifindex };
    assert_true(n <= 32);
    for (unsigned i = 0; i < n; i++) {
        insn[i] = (struct bpf_insn){ filter[i].code, filter[i].jt, filter[i].jf, filter[i].k };
        if (filter[i].k == (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE))
            insn[i].k = 0;
        if (filter[i].k == (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX))
            insn[i].k = 4;
    }
    assert_true(bpf_validate(insn, (int)n));
    return bpf_filter(insn, packet, sizeof(packet), sizeof(packet));
}

static void test_filter(void **state)
{
    static const struct sock_filter even[] = { BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 8),
                                               BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
                                               BPF_STMT(BPF_RET | BPF_K, 262144),
                                               BPF_STMT(BPF_RET | BPF_K, 0) };
    static const struct {
        enum afpacket_direction direction;
        int loopback;
        bool only;
        bool in, out, in_lo, out_lo; /* let through */
    } rows[] = {
        { AFPACKET_BOTH, 0, false, true, true, true, true }, /* Ethernet */
        { AFPACKET_IN, 0, false, true, false, true, false },
        { AFPACKET_OUT, 0, false, false, true, false, true },
        { AFPACKET_BOTH, 1, true, true, false, true, false }, /* lo */
        { AFPACKET_IN, 1, true, true, false, true, false },
        { AFPACKET_OUT, 1, true, false, true, false, true },
        { AFPACKET_BOTH, 1, false, true, true, true, false }, /* any */
        { AFPACKET_IN, 1, false, true, false, true, false },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (unsigned with = 0; with < 2; with++) {
            struct sock_filter out[4 + AFPACKET_FILTER_MORE];
            unsigned n = afpacket_filter(out, even, with ? 4 : 0, 200, rows[i].direction, rows[i].loopback,
                                         rows[i].only);
            assert_true(n <= (with ? 4 : 0) + AFPACKET_FILTER_MORE);
            assert_int_equal(run(out, n, PACKET_HOST, 2), rows[i].in ? 200 : 0);
            assert_int_equal(run(out, n, PACKET_OTHERHOST, 2), rows[i].in ? 200 : 0);
            assert_int_equal(run(out, n, PACKET_OUTGOING, 2), rows[i].out ? 200 : 0);
            assert_int_equal(run(out, n, PACKET_HOST, 1), rows[i].in_lo ? 200 : 0);
            assert_int_equal(run(out, n, PACKET_OUTGOING, 1), rows[i].out_lo ? 200 : 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk),      cmocka_unit_test(test_tag),
        cmocka_unit_test(test_cooked),    cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_mutations), cmocka_unit_test(test_hostile_block),
        cmocka_unit_test(test_alone),     cmocka_unit_test(test_filter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
