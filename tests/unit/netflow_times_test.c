/* SPDX-License-Identifier: BSD-2-Clause */
/* The algebra of times: uptimes across wraps and the NTP format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "netflow/times.h"

#define MS INT64_C(1000)

static void uptimes(void **state)
{
    static const struct {
        const char *what;
        int64_t export_ms;
        uint32_t uptime, x;
        int64_t at_ms;
    } row[] = {
        { "plain", INT64_C(1700000000000), 60000, 50000, INT64_C(1699999990000) },
        { "older than the exporter", INT64_C(1700000070000), 60000, UINT32_C(4294957296),
          INT64_C(1700000000000) },
        { "uptime has wrapped", INT64_C(1700000000000), 20000, UINT32_C(4294900000), INT64_C(1699999912704) },
        { "flow has wrapped too", INT64_C(1700000000000), 20000, 10000, INT64_C(1699999990000) },
        { "a little ahead of the header", INT64_C(1700000000000), 20000, 21000, INT64_C(1700000001000) },
        { "ahead across the wrap", INT64_C(1700000000000), UINT32_MAX, 999, INT64_C(1700000001000) },
        { "46.6 days old", INT64_C(1700000000000), 0, UINT32_C(0x10000000),
          INT64_C(1700000000000) - 0xf0000000 },
        { "3.1 days ahead", INT64_C(1700000000000), 0, UINT32_C(0x0fffffff),
          INT64_C(1700000000000) + 0x0fffffff },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        print_message("%s\n", row[i].what);
        assert_int_equal(time_of_uptime(row[i].export_ms * MS, row[i].uptime, row[i].x, 1000),
                         row[i].at_ms * MS);
    }
    /* whole seconds: 100.7 less 1.5 is 99, and a lagging clock's 0.5 ahead is nothing */
    assert_int_equal(time_of_uptime_secs(INT64_C(100700000), 5000, 3500, 1000), 99000000);
    assert_int_equal(time_of_uptime_secs(INT64_C(100700000), 5000, 5500, 1000), 100000000);
    assert_int_equal(time_of_uptime_secs(INT64_C(100700000), 5000, 4001, 1000), 100000000);
    assert_int_equal(time_of_uptime(INT64_C(1700000000000000), 3600, 3500, 1000000),
                     INT64_C(1699999900000000));
}

/* softflowd 1.1.0 with an old capture: what is lost is lost, but the future it must not be. */
static void lost_in_the_exporter(void **state)
{
    const int64_t boot_ms = INT64_C(1795297913000), export_us = INT64_C(1795297914000000);
    (void)state;
    const int64_t t =
        time_of_uptime(export_us, (uint32_t)((export_us / 1000 - boot_ms)), UINT32_C(3486354307), 1000);
    assert_int_equal(t, export_us - INT64_C(808613989) * 1000);
}

static void ntp(void **state)
{
    static const struct {
        uint64_t ntp;
        uint32_t noise;
        int64_t at_us;
    } row[] = {
        { UINT64_C(0xe8fe6f8040000000), 0, INT64_C(1700000000250000) },
        { UINT64_C(0xe8fe6f8180000000), NTP_USEC_NOISE, INT64_C(1700000001500000) },
        { UINT64_C(0xe8fe6f80400007ff), NTP_USEC_NOISE, INT64_C(1700000000250000) },
        { UINT64_C(0xe8fe6f801f9add3a), 0, INT64_C(1700000000123457) }, /* .1234567 rounded */
        { UINT64_C(0xe8fe6f80ffffffff), 0, INT64_C(1700000001000000) },
        { UINT64_C(0x83aa7e8000000000), 0, 0 },                         /* the epoch */
        { UINT64_C(0xffffffff00000000), 0, INT64_C(2085978495000000) }, /* the last second of era 0 */
        { UINT64_C(0x0000000100000000), 0, INT64_C(2085978497000000) }, /* era 1 */
        { 0, 0, 0 },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++)
        assert_int_equal(time_of_ntp(row[i].ntp, row[i].noise), row[i].at_us);
}

/* Microseconds survive: exporters cut the fraction, and one type hides its low 11 bits. */
static void ntp_round_trip(void **state)
{
    (void)state;
    for (int64_t us = 0; us < 1000000; us += 7) {
        const uint64_t ntp_time = (uint64_t)(NTP_TO_UNIX + 1700000000) << 32 | ((uint64_t)us << 32) / 1000000;
        assert_int_equal(time_of_ntp(ntp_time, 0), INT64_C(1700000000000000) + us);
        assert_int_equal(time_of_ntp(ntp_time, NTP_USEC_NOISE), INT64_C(1700000000000000) + us);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uptimes),
        cmocka_unit_test(lost_in_the_exporter),
        cmocka_unit_test(ntp),
        cmocka_unit_test(ntp_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
