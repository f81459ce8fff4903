/* SPDX-License-Identifier: BSD-2-Clause */
/* Times as text and the arithmetic of bins, in zones with half hours, daylight saving time and changes at
 * midnight. The zones are spelt out, so that no zone files are needed. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"

#define UTC "UTC0"
#define KOLKATA "IST-5:30"
#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define NEW_YORK "EST5EDT,M3.2.0,M11.1.0"
#define HAVANA "CST5CDT,M3.2.0/0,M11.1.0/1" /* has a day without midnight and one with two */

static void zone(const char *tz)
{
    setenv("TZ", tz, 1);
    tzset();
}

/* "2023-11-14 22:13:20" of the zone in force; the earlier one where it comes twice. */
static int64_t at(const char *text)
{
    struct tm tm = { .tm_isdst = -1 };
    assert_non_null(strptime(text, "%Y-%m-%d %H:%M:%S", &tm));
    time_t t = mktime(&tm);
    struct tm before;
    time_t earlier = t - 3600;
    localtime_r(&earlier, &before);
    return before.tm_hour == tm.tm_hour && before.tm_min == tm.tm_min ? earlier : t;
}

static void assert_time(int64_t got_s, const char *want)
{
    char text[32];
    struct tm tm;
    time_t t = got_s;
    localtime_r(&t, &tm);
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
    assert_string_equal(text, want);
}

static void test_text(void **state)
{
    static const struct time_style local = { 0 }, utc = { .utc = true }, secs = { .secs = true },
                                   epoch = { .epoch = true }, rfc = { .rfc3339 = true },
                                   rfcutc = { .rfc3339 = true, .utc = true },
                                   epoch_secs = { .epoch = true, .secs = true };
    static const struct {
        const char *tz;
        int64_t at_us;
        const struct time_style *st;
        bool fraction;
        const char *want;
    } rows[] = {
        { UTC, 1700000000250000, &local, true, "2023-11-14 22:13:20.250000" },
        { UTC, 1700000000250000, &local, false, "2023-11-14 22:13:20" },
        { UTC, 1700000000250000, &secs, true, "2023-11-14 22:13:20.000000" },
        { UTC, 1700000000250000, &epoch, true, "1700000000.250000" },
        { UTC, 1700000000250000, &epoch, false, "1700000000" },
        { UTC, 1700000000250000, &epoch_secs, true, "1700000000.000000" },
        { UTC, 1700000000000007, &rfc, true, "2023-11-14T22:13:20.000007Z" },
        { UTC, 0, &local, true, "0000-00-00 00:00:00.000000" },
        { UTC, 0, &rfc, true, "0000-00-00 00:00:00.000000" },
        { UTC, 0, &epoch, true, "0.000000" },
        { UTC, -250000, &epoch, true, "-0.250000" },
        { UTC, -1250000, &epoch, true, "-1.250000" },
        { UTC, -1, &local, true, "1969-12-31 23:59:59.999999" },
        { UTC, 1, &local, true, "1970-01-01 00:00:00.000001" },
        { UTC, INT64_MAX, &rfc, false, "9999-12-30T00:00:00Z" },
        { UTC, INT64_MIN, &rfc, false, "0001-01-01T00:00:00Z" },
        { KOLKATA, 1700000000250000, &local, true, "2023-11-15 03:43:20.250000" },
        { KOLKATA, 1700000000250000, &utc, true, "2023-11-14 22:13:20.250000" },
        { KOLKATA, 1700000000250000, &rfc, false, "2023-11-15T03:43:20+05:30" },
        { KOLKATA, 1700000000250000, &rfcutc, false, "2023-11-14T22:13:20Z" },
        { NEW_YORK, 1700000000250000, &rfc, true, "2023-11-14T17:13:20.250000-05:00" },
        { BERLIN, 1690000000000000, &rfc, false, "2023-07-22T06:26:40+02:00" },
        { BERLIN, 1700000000000000, &rfc, false, "2023-11-14T23:13:20+01:00" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[TIME_TEXT];
        struct time_cache tc = { 0 };
        zone(rows[i].tz);
        for (int again = 0; again < 2; again++) {
            size_t n = time_text(rows[i].at_us, rows[i].st, rows[i].fraction, &tc, text);
            assert_true(n < TIME_TEXT);
            text[n] = '\0';
            assert_string_equal(text, rows[i].want);
        }
    }
}

/* One cache over times that jump to and fro gives what strftime gives. */
static void test_text_cached(void **state)
{
    static const char *const zones[] = { UTC, KOLKATA, BERLIN, HAVANA, "LMT+0:44:30" };
    static const struct time_style st = { 0 };
    (void)state;
    for (size_t z = 0; z < sizeof(zones) / sizeof(zones[0]); z++) {
        struct time_cache tc = { 0 };
        zone(zones[z]);
        uint32_t seed = 7;
        for (int i = 0; i < 20000; i++) {
            char text[TIME_TEXT], want[TIME_TEXT];
            seed = seed * 1103515245 + 12345;
            int64_t s = 1698500000 + seed % 90 + (seed >> 24) * 3600;
            struct tm tm;
            time_t t = s;
            localtime_r(&t, &tm);
            strftime(want, sizeof(want), "%Y-%m-%d %H:%M:%S", &tm);
            text[time_text(s * US_PER_S, &st, false, &tc, text)] = '\0';
            assert_string_equal(text, want);
        }
    }
}

static void test_strftime(void **state)
{
    static const struct {
        const char *tz, *fmt;
        bool utc;
        const char *want;
    } rows[] = {
        { KOLKATA, "o-%Y%m%d-%H%M.txt", false, "o-20231115-0343.txt" },
        { KOLKATA, "o-%Y%m%d-%H%M.txt", true, "o-20231114-2213.txt" },
        { KOLKATA, "%s", false, "1700000000" },
        { KOLKATA, "%s-%%s-%s", true, "1700000000-%s-1700000000" },
        { KOLKATA, "%H$tzone", false, "03$tzone" },
        { KOLKATA, "100%", false, "100%" },
        { KOLKATA, "", false, "" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[64] = "";
        zone(rows[i].tz);
        assert_int_equal(time_strftime(text, sizeof(text), rows[i].fmt, 1700000000250000, rows[i].utc),
                         strlen(rows[i].want));
        assert_string_equal(text, rows[i].want);
    }
    char small[4];
    assert_int_equal(time_strftime(small, sizeof(small), "%Y", 1700000000250000, true), 0);
}

static void test_roundoff(void **state)
{
    static const struct {
        const char *tz, *in, *letters, *out;
    } rows[] = {
        { UTC, "2023-11-14 22:13:20", NULL, "2023-11-14 22:13:00" },
        { UTC, "2023-11-14 22:13:20", "", "2023-11-14 22:13:00" },
        { UTC, "2023-11-14 22:13:20", "m", "2023-11-14 22:00:00" },
        { UTC, "2023-11-14 22:13:20", "h", "2023-11-14 00:00:00" },
        { UTC, "2023-11-14 22:13:20", "mh", "2023-11-14 00:00:00" },
        { UTC, "2023-11-14 22:13:20", "d", "2023-11-01 00:00:00" },
        { UTC, "2023-11-14 22:13:20", "mhd", "2023-11-01 00:00:00" },
        { UTC, "2023-11-14 22:13:20", "w", "2023-11-12 00:00:00" },
        { UTC, "2023-11-12 00:00:00", "w", "2023-11-12 00:00:00" },
        { UTC, "2023-11-14 22:13:20", "M", "2023-01-01 00:00:00" },
        { UTC, "2024-02-29 22:13:20", "d", "2024-02-01 00:00:00" },
        { KOLKATA, "2023-11-15 03:43:20", "m", "2023-11-15 03:00:00" },
        { KOLKATA, "2023-11-15 03:43:20", "h", "2023-11-15 00:00:00" },
        { KOLKATA, "2023-11-15 03:43:20", "w", "2023-11-12 00:00:00" },
        /* across the change of 2023-10-29, when 03:00 became 02:00, and of 2023-03-26 */
        { BERLIN, "2023-10-29 22:13:20", "h", "2023-10-29 00:00:00" },
        { BERLIN, "2023-10-29 02:30:30", "m", "2023-10-29 02:00:00" },
        { BERLIN, "2023-03-26 03:30:30", "m", "2023-03-26 03:00:00" },
        { BERLIN, "2023-03-26 12:00:01", "h", "2023-03-26 00:00:00" },
        { BERLIN, "2023-11-03 12:00:01", "w", "2023-10-29 00:00:00" },
        { BERLIN, "2023-11-03 12:00:01", "M", "2023-01-01 00:00:00" },
        { BERLIN, "2023-10-31 12:00:01", "d", "2023-10-01 00:00:00" },
        { HAVANA, "2024-03-10 12:00:00", "h", "2024-03-10 01:00:00" }, /* there was no 00:00 */
        { HAVANA, "2024-03-12 12:00:00", "w", "2024-03-10 01:00:00" },
        { HAVANA, "2024-11-03 12:00:00", "h", "2024-11-03 00:00:00" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        zone(rows[i].tz);
        int64_t in = at(rows[i].in), out = time_roundoff(in, rows[i].letters, false);
        assert_time(out, rows[i].out);
        assert_true(out <= in);
        assert_int_equal(time_roundoff(out, rows[i].letters, false), out);
    }
    zone(BERLIN); /* the second 02:30 of the day rounds to the second 02:00, the day's begin to the first
                     00:00 */
    int64_t second = at("2023-10-29 02:30:00") + 3600;
    assert_int_equal(time_roundoff(second, "m", false), second - 1800);
    assert_int_equal(time_roundoff(second, "m", true), second - 1800);
    zone(HAVANA);
    assert_int_equal(time_roundoff(at("2024-11-03 12:00:00"), "h", false),
                     at("2024-11-03 12:00:00") - 13 * 3600);
    zone(KOLKATA);
    assert_int_equal(time_roundoff(1700000000, "h", true), 1699920000);
}

static void test_step(void **state)
{
    static const struct {
        const char *tz, *in;
        struct span span;
        int steps;
        const char *out;
    } rows[] = {
        { UTC, "2023-11-14 22:00:00", { 30, 's' }, 1, "2023-11-14 22:00:30" },
        { UTC, "2023-11-14 22:00:00", { 5, 'm' }, 3, "2023-11-14 22:15:00" },
        { UTC, "2023-11-14 22:00:00", { 1, 'h' }, 3, "2023-11-15 01:00:00" },
        { UTC, "2023-11-14 22:00:00", { 1, 'd' }, -14, "2023-10-31 22:00:00" },
        { UTC, "2023-11-14 00:00:00", { 1, 'w' }, 1, "2023-11-21 00:00:00" },
        { UTC, "2023-11-01 00:00:00", { 1, 'M' }, 1, "2023-12-01 00:00:00" },
        { UTC, "2023-11-01 00:00:00", { 1, 'M' }, 2, "2024-01-01 00:00:00" },
        { UTC, "2023-01-01 00:00:00", { 1, 'M' }, -1, "2022-12-01 00:00:00" },
        { UTC, "2023-01-01 00:00:00", { 5, 'M' }, -5, "2020-12-01 00:00:00" },
        { UTC, "2024-01-31 00:00:00", { 1, 'M' }, 1, "2024-02-29 00:00:00" },
        { UTC, "2023-01-31 00:00:00", { 1, 'M' }, 1, "2023-02-28 00:00:00" },
        { KOLKATA, "2023-11-01 00:00:00", { 1, 'M' }, 1, "2023-12-01 00:00:00" },
        { BERLIN, "2023-10-28 00:00:00", { 1, 'd' }, 2, "2023-10-30 00:00:00" },
        { BERLIN, "2023-03-25 00:00:00", { 1, 'd' }, 2, "2023-03-27 00:00:00" },
        { BERLIN, "2023-10-22 00:00:00", { 1, 'w' }, 2, "2023-11-05 00:00:00" },
        { BERLIN, "2023-10-01 00:00:00", { 1, 'M' }, 1, "2023-11-01 00:00:00" },
        { BERLIN, "2023-10-29 00:00:00", { 1, 'h' }, 4, "2023-10-29 03:00:00" }, /* hours pass as they do */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        zone(rows[i].tz);
        assert_time(span_step(at(rows[i].in), rows[i].span, rows[i].steps, false), rows[i].out);
    }
    assert_int_equal(span_step(1000, (struct span){ 1, 'd' }, 1, true), 1000 + 86400);
    assert_int_equal(span_seconds((struct span){ 2, 'M' }), 60 * 86400);
    assert_int_equal(span_seconds((struct span){ 90, 's' }), 90);
    assert_int_equal(span_seconds((struct span){ 3, 'w' }), 3 * 604800);
}

static void test_floor(void **state)
{
    static const struct {
        const char *tz, *base, *in;
        struct span span;
        const char *out;
    } rows[] = {
        { UTC, "2023-11-14 22:00:00", "2023-11-14 22:13:20", { 5, 'm' }, "2023-11-14 22:10:00" },
        { UTC, "2023-11-14 22:00:00", "2023-11-14 22:00:00", { 5, 'm' }, "2023-11-14 22:00:00" },
        { UTC, "2023-11-14 22:00:00", "2023-11-14 21:59:59", { 5, 'm' }, "2023-11-14 21:55:00" },
        { UTC, "2023-11-14 22:00:00", "2003-11-14 21:59:59", { 1, 'h' }, "2003-11-14 21:00:00" },
        { KOLKATA, "2023-11-15 03:00:00", "2023-11-15 02:43:21", { 30, 'm' }, "2023-11-15 02:30:00" },
        { UTC, "2023-11-01 00:00:00", "2024-02-29 23:59:59", { 1, 'M' }, "2024-02-01 00:00:00" },
        { UTC, "2023-11-01 00:00:00", "2023-10-31 23:59:59", { 2, 'M' }, "2023-09-01 00:00:00" },
        { UTC, "2023-11-15 00:00:00", "2024-02-01 00:00:00", { 1, 'M' }, "2024-01-15 00:00:00" },
        { UTC, "2023-11-01 00:00:00", "9000-02-28 23:59:59", { 1, 'M' }, "9000-02-01 00:00:00" },
        { BERLIN, "2023-07-01 00:00:00", "2023-12-24 00:00:00", { 1, 'd' }, "2023-12-24 00:00:00" },
        { BERLIN, "2023-12-01 00:00:00", "2023-07-24 00:30:00", { 1, 'd' }, "2023-07-24 00:00:00" },
        { BERLIN, "2023-12-01 00:00:00", "2023-07-23 23:30:00", { 1, 'd' }, "2023-07-23 00:00:00" },
        { BERLIN, "2023-12-03 00:00:00", "2023-07-24 00:30:00", { 1, 'w' }, "2023-07-23 00:00:00" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        zone(rows[i].tz);
        assert_time(span_floor(at(rows[i].in), at(rows[i].base), rows[i].span, false), rows[i].out);
    }
}

/* A bin holds the time that it was found for, and the next one does not; wherever the zone's changes are. */
static void test_floor_holds(void **state)
{
    static const char *const zones[] = { UTC, KOLKATA, BERLIN, HAVANA };
    static const struct span spans[] = { { 7, 's' }, { 5, 'm' }, { 3, 'h' }, { 1, 'd' },
                                         { 2, 'w' }, { 1, 'M' }, { 5, 'M' } };
    (void)state;
    for (size_t z = 0; z < sizeof(zones) / sizeof(zones[0]); z++) {
        zone(zones[z]);
        int64_t base = time_roundoff(1700000000, "h", false);
        for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++)
            for (int64_t s = base - 400 * 86400; s < base + 400 * 86400; s += 35117) {
                int64_t start = span_floor(s, base, spans[i], false);
                assert_true(start <= s);
                assert_true(span_step(start, spans[i], 1, false) > s);
            }
    }
}

static void test_clocks(void **state)
{
    (void)state;
    int64_t a = clock_mono_us(), wall = clock_wall_us();
    assert_true(clock_mono_us() >= a);
    assert_true(llabs(wall / US_PER_S - (int64_t)time(NULL)) <= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),        cmocka_unit_test(test_text_cached),
        cmocka_unit_test(test_strftime),    cmocka_unit_test(test_roundoff),
        cmocka_unit_test(test_step),        cmocka_unit_test(test_floor),
        cmocka_unit_test(test_floor_holds), cmocka_unit_test(test_clocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
