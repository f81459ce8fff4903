/* SPDX-License-Identifier: BSD-2-Clause */
/* Words of *_preprocess: which rows stay, and with which counters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "output/preprocess.h"

struct counts {
    uint64_t packets, bytes, flows;
};

static struct batch batch_of(const struct counts *c, unsigned n)
{
    struct batch b = { .table = agg_new(), .rows = n };
    for (unsigned i = 0; i < n; i++) {
        struct {
            struct record r;
            uint64_t key;
        } rec = { .r = { .packets = c[i].packets, .bytes = c[i].bytes, .flows = (uint32_t)c[i].flows },
                  .key = i };
        record_set_key_len(&rec.r, sizeof(rec.key));
        agg_add(b.table, (const uint8_t *)&rec, record_size(&rec.r));
    }
    return b;
}

static struct preprocess *must(const char *text, bool all)
{
    struct err e = { 0 };
    struct preprocess *p = preprocess_new(text, all, true, &e);
    if (!p)
        fail_msg("%s: %s", text, e.text);
    return p;
}

static void test_checks(void **state)
{
    (void)state;
    static const struct counts rows[] = { { 1, 40, 1 }, { 10, 1000, 2 }, { 100, 150000, 0 } };
    static const struct {
        const char *text;
        bool all;
        unsigned stay; /* bits: rows that are written */
    } cases[] = {
        { "minp=10", false, 6 },          { "minb=1000", false, 6 },         { "minf=1", false, 3 },
        { "maxp=10", false, 1 },          { "maxb=1000", false, 1 },         { "maxf=1", false, 4 },
        { "minbpp=100", false, 6 },       { "maxbpp=100", false, 1 },        { "minppf=5", false, 6 },
        { "maxppf=5", false, 5 },         { "minp=10, maxb=2000", true, 2 }, { "minp=100,maxb=41", false, 5 },
        { "qnum=3,minp=1000", false, 7 }, { "qnum=2,minp=1000", false, 0 },  { "fss=1000", false, 6 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct batch b = batch_of(rows, 3);
        struct preprocess *p = must(cases[i].text, cases[i].all);
        struct sums out;
        unsigned stay = 0;
        uint64_t at = 0, n = 0;
        preprocess_run(p, &b, &out);
        for (struct agg_entry *e; (e = batch_next(&b, &at)); n++)
            stay |= 1u << *(const uint64_t *)e->key;
        if (stay != cases[i].stay)
            fail_msg("%s: %u, not %u", cases[i].text, stay, cases[i].stay);
        assert_int_equal(b.rows, n);
        assert_int_equal(out.records, 3 - n);
        preprocess_free(p);
        agg_free(b.table);
    }
}

static void test_actions(void **state)
{
    (void)state;
    static const struct counts rows[] = { { 10, 1000, 1 } };
    static const struct {
        const char *text;
        uint64_t packets, bytes;
    } cases[] = {
        { "usrf=4", 40, 4000 },  { "adjb=18", 10, 1180 }, { "adjb=-18", 10, 820 },
        { "adjb=-1000", 10, 0 }, { "fss=500", 10, 1000 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct batch b = batch_of(rows, 1);
        struct preprocess *p = must(cases[i].text, false);
        struct sums out;
        uint64_t at = 0;
        preprocess_run(p, &b, &out);
        struct agg_entry *e = batch_next(&b, &at);
        assert_non_null(e);
        assert_int_equal(e->packets, cases[i].packets);
        assert_int_equal(e->bytes, cases[i].bytes);
        preprocess_free(p);
        agg_free(b.table);
    }
}

/* Rows for the backup host stay in the batch, apart from the others. */
static void test_recover(void **state)
{
    (void)state;
    static const struct counts rows[] = { { 1, 40, 1 }, { 10, 1000, 2 }, { 100, 150000, 0 } };
    struct batch b = batch_of(rows, 3);
    struct preprocess *p = must("minp=10, recover=1, adjb=1", false);
    struct sums out;
    uint64_t at = 0;
    unsigned aside = 0;
    assert_true(preprocess_recovers(p));
    preprocess_run(p, &b, &out);
    assert_int_equal(b.rows, 3);
    assert_int_equal(out.records, 1);
    for (struct agg_entry *e; (e = batch_next(&b, &at));)
        if (e->mark == MARK_ASIDE) {
            aside++;
            assert_int_equal(e->bytes, 40);
        }
    assert_int_equal(aside, 1);
    preprocess_free(p);
    agg_free(b.table);
    p = must("minp=10, recover=0", false);
    assert_false(preprocess_recovers(p));
    preprocess_free(p);
}

/* Samples of rows have the sum of all rows in the mean. */
static void test_samples(void **state)
{
    (void)state;
    static struct counts rows[1000];
    for (unsigned i = 0; i < 1000; i++)
        rows[i] = (struct counts){ 10, 1000 + i, 1 };
    static const char *const texts[] = { "fss=20000", "fsrc=400" };
    for (unsigned k = 0; k < 2; k++) {
        struct batch b = batch_of(rows, 1000);
        struct preprocess *p = must(texts[k], false);
        struct sums out;
        uint64_t at = 0, bytes = 0, want = 0;
        preprocess_run(p, &b, &out);
        for (struct agg_entry *e; (e = batch_next(&b, &at));)
            bytes += e->bytes;
        for (unsigned i = 0; i < 1000; i++)
            want += rows[i].bytes;
        assert_true(b.rows > 0 && b.rows <= 400);
        assert_in_range(bytes, want * 8 / 10, want * 12 / 10);
        preprocess_free(p);
        agg_free(b.table);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "minp", "minp=", "minp=x", "minp=-1", "minq=3", "qnum=3", "minp=3x"
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err e = { 0 };
        assert_null(preprocess_new(bad[i], false, true, &e));
        assert_int_equal(e.code, ERR_CONFIG);
    }
    struct err e;
    assert_null(preprocess_new("maxbpp=3", false, false, &e)); /* of databases only */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checks),  cmocka_unit_test(test_actions), cmocka_unit_test(test_recover),
        cmocka_unit_test(test_samples), cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
