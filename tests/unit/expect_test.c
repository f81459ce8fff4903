/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses read ahead of decoding: rows of frames, each of them also cut short at every octet; and packets
 * fed several at once are the packets fed one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <pcap/dlt.h>
#include <string.h>
#include "app_packets.h"
#include "fake_worker.h"
#include "hex.h"
#include "packet/expect.h"
#include "packet/feed.h"

#define MACS "020000000001020000000002"
#define IP4 "4500001400010000401100000a000001c0000209"
#define IP6 "6000000000003b4020010db8000000000000000000000001fd000000000000000000000000000002"

static const struct row {
    const char *what;
    int dlt;
    const char *hex;
    unsigned octets; /* of an address; 0: none is found */
    unsigned at;     /* the source */
} rows[] = {
    { "Ethernet, IPv4", DLT_EN10MB, MACS "0800" IP4, 4, 26 },
    { "Ethernet, IPv6", DLT_EN10MB, MACS "86dd" IP6, 16, 22 },
    { "a VLAN", DLT_EN10MB, MACS "8100000a0800" IP4, 4, 30 },
    { "a VLAN in a VLAN", DLT_EN10MB, MACS "88a8000a8100000b86dd" IP6, 16, 30 },
    { "three tags", DLT_EN10MB, MACS "88a8000a8100000b8100000c0800" IP4, 0, 0 },
    { "ARP", DLT_EN10MB, MACS "0806" IP4, 0, 0 },
    { "a length, LLC", DLT_EN10MB, MACS "0026" IP4, 0, 0 },
    { "cooked", DLT_LINUX_SLL, "00000001000602000000000100000800" IP4, 4, 28 },
    { "cooked, version 2", DLT_LINUX_SLL2, "86dd000000000001000100060200000000010000" IP6, 16, 28 },
    { "raw, IPv4", DLT_RAW, IP4, 4, 12 },
    { "raw, IPv6", DLT_RAW, IP6, 16, 8 },
    { "raw, neither", DLT_RAW, "5500001400010000401100000a000001c0000209", 0, 0 },
    { "IPv4 of NFLOG", DLT_NFLOG, IP4, 4, 12 },
    { "IPv4 alone", DLT_IPV4, IP4, 4, 12 },
    { "a link that is not read", DLT_PPP, "ff030021" IP4, 0, 0 },
    { "no link type", -1, IP4, 0, 0 },
};

static void addresses_stand_where_they_stand(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        uint8_t frame[128];
        const size_t len = unhex(r->hex, frame, sizeof(frame));
        for (size_t n = 0; n <= len; n++) {
            struct expecting x;
            uint8_t *exact = malloc(n + 1); /* so that reading past its end is found */
            assert_non_null(exact);
            memcpy(exact + 1, frame, n);
            expecting_begin(&x);
            packet_expect(&x, r->dlt, cursor_of(exact + 1, n));
            const bool whole = n == len && r->octets;
            if (x.n4 != (whole && r->octets == 4 ? 2 : 0) || x.n6 != (whole && r->octets == 16 ? 2 : 0))
                fail_msg("%s, %zu octets: %u and %u addresses", r->what, n, x.n4, x.n6);
            const struct expected *e = r->octets == 4 ? x.e4 : x.e6;
            if (whole && (e[0].addr != exact + 1 + r->at || e[0].is_dst || !e[1].is_dst ||
                          e[1].addr != exact + 1 + r->at + r->octets))
                fail_msg("%s: not where it is", r->what);
            free(exact);
        }
    }
}

enum { PACKETS = PACKET_FRAMES, RAW = 12 };

static void feed(struct worker *w, bool together)
{
    struct app_packet p[PACKETS];
    struct packet_frame f[PACKETS];
    struct packet_feed pf;
    struct err e;
    fake_worker_init(w);
    fake_worker_need(w, "src_host,dst_host,src_port");
    w->keep = true;
    w->looks_up = together;
    assert_int_equal(packet_feed_open(&pf, w, "test", RAW, &e), 0);
    assert_int_equal(packet_feed_batch(&pf), together ? PACKETS : 1);
    for (unsigned i = 0; i < PACKETS; i++) {
        p[i] = app_packet((struct app_ends){ APP_UDP, .client = (uint8_t)i, .sport = (uint16_t)(i + 1) }, "x",
                          i % 2);
        f[i] = (struct packet_frame){ p[i].b, i % 5 ? p[i].len : 10, p[i].len, i };
    }
    for (unsigned i = 0; i < PACKETS; i += together ? PACKETS : 1)
        packet_feed_take_all(&pf, f + i, together ? PACKETS : 1);
    packet_feed_take_all(&pf, f, 0);
    packet_feed_close(&pf);
}

static void several_at_once_are_the_same(void **state)
{
    (void)state;
    struct worker one, many;
    feed(&one, false);
    feed(&many, true);
    assert_int_equal(one.expected, 0);
    assert_int_not_equal(many.expected, 0);
    assert_int_equal(one.n, many.n);
    assert_true(one.n > PACKETS / 2 && one.n < PACKETS);
    for (unsigned i = 0; i < one.n; i++) {
        assert_memory_equal(&one.flow[i].src_host, &many.flow[i].src_host, sizeof(struct addr));
        assert_memory_equal(&one.flow[i].dst_host, &many.flow[i].dst_host, sizeof(struct addr));
        assert_int_equal(one.flow[i].src_port, many.flow[i].src_port);
        assert_int_equal(one.flow[i].start_us, many.flow[i].start_us);
        assert_int_equal(one.flow[i].bytes, many.flow[i].bytes);
    }
    fake_worker_free(&one);
    fake_worker_free(&many);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(addresses_stand_where_they_stand),
                                        cmocka_unit_test(several_at_once_are_the_same) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
