/* SPDX-License-Identifier: BSD-2-Clause */
/* Time bins and refresh deadlines: past and future records, months, zones with summer time, offsets, the
 * order of purges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "output/bins.h"
#include "output/purge.h"

#define US(s) ((int64_t)(s)*US_PER_S)
#define NOW INT64_C(1700000000) /* 2023-11-14 22:13:20 UTC */

static void zone(const char *tz)
{
    setenv("TZ", tz, 1);
    tzset();
}

static void test_minutes(void **state)
{
    (void)state;
    struct bins b;
    zone("UTC");
    bins_init(&b, (struct span){ 5, 'm' }, "m", 0, false, NOW);
    assert_int_equal(b.base_s, 1699999800); /* 22:10 */
    assert_int_equal(bins_find(&b, US(NOW)), 1699999800);
    assert_int_equal(bins_find(&b, US(NOW) + 1), 1699999800);
    assert_int_equal(bins_find(&b, US(1699999800)), 1699999800);
    assert_int_equal(bins_find(&b, US(1699999800) - 1), 1699999500);
    assert_false(b.ahead);
    assert_int_equal(bins_find(&b, US(1700006399)), 1700006100); /* 23:59:59 → 23:55 */
    assert_true(b.ahead);
    assert_int_equal(bins_find(&b, US(NOW - 3600 - 3300)), 1699992900);
}

static void test_offset(void **state)
{
    (void)state;
    struct bins b;
    zone("UTC");
    bins_init(&b, (struct span){ 10, 'm' }, "h", 120, false, NOW);
    assert_int_equal(b.base_s % 600, 480); /* two minutes before the round time */
    assert_true(b.base_s <= NOW && NOW < b.base_s + 600);
}

static void test_zones(void **state)
{
    (void)state;
    struct bins b;
    zone("Asia/Kolkata"); /* +05:30 */
    bins_init(&b, (struct span){ 30, 'm' }, "m", 0, false, NOW);
    assert_int_equal(bins_find(&b, US(NOW)), 1699999200); /* 03:30 */
    bins_init(&b, (struct span){ 1, 'h' }, "h", 0, false, NOW);
    assert_int_equal(bins_find(&b, US(NOW)), 1699997400); /* 03:00 there, 21:30 UTC */
    bins_init(&b, (struct span){ 1, 'h' }, "h", 0, true, NOW);
    assert_int_equal(bins_find(&b, US(NOW)), 1699999200); /* 22:00 UTC */
    /* A day of 25 hours: 2023-10-29 in Berlin began at 22:00 UTC the day before and ended at 23:00 UTC. */
    zone("Europe/Berlin");
    bins_init(&b, (struct span){ 1, 'd' }, "d", 0, false, NOW);
    assert_int_equal(bins_find(&b, US(1698530400)), 1698530400);
    assert_int_equal(bins_find(&b, US(1698530400 + 25 * 3600 - 1)), 1698530400);
    assert_int_equal(bins_find(&b, US(1698530400 + 25 * 3600)), 1698530400 + 25 * 3600);
    zone("UTC");
}

static void test_months(void **state)
{
    (void)state;
    struct bins b;
    zone("UTC");
    bins_init(&b, (struct span){ 1, 'M' }, "d", 0, false, NOW);
    assert_int_equal(b.base_s, 1698796800);                      /* 2023-11-01 */
    assert_int_equal(bins_find(&b, US(1709164800)), 1706745600); /* 2024-02-29 → 2024-02-01 */
    assert_int_equal(bins_find(&b, US(1677628799)), 1675209600); /* 2023-02-28 23:59:59 → 2023-02-01 */
}

/* A purge right after a bin has ended writes it and leaves the new one; any other writes the open bin too. */
static void test_commit(void **state)
{
    (void)state;
    struct bins b;
    zone("UTC");
    bins_init(&b, (struct span){ 5, 'm' }, "m", 0, false, 1699999800);
    assert_int_equal(bins_commit(&b, US(1699999860)), 1699999800);
    assert_int_equal(bins_commit(&b, US(1700000100)), 1699999800); /* the next bin began this moment */
    bins_limit(&b, US(1700000100));
    assert_int_equal(bins_commit(&b, US(1700000160)), 1700000100);
    assert_int_equal(bins_commit(&b, US(1700000100 + 3000)),
                     1700000100 + 2700); /* several bins later: all closed ones */
    struct bins none;
    bins_init(&none, (struct span){ 0, 's' }, "", 0, false, NOW);
    assert_int_equal(bins_commit(&none, US(NOW)), 0);
}

/* Records older than the process: a record at a bound belongs to the bin that ends there. */
static void test_past(void **state)
{
    (void)state;
    struct bins b;
    zone("UTC");
    bins_init(&b, (struct span){ 1, 'm' }, "m", 0, false, NOW);
    assert_int_equal(b.base_s, 1699999980); /* 22:13 */
    static const int64_t at[][2] = { { 1699999980, 1699999980 }, { 1699999979, 1699999920 },
                                     { 1699999921, 1699999920 }, { 1699999920, 1699999860 },
                                     { 1699999921, 1699999920 }, { 1699999919, 1699999860 },
                                     { 1700000040, 1700000040 } };
    for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        assert_int_equal(bins_find(&b, US(at[i][0])), at[i][1]);
        assert_int_equal(bins_find(&b, US(at[i][0]) + 999999), at[i][1]);
    }
}

static void test_stamp(void **state)
{
    (void)state;
    struct bins b;
    struct {
        struct record r;
        uint8_t key[16];
    } recs[2];
    memset(recs, 0, sizeof(recs));
    for (int i = 0; i < 2; i++)
        record_set_key_len(&recs[i].r, 16);
    recs[0].r.start_us = US(NOW - 600);
    zone("UTC");
    bins_init(&b, (struct span){ 5, 'm' }, "m", 0, false, NOW);
    bins_stamp(&b, (uint8_t *)recs, sizeof(recs), 8, US(NOW));
    int64_t bin[2];
    memcpy(&bin[0], recs[0].r.key + 8, 8);
    memcpy(&bin[1], recs[1].r.key + 8, 8);
    assert_int_equal(bin[0], 1699999800 - 600);
    assert_int_equal(bin[1], 1699999800);
}

static void test_deadlines(void **state)
{
    (void)state;
    zone("UTC");
    assert_int_equal(deadline_first(US(NOW), 60, 0, "m", false), US(1700000040)); /* 22:14:00 */
    assert_int_equal(deadline_first(US(NOW), 300, 0, "h", false), US(1700000100));
    assert_int_equal(deadline_first(US(NOW), 60, 90, "m", false), US(1700000130));
    assert_int_equal(deadline_first(US(NOW), 2, 0, NULL, false), US(NOW + 2));
    assert_int_equal(deadline_next(US(100), US(100), 60), US(160));
    assert_int_equal(deadline_next(US(100), US(100) + 1, 60), US(160));
    assert_int_equal(deadline_next(US(100), US(1000), 60), US(1060)); /* slept: nothing is caught up */
    assert_int_equal(deadline_next(US(1000), US(100), 60), US(160));  /* the clock was set back */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minutes),   cmocka_unit_test(test_offset), cmocka_unit_test(test_zones),
        cmocka_unit_test(test_months),    cmocka_unit_test(test_commit), cmocka_unit_test(test_stamp),
        cmocka_unit_test(test_deadlines), cmocka_unit_test(test_past),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
