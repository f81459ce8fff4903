/* SPDX-License-Identifier: BSD-2-Clause */
/* Fragments: who gets which ports, who waits, and that nothing is lost whatever the order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <pcap/dlt.h>
#include <string.h>
#include "base/clock.h"
#include "packet/frag.h"
#include "packet/link.h"

enum { FIRST = 0, MIDDLE = 1400, LAST = 2800, MORE = 0x2000, SIX = 1, TCP = 2 };

/* A frame: fragment of the packet `id` from 10.0.0.`host`, 1400 octets of payload; the last one has 100. */
static uint32_t make(uint8_t *p, unsigned how, uint8_t host, uint16_t id, unsigned offset)
{
    uint8_t *const start = p;
    const uint8_t proto = how & TCP ? IPPROTO_TCP : IPPROTO_UDP;
    uint16_t payload = offset == LAST ? 100 : 1400, total = (uint16_t)(payload + (how & SIX ? 8 : 20));
    uint16_t word = (uint16_t)(offset / 8 | (offset == LAST ? 0 : MORE));
    memset(p, 0, 2048);
    memcpy(p,
           (uint8_t[]){ 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, host, how & SIX ? 0x86 : 8, how & SIX ? 0xdd : 0 },
           14);
    p += 14;
    if (how & SIX) {
        uint16_t six = (uint16_t)(offset | (offset != LAST));
        memcpy(p, (uint8_t[]){ 0x60, 0, 0, 0, (uint8_t)(total >> 8), (uint8_t)total, 44, 64 }, 8);
        p[8] = p[24] = 0x20;
        p[23] = host;
        memcpy(
            p + 40,
            (uint8_t[]){ proto, 0, (uint8_t)(six >> 8), (uint8_t)six, 0, 0, (uint8_t)(id >> 8), (uint8_t)id },
            8);
        p += 48;
    } else {
        memcpy(p,
               (uint8_t[]){ 0x45,
                            0,
                            (uint8_t)(total >> 8),
                            (uint8_t)total,
                            (uint8_t)(id >> 8),
                            (uint8_t)id,
                            (uint8_t)(word >> 8),
                            (uint8_t)word,
                            64,
                            proto,
                            0,
                            0,
                            10,
                            0,
                            0,
                            host,
                            10,
                            0,
                            0,
                            99 },
               20);
        p += 20;
    }
    if (offset == 0)
        memcpy(p, (uint8_t[]){ 0x03, 0xe8, 0, host, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x18 }, 14);
    return (uint32_t)(p - start) + payload;
}

struct bench {
    struct packet_decoder d;
    struct flow f;
    uint64_t packets, bytes; /* what would have been counted */
};

static void open_bench(struct bench *b, bool sampled, size_t octets)
{
    struct fieldset needs = { 0 };
    struct err e;
    memset(b, 0, sizeof(*b));
    fieldset_add(&needs, FIELD_src_port);
    struct packet_options o = {
        .needs = &needs, .fragments = true, .sampled = sampled, .frag_octets = octets
    };
    assert_int_equal(packet_decoder_open(&b->d, DLT_EN10MB, &o, &e), 0);
}

static enum packet_drop feed(struct bench *b, unsigned how, uint8_t host, uint16_t id, unsigned offset,
                             int64_t at_s)
{
    uint8_t frame[2048];
    uint32_t n = make(frame, how, host, id, offset);
    b->d.at_us = at_s * US_PER_S;
    enum packet_drop why = packet_decode(&b->d, frame, n < 128 ? n : 128, n, &b->f);
    if (why == PACKET_OK) {
        b->packets += b->f.packets;
        b->bytes += b->f.bytes;
    }
    return why;
}

static unsigned take_orphans(struct bench *b, int64_t now_us)
{
    unsigned n = 0;
    int64_t at_us;
    while (packet_orphan(&b->d, now_us, &b->f, &at_us)) {
        b->packets += b->f.packets;
        b->bytes += b->f.bytes;
        n++;
    }
    return n;
}

static const struct frag_stats *stats(const struct bench *b) { return frag_stats(b->d.fragments); }

/* One fragment and what is to become of it. */
struct step {
    unsigned how;
    uint8_t host;
    uint16_t id;
    unsigned offset;
    int64_t at_s;
    enum packet_drop why;
    unsigned port, packets; /* of what is counted */
};

static const struct script {
    const char *name;
    unsigned orphans; /* at the end */
    struct step steps[8];
} scripts[] = {
    { "in order",
      0,
      { { 0, 1, 7, FIRST, 0, PACKET_OK, 1, 1 },
        { 0, 1, 7, MIDDLE, 0, PACKET_OK, 1, 1 },
        { 0, 1, 7, LAST, 0, PACKET_OK, 1, 1 } } },
    { "IPv6, in order",
      0,
      { { SIX, 1, 7, FIRST, 0, PACKET_OK, 1, 1 },
        { SIX, 1, 7, MIDDLE, 0, PACKET_OK, 1, 1 },
        { SIX, 1, 7, LAST, 0, PACKET_OK, 1, 1 } } },
    { "the first one last",
      0,
      { { 0, 1, 7, LAST, 0, PACKET_HELD, 0, 0 },
        { 0, 1, 7, MIDDLE, 1, PACKET_HELD, 0, 0 },
        { 0, 1, 7, FIRST, 2, PACKET_OK, 1, 3 } } },
    { "the first one in between",
      0,
      { { SIX, 1, 7, MIDDLE, 0, PACKET_HELD, 0, 0 },
        { SIX, 1, 7, FIRST, 0, PACKET_OK, 1, 2 },
        { SIX, 1, 7, LAST, 0, PACKET_OK, 1, 1 } } },
    { "two packets among each other",
      0,
      { { 0, 1, 7, FIRST, 0, PACKET_OK, 1, 1 },
        { 0, 2, 7, FIRST, 0, PACKET_OK, 2, 1 },
        { 0, 2, 7, LAST, 0, PACKET_OK, 2, 1 },
        { 0, 1, 7, LAST, 0, PACKET_OK, 1, 1 } } },
    { "the protocol makes a difference",
      1,
      { { 0, 1, 7, FIRST, 0, PACKET_OK, 1, 1 }, { TCP, 1, 7, MIDDLE, 0, PACKET_HELD, 0, 0 } } },
    { "IPv4 and IPv6 are not mixed",
      1,
      { { 0, 1, 7, FIRST, 0, PACKET_OK, 1, 1 }, { SIX, 1, 7, MIDDLE, 0, PACKET_HELD, 0, 0 } } },
    { "a number used again after the packet was whole",
      1,
      { { 0, 1, 7, FIRST, 0, PACKET_OK, 1, 1 },
        { 0, 1, 7, MIDDLE, 0, PACKET_OK, 1, 1 },
        { 0, 1, 7, LAST, 0, PACKET_OK, 1, 1 },
        { 0, 1, 7, MIDDLE, 1, PACKET_HELD, 0, 0 } } },
    { "after a minute the ports are forgotten",
      1,
      { { 0, 1, 7, FIRST, 0, PACKET_OK, 1, 1 },
        { 0, 1, 7, MIDDLE, 60, PACKET_OK, 1, 1 },
        { 0, 1, 7, LAST, 61, PACKET_HELD, 0, 0 } } },
    { "TCP, over the header of the first one",
      0,
      { { TCP, 1, 7, FIRST, 0, PACKET_OK, 1, 1 }, { TCP, 1, 7, 8, 0, PACKET_OK, 0, 1 } } },
    { "the same of IPv6",
      0,
      { { SIX | TCP, 1, 7, FIRST, 0, PACKET_OK, 1, 1 }, { SIX | TCP, 1, 7, 8, 0, PACKET_OK, 0, 1 } } },
};

static void scripts_run(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        const struct script *s = &scripts[i];
        struct bench b;
        unsigned n = 0;
        open_bench(&b, false, 0);
        for (const struct step *t = s->steps; t->host; t++, n++) {
            enum packet_drop why = feed(&b, t->how, t->host, t->id, t->offset, t->at_s);
            if (why != t->why)
                fail_msg("%s, fragment %u: %s", s->name, n, packet_drop_names[why]);
            if (why != PACKET_OK)
                continue;
            unsigned port = b.f.dst_port;
            if (port != t->port || b.f.packets != t->packets)
                fail_msg("%s, fragment %u: port %u, %u packets", s->name, n, port, (unsigned)b.f.packets);
            assert_int_equal(b.f.src_port, port ? 1000 : 0);
            assert_int_equal(b.f.tcpflags, t->offset == FIRST && t->how & TCP ? 0x18 : 0);
        }
        unsigned orphans = take_orphans(&b, INT64_MAX);
        if (orphans != s->orphans)
            fail_msg("%s: %u orphans", s->name, orphans);
        assert_int_equal(b.packets, n);
        packet_decoder_close(&b.d);
    }
}

static void orphans_come_after_a_minute(void **state)
{
    (void)state;
    struct bench b;
    int64_t at_us;
    open_bench(&b, false, 0);
    assert_false(packet_orphans_due(&b.d, INT64_MAX - 1));
    b.f.in_iface = 5;
    assert_int_equal(feed(&b, 0, 1, 7, MIDDLE, 100), PACKET_HELD);
    assert_int_equal(feed(&b, 0, 1, 7, LAST, 130), PACKET_HELD);
    b.f.in_iface = 6;
    assert_int_equal(feed(&b, 0, 2, 8, MIDDLE, 150), PACKET_HELD);
    assert_false(packet_orphans_due(&b.d, 160 * US_PER_S));
    assert_false(packet_orphan(&b.d, 160 * US_PER_S, &b.f, &at_us));
    assert_true(packet_orphans_due(&b.d, 160 * US_PER_S + 1));
    assert_true(packet_orphan(&b.d, 160 * US_PER_S + 1, &b.f, &at_us));
    assert_int_equal(at_us, 100 * US_PER_S);
    assert_int_equal(b.f.packets, 2);
    assert_int_equal(b.f.bytes, 1420 + 120);
    assert_int_equal(b.f.src_mac.b[5], 1);
    assert_int_equal(b.f.proto, IPPROTO_UDP);
    assert_int_equal(b.f.dst_port, 0);
    assert_int_equal(b.f.etype, 0x800);
    assert_int_equal(b.f.in_iface, 5);
    assert_null(b.f.packet);
    assert_false(packet_orphan(&b.d, 160 * US_PER_S + 1, &b.f, &at_us));
    assert_int_equal(feed(&b, 0, 1, 7, FIRST, 161), PACKET_OK); /* too late for them */
    assert_int_equal(b.f.packets, 1);
    assert_int_equal(take_orphans(&b, INT64_MAX), 1);
    assert_int_equal(b.f.in_iface, 6);
    assert_int_equal(stats(&b)->orphans, 3);
    assert_int_equal(stats(&b)->held, 3);
    packet_decoder_close(&b.d);
}

static void samples_do_not_wait(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b, true, 0);
    assert_int_equal(feed(&b, 0, 1, 7, MIDDLE, 0), PACKET_OK);
    assert_int_equal(b.f.dst_port, 0);
    assert_int_equal(feed(&b, 0, 1, 8, FIRST, 0), PACKET_OK);
    assert_int_equal(feed(&b, 0, 1, 8, MIDDLE, 0), PACKET_OK); /* both were sampled */
    assert_int_equal(b.f.dst_port, 1);
    assert_int_equal(stats(&b)->alone, 1);
    packet_decoder_close(&b.d);
}

/* Many packets that never begin, in a small table: none is lost, and those that were there first come out
 * first. */
static void a_full_table_gives_up_the_oldest(void **state)
{
    (void)state;
    enum { PACKETS = 1000 };
    struct bench b;
    unsigned orphans = 0;
    open_bench(&b, false, 1);
    for (uint16_t id = 0; id < PACKETS; id++) {
        feed(&b, 0, 1, id, MIDDLE, id / 100);
        orphans += packet_orphans_due(&b.d, b.d.at_us) ? take_orphans(&b, b.d.at_us) : 0;
    }
    assert_true(orphans > PACKETS / 4);
    assert_true(stats(&b)->evicted >= orphans);
    take_orphans(&b, INT64_MAX);
    assert_int_equal(b.packets, PACKETS);
    assert_int_equal(b.bytes, PACKETS * 1420);
    assert_int_equal(stats(&b)->held, stats(&b)->orphans);
    assert_int_equal(stats(&b)->held + stats(&b)->alone, PACKETS);
    /* Known ones make room without a word. */
    for (uint16_t id = 0; id < PACKETS; id++)
        assert_int_equal(feed(&b, 0, 1, id, FIRST, 20), PACKET_OK);
    assert_int_equal(feed(&b, 0, 1, PACKETS - 1, MIDDLE, 20), PACKET_OK);
    assert_int_equal(b.f.dst_port, 1);
    assert_int_equal(feed(&b, 0, 1, 0, MIDDLE, 20), PACKET_HELD);
    packet_decoder_close(&b.d);
}

/* Fragments of many packets in any order, some missing: what goes in comes out. */
static void any_order_loses_nothing(void **state)
{
    (void)state;
    struct bench b;
    uint64_t random = 1, fed = 0, held = 0;
    open_bench(&b, false, 1000000);
    for (unsigned i = 0; i < 200000; i++) {
        static const unsigned offsets[] = { FIRST, MIDDLE, LAST };
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        unsigned how = (random >> 60) & SIX;
        enum packet_drop why = feed(&b, how, (uint8_t)(1 + (random >> 33) % 200), (random >> 20) & 3,
                                    offsets[(random >> 45) % 3], i / 500);
        held += why == PACKET_HELD;
        fed++;
        if (packet_orphans_due(&b.d, b.d.at_us))
            take_orphans(&b, b.d.at_us);
        if (i % 50000 == 49999)
            take_orphans(&b, INT64_MAX); /* the capture is read again from its start */
    }
    take_orphans(&b, INT64_MAX);
    const struct frag_stats *s = stats(&b);
    assert_int_equal(b.packets, fed);
    assert_int_equal(s->first + s->later, fed);
    assert_int_equal(s->later, s->named + s->held + s->alone);
    assert_int_equal(s->held, s->joined + s->orphans + s->rest);
    assert_int_equal(s->held, held);
    assert_true(s->joined > 1000 && s->orphans > 1000 && s->named > 1000);
    packet_decoder_close(&b.d);
}

/* GRE in fragments: the packet within is in the first one; the others are parts of it, not packets. */
static void the_rest_of_a_tunnel_packet_is_not_counted_twice(void **state)
{
    (void)state;
    static const uint8_t inner[] = { 0, 0, 8,  0, 0x45, 0, 8,  0, 0, 1, 0, 0, 64, 17,
                                     0, 0, 10, 9, 9,    1, 10, 9, 9, 2, 0, 7, 0,  8 };
    struct fieldset needs = { 0 };
    struct err e;
    for (unsigned late = 0; late < 2; late++) {
        struct bench b = { 0 };
        uint8_t frame[2048];
        fieldset_add(&needs, FIELD_src_port);
        struct packet_options o = { .needs = &needs, .fragments = true, .tunnels = "gre" };
        assert_int_equal(packet_decoder_open(&b.d, DLT_EN10MB, &o, &e), 0);
        for (unsigned i = 0; i < 2; i++) {
            unsigned offset = i == late ? FIRST : LAST;
            uint32_t n = make(frame, 0, 1, 7, offset);
            frame[14 + 9] = IPPROTO_GRE;
            if (offset == FIRST)
                memcpy(frame + 34, inner, sizeof(inner));
            enum packet_drop why = packet_decode(&b.d, frame, n, n, &b.f);
            if (offset == FIRST) {
                assert_int_equal(why, PACKET_OK);
                assert_int_equal(b.f.bytes, 2048);
                assert_int_equal(b.f.packets, 1);
                assert_int_equal(b.f.dst_port, 8);
            } else {
                assert_int_equal(why, late ? PACKET_HELD : PACKET_TUNNEL_REST);
            }
        }
        assert_int_equal(take_orphans(&b, INT64_MAX), 0);
        assert_int_equal(stats(&b)->rest, late);
        packet_decoder_close(&b.d);
    }
}

/* The packet within a tunnel is a fragment itself. */
static void fragments_inside_a_tunnel(void **state)
{
    (void)state;
    struct fieldset needs = { 0 };
    struct err e;
    struct bench b = { 0 };
    fieldset_add(&needs, FIELD_src_port);
    struct packet_options o = { .needs = &needs, .fragments = true, .tunnels = "ipip" };
    assert_int_equal(packet_decoder_open(&b.d, DLT_EN10MB, &o, &e), 0);
    static const unsigned offsets[] = { LAST, FIRST, MIDDLE };
    static const enum packet_drop whys[] = { PACKET_HELD, PACKET_OK, PACKET_OK };
    static const unsigned packets[] = { 0, 2, 1 };
    for (unsigned i = 0; i < 3; i++) {
        uint8_t inner[2048], frame[4096];
        uint32_t n = make(inner, 0, 1, 7, offsets[i]), outer = make(frame, 0, 50, (uint16_t)i, FIRST);
        uint16_t total = (uint16_t)(n - 14 + 20);
        (void)outer;
        memcpy(frame + 34, inner + 14, n - 14);
        frame[16] = (uint8_t)(total >> 8);
        frame[17] = (uint8_t)total;
        frame[20] = frame[21] = 0; /* no fragment */
        frame[23] = IPPROTO_IPIP;
        assert_int_equal(packet_decode(&b.d, frame, n + 20, n + 20, &b.f), whys[i]);
        if (whys[i] == PACKET_OK) {
            assert_int_equal(b.f.packets, packets[i]);
            assert_int_equal(b.f.dst_port, 1);
            assert_int_equal(b.f.src_host.b[15], 1);
        }
    }
    packet_decoder_close(&b.d);
}

/* Nobody asks for ports: no table, and every fragment counts as it comes. */
static void without_ports_nothing_is_kept(void **state)
{
    (void)state;
    struct fieldset needs = { 0 };
    struct err e;
    struct bench b = { 0 };
    fieldset_add(&needs, FIELD_src_host);
    struct packet_options o = { .needs = &needs, .fragments = true };
    assert_int_equal(packet_decoder_open(&b.d, DLT_EN10MB, &o, &e), 0);
    assert_null(b.d.fragments);
    assert_int_equal(feed(&b, 0, 1, 7, MIDDLE, 0), PACKET_OK);
    packet_decoder_close(&b.d);
    o.force_fragments = true;
    assert_int_equal(packet_decoder_open(&b.d, DLT_EN10MB, &o, &e), 0);
    assert_int_equal(feed(&b, 0, 1, 7, MIDDLE, 0), PACKET_HELD);
    packet_decoder_close(&b.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scripts_run),
        cmocka_unit_test(orphans_come_after_a_minute),
        cmocka_unit_test(samples_do_not_wait),
        cmocka_unit_test(a_full_table_gives_up_the_oldest),
        cmocka_unit_test(any_order_loses_nothing),
        cmocka_unit_test(the_rest_of_a_tunnel_packet_is_not_counted_twice),
        cmocka_unit_test(fragments_inside_a_tunnel),
        cmocka_unit_test(without_ports_nothing_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
