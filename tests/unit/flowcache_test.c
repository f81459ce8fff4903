/* SPDX-License-Identifier: BSD-2-Clause */
/* Flows come together and end when they should; time is injected. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>
#include "packet/flowcache.h"

#define SECOND INT64_C(1000000)
#define START (INT64_C(1700000000) * SECOND)

enum { KEY = 16, PROTO_AT = 8, TOLD_MAX = 64 };

/* What flowcache_conf.out has told. */
struct told {
    unsigned n;
    uint64_t packets, bytes;
    struct {
        uint64_t id, packets, bytes;
        int64_t first_us, last_us;
        uint8_t tcpflags, direction, attr;
        unsigned begun;
        enum flow_end why;
    } last[TOLD_MAX];
};

static void out(void *arg, const struct flow_entry *e, enum flow_end why)
{
    struct told *t = arg;
    uint64_t id;
    memcpy(&id, e->key, sizeof(id));
    t->packets += e->packets;
    t->bytes += e->bytes;
    unsigned i = t->n++ % TOLD_MAX;
    t->last[i].id = id;
    t->last[i].packets = e->packets;
    t->last[i].bytes = e->bytes;
    t->last[i].first_us = e->first_us;
    t->last[i].last_us = e->last_us;
    t->last[i].tcpflags = e->tcpflags;
    t->last[i].direction = e->direction;
    t->last[i].attr = e->key[PROTO_AT + 1];
    t->last[i].begun = e->begun;
    t->last[i].why = why;
}

static struct flowcache_conf conf_of(struct told *t)
{
    return (struct flowcache_conf){ .idle_s = { 100, 200, 20, 50, 30, 10 },
                                    .maxlife_s = 1000,
                                    .life_s = { 60, 60, 10, 30, 60, 60 },
                                    .interval_s = 0,
                                    .flows_max = 100000,
                                    .key_max = KEY,
                                    .proto_off = PROTO_AT,
                                    .packet_clock = true,
                                    .out = out,
                                    .arg = t };
}

struct packet {
    uint64_t id;
    uint16_t proto; /* the high octet stands behind it */
    uint8_t flags, direction;
    int64_t at_us;
    uint64_t bytes;
};

static void add(struct flowcache *fc, struct packet p)
{
    _Alignas(8) uint8_t room[sizeof(struct record) + KEY];
    struct record *r = (struct record *)room;
    *r = (struct record){ .tcpflags = p.flags,
                          .direction = p.direction & 3,
                          .packets = 1,
                          .bytes = p.bytes ? p.bytes : 100,
                          .start_us = p.at_us };
    record_set_key_len(r, KEY);
    memset(r->key, 0, KEY);
    memcpy(r->key, &p.id, sizeof(p.id));
    r->key[PROTO_AT] = (uint8_t)p.proto;
    r->key[PROTO_AT + 1] = (uint8_t)(p.proto >> 8);
    flowcache_add(fc, room, sizeof(room));
}

static void all_expired(struct flowcache *fc)
{
    while (flowcache_expire(fc, 7))
        ;
}

/* How many flows an entry stands for: silence ends one, and a connection that was closed begins anew with the
 * next SYN. */
static void flows_begin_anew(void **state)
{
    (void)state;
    enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };
    static const struct {
        struct packet p[5];
        unsigned n, begun;
    } rows[] = {
        { { { 1, IPPROTO_UDP, 0, 0, START, 0 }, { 1, IPPROTO_UDP, 0, 0, START + 60 * SECOND, 0 } }, 2, 1 },
        { { { 1, IPPROTO_UDP, 0, 0, START, 0 }, { 1, IPPROTO_UDP, 0, 0, START + 60 * SECOND + 1, 0 } },
          2,
          2 },
        { { { 1, IPPROTO_TCP, SYN, 0, START, 0 },
            { 1, IPPROTO_TCP, SYN, 0, START + 1, 0 }, /* once more */
            { 1, IPPROTO_TCP, FIN | ACK, 0, START + 2, 0 },
            { 1, IPPROTO_TCP, ACK, 0, START + 3, 0 },
            { 1, IPPROTO_TCP, SYN, 0, START + 4, 0 } },
          5,
          2 },
        { { { 1, IPPROTO_TCP, SYN, 0, START, 0 },
            { 1, IPPROTO_TCP, RST, 0, START + 1, 0 },
            { 1, IPPROTO_TCP, SYN | ACK, 0, START + 2, 0 } }, /* no beginning of this side */
          3,
          1 },
        { { { 1, IPPROTO_TCP, RST, 0, START, 0 }, { 1, IPPROTO_TCP, ACK, 0, START + 11 * SECOND, 0 } },
          2,
          2 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct told t = { 0 };
        struct flowcache_conf c = conf_of(&t);
        struct flowcache *fc = flowcache_new(&c);
        for (unsigned k = 0; k < rows[i].n; k++)
            add(fc, rows[i].p[k]);
        flowcache_end_all(fc, 100);
        assert_int_equal(t.n, 1);
        if (t.last[0].begun != rows[i].begun)
            fail_msg("row %zu: %u", i, t.last[0].begun);
        flowcache_free(fc);
    }
}

/* Entries of every size, enough of them for tables to be allocated in large pieces. */
static void entries_of_every_size(void **state)
{
    (void)state;
    for (uint32_t key_max = KEY; key_max <= 480; key_max += 32) {
        struct told t = { 0 };
        struct flowcache_conf c = conf_of(&t);
        c.key_max = key_max;
        struct flowcache *fc = flowcache_new(&c);
        for (unsigned i = 0; i < 100; i++)
            add(fc, (struct packet){ i, IPPROTO_UDP, 0, 0, START + i, 0 });
        assert_int_equal(flowcache_count(fc), 100);
        flowcache_free(fc);
    }
}

/* Keys for which entries have no room (long labels) are not followed, and not lost. */
static void long_keys_are_told_at_once(void **state)
{
    (void)state;
    struct told t = { 0 };
    struct flowcache_conf c = conf_of(&t);
    c.key_max = 8;
    struct flowcache *fc = flowcache_new(&c);
    for (unsigned i = 0; i < 3; i++)
        add(fc, (struct packet){ 7, IPPROTO_UDP, 0, 0, START + i, 0 });
    assert_int_equal(t.n, 3);
    assert_int_equal(t.packets, 3);
    assert_int_equal(t.last[2].id, 7);
    assert_int_equal(flowcache_count(fc), 0);
    assert_int_equal(flowcache_too_long(fc), 3);
    flowcache_free(fc);
}

/* What is known of a flow only after some packets does not keep these apart; the last word counts. */
static void attributes_keep_nothing_apart(void **state)
{
    (void)state;
    struct told t = { 0 };
    struct flowcache_conf c = conf_of(&t);
    c.attr_off = PROTO_AT + 1;
    c.attr_len = 3;
    struct flowcache *fc = flowcache_new(&c);
    for (unsigned i = 0; i < 3000; i++)
        add(fc, (struct packet){ i % 1000, (uint16_t)(IPPROTO_UDP | i / 1000 << 8), 0, 0, START + i, 0 });
    assert_int_equal(flowcache_count(fc), 1000);
    add(fc, (struct packet){ 1, IPPROTO_TCP | 9 << 8, 0, 0, START, 0 }); /* what stands around them does */
    assert_int_equal(flowcache_count(fc), 1001);
    while (flowcache_end_all(fc, 1))
        assert_true(t.last[(t.n - 1) % TOLD_MAX].attr == 2 || t.last[(t.n - 1) % TOLD_MAX].attr == 9);
    assert_int_equal(t.n, 1001);
    assert_int_equal(t.packets, 3001);
    flowcache_free(fc);
}

static void packets_of_a_key_are_one_flow(void **state)
{
    (void)state;
    struct told t = { 0 };
    struct flowcache_conf c = conf_of(&t);
    struct flowcache *fc = flowcache_new(&c);
    add(fc, (struct packet){ 1, IPPROTO_TCP, 2, 0, START, 60 });
    add(fc, (struct packet){ 2, IPPROTO_UDP, 0, 0, START + 1, 0 });
    add(fc, (struct packet){ 1, IPPROTO_TCP, 16, 0, START + 1500000, 1000 });
    add(fc, (struct packet){ 1, IPPROTO_TCP, 16, 0, START - 1, 40 }); /* out of order */
    add(fc, (struct packet){ 1, IPPROTO_TCP, 16, 1, START, 40 });     /* the other direction */
    assert_int_equal(flowcache_count(fc), 3);
    assert_false(flowcache_end_all(fc, 100));
    assert_int_equal(t.n, 3);
    assert_int_equal(t.packets, 5);
    for (unsigned i = 0; i < 3; i++)
        if (t.last[i].id == 1 && t.last[i].direction == 0) {
            assert_int_equal(t.last[i].packets, 3);
            assert_int_equal(t.last[i].bytes, 1100);
            assert_int_equal(t.last[i].first_us, START - 1);
            assert_int_equal(t.last[i].last_us, START + 1500000);
            assert_int_equal(t.last[i].tcpflags, 18);
        }
    flowcache_free(fc);
}

/* Each class by its timeout: not a second early, not one late. */
static void idle_flows_end_by_their_class(void **state)
{
    (void)state;
    static const struct {
        uint8_t proto, flags;
        int idle_s;
    } rows[] = { { IPPROTO_TCP, 16, 200 }, { IPPROTO_TCP, 4, 20 },  { IPPROTO_TCP, 1, 50 },
                 { IPPROTO_UDP, 0, 30 },   { IPPROTO_ICMP, 0, 10 }, { IPPROTO_ICMPV6, 0, 10 },
                 { IPPROTO_GRE, 0, 100 },  { IPPROTO_TCP, 5, 20 } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct told t = { 0 };
        struct flowcache_conf c = conf_of(&t);
        c.packet_clock = false;
        struct flowcache *fc = flowcache_new(&c);
        flowcache_clock(fc, START);
        add(fc, (struct packet){ 1, rows[i].proto, rows[i].flags, 0, START, 0 });
        flowcache_clock(fc, START + (rows[i].idle_s - 1) * SECOND);
        all_expired(fc);
        assert_int_equal(t.n, 0);
        flowcache_clock(fc, START + rows[i].idle_s * SECOND);
        all_expired(fc);
        assert_int_equal(t.n, 1);
        assert_int_equal(t.last[0].why, FLOW_END_IDLE);
        assert_int_equal(flowcache_count(fc), 0);
        flowcache_free(fc);
    }
}

static void a_packet_puts_the_end_off(void **state)
{
    (void)state;
    struct told t = { 0 };
    struct flowcache_conf c = conf_of(&t);
    struct flowcache *fc = flowcache_new(&c);
    for (int s = 0; s <= 900; s += 25) {
        add(fc, (struct packet){ 1, IPPROTO_UDP, 0, 0, START + s * SECOND, 0 });
        all_expired(fc);
    }
    assert_int_equal(t.n, 0);
    for (int s = 925; s < 1100; s += 25) { /* maxlife: told in parts */
        add(fc, (struct packet){ 1, IPPROTO_UDP, 0, 0, START + s * SECOND, 0 });
        all_expired(fc);
    }
    assert_int_equal(t.n, 1);
    assert_int_equal(t.last[0].why, FLOW_END_ACTIVE);
    assert_int_equal(t.last[0].packets, 41);
    assert_int_equal(flowcache_count(fc), 1);
    flowcache_free(fc);
}

/* A FIN or RST brings the end nearer, though the entry hung where the longer timeout would have come. */
static void the_end_of_a_connection_counts(void **state)
{
    (void)state;
    struct told t = { 0 };
    struct flowcache_conf c = conf_of(&t);
    struct flowcache *fc = flowcache_new(&c);
    add(fc, (struct packet){ 1, IPPROTO_TCP, 2, 0, START, 0 });
    add(fc, (struct packet){ 2, IPPROTO_TCP, 2, 0, START, 0 });
    add(fc, (struct packet){ 3, IPPROTO_TCP, 2, 0, START, 0 });
    add(fc, (struct packet){ 1, IPPROTO_TCP, 17, 0, START + SECOND, 0 });
    add(fc, (struct packet){ 2, IPPROTO_TCP, 4, 0, START + SECOND, 0 });
    add(fc, (struct packet){ 9, IPPROTO_TCP, 2, 0, START + 21 * SECOND, 0 });
    all_expired(fc);
    assert_int_equal(t.n, 1);
    assert_int_equal(t.last[0].id, 2);
    add(fc, (struct packet){ 9, IPPROTO_TCP, 2, 0, START + 51 * SECOND, 0 });
    all_expired(fc);
    assert_int_equal(t.n, 2);
    assert_int_equal(t.last[1].id, 1);
    assert_int_equal(flowcache_count(fc), 2);
    flowcache_free(fc);
}

static void ends_come_together_at_intervals(void **state)
{
    (void)state;
    struct told t = { 0 };
    struct flowcache_conf c = conf_of(&t);
    c.interval_s = 60;
    struct flowcache *fc = flowcache_new(&c);
    const int64_t start = START / (60 * SECOND) * (60 * SECOND);
    for (uint64_t i = 0; i < 10; i++)
        add(fc, (struct packet){ i, IPPROTO_UDP, 0, 0, start + (int64_t)i * SECOND, 0 });
    add(fc, (struct packet){ 99, IPPROTO_TCP, 0, 0, start + 59 * SECOND, 0 });
    all_expired(fc);
    assert_int_equal(t.n, 0);
    add(fc, (struct packet){ 99, IPPROTO_TCP, 0, 0, start + 60 * SECOND, 0 });
    all_expired(fc);
    assert_int_equal(t.n, 10);
    flowcache_free(fc);
}

/* Timeouts that reach further than the wheel is round, and a clock that leaps over all of it. */
static void long_timeouts_and_leaps(void **state)
{
    (void)state;
    struct told t = { 0 };
    struct flowcache_conf c = conf_of(&t);
    c.idle_s[FC_TCP] = 100000;
    c.maxlife_s = 604800;
    c.packet_clock = false;
    struct flowcache *fc = flowcache_new(&c);
    flowcache_clock(fc, START);
    add(fc, (struct packet){ 1, IPPROTO_TCP, 0, 0, START, 0 });
    for (int s = 1; s < 100000; s += 333) {
        flowcache_clock(fc, START + s * SECOND);
        all_expired(fc);
    }
    assert_int_equal(t.n, 0);
    flowcache_clock(fc, START + 100000 * SECOND);
    all_expired(fc);
    assert_int_equal(t.n, 1);
    for (uint64_t i = 0; i < 50; i++)
        add(fc, (struct packet){ i, IPPROTO_UDP, 0, 0, START, 0 });
    flowcache_clock(fc, START + 100000000 * SECOND);
    all_expired(fc);
    assert_int_equal(t.n, 51);
    flowcache_clock(fc, START); /* never back */
    assert_int_equal(flowcache_now(fc), START + 100000000 * SECOND);
    flowcache_free(fc);
}

static void too_many_flows_end_the_first_ones(void **state)
{
    (void)state;
    struct told t = { 0 };
    struct flowcache_conf c = conf_of(&t);
    c.flows_max = 1000;
    struct flowcache *fc = flowcache_new(&c);
    for (uint64_t i = 0; i < 5000; i++) {
        add(fc, (struct packet){ i, IPPROTO_UDP, 0, 0, START + (int64_t)i * 1000, 0 });
        assert_true(flowcache_count(fc) <= 1000);
    }
    assert_int_equal(t.n + flowcache_count(fc), 5000);
    assert_true(flowcache_forced(fc) == t.n && t.n >= 4000);
    while (flowcache_end_all(fc, 10))
        ;
    assert_int_equal(t.packets, 5000);
    flowcache_free(fc);
}

static void big_flows_end_at_once(void **state)
{
    (void)state;
    struct told t = { 0 };
    struct flowcache_conf c = conf_of(&t);
    c.bytes_max = 1000;
    struct flowcache *fc = flowcache_new(&c);
    for (unsigned i = 0; i < 5; i++)
        add(fc, (struct packet){ 1, IPPROTO_TCP, 0, 0, START, 400 });
    assert_int_equal(t.n, 1);
    assert_int_equal(t.last[0].bytes, 1200);
    assert_int_equal(flowcache_count(fc), 1);
    flowcache_free(fc);
}

static void without_cache_each_packet_is_told(void **state)
{
    (void)state;
    struct told t = { 0 };
    struct flowcache_conf c = conf_of(&t);
    struct flowcache *fc = flowcache_new(&c);
    _Alignas(8) uint8_t room[sizeof(struct record) + KEY] = { 0 };
    struct record *r = (struct record *)room;
    *r = (struct record){ .packets = 1, .bytes = 77, .start_us = START };
    record_set_key_len(r, KEY);
    for (unsigned i = 0; i < 3; i++)
        flowcache_pass(fc, room, sizeof(room));
    assert_int_equal(t.n, 3);
    assert_int_equal(t.bytes, 231);
    assert_int_equal(flowcache_count(fc), 0);
    flowcache_free(fc);
}

/* Nothing is lost or doubled while the table grows, entries come and go, and the clock runs. */
static void sums_hold_under_churn(void **state)
{
    (void)state;
    struct told t = { 0 };
    struct flowcache_conf c = conf_of(&t);
    c.idle_s[FC_UDP] = 3;
    struct flowcache *fc = flowcache_new(&c);
    uint64_t x = 88172645463325252u, bytes = 0;
    for (unsigned i = 0; i < 300000; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        uint64_t size = 40 + x % 1400;
        bytes += size;
        add(fc, (struct packet){ x % 50000, IPPROTO_UDP, 0, 0, START + i * INT64_C(100), size });
        if (i % 1000 == 0)
            flowcache_expire(fc, 200);
    }
    while (flowcache_end_all(fc, 1000))
        ;
    assert_int_equal(t.packets, 300000);
    assert_int_equal(t.bytes, bytes);
    assert_int_equal(flowcache_count(fc), 0);
    flowcache_free(fc);
}

/* Flows that end within a group of records move others: those must be found all the same. Held against a
 * plain array. */
static void flows_end_within_a_batch(void **state)
{
    (void)state;
    enum { KEYS = 2000, BATCH = 64, ROUNDS = 4000, OCTETS_MAX = 900, SIZE = sizeof(struct record) + KEY };
    static uint64_t octets[KEYS], packets[KEYS];
    static _Alignas(8) uint8_t room[BATCH * SIZE];
    struct told t = { 0 };
    struct flowcache_conf c = conf_of(&t);
    unsigned ended = 0, followed = 0;
    uint64_t random = 42;
    c.bytes_max = OCTETS_MAX;
    struct flowcache *fc = flowcache_new(&c);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < BATCH; i++) {
            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            uint64_t key = (random >> 33) % KEYS, bytes = 40 + (random >> 50) % 300;
            struct record *r = (struct record *)(room + i * SIZE);
            *r = (struct record){ .packets = 1, .bytes = bytes, .start_us = START };
            record_set_key_len(r, KEY);
            memset(r->key, 0, KEY);
            memcpy(r->key, &key, sizeof(key));
            octets[key] += bytes;
            if (++packets[key] > 1 && octets[key] > OCTETS_MAX) {
                ended++;
                octets[key] = packets[key] = 0;
            }
        }
        flowcache_add(fc, room, sizeof(room));
        assert_int_equal(t.n, ended);
    }
    for (unsigned i = 0; i < KEYS; i++)
        followed += packets[i] > 0;
    assert_int_equal(flowcache_count(fc), followed);
    assert_true(ended > 1000);
    while (flowcache_end_all(fc, 1000))
        ;
    assert_int_equal(t.packets, ROUNDS * BATCH);
    flowcache_free(fc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flows_end_within_a_batch),
        cmocka_unit_test(attributes_keep_nothing_apart),
        cmocka_unit_test(entries_of_every_size),
        cmocka_unit_test(long_keys_are_told_at_once),
        cmocka_unit_test(flows_begin_anew),
        cmocka_unit_test(packets_of_a_key_are_one_flow),
        cmocka_unit_test(idle_flows_end_by_their_class),
        cmocka_unit_test(a_packet_puts_the_end_off),
        cmocka_unit_test(the_end_of_a_connection_counts),
        cmocka_unit_test(ends_come_together_at_intervals),
        cmocka_unit_test(long_timeouts_and_leaps),
        cmocka_unit_test(too_many_flows_end_the_first_ones),
        cmocka_unit_test(big_flows_end_at_once),
        cmocka_unit_test(without_cache_each_packet_is_told),
        cmocka_unit_test(sums_hold_under_churn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
