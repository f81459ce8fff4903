/* SPDX-License-Identifier: BSD-2-Clause */
/* Sharing among receivers: even, steady, and only the share of one that leaves moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "base/hash.h"
#include "plugins/tee_balance.h"

enum { RECEIVERS = 5, AGENTS = 20000 };

static struct tee_target all[RECEIVERS];

static struct tee_pool pool(enum tee_balance b, unsigned n)
{
    for (unsigned i = 0; i < RECEIVERS; i++) {
        char name[32];
        snprintf(name, sizeof(name), "198.51.100.%u:9995", i);
        all[i].identity = hash_bytes(name, strlen(name));
    }
    return (struct tee_pool){ .id = 1, .balance = b, .n = n, .target = all };
}

static struct datagram_record from(unsigned i)
{
    struct datagram_record d = { .tag = i };
    char text[64];
    snprintf(text, sizeof(text), i % 2 ? "2001:db8::%x" : "10.%u.%u.1", i % 2 ? i : i >> 8, i & 255);
    assert_int_equal(addr_parse(text, &d.from), 0);
    return d;
}

static void sticky_moves_what_it_must(enum tee_balance b)
{
    unsigned share[RECEIVERS] = { 0 };
    struct tee_target rest[RECEIVERS - 1];
    struct tee_pool whole = pool(b, RECEIVERS), less = pool(b, RECEIVERS - 1);
    /* The second one leaves, and the others stand in another order. */
    rest[0] = all[4];
    rest[1] = all[0];
    rest[2] = all[3];
    rest[3] = all[2];
    less.target = rest;
    for (unsigned i = 0; i < AGENTS; i++) {
        struct datagram_record d = from(i);
        unsigned was = tee_balance(&whole, &d);
        assert_int_equal(was, tee_balance(&whole, &d));
        assert_true(was < RECEIVERS);
        share[was]++;
        unsigned now = tee_balance(&less, &d);
        assert_true(now < RECEIVERS - 1);
        if (was != 1)
            assert_true(less.target[now].identity == whole.target[was].identity);
    }
    for (unsigned i = 0; i < RECEIVERS; i++)
        assert_in_range(share[i], AGENTS / RECEIVERS * 9 / 10, AGENTS / RECEIVERS * 11 / 10);
}

static void agents_stick(void **state)
{
    (void)state;
    sticky_moves_what_it_must(TEE_HASH_AGENT);
}

static void tags_stick(void **state)
{
    (void)state;
    sticky_moves_what_it_must(TEE_STICKY_TAG);
}

static void round_robin_takes_turns(void **state)
{
    (void)state;
    struct tee_pool p = pool(TEE_ROUND_ROBIN, 3);
    struct datagram_record d = from(0);
    unsigned first = tee_balance(&p, &d);
    for (unsigned i = 1; i < 10; i++)
        assert_int_equal(tee_balance(&p, &d), (first + i) % 3);
}

static void modulo_ways(void **state)
{
    static const struct {
        const char *from;
        uint64_t tag;
        uint32_t crc;
    } rows[] = {
        { "192.0.2.1", 7, 0x1238630e },
        { "10.0.0.7", UINT64_MAX, 0xd09daadb },
        { "2001:db8::1", 0, 0x7f92b058 },
    };
    (void)state;
    struct tee_pool tag = pool(TEE_HASH_TAG, RECEIVERS), crc = pool(TEE_HASH_CRC32, RECEIVERS);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct datagram_record d = { .tag = rows[i].tag };
        addr_parse(rows[i].from, &d.from);
        assert_int_equal(tee_balance(&tag, &d), rows[i].tag % RECEIVERS);
        assert_int_equal(tee_balance(&crc, &d), rows[i].crc % RECEIVERS);
    }
}

static void pools_take_by_tag(void **state)
{
    (void)state;
    struct err e;
    struct tee_pool p = pool(TEE_TO_ALL, 1);
    struct datagram_record d = { .tag = 5 };
    assert_true(tee_pool_takes(&p, &d));
    p.tags = tag_filter_parse("-5", &e);
    assert_false(tee_pool_takes(&p, &d));
    d.flags = DATAGRAM_FOR_ALL;
    assert_true(tee_pool_takes(&p, &d));
    tag_filter_free(p.tags);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(agents_stick), cmocka_unit_test(tags_stick),
                                        cmocka_unit_test(round_robin_takes_turns),
                                        cmocka_unit_test(modulo_ways), cmocka_unit_test(pools_take_by_tag) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
