/* SPDX-License-Identifier: BSD-2-Clause */
/* Names with time conversions and variables, and rows parted by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "output/purge.h"
#include "rows.h"

#define AT_US (INT64_C(1700000000) * US_PER_S) /* 2023-11-14 22:13:20 UTC */

struct setup {
    struct made m;
    struct config c;
    struct plugin pl;
};

static void setup(struct setup *s, const char *aggregate, bool bins)
{
    made_init(&s->m, aggregate, bins);
    s->c = (struct config){ .refresh_time = 60, .timestamps_utc = true, .post_tag = 9, .post_tag2 = 10 };
    if (bins)
        s->c.history = (struct span){ 5, 'm' };
    s->pl = (struct plugin){ .c = &s->c, .layout = &s->m.layout, .name = "x" };
}

static void expect(struct setup *s, const char *text, const char *want)
{
    struct err e;
    char name[256];
    struct names *n = names_compile(text, &s->pl, &e);
    assert_non_null(n);
    assert_int_equal(names_expand(n, &s->m.row, names_time(n, &s->m.row, AT_US), name, sizeof(name)), 0);
    assert_string_equal(name, want);
    names_free(n);
}

static void zone(const char *tz)
{
    setenv("TZ", tz, 1);
    tzset();
}

static void test_expand(void **state)
{
    (void)state;
    struct setup s;
    setup(&s, "peer_src_ip, tag, src_host", true);
    made_bin(&s.m, 1699999800);
    made_u64(&s.m, FIELD_tag, 5);
    expect(&s, "plain", "plain");
    expect(&s, "", "");
    expect(&s, "o-%Y%m%d-%H%M-$ref-$hst-$tag-$peer_src_ip-$post_tag.txt",
           "o-20231114-2210-60-300-5-null-9.txt");
    made_addr(&s.m, FIELD_peer_src_ip, "127.0.0.1");
    expect(&s, "$peer_src_ip$tag2$post_tag2", "127_0_0_1010");
    made_addr(&s.m, FIELD_peer_src_ip, "2001:db8::1");
    expect(&s, "/d/$peer_src_ip-%s", "/d/2001_db8__1-1699999800");
    expect(&s, "100%%-$unknown-$", "100%-$unknown-$");
    expect(&s, "%H$tzone", "22+00:00");
    s.c.timestamps_utc = false;
    zone("Asia/Kolkata");
    expect(&s, "%H%M$tzone", "0340+05:30");
    zone("UTC");
}

static void test_unbinned(void **state)
{
    (void)state;
    struct setup s;
    setup(&s, "src_host", false);
    expect(&s, "%H%M-$hst-$tag-$peer_src_ip", "2213-0-0-null");
}

static void test_bad(void **state)
{
    (void)state;
    struct setup s;
    struct err e;
    char name[8];
    setup(&s, "src_host", false);
    assert_null(names_compile("a%", &s.pl, &e));
    assert_null(names_compile("a%q", &s.pl, &e));
    assert_non_null(strstr(e.text, "%q"));
    struct names *n = names_compile("longer than that", &s.pl, &e);
    assert_int_equal(names_expand(n, &s.m.row, AT_US, name, sizeof(name)), -1);
    names_free(n);
}

static void test_vary(void **state)
{
    static const struct {
        const char *text;
        bool vary, fixed;
    } cases[] = { { "x", false, true },      { "x-%H", true, false }, { "$tag", true, false },
                  { "$tag2", false, false }, { "$ref", false, true }, { "x-$tzone", true, false },
                  { "", false, true } };
    (void)state;
    struct setup s;
    struct err e;
    setup(&s, "tag, src_host", true);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct names *n = names_compile(cases[i].text, &s.pl, &e);
        assert_int_equal(names_vary(n), cases[i].vary);
        assert_int_equal(names_static(n), cases[i].fixed);
        names_free(n);
    }
}

static void add(struct agg *t, struct made *m)
{
    struct {
        struct record r;
        uint8_t key[256];
    } rec = { .r = { .packets = 1, .bytes = 40, .flows = 1 } };
    record_set_key_len(&rec.r, m->key_len);
    memcpy(rec.r.key, m->key, m->key_len);
    agg_add(t, (const uint8_t *)&rec, record_size(&rec.r));
}

static void test_groups(void **state)
{
    (void)state;
    struct setup s;
    struct err e;
    struct groups g;
    setup(&s, "tag, src_host", true);
    struct agg *t = agg_new();
    for (unsigned i = 0; i < 3000; i++) {
        made_bin(&s.m, 1699999800 + (i % 3) * 300);
        made_u64(&s.m, FIELD_tag, i % 100);
        made_u32(&s.m, FIELD_src_host, i);
        add(t, &s.m);
    }
    uint64_t at = 0;
    agg_next(t, &at)->mark = MARK_DONE;
    struct batch b = { .layout = &s.m.layout, .table = t, .rows = agg_count(t) - 1, .purge_us = AT_US };
    struct names *n = names_compile("%H-$tag", &s.pl, &e); /* the bins of 22:10, 22:15, 22:20 share a name */
    assert_int_equal(groups_make(&g, n, &b, &e), 0);
    assert_int_equal(g.n, 300);
    uint64_t rows = 0, names = 0;
    for (size_t i = 0; i < g.n; i++) {
        rows += g.group[i].n;
        names += i == 0 || strcmp(g.group[i].name, g.group[i - 1].name);
        for (uint64_t k = 0; k < g.group[i].n; k++) {
            uint64_t tag;
            memcpy(&tag, g.group[i].entry[k]->key + made_column(&s.m, FIELD_tag)->off, 8);
            assert_int_equal(tag, strtoul(strchr(g.group[i].name, '-') + 1, NULL, 10));
        }
    }
    assert_int_equal(rows, 2999);
    assert_int_equal(names, 100);
    assert_int_equal(g.group[g.n - 1].latest_us, INT64_C(1700000400) * US_PER_S);
    groups_free(&g);
    names_free(n);

    struct batch none = { .layout = &s.m.layout, .purge_us = AT_US, .base_s = 1699999800 };
    n = names_compile("%H%M-$tag", &s.pl, &e);
    assert_int_equal(groups_make(&g, n, &none, &e), 0);
    assert_int_equal(g.n, 1);
    assert_string_equal(g.group[0].name, "2210-0");
    groups_free(&g);
    names_free(n);
    agg_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expand), cmocka_unit_test(test_unbinned), cmocka_unit_test(test_bad),
        cmocka_unit_test(test_vary),   cmocka_unit_test(test_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
