/* SPDX-License-Identifier: BSD-2-Clause */
/* Data sources of an sFlow agent: what follows from two samples, many sources, restarts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "sflow/source.h"

static void steps(void **state)
{
    static const struct {
        uint32_t seq, pool, drops;
        struct sf_step want;
    } row[] = {
        { 1, 100, 0, { 0, 0, 0 } }, /* the first one tells nothing */
        { 2, 350, 0, { 250, 0, 0 } },
        { 10, 1150, 3, { 100, 7, 3 } },
        { 11, 900, 3, { 0, 0, 0 } },  /* the pool went back */
        { 13, 901, 3, { 0, 1, 0 } },  /* fewer packets than samples */
        { 12, 5000, 9, { 0, 0, 0 } }, /* late: nothing is taken from it */
        { 13, 5000, 9, { 0, 0, 0 } }, /* twice */
        { 14, 1001, 4, { 100, 0, 1 } },
        { 15, 1101, 1, { 100, 0, 0 } },                  /* fewer drops than before */
        { 4294967295, UINT32_MAX - 49, 1, { 0, 0, 0 } }, /* 16 behind, modulo 2^32: late */
        { 2000000000, UINT32_MAX - 49, 1, { 0, 1999999984, 0 } },
        { 5, 50, 0, { 0, 0, 0 } }, /* far behind: anew */
        { 6, 150, 0, { 100, 0, 0 } },
    };
    struct sf_source s = { 0 };
    (void)state;
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        const struct sf_step got = sf_source_step(&s, row[i].seq, row[i].pool, row[i].drops, true);
        if (memcmp(&got, &row[i].want, sizeof(got)))
            fail_msg("row %u: rate %u, lost %u, drops %u", i, got.rate, got.lost, got.drops);
    }
}

static void no_pool(void **state)
{
    struct sf_source s = { 0 };
    (void)state;
    sf_source_step(&s, 1, 0, 0, false);
    const struct sf_step got = sf_source_step(&s, 4, 100, 5, false);
    assert_int_equal(got.rate, 0);
    assert_int_equal(got.lost, 2);
    assert_int_equal(got.drops, 5);
}

static void many(void **state)
{
    struct sf_sources ss = { 0 };
    (void)state;
    for (uint32_t i = 0; i < SF_SOURCES_MAX; i++) {
        struct sf_source *s = sf_source_get(&ss, i % 3, i * 7);
        assert_non_null(s);
        s->seq = i;
    }
    assert_int_equal(ss.n, SF_SOURCES_MAX);
    assert_null(sf_source_get(&ss, 9, 1)); /* past the bound */
    for (uint32_t i = 0; i < SF_SOURCES_MAX; i++)
        assert_int_equal(sf_source_get(&ss, i % 3, i * 7)->seq, i);
    assert_int_equal(sf_sources_memory(&ss), ss.cap * sizeof(struct sf_source));
    sf_sources_free(&ss);
    assert_int_equal(ss.n, 0);
}

static void restart(void **state)
{
    struct sf_sources ss = { 0 };
    (void)state;
    sf_source_step(sf_source_get(&ss, 0, 1), 1000, 100000, 0, true);
    sf_sources_restart(&ss);
    struct sf_step got = sf_source_step(sf_source_get(&ss, 0, 1), 2000, 300000, 0, true);
    assert_int_equal(got.rate, 0);
    assert_int_equal(got.lost, 0);
    got = sf_source_step(sf_source_get(&ss, 0, 1), 2001, 300100, 0, true);
    assert_int_equal(got.rate, 100);
    sf_sources_free(&ss);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps),
        cmocka_unit_test(no_pool),
        cmocka_unit_test(many),
        cmocka_unit_test(restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
