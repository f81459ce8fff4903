/* SPDX-License-Identifier: BSD-2-Clause */
/* Growing text, its ceiling, numbers; errors that wrap their own text; distances of words. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "base/err.h"
#include "base/nearest.h"
#include "base/strbuf.h"

static void test_numbers(void **state)
{
    static const uint64_t rows[] = {
        0, 1, 9, 10, 99, 100, 101, 999, 1000, 12345, 4294967295, 4294967296, 9999999999999999999u, UINT64_MAX
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[24], want[24];
        text[u64_text(rows[i], text)] = '\0';
        snprintf(want, sizeof(want), "%" PRIu64, rows[i]);
        assert_string_equal(text, want);
    }
    for (uint64_t power = 10; power; power = power > UINT64_MAX / 10 ? 0 : power * 10)
        for (uint64_t v = power - 2; v <= power + 1; v++) { /* where the number of digits changes */
            char text[24], want[24];
            text[u64_text(v, text)] = '\0';
            snprintf(want, sizeof(want), "%" PRIu64, v);
            assert_string_equal(text, want);
        }
    for (unsigned bit = 0; bit < 64; bit++) {
        char text[24], want[24];
        text[u64_text(UINT64_C(1) << bit, text)] = '\0';
        snprintf(want, sizeof(want), "%" PRIu64, UINT64_C(1) << bit);
        assert_string_equal(text, want);
    }
}

static void test_growth(void **state)
{
    struct strbuf s;
    (void)state;
    strbuf_init(&s, 100000);
    assert_string_equal(strbuf_cstr(&s), "");
    for (int i = 0; i < 1000; i++) {
        strbuf_lit(&s, "abc");
        strbuf_char(&s, ',');
        strbuf_u64(&s, (uint64_t)i);
        strbuf_printf(&s, "%s",
                      "------------------------------------------------------------------------------");
    }
    assert_false(s.failed);
    assert_int_equal(s.len, 1000 * (4 + 78) + 10 + 180 + 2700);
    assert_int_equal(strlen(strbuf_cstr(&s)), s.len);
    strbuf_free(&s);
}

static void test_ceiling(void **state)
{
    struct strbuf s;
    (void)state;
    strbuf_init(&s, 10);
    strbuf_str(&s, "0123456");
    strbuf_str(&s, "abcd"); /* does not fit: not even a part of it */
    assert_true(s.failed);
    strbuf_char(&s, 'x'); /* would fit, but a row with a hole is worse than none */
    assert_string_equal(strbuf_cstr(&s), "0123456");
    strbuf_clear(&s);
    assert_false(s.failed);
    strbuf_str(&s, "0123456789");
    assert_false(s.failed);
    assert_string_equal(strbuf_cstr(&s), "0123456789");
    strbuf_printf(&s, "%d", 1);
    assert_true(s.failed);
    strbuf_free(&s);
}

/* In memory of the caller's, nothing is written behind its end. */
static void over(void **state)
{
    (void)state;
    char own[12] = "...........";
    struct strbuf s = strbuf_over(own, 10);
    strbuf_lit(&s, "012345");
    strbuf_u64(&s, 7); /* asks for the room of any number */
    assert_true(s.failed);
    s = strbuf_over(own, 10);
    strbuf_lit(&s, "012345678");
    assert_false(s.failed);
    strbuf_char(&s, 'x');
    assert_true(s.failed);
    assert_int_equal(s.len, 9);
    assert_memory_equal(own, "012345678..", 11);
}

static void test_err(void **state)
{
    struct err e;
    (void)state;
    errno = ENOENT;
    assert_int_equal(err_sys(&e, "cannot open '%s'", "x"), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(e.code, ERR_SYS);
    assert_int_equal(e.sys, ENOENT);
    assert_string_equal(e.text, "cannot open 'x': No such file or directory");
    assert_int_equal(err_set(&e, ERR_CONFIG, "line %d: %s", 3, e.text), -1);
    assert_string_equal(e.text, "line 3: cannot open 'x': No such file or directory");
    assert_int_equal(err_set(NULL, ERR_LIMIT, "nobody asks"), -1);
    char big[2000];
    memset(big, 'x', sizeof(big));
    big[sizeof(big) - 1] = '\0';
    err_sys(&e, "%s", big);
    assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
}

static void test_distance(void **state)
{
    static const struct {
        const char *a, *b;
        unsigned distance;
    } rows[] = {
        { "", "", 0 },
        { "", "abc", 3 },
        { "daemonize", "daemonize", 0 },
        { "deamonize", "daemonize", 1 }, /* neighbours swapped */
        { "plugin", "plugins", 1 },
        { "Plugins", "pLUGINS", 0 },
        { "src_hots", "src_host", 1 },
        { "kitten", "sitting", 3 },
        { "ca", "abc", 3 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t a = strlen(rows[i].a), b = strlen(rows[i].b);
        for (unsigned most = 0; most < 5; most++) { /* what is further away than that need not be exact */
            const unsigned there = word_distance(rows[i].a, a, rows[i].b, b, most),
                           back = word_distance(rows[i].b, b, rows[i].a, a, most);
            if (rows[i].distance > most) {
                assert_true(there > most && back > most);
                continue;
            }
            assert_int_equal(there, rows[i].distance);
            assert_int_equal(back, rows[i].distance);
        }
        assert_int_equal(word_distance(rows[i].a, a, rows[i].b, b, UINT_MAX), rows[i].distance);
    }
    char big[500];
    memset(big, 'x', sizeof(big));
    assert_int_equal(word_distance(big, sizeof(big), "x", 1, UINT_MAX), 62);
    assert_true(word_distance(big, sizeof(big), "x", 1, 3) > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_growth), cmocka_unit_test(test_ceiling),
        cmocka_unit_test(over),         cmocka_unit_test(test_err),    cmocka_unit_test(test_distance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
