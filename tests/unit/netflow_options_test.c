/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables of options data, and the rates that elements about sampling mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "netflow/options.h"

static void entries(void **state)
{
    struct options o = { 0 };
    const struct rd rd = { { 0, 0, 1, 2, 3, 4, 5, 6 } };
    (void)state;
    assert_null(options_find(&o, OPTION_SAMPLER, 1));
    options_set_rate(&o, OPTION_SAMPLER, 1, 100);
    options_set_rate(&o, OPTION_SELECTOR, 1, 200);
    options_set_rd(&o, 1, &rd);
    options_set_text(&o, OPTION_VRF, 1, "blue", 4);
    options_set_text(&o, OPTION_IFACE, 1, "eth1", 4);
    assert_int_equal(options_find(&o, OPTION_SAMPLER, 1)->rate, 100);
    assert_int_equal(options_find(&o, OPTION_SELECTOR, 1)->rate, 200);
    assert_memory_equal(&options_find(&o, OPTION_RD, 1)->rd, &rd, sizeof(rd));
    assert_memory_equal(options_find(&o, OPTION_VRF, 1)->text, "blue", 4);
    assert_null(options_find(&o, OPTION_VRF, 2));
    assert_int_equal(o.last_rate, 200);
    assert_false(o.iface_rates);
    options_set_rate(&o, OPTION_IFACE_RATE, 7, 300);
    assert_true(o.iface_rates);
    assert_int_equal(o.last_rate, 200);
    options_set_rate(&o, OPTION_SAMPLER, 1, 101);
    options_set_text(&o, OPTION_VRF, 1, "blackish", 8);
    assert_int_equal(options_find(&o, OPTION_SAMPLER, 1)->rate, 101);
    assert_int_equal(options_find(&o, OPTION_VRF, 1)->len, 8);
    assert_int_equal(o.n, 6);
    options_free(&o);
    assert_int_equal(o.memory, 0);
}

static void long_names(void **state)
{
    struct options o = { 0 };
    char name[300];
    (void)state;
    memset(name, 'x', sizeof(name));
    options_set_text(&o, OPTION_IFACE, 5, name, sizeof(name));
    assert_int_equal(options_find(&o, OPTION_IFACE, 5)->len, OPTION_TEXT);
    options_set_text(&o, OPTION_IFACE, 5, name, 0);
    assert_int_equal(options_find(&o, OPTION_IFACE, 5)->len, 0);
    options_free(&o);
}

static void bounded(void **state)
{
    struct options o = { 0 };
    (void)state;
    for (uint64_t i = 0; i < OPTIONS_MAX + 1000; i++)
        assert_int_equal(options_set_rate(&o, OPTION_SAMPLER, i * 77, 1), i < OPTIONS_MAX ? 0 : -1);
    assert_int_equal(o.n, OPTIONS_MAX);
    assert_int_equal(o.refused, 1000);
    assert_int_equal(options_set_rate(&o, OPTION_SAMPLER, 77, 2), 0); /* replacing goes on */
    for (uint64_t i = 0; i < OPTIONS_MAX; i++)
        assert_non_null(options_find(&o, OPTION_SAMPLER, i * 77));
    options_free(&o);
}

static void app_keys(void **state)
{
    static const uint8_t a[] = { 3, 0, 0, 80 }, b[] = { 3, 0, 80 };
    (void)state;
    const struct var va = { a, 4 }, vb = { b, 3 };
    assert_true(option_app_key(&va) != option_app_key(&vb));
}

static void rates(void **state)
{
    static const struct {
        struct sampling s;
        uint32_t rate;
    } row[] = {
        { { .rate = 50 }, 50 },
        { { .rate_random = 100 }, 100 },
        { { .rate = 50, .rate_random = 100 }, 100 },
        { { .interval = 1, .space = 999 }, 1000 },
        { { .interval = 10, .space = 90 }, 10 },
        { { .interval = 512 }, 512 }, /* no space: 1 of N is meant */
        { { .interval = 1, .size = 1, .population = 256 }, 256 },
        { { .interval = 512, .size = 1 }, 512 },
        { { .interval = 1, .space = UINT32_MAX - 1 }, UINT32_MAX },
        { { .size = 3, .population = 3000 }, 1000 },
        { { .probability = 0.001 }, 1000 },
        { { .probability = 1.5 }, 0 },
        { { .probability = 0 }, 0 },
        { { .interval = 1, .space = 9, .rate = 7 }, 10 },
        { { .rate = 0 }, 0 },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++)
        assert_int_equal(sampling_rate_of(&row[i].s), row[i].rate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries),  cmocka_unit_test(long_names), cmocka_unit_test(bounded),
        cmocka_unit_test(app_keys), cmocka_unit_test(rates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
