/* SPDX-License-Identifier: BSD-2-Clause */
/* Cisco's telemetry.proto as JSON. The messages are written here by hand, from the numbers of its fields. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "telemetry/gpb.h"

struct msg {
    uint8_t *p;
    size_t len, cap;
};

static void put(struct msg *m, const void *p, size_t n)
{
    if (m->len + n > m->cap) {
        m->cap = (m->len + n) * 2 + 64;
        m->p = realloc(m->p, m->cap);
    }
    if (n)
        memcpy(m->p + m->len, p, n);
    m->len += n;
}

static void varint(struct msg *m, uint64_t v)
{
    do {
        const uint8_t b = (v & 0x7f) | (v > 0x7f ? 0x80 : 0);
        put(m, &b, 1);
        v >>= 7;
    } while (v);
}

static void num(struct msg *m, unsigned field, uint64_t v)
{
    varint(m, field << 3);
    varint(m, v);
}

static void octets(struct msg *m, unsigned field, const void *p, size_t n)
{
    varint(m, field << 3 | 2);
    varint(m, n);
    put(m, p, n);
}

static void text(struct msg *m, unsigned field, const char *t) { octets(m, field, t, strlen(t)); }

static void fixed(struct msg *m, unsigned field, const void *p, size_t n)
{
    varint(m, field << 3 | (n == 8 ? 1 : 5));
    put(m, p, n);
}

/* Puts the message `in` into field and forgets it. */
static void nest(struct msg *m, unsigned field, struct msg *in)
{
    octets(m, field, in->p, in->len);
    free(in->p);
    *in = (struct msg){ 0 };
}

static struct msg named(const char *name)
{
    struct msg m = { 0 };
    if (name)
        text(&m, 2, name);
    return m;
}

static void leaf_text(struct msg *parent, const char *name, const char *value)
{
    struct msg m = named(name);
    text(&m, 5, value);
    nest(parent, 15, &m);
}

static void leaf_num(struct msg *parent, const char *name, unsigned field, uint64_t value)
{
    struct msg m = named(name);
    num(&m, field, value);
    nest(parent, 15, &m);
}

static int decode(const struct msg *m, struct strbuf *out)
{
    struct gpb *g = gpb_new();
    strbuf_clear(out);
    const int rc = gpb_telemetry_json(g, m->p, m->len, out);
    gpb_free(g);
    return rc;
}

static void assert_json(struct msg *m, const char *want)
{
    struct strbuf out;
    strbuf_init(&out, 1 << 20);
    assert_int_equal(decode(m, &out), 0);
    assert_string_equal(strbuf_cstr(&out), want);
    strbuf_free(&out);
    free(m->p);
}

/* ---- cases */

static struct msg interface_message(void)
{
    struct msg m = { 0 }, row = { 0 }, keys = named("keys"), content = named("content");
    text(&m, 1, "router-1");
    text(&m, 3, "sub-1");
    text(&m, 6, "Cisco-IOS-XR-infra-statsd-oper:infra-statistics/interfaces");
    num(&m, 8, 4711);
    num(&m, 9, 1700000000000);
    num(&m, 10, 1700000000500);
    num(&row, 1, 1700000000400);
    leaf_text(&keys, "interface-name", "Hu0/0/0/1");
    leaf_num(&content, "packets-received", 8, 18446744073709551615u);
    leaf_num(&content, "crc-errors", 7, 3);
    nest(&row, 15, &keys);
    nest(&row, 15, &content);
    nest(&m, 11, &row);
    num(&m, 13, 1700000000600);
    return m;
}

static const char interface_json[] =
    "{\"node_id_str\": \"router-1\", \"subscription_id_str\": \"sub-1\", \"encoding_path\": "
    "\"Cisco-IOS-XR-infra-statsd-oper:infra-statistics/interfaces\", \"collection_id\": \"4711\", "
    "\"collection_start_time\": \"1700000000000\", \"msg_timestamp\": \"1700000000500\", "
    "\"collection_end_time\": \"1700000000600\", \"data_gpbkv\": [{\"timestamp\": \"1700000000400\", "
    "\"keys\": {\"interface-name\": \"Hu0/0/0/1\"}, \"content\": {\"packets-received\": "
    "\"18446744073709551615\", \"crc-errors\": 3}}]}";

static void self_describing(void **state)
{
    struct msg m = interface_message();
    (void)state;
    assert_json(&m, interface_json);
}

/* Fields may come in any order and unknown ones are skipped; the last of a scalar counts. */
static void any_order(void **state)
{
    struct msg m = { 0 };
    (void)state;
    num(&m, 10, 5);
    text(&m, 77, "unknown");
    num(&m, 78, 300);
    fixed(&m, 79, "\1\2\3\4", 4);
    fixed(&m, 80, "\1\2\3\4\5\6\7\10", 8);
    text(&m, 1, "first");
    text(&m, 1, "last");
    assert_json(&m, "{\"node_id_str\": \"last\", \"msg_timestamp\": \"5\"}");
}

static void values(void **state)
{
    struct msg m = { 0 }, row = { 0 }, c = named("content"), v;
    const double d = 0.1, big = 1e300;
    const float f = 2.5f, nan = __builtin_nanf("");
    (void)state;
    v = named("bytes");
    octets(&v, 4, "\1\2", 2);
    nest(&c, 15, &v);
    leaf_text(&c, "text", "a \"quoted\" \xff");
    leaf_num(&c, "yes", 6, 1);
    leaf_num(&c, "no", 6, 0);
    leaf_num(&c, "u32", 7, 4294967295u);
    leaf_num(&c, "s32", 9, 1);
    leaf_num(&c, "s32min", 9, 4294967295u);
    leaf_num(&c, "s64", 10, 3);
    leaf_num(&c, "s64min", 10, UINT64_MAX);
    v = named("double");
    fixed(&v, 11, &d, 8);
    nest(&c, 15, &v);
    v = named("big");
    fixed(&v, 11, &big, 8);
    nest(&c, 15, &v);
    v = named("float");
    fixed(&v, 12, &f, 4);
    nest(&c, 15, &v);
    v = named("nan");
    fixed(&v, 12, &nan, 4);
    nest(&c, 15, &v);
    v = named("empty");
    nest(&c, 15, &v);
    nest(&row, 15, &c);
    nest(&m, 11, &row);
    assert_json(
        &m,
        "{\"data_gpbkv\": [{\"content\": {\"bytes\": \"AQI=\", \"text\": \"a \\\"quoted\\\" \xef\xbf\xbd\", "
        "\"yes\": true, \"no\": false, \"u32\": 4294967295, \"s32\": -1, \"s32min\": -2147483648, "
        "\"s64\": \"-2\", \"s64min\": \"-9223372036854775808\", \"double\": 0.1, "
        "\"big\": 1e+300, \"float\": 2.5, \"nan\": null, \"empty\": {}}}]}");
}

/* Names that occur again become arrays, at the place of the first; fields without names are one. */
static void lists(void **state)
{
    struct msg m = { 0 }, row = { 0 }, c = named("content"), v;
    (void)state;
    leaf_num(&c, "n", 7, 1);
    leaf_num(&c, "other", 7, 2);
    leaf_num(&c, "n", 7, 3);
    v = named("list");
    leaf_num(&v, NULL, 7, 4);
    leaf_num(&v, NULL, 7, 5);
    nest(&c, 15, &v);
    nest(&row, 15, &c);
    nest(&m, 11, &row);
    assert_json(&m, "{\"data_gpbkv\": [{\"content\": {\"n\": [1, 3], \"other\": 2, \"list\": [4, 5]}}]}");
}

static void compact(void **state)
{
    struct msg m = { 0 }, table = { 0 }, row = { 0 };
    (void)state;
    num(&row, 1, 17);
    octets(&row, 10, "key", 3);
    octets(&row, 11, "content", 7);
    nest(&table, 1, &row);
    octets(&row, 11, "c", 1);
    nest(&table, 1, &row);
    nest(&m, 12, &table);
    assert_json(&m,
                "{\"data_gpb\": [{\"timestamp\": \"17\", \"keys\": \"a2V5\", \"content\": \"Y29udGVudA==\"}, "
                "{\"keys\": \"\", \"content\": \"Yw==\"}]}");
}

static void refused(void **state)
{
    static const struct {
        const char *octets;
        size_t n;
    } bad[] = {
        { "\x0a\x05"
          "abc",
          5 },                                                      /* longer than what there is */
        { "\x0b", 1 },                                              /* groups are of no use any more */
        { "\x00\x01", 2 },                                          /* field 0 */
        { "\x40\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12 }, /* a varint that does not end */
        { "\x5a\x02\x12\x05", 4 },                                  /* a name longer than its row */
        { "{\"a\": 1}", 8 },
    };
    struct strbuf out;
    (void)state;
    strbuf_init(&out, 1 << 16);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct msg m = { (uint8_t *)(uintptr_t)bad[i].octets, bad[i].n, 0 };
        if (decode(&m, &out) != -1)
            fail_msg("row %zu: %s", i, strbuf_cstr(&out));
    }
    strbuf_free(&out);
}

static void beginnings(void **state)
{
    struct msg m = interface_message();
    struct strbuf out;
    (void)state;
    strbuf_init(&out, 1 << 16);
    for (size_t n = 0; n < m.len; n++) {
        struct msg cut = { malloc(n + 1), n, 0 };
        memcpy(cut.p, m.p, n);
        if (decode(&cut, &out) == 0 && out.p[out.len - 1] != '}')
            fail_msg("%zu octets: %s", n, strbuf_cstr(&out));
        free(cut.p);
    }
    free(m.p);
    strbuf_free(&out);
}

static void depth(void **state)
{
    struct strbuf out;
    (void)state;
    strbuf_init(&out, 1 << 16);
    for (unsigned levels = 32; levels <= 33; levels++) {
        struct msg in = named("leaf"), m = { 0 };
        num(&in, 7, 1);
        for (unsigned i = 0; i < levels; i++) {
            struct msg around = named("x");
            nest(&around, 15, &in);
            in = around;
        }
        struct msg row = { 0 };
        nest(&row, 15, &in);
        nest(&m, 11, &row);
        assert_int_equal(decode(&m, &out), levels == 32 ? 0 : -1);
        free(m.p);
    }
    strbuf_free(&out);
}

/* Names are found by their hash: 100,000 of a level must not take the square of that. */
static void many_names(void **state)
{
    struct msg m = { 0 }, row = { 0 }, c = named("content");
    struct strbuf out;
    char name[16];
    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        snprintf(name, sizeof(name), "n%u", i);
        leaf_num(&c, name, 7, i);
    }
    leaf_num(&c, "n99999", 7, 7);
    nest(&row, 15, &c);
    nest(&m, 11, &row);
    strbuf_init(&out, 16 << 20);
    const clock_t begin = clock();
    assert_int_equal(decode(&m, &out), 0);
    assert_true(clock() - begin < 5 * CLOCKS_PER_SEC);
    assert_non_null(strstr(strbuf_cstr(&out), "\"n99998\": 99998, \"n99999\": [99999, 7]}"));
    strbuf_free(&out);
    free(m.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(self_describing), cmocka_unit_test(any_order), cmocka_unit_test(values),
        cmocka_unit_test(lists),           cmocka_unit_test(compact),   cmocka_unit_test(refused),
        cmocka_unit_test(beginnings),      cmocka_unit_test(depth),     cmocka_unit_test(many_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
