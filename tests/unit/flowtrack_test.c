/* SPDX-License-Identifier: BSD-2-Clause */
/* Which packets begin a flow: states of TCP, lifetimes, both directions, the table when it grows and when it
 * may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "packet/flowtrack.h"

#define START_US INT64_C(1700000000000000)

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16, TCP = 6, UDP = 17, ICMP = 1 };

struct packet {
    double at_s; /* after the start */
    bool back;   /* the answer's direction */
    uint8_t proto, flags;
    uint8_t begins; /* flows that it is to begin */
};

struct row {
    const char *name;
    unsigned n;
    struct packet p[10];
};

#define OPEN3                                                                                                \
    { 0, 0, TCP, SYN, 1 }, { 0.1, 1, TCP, SYN | ACK, 1 }, { 0.2, 0, TCP, ACK, 0 }

/* Lifetimes: 30 s, of open connections 100 s. */
static const struct row rows[] = {
    { "each direction once", 4, { OPEN3, { 0.3, 1, TCP, ACK, 0 } } },
    { "answers first", 3, { { 0, 1, TCP, SYN | ACK, 1 }, { 1, 0, TCP, ACK, 1 }, { 2, 1, TCP, ACK, 0 } } },
    { "udp within its lifetime", 2, { { 0, 0, UDP, 0, 1 }, { 30, 0, UDP, 0, 0 } } },
    { "udp after it", 2, { { 0, 0, UDP, 0, 1 }, { 31, 0, UDP, 0, 1 } } },
    { "each packet prolongs it",
      4,
      { { 0, 0, UDP, 0, 1 }, { 25, 0, UDP, 0, 0 }, { 50, 0, UDP, 0, 0 }, { 75, 0, UDP, 0, 0 } } },
    { "answers prolong it",
      4,
      { { 0, 0, UDP, 0, 1 }, { 25, 1, UDP, 0, 1 }, { 50, 1, UDP, 0, 0 }, { 75, 0, UDP, 0, 0 } } },
    { "both directions begin anew",
      4,
      { { 0, 0, UDP, 0, 1 }, { 1, 1, UDP, 0, 1 }, { 40, 1, UDP, 0, 1 }, { 41, 0, UDP, 0, 1 } } },
    { "a packet from the past", 2, { { 50, 0, UDP, 0, 1 }, { 0, 0, UDP, 0, 0 } } },
    { "and it does not shorten the lifetime",
      3,
      { { 50, 0, UDP, 0, 1 }, { 40, 0, UDP, 0, 0 }, { 75, 0, UDP, 0, 0 } } },
    { "icmp", 3, { { 0, 0, ICMP, 0, 1 }, { 1, 0, ICMP, 0, 0 }, { 1, 1, ICMP, 0, 1 } } },
    { "syn alone: 60 s", 2, { { 0, 0, TCP, SYN, 1 }, { 60, 0, TCP, SYN, 0 } } },
    { "syn alone: and no more", 2, { { 0, 0, TCP, SYN, 1 }, { 61, 0, TCP, SYN, 1 } } },
    { "half open: 60 s", 3, { { 0, 0, TCP, SYN, 1 }, { 1, 1, TCP, SYN | ACK, 1 }, { 62, 0, TCP, ACK, 1 } } },
    { "open: its lifetime", 4, { OPEN3, { 100.2, 0, TCP, ACK, 0 } } },
    { "open: and no more", 4, { OPEN3, { 101.3, 0, TCP, ACK, 1 } } },
    { "seen without a SYN: open", 2, { { 0, 0, TCP, ACK, 1 }, { 100, 0, TCP, ACK, 0 } } },
    { "a SYN does not close an open one", 5, { OPEN3, { 5, 0, TCP, SYN, 0 }, { 100, 0, TCP, ACK, 0 } } },
    { "FIN: 30 s", 5, { OPEN3, { 1, 0, TCP, FIN | ACK, 0 }, { 31, 1, TCP, ACK, 0 } } },
    { "FIN: and no more", 5, { OPEN3, { 1, 0, TCP, FIN | ACK, 0 }, { 32, 1, TCP, ACK, 1 } } },
    { "what follows a FIN does not open it",
      6,
      { OPEN3, { 1, 0, TCP, FIN | ACK, 0 }, { 2, 1, TCP, ACK, 0 }, { 33, 1, TCP, ACK, 1 } } },
    { "RST: 10 s", 5, { OPEN3, { 1, 0, TCP, RST, 0 }, { 11, 1, TCP, ACK, 0 } } },
    { "RST: and no more", 5, { OPEN3, { 1, 0, TCP, RST | ACK, 0 }, { 12, 1, TCP, ACK, 1 } } },
    { "RST after FIN", 6, { OPEN3, { 1, 0, TCP, FIN, 0 }, { 2, 1, TCP, RST, 0 }, { 13, 0, TCP, ACK, 1 } } },
    { "refused, and tried again",
      4,
      { { 0, 0, TCP, SYN, 1 },
        { 0, 1, TCP, RST | ACK, 1 },
        { 1, 0, TCP, SYN, 1 },
        { 1, 1, TCP, RST | ACK, 1 } } },
    { "ports used again after FIN",
      7,
      { OPEN3,
        { 1, 0, TCP, FIN, 0 },
        { 1, 1, TCP, FIN, 0 },
        { 3, 0, TCP, SYN, 1 },
        { 3, 1, TCP, SYN | ACK, 1 } } },
    { "the answer to a lost SYN is no new connection",
      5,
      { OPEN3, { 1, 0, TCP, FIN, 0 }, { 3, 1, TCP, SYN | ACK, 0 } } },
};

static struct flowtrack *table(size_t octets)
{
    struct flowtrack_conf c = { .lifetime_s = 30, .tcp_lifetime_s = 100, .bytes_max = octets, .seed = 42 };
    struct err e;
    struct flowtrack *t = flowtrack_new(&c, &e);
    assert_non_null(t);
    return t;
}

static struct flow flow_of(uint32_t number, bool back, uint8_t proto, uint8_t flags)
{
    struct flow f = { .proto = proto, .tcpflags = flags };
    uint8_t a[4] = { 10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number };
    uint8_t b[4] = { 10, 255, 0, 1 };
    addr_set_v4(back ? &f.dst_host : &f.src_host, a);
    addr_set_v4(back ? &f.src_host : &f.dst_host, b);
    if (proto != ICMP) {
        f.src_port = back ? 80 : 1000;
        f.dst_port = back ? 1000 : 80;
    }
    return f;
}

static void packets_begin_flows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct flowtrack *t = table(1 << 20);
        for (unsigned k = 0; k < rows[i].n; k++) {
            const struct packet *p = &rows[i].p[k];
            struct flow f = flow_of(1, p->back, p->proto, p->flags);
            unsigned begins = flowtrack_packet(t, &f, START_US + (int64_t)(p->at_s * 1e6));
            if (begins != p->begins)
                fail_msg("%s, packet %u: begins %u flows, not %u", rows[i].name, k + 1, begins, p->begins);
        }
        assert_int_equal(flowtrack_count(t), 1);
        flowtrack_free(t);
    }
}

static void conversations_are_told_apart(void **state)
{
    (void)state;
    struct flowtrack *t = table(1 << 20);
    struct flow f[6];
    for (unsigned i = 0; i < 6; i++)
        f[i] = flow_of(1, false, UDP, 0);
    f[1].src_port++;
    f[2].dst_port++;
    f[3].proto = TCP;
    f[4].src_host.b[15]++;
    f[5].src_port = f[0].dst_port; /* the ports the other way round: no answer to the first */
    f[5].dst_port = f[0].src_port;
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < 6; i++)
            assert_int_equal(flowtrack_packet(t, &f[i], START_US), round == 0);
    assert_int_equal(flowtrack_count(t), 6);
    struct flow same = f[0];
    same.dst_host = same.src_host; /* a host and itself, one port: one direction */
    same.dst_port = same.src_port;
    assert_int_equal(flowtrack_packet(t, &same, START_US), 1);
    assert_int_equal(flowtrack_packet(t, &same, START_US), 0);
    struct flow none = { .etype = 0x0806 };
    assert_int_equal(flowtrack_packet(t, &none, START_US), 0);
    struct flow fragment = f[0];
    fragment.src_port = fragment.dst_port = 0; /* nobody knows them */
    assert_int_equal(flowtrack_packet(t, &fragment, START_US), 0);
    assert_int_equal(flowtrack_count(t), 7);
    flowtrack_free(t);
}

static uint64_t add(struct flowtrack *t, uint32_t from, uint32_t n, int64_t at_us)
{
    uint64_t began = 0;
    for (uint32_t i = from; i < from + n; i++) {
        struct flow f = flow_of(i, i & 1, UDP, 0);
        began += flowtrack_packet(t, &f, at_us);
    }
    return began;
}

static void the_table_grows(void **state)
{
    (void)state;
    struct flowtrack *t = table(64 << 20);
    size_t small = flowtrack_memory(t);
    assert_int_equal(add(t, 0, 100000, START_US), 100000);
    assert_int_equal(add(t, 0, 100000, START_US), 0); /* all of them are found again */
    assert_int_equal(flowtrack_count(t), 100000);
    assert_int_equal(flowtrack_refused(t), 0);
    assert_true(flowtrack_memory(t) > small);
    assert_true(flowtrack_memory(t) <= 100000 * 16 * 4);
    flowtrack_free(t);
}

/* What is over makes room before the table grows: new flows for ever, as many at a time. */
static void what_is_over_makes_room(void **state)
{
    (void)state;
    struct flowtrack *t = table(64 << 20);
    for (uint32_t i = 0; i < 200; i++)
        assert_int_equal(add(t, i * 1000, 1000, START_US + i * INT64_C(10000000)), 1000);
    assert_true(flowtrack_count(t) < 20000);
    assert_true(flowtrack_memory(t) <= 32768 * 16);
    flowtrack_free(t);
}

static void the_ceiling_is_counted(void **state)
{
    (void)state;
    enum { OCTETS = 16384, SLOTS = OCTETS / 16, FULL = SLOTS / 8 * 7 };
    struct flowtrack *t = table(OCTETS);
    assert_int_equal(add(t, 0, 2000, START_US), FULL);
    assert_int_equal(flowtrack_refused(t), 2000 - FULL);
    assert_int_equal(flowtrack_memory(t), OCTETS);
    assert_int_equal(add(t, 0, FULL, START_US + 20000000), 0); /* those in it go on */
    /* Silent ones leave: 31 s after the first packets, 11 s after the second ones: nothing; then all. */
    assert_int_equal(add(t, 5000, 10, START_US + 31000000), 0);
    assert_int_equal(add(t, 5000, FULL, START_US + 51000000), FULL);
    assert_int_equal(flowtrack_refused(t), 2000 - FULL + 10);
    flowtrack_free(t);
}

static void the_smallest_table_works(void **state)
{
    (void)state;
    struct flowtrack *t = table(1);
    assert_int_equal(add(t, 0, 1000, START_US), 56);
    assert_int_equal(add(t, 2000, 56, START_US + 40000000), 56);
    flowtrack_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_begin_flows),    cmocka_unit_test(conversations_are_told_apart),
        cmocka_unit_test(the_table_grows),        cmocka_unit_test(what_is_over_makes_room),
        cmocka_unit_test(the_ceiling_is_counted), cmocka_unit_test(the_smallest_table_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
