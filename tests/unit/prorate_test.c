/* SPDX-License-Identifier: BSD-2-Clause */
/* Flows shared among time bins, sums exact; and times stitched in the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/agg.h"
#include "core/project.h"
#include "output/prorate.h"

enum { KEY = 16, BIN_OFF = 8 };

static uint64_t memory[4096];

/* A record with a key of two words, the second one for the bin, and its times. */
static size_t make(uint8_t *at, uint64_t key, uint64_t packets, uint64_t bytes, int64_t start_us,
                   int64_t end_us)
{
    struct record *r = (struct record *)at;
    memset(r, 0, sizeof(*r) + KEY + sizeof(struct record_times));
    record_set_key_len(r, KEY + sizeof(struct record_times));
    r->packets = packets;
    r->bytes = bytes;
    r->flows = 1;
    memcpy(r->key, &key, sizeof(key));
    *record_times(r) = (struct record_times){ start_us, end_us };
    return record_size(r);
}

static const int64_t base = 1700000400; /* a whole minute */

static void shares(void **state)
{
    static const struct {
        int64_t from_s, to_s; /* after base */
        uint64_t packets, bytes;
        unsigned n;
        struct {
            int64_t bin;
            uint64_t packets, bytes;
        } want[4];
    } cases[] = {
        { 0, 60, 10, 1000, 1, { { 0, 10, 1000 } } },
        { 10, 50, 10, 1000, 1, { { 0, 10, 1000 } } },
        { 30, 90, 10, 1000, 2, { { 0, 5, 500 }, { 60, 5, 500 } } },
        { 30, 120, 9, 900, 2, { { 0, 3, 300 }, { 60, 6, 600 } } },
        { 50, 190, 14, 1401, 4, { { 0, 1, 100 }, { 60, 6, 600 }, { 120, 6, 600 }, { 180, 1, 101 } } },
        /* a packet is in one bin only, bytes in all */
        { 30, 90, 1, 3, 2, { { 0, 0, 1 }, { 60, 1, 2 } } },
        { 20, 10, 10, 1000, 1, { { 0, 10, 1000 } } }, /* backwards: not shared */
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bins b;
        struct prorate p = { 0 };
        bins_init(&b, (struct span){ 1, 'm' }, "m", 0, true, base);
        const size_t n = make((uint8_t *)memory, 7, cases[i].packets, cases[i].bytes,
                              (base + cases[i].from_s) * US_PER_S, (base + cases[i].to_s) * US_PER_S);
        assert_int_equal(prorate_run(&p, &b, (uint8_t *)memory, n, BIN_OFF, base * US_PER_S), 0);
        unsigned k = 0;
        for (size_t at = 0; at < p.len; k++) {
            const struct record *r = (const struct record *)(p.recs + at);
            int64_t bin;
            assert_true(k < cases[i].n);
            memcpy(&bin, r->key + BIN_OFF, sizeof(bin));
            assert_int_equal(record_key_len(r), KEY);
            assert_int_equal(bin - base, cases[i].want[k].bin);
            assert_int_equal(r->packets, cases[i].want[k].packets);
            assert_int_equal(r->bytes, cases[i].want[k].bytes);
            at += record_size(r);
        }
        assert_int_equal(k, cases[i].n);
        assert_int_equal(p.sums.records, 1);
        assert_int_equal(p.sums.bytes, cases[i].bytes);
        prorate_free(&p);
    }
}

/* Whatever the times, nothing is lost and nothing is added. */
static void sums_stay(void **state)
{
    struct bins b;
    struct prorate p = { 0 };
    size_t n = 0;
    uint64_t x = 88172645463325252u, packets = 0, bytes = 0, flows = 0;
    struct sums s = { 0 };
    (void)state;
    bins_init(&b, (struct span){ 1, 'm' }, "m", 0, true, base);
    for (unsigned i = 0; i < 200; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        const int64_t start = base * US_PER_S + (int64_t)(x % 600000000);
        const int64_t end = i % 9 == 0 ? 0 : i % 50 == 1 ? INT64_MAX : start + (int64_t)(x >> 20) % 900000000;
        n += make((uint8_t *)memory + n, i, x >> 40, x >> 30, i % 11 ? start : 0, end);
        packets += x >> 40;
        bytes += x >> 30;
        flows++;
    }
    assert_int_equal(prorate_run(&p, &b, (uint8_t *)memory, n, BIN_OFF, base * US_PER_S), 0);
    struct agg *t = agg_new();
    s = agg_add(t, p.recs, p.len);
    assert_int_equal(s.packets, packets);
    assert_int_equal(s.bytes, bytes);
    assert_int_equal(s.flows, flows);
    assert_int_equal(p.sums.records, 200);
    assert_int_equal(p.sums.packets, packets);
    agg_free(t);
    prorate_free(&p);
}

static void stitching(void **state)
{
    struct agg *t = agg_new_stitching(), *more = agg_new_stitching();
    size_t n = 0;
    uint64_t at = 0;
    (void)state;
    n += make((uint8_t *)memory + n, 1, 1, 10, 5000, 6000);
    n += make((uint8_t *)memory + n, 2, 1, 10, 100, 200);
    n += make((uint8_t *)memory + n, 1, 2, 20, 4000, 5500);
    n += make((uint8_t *)memory + n, 1, 4, 40, 7000, 7500);
    agg_add(t, (uint8_t *)memory, n);
    assert_int_equal(agg_count(t), 2);
    struct agg_entry *e = agg_next(t, &at);
    struct row r = agg_row(e);
    assert_int_equal(r.packets, 7);
    assert_int_equal(r.timestamp_min, 4000);
    assert_int_equal(r.timestamp_max, 7500);
    agg_merge(more, e);
    make((uint8_t *)memory, 1, 1, 1, 3000, 9000);
    agg_add(more, (uint8_t *)memory, record_size((struct record *)memory));
    e = agg_next(t, &at);
    agg_merge(more, e);
    at = 0;
    r = agg_row(agg_next(more, &at));
    assert_int_equal(r.packets, 8);
    assert_int_equal(r.timestamp_min, 3000);
    assert_int_equal(r.timestamp_max, 9000);
    r = agg_row(agg_next(more, &at));
    assert_int_equal(r.timestamp_min, 100);
    assert_int_equal(r.timestamp_max, 200);
    assert_null(agg_next(more, &at));
    agg_free(t);
    agg_free(more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares),
        cmocka_unit_test(sums_stay),
        cmocka_unit_test(stitching),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
