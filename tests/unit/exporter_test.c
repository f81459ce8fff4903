/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of exporters: bounds, who goes first, memory; sequence numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <arpa/inet.h>
#include <cmocka.h>
#include "netflow/exporter.h"

static const struct exporter_limits limits = { .exporters = 100, .templates = 4, .memory = 1 << 20 };

static struct exporter *get(struct exporters *xs, uint32_t host, uint32_t id, int64_t now_s,
                            unsigned *evicted)
{
    struct addr a;
    const uint32_t n = htonl(0x0a000000 + host);
    addr_set_v4(&a, &n);
    return exporters_get(xs, &a, 9, id, now_s * 1000000, evicted);
}

static void found_again(void **state)
{
    struct exporters xs;
    struct err e;
    unsigned evicted;
    (void)state;
    assert_int_equal(exporters_init(&xs, &limits, &e), 0);
    struct exporter *a = get(&xs, 1, 0, 0, &evicted), *b = get(&xs, 1, 1, 0, &evicted),
                    *c = get(&xs, 2, 0, 0, &evicted);
    assert_true(a != b && a != c && b != c);
    assert_ptr_equal(get(&xs, 1, 0, 5, &evicted), a);
    assert_ptr_equal(a->agent, b->agent);
    assert_true(a->agent != c->agent);
    assert_int_equal(xs.senders.n, 3);
    assert_int_equal(xs.n_agents, 2);
    exporters_free(&xs);
}

/* A flood of senders pushes out its own kind: exporters that brought data stay. */
static void flood(void **state)
{
    struct exporters xs;
    struct err e;
    unsigned evicted, gone = 0;
    (void)state;
    exporters_init(&xs, &limits, &e);
    struct exporter *good = get(&xs, 1, 0, 0, &evicted);
    exporters_prove(&xs, good);
    exporters_prove(&xs, good);
    good->s.packets = 42;
    for (uint32_t i = 0; i < 100000; i++) {
        get(&xs, 1000 + i, i, 0, &evicted);
        gone += evicted;
    }
    assert_int_equal(xs.senders.n, 100);
    assert_int_equal(gone, 100000 - 99);
    assert_int_equal(xs.senders.evicted, gone);
    assert_int_equal(get(&xs, 1, 0, 0, &evicted)->s.packets, 42);
    assert_true(xs.n_agents <= 100);
    exporters_free(&xs);
}

/* Among those that brought data the one that was silent for longest goes. */
static void oldest_goes(void **state)
{
    struct exporters xs;
    struct err e;
    unsigned evicted;
    (void)state;
    exporters_init(&xs, &limits, &e);
    for (uint32_t i = 0; i < 100; i++)
        exporters_prove(&xs, get(&xs, i, 0, 0, &evicted));
    for (uint32_t i = 0; i < 100; i++)
        if (i != 33)
            get(&xs, i, 0, 10, &evicted);
    exporters_prove(&xs, get(&xs, 500, 0, 11, &evicted));
    assert_int_equal(evicted, 1);
    get(&xs, 32, 0, 12, &evicted);
    assert_int_equal(evicted, 0);
    get(&xs, 33, 0, 13, &evicted); /* was gone: needs a place */
    assert_int_equal(evicted, 1);
    exporters_free(&xs);
}

static void memory(void **state)
{
    struct exporters xs;
    struct err e;
    unsigned evicted;
    (void)state;
    exporters_init(&xs, &limits, &e);
    struct exporter *x = NULL;
    for (uint32_t i = 0; i < 50; i++) {
        x = get(&xs, i, 0, 0, &evicted);
        for (uint64_t k = 0; k < 400; k++)
            options_set_text(&x->options, OPTION_IFACE, k, "name", 4);
        assert_true(exporters_settle(&xs, x, &evicted));
        assert_true(xs.senders.memory <= limits.memory);
    }
    assert_true(xs.senders.n < 50);
    for (uint64_t k = 0; k < 20000; k++) /* too much even when it is alone */
        options_set_text(&x->options, OPTION_IFACE, k, "name", 4);
    assert_false(exporters_settle(&xs, x, &evicted));
    assert_int_equal(x->options.n, 0);
    assert_true(xs.senders.n > 1); /* nobody else had to go */
    assert_true(xs.senders.memory <= limits.memory);
    exporters_free(&xs);
    assert_int_equal(xs.senders.memory, 0);
}

static void lookup_order(void **state)
{
    struct exporters xs;
    struct err e;
    unsigned evicted;
    (void)state;
    exporters_init(&xs, &limits, &e);
    struct exporter *x = get(&xs, 1, 0, 0, &evicted);
    assert_null(exporter_option(x, OPTION_SAMPLER, 1));
    options_set_rate(&x->agent->options, OPTION_SAMPLER, 1, 10);
    assert_int_equal(exporter_option(x, OPTION_SAMPLER, 1)->rate, 10);
    options_set_rate(&x->options, OPTION_SAMPLER, 1, 20);
    assert_int_equal(exporter_option(x, OPTION_SAMPLER, 1)->rate, 20);
    exporters_free(&xs);
}

static void sequence(void **state)
{
    static const struct {
        uint32_t seq, uptime, units;
        bool known;
        enum seq_verdict verdict;
    } row[] = {
        { 100, 1000000, 30, true, SEQ_GOOD }, /* the first one */
        { 130, 1001000, 30, true, SEQ_GOOD },
        { 190, 1002000, 30, true, SEQ_FORWARD }, /* 30 lost */
        { 160, 1001500, 30, true, SEQ_BACK },    /* came late */
        { 220, 1003000, 30, true, SEQ_GOOD },
        { 0, 2000, 30, true, SEQ_RESTART },
        { 30, 3000, 0, false, SEQ_GOOD }, /* could not be counted */
        { 4000000000, 4000, 294967296 - 1, true, SEQ_GOOD },
        { UINT32_MAX, 5000, 1, true, SEQ_GOOD },
        { 0, 6000, 1, true, SEQ_GOOD }, /* wrapped */
    };
    struct sender x = { 0 };
    uint32_t expected;
    (void)state;
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        const enum seq_verdict v = sender_sequence(&x, row[i].seq, row[i].uptime, &expected);
        assert_int_equal(v, row[i].verdict);
        sender_sequence_next(&x, v, row[i].seq, row[i].units, row[i].known);
    }
    assert_int_equal(x.seq_good, 7);
    assert_int_equal(x.seq_forward, 1);
    assert_int_equal(x.seq_back, 2);
    assert_int_equal(x.seq_lost, 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_again), cmocka_unit_test(flood),        cmocka_unit_test(oldest_goes),
        cmocka_unit_test(memory),      cmocka_unit_test(lookup_order), cmocka_unit_test(sequence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
