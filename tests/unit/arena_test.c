/* SPDX-License-Identifier: BSD-2-Clause */
/* Arenas: alignment, zeros, children, reports. That all is freed is the address sanitizer's to see. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "base/arena.h"

static void test_alloc(void **state)
{
    (void)state;
    struct arena *a = arena_new(NULL, "test");
    for (size_t n = 0; n < 20000; n = n * 3 / 2 + 1) {
        uint8_t *p = arena_alloc(a, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xaa, n);
    }
    for (int i = 0; i < 100000; i++)
        *(int *)arena_alloc(a, sizeof(int)) = i;
    assert_true(arena_bytes(a) > 1600000 && arena_bytes(a) < 4000000);
    assert_null(arena_alloc(a, SIZE_MAX));
    assert_null(arena_array(a, SIZE_MAX / 2, 4));
    arena_clear(a);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(*(int *)arena_alloc(a, sizeof(int)), 0);
    arena_free(a);
    arena_free(NULL);
}

static void test_text(void **state)
{
    (void)state;
    struct arena *a = arena_new(NULL, "test");
    assert_string_equal(arena_strdup(a, "abc"), "abc");
    assert_string_equal(arena_strndup(a, "abcdef", 3), "abc");
    assert_string_equal(arena_strndup(a, "ab", 3), "ab");
    assert_string_equal(arena_printf(a, "%s-%05d", "x", 42), "x-00042");
    assert_memory_equal(arena_memdup(a, "\1\0\2", 3), "\1\0\2", 3);
    arena_free(a);
}

static void each(void *ctx, unsigned depth, const char *name, size_t bytes)
{
    char line[64];
    assert_true(bytes > 0);
    snprintf(line, sizeof(line), "%u%s ", depth, name);
    strcat(ctx, line);
}

static void test_family(void **state)
{
    char text[256] = "";
    (void)state;
    struct arena *a = arena_new(NULL, "a"), *b = arena_new(a, "b"), *c = arena_new(a, "c");
    struct arena *d = arena_new(b, "d");
    arena_alloc(d, 1000000);
    arena_alloc(c, 10);
    arena_report(a, each, text);
    assert_string_equal(text, "0a 1c 1b 2d ");
    arena_free(c);
    text[0] = '\0';
    arena_report(a, each, text);
    assert_string_equal(text, "0a 1b 2d ");
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_alloc), cmocka_unit_test(test_text),
                                        cmocka_unit_test(test_family) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
