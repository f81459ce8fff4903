/* SPDX-License-Identifier: BSD-2-Clause */
/* The aggregation table: sums, growth, keys of any length, visiting while it grows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>
#include "core/agg.h"

enum { KEY = 48, LONGEST = RECORD_SIZE_MAX - sizeof(struct record) };

static void make(uint8_t *p, uint64_t id, uint32_t key_len)
{
    struct record *r = (struct record *)p;
    memset(r, 0, sizeof(*r) + key_len);
    record_set_key_len(r, key_len);
    r->packets = 1;
    r->bytes = id;
    r->flows = 2;
    r->tcpflags = 1u << id % 8 & 0xff;
    if (key_len >= 8)
        memcpy(r->key, &id, 8);
}

static void sums_are_exact_over_growth(void **state)
{
    (void)state;
    enum { KEYS = 50000, ROUNDS = 3 };
    _Alignas(8) uint8_t recs[64 * (sizeof(struct record) + KEY)];
    struct agg *t = agg_new();
    struct sums all = { 0 };
    uint64_t id = 0;
    for (unsigned i = 0; i < ROUNDS * KEYS; i += 50) {
        size_t n = 0;
        for (unsigned k = 0; k < 50; k++, id = (id + 1) % KEYS) {
            make(recs + n, id, KEY);
            n += sizeof(struct record) + KEY;
        }
        struct sums s = agg_add(t, recs, n);
        sums_add(&all, &s);
    }
    assert_int_equal(agg_count(t), KEYS);
    assert_int_equal(all.packets, ROUNDS * KEYS);
    uint64_t at = 0, seen = 0;
    for (const struct agg_entry *e; (e = agg_next(t, &at)); seen++) {
        assert_int_equal(e->packets, ROUNDS);
        assert_int_equal(e->bytes, ROUNDS * seen); /* order of arrival */
        assert_int_equal(e->flows, 2 * ROUNDS);
        assert_int_equal(e->tcpflags, 1 << seen % 8);
    }
    assert_int_equal(seen, KEYS);
    uint8_t key[KEY] = { 0 };
    uint64_t wanted = 4711;
    memcpy(key, &wanted, 8);
    assert_int_equal(agg_find(t, key, KEY)->bytes, ROUNDS * wanted);
    wanted = KEYS;
    memcpy(key, &wanted, 8);
    assert_null(agg_find(t, key, KEY));
    agg_clear(t);
    assert_int_equal(agg_count(t), 0);
    at = 0;
    assert_null(agg_next(t, &at));
    agg_free(t);
}

static void keys_of_any_length_differ(void **state)
{
    (void)state;
    _Alignas(8) uint8_t rec[RECORD_SIZE_MAX];
    struct agg *t = agg_new();
    for (uint32_t len = 0; len <= LONGEST; len += 8) {
        make(rec, 7, len);
        agg_add(t, rec, sizeof(struct record) + len);
        agg_add(t, rec, sizeof(struct record) + len);
    }
    assert_int_equal(agg_count(t), LONGEST / 8 + 1);
    uint64_t at = 0;
    uint32_t len = 0;
    for (const struct agg_entry *e; (e = agg_next(t, &at)); len += 8) {
        assert_int_equal(e->key_len, len);
        assert_int_equal(e->packets, 2);
    }
    assert_int_equal(len, LONGEST + 8);
    agg_free(t);
}

static void a_visit_goes_on_while_entries_come(void **state)
{
    (void)state;
    _Alignas(8) uint8_t rec[sizeof(struct record) + KEY];
    struct agg *t = agg_new();
    uint64_t at = 0;
    for (uint64_t id = 0; id < 40000; id++) {
        make(rec, id, KEY);
        agg_add(t, rec, sizeof(rec));
        const struct agg_entry *e = agg_next(t, &at);
        assert_int_equal(e->bytes, id);
        assert_null(agg_next(t, &at));
    }
    agg_free(t);
}

static void an_entry_is_small(void **state)
{
    (void)state;
    enum { KEYS = 1000000 };
    _Alignas(8) uint8_t rec[sizeof(struct record) + KEY];
    struct agg *t = agg_new();
    for (uint64_t id = 0; id < KEYS; id++) {
        make(rec, id, KEY);
        agg_add(t, rec, sizeof(rec));
    }
    assert_in_range(agg_memory(t) / KEYS, 80, 115);
    agg_free(t);
}

static void add_ids(struct agg *t, uint64_t from, uint64_t to)
{
    _Alignas(8) uint8_t rec[sizeof(struct record) + KEY];
    for (uint64_t id = from; id < to; id++) {
        make(rec, id, KEY);
        agg_add(t, rec, sizeof(rec));
    }
}

/* Tables of several threads, as one: visited whole; and, when more comes, every key still stands there once.
 */
static void tables_are_put_together(void **state)
{
    (void)state;
    enum { KEYS = 70000, PARTS = 3 };
    struct agg *t = agg_new(), *other = agg_new();
    add_ids(t, 0, KEYS);
    agg_absorb(t, agg_new());
    for (uint64_t i = 1; i < PARTS; i++) {
        struct agg *more = agg_new();
        add_ids(more, i * KEYS, (i + 1) * KEYS);
        agg_absorb(t, more);
    }
    assert_int_equal(agg_count(t), PARTS * KEYS);
    assert_in_range(agg_memory(t), PARTS * KEYS * (sizeof(struct agg_entry) + KEY), 64 << 20);
    uint64_t at = 0, seen = 0;
    for (const struct agg_entry *e; (e = agg_next(t, &at)); seen++)
        assert_int_equal(e->bytes, seen);
    assert_int_equal(seen, PARTS * KEYS);
    add_ids(other, 0, PARTS * KEYS + 5);
    at = 0;
    for (const struct agg_entry *e; (e = agg_next(other, &at));)
        agg_merge(t, e);
    assert_int_equal(agg_count(t), PARTS * KEYS + 5);
    add_ids(t, KEYS, KEYS + 1);
    uint8_t key[KEY] = { 0 };
    uint64_t wanted = KEYS;
    memcpy(key, &wanted, 8);
    assert_int_equal(agg_find(t, key, KEY)->packets, 3);
    agg_clear(t);
    assert_int_equal(agg_count(t), 0);
    agg_free(t);
    agg_free(other);
}

/* What is added last stands in what was absorbed. */
static void an_absorbed_table_grows(void **state)
{
    (void)state;
    struct agg *t = agg_new(), *more = agg_new();
    add_ids(more, 10, 20);
    agg_absorb(t, more);
    add_ids(t, 0, 20);
    assert_int_equal(agg_count(t), 20);
    uint64_t at = 0, sum = 0;
    for (const struct agg_entry *e; (e = agg_next(t, &at));)
        sum += e->packets;
    assert_int_equal(sum, 30);
    agg_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_exact_over_growth),
        cmocka_unit_test(keys_of_any_length_differ),
        cmocka_unit_test(a_visit_goes_on_while_entries_come),
        cmocka_unit_test(an_entry_is_small),
        cmocka_unit_test(tables_are_put_together),
        cmocka_unit_test(an_absorbed_table_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
