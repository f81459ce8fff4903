/* SPDX-License-Identifier: BSD-2-Clause */
/* Allow lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "core/allow.h"

static char path[64];

static struct allow *load(const char *text, struct err *e)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return allow_load(path, e);
}

static bool match(const struct allow *a, const char *text)
{
    struct addr addr;
    assert_int_equal(addr_parse(text, &addr), 0);
    return allow_match(a, &addr);
}

static void entries(void **state)
{
    struct err e;
    struct allow *a = load("# comment\n! another\n\n  127.0.0.1  # host\n127.0.0.4/31\n10 . "
                           "0.0.0/8\n2001:db8::/33\nfe80::1\n127.0.0.1\n"
                           "192.0.2.77/24",
                           &e);
    (void)state;
    assert_non_null(a);
    assert_int_equal(allow_count(a), 6);
    assert_true(match(a, "127.0.0.1"));
    assert_true(match(a, "::ffff:127.0.0.1"));
    assert_false(match(a, "127.0.0.2"));
    assert_false(match(a, "127.0.0.3"));
    assert_true(match(a, "127.0.0.4"));
    assert_true(match(a, "127.0.0.5"));
    assert_false(match(a, "127.0.0.6"));
    assert_true(match(a, "10.255.255.255"));
    assert_false(match(a, "11.0.0.0"));
    assert_true(match(a, "192.0.2.1"));
    assert_true(match(a, "2001:db8:7fff::1"));
    assert_false(match(a, "2001:db8:8000::1"));
    assert_true(match(a, "fe80::1"));
    assert_false(match(a, "fe80::2"));
    allow_free(a);
}

static void everything_and_nothing(void **state)
{
    struct err e;
    (void)state;
    struct allow *a = load("# nobody\n", &e);
    assert_non_null(a);
    assert_int_equal(allow_count(a), 0);
    assert_false(match(a, "127.0.0.1"));
    allow_free(a);
    a = load("0.0.0.0/0\n", &e);
    assert_true(match(a, "127.0.0.1"));
    assert_false(match(a, "::1"));
    allow_free(a);
    a = load("::/0\n", &e);
    assert_true(match(a, "::1"));
    assert_false(match(a, "127.0.0.1"));
    allow_free(a);
}

static void many(void **state)
{
    struct err e;
    char *text = malloc(1 << 20), line[32];
    size_t at = 0;
    (void)state;
    assert_non_null(text);
    for (unsigned i = 0; i < 20000; i++)
        at += (size_t)sprintf(text + at, "10.%u.%u.%u\n", i >> 16, i >> 8 & 255, i & 255);
    struct allow *a = load(text, &e);
    assert_non_null(a);
    assert_int_equal(allow_count(a), 20000);
    for (unsigned i = 0; i < 30000; i++) {
        snprintf(line, sizeof(line), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        assert_int_equal(match(a, line), i < 20000);
    }
    allow_free(a);
    free(text);
}

static void refused(void **state)
{
    static const struct {
        const char *text, *why;
    } row[] = {
        { "127.0.0.1\nnonsense\n", ":2] Bad IP address 'nonsense'" },
        { "127.0.0.1/33\n", ":1] Bad prefix length '33' of 127.0.0.1: 0 to 32" },
        { "127.0.0.1/\n", "Bad prefix length" },
        { "127.0.0.1/-1\n", "Bad prefix length" },
        { "127.0.0.1/8x\n", "Bad prefix length" },
        { "::1/129\n", "0 to 128" },
        { "/8\n", "Bad IP address ''" },
        { "127.0.0.1 127.0.0.2\n", "Bad IP address" },
    };
    struct err e;
    (void)state;
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        assert_null(load(row[i].text, &e));
        assert_non_null(strstr(e.text, row[i].why));
    }
    assert_null(allow_load("/nonexistent/allow.lst", &e));
    assert_int_equal(e.code, ERR_SYS);
    assert_null(allow_load("/", &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries),
        cmocka_unit_test(everything_and_nothing),
        cmocka_unit_test(many),
        cmocka_unit_test(refused),
    };
    snprintf(path, sizeof(path), "allow_test.%d.lst", (int)getpid());
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
