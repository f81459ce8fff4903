/* SPDX-License-Identifier: BSD-2-Clause */
/* base64: the test vectors of RFC 4648 §10, and a ceiling. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/base64.h"

static void vectors(void **state)
{
    static const struct {
        const char *octets, *text;
    } rows[] = {
        { "", "" },
        { "f", "Zg==" },
        { "fo", "Zm8=" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg==" },
        { "fooba", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy" },
        { "\xff\xfe\xfb\xef", "//777w==" },
    };
    (void)state;
    struct strbuf s;
    strbuf_init(&s, 1000);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        strbuf_clear(&s);
        base64_add(&s, rows[i].octets, strlen(rows[i].octets));
        assert_string_equal(strbuf_cstr(&s), rows[i].text);
    }
    strbuf_free(&s);
}

static void ceiling(void **state)
{
    char octets[64] = "";
    (void)state;
    struct strbuf s;
    strbuf_init(&s, 64);
    base64_add(&s, octets, sizeof(octets));
    assert_true(s.failed);
    assert_int_equal(s.len, 0);
    strbuf_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(vectors), cmocka_unit_test(ceiling) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
