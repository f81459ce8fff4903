/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is active, and what is kept by who is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "output/ha.h"
#include "output/ha_queue.h"

static void oldest_is_first(void **state)
{
    static const struct {
        int64_t self, others[3];
        const char *name;
        unsigned n;
        bool first;
    } rows[] = {
        { 5, { 0 }, "c", 0, true },        { 5, { 6, 7, 8 }, "c", 3, true },
        { 5, { 6, 4, 8 }, "c", 3, false }, { 5, { 5 }, "c", 1, false /* b */ },
        { 5, { 5 }, "a", 1, true },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ha_member m[3], self = { rows[i].self, rows[i].name };
        for (unsigned k = 0; k < rows[i].n; k++)
            m[k] = (struct ha_member){ rows[i].others[k], "b" };
        if (ha_is_first(m, rows[i].n, &self) != rows[i].first)
            fail_msg("row %zu", i);
    }
}

static void put(struct ha_queue *q, unsigned n, int64_t at)
{
    struct addr a, r;
    char text[32];
    addr_parse("192.0.2.1", &a);
    addr_parse("2001:db8::1", &r);
    snprintf(text, sizeof(text), "message %u", n);
    const struct msglog_topic t = {
        .peer_src_ip = &a, .peer_src_port = (uint16_t)n, .bmp_router = n % 2 ? &r : NULL, .peer_as = n
    };
    assert_true(ha_queue_put(q, &t, text, strlen(text), at));
    memset(&a, 0xee, sizeof(a)); /* topic and text are copied */
    memset(&r, 0xee, sizeof(r));
    memset(text, 0xee, sizeof(text));
}

static void expect(struct ha_queue *q, unsigned n)
{
    struct msglog_topic t;
    struct addr a, r;
    const char *text;
    char want[32];
    size_t len;
    addr_parse("192.0.2.1", &a);
    addr_parse("2001:db8::1", &r);
    assert_true(ha_queue_peek(q, &t, &text, &len));
    snprintf(want, sizeof(want), "message %u", n);
    assert_int_equal(len, strlen(want));
    assert_memory_equal(text, want, len);
    assert_memory_equal(t.peer_src_ip, &a, sizeof(a));
    assert_int_equal(t.peer_src_port, n);
    assert_int_equal(t.peer_as, n);
    assert_int_equal(t.bmp_router != NULL, n % 2);
    if (t.bmp_router)
        assert_memory_equal(t.bmp_router, &r, sizeof(r));
    ha_queue_drop(q);
}

static void messages_are_kept_in_order(void **state)
{
    struct ha_queue *q = ha_queue_new(10, -1);
    (void)state;
    for (unsigned i = 0; i < 100; i++)
        put(q, i, i);
    ha_queue_expire(q, 60); /* what is more than 10 old: 0 to 49 */
    assert_int_equal(ha_queue_counts(q).expired, 50);
    for (unsigned i = 50; i < 100; i++)
        expect(q, i);
    const struct ha_queue_counts n = ha_queue_counts(q);
    assert_int_equal(n.waiting, 0);
    assert_int_equal(n.octets, 0);
    assert_int_equal(n.handed_on, 50);
    assert_int_equal(n.dropped, 0);
    put(q, 7, 100);
    expect(q, 7);
    put(q, 8, 100);
    ha_queue_free(q);
}

static void no_more_than_the_most(void **state)
{
    struct ha_queue *q = ha_queue_new(1000, 3);
    (void)state;
    for (unsigned i = 0; i < 10; i++)
        put(q, i, i);
    assert_int_equal(ha_queue_counts(q).dropped, 7);
    for (unsigned i = 7; i < 10; i++)
        expect(q, i);
    ha_queue_free(q);
    q = ha_queue_new(1000, 0);
    put(q, 1, 1);
    assert_int_equal(ha_queue_counts(q).waiting, 0);
    ha_queue_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(oldest_is_first),
                                        cmocka_unit_test(messages_are_kept_in_order),
                                        cmocka_unit_test(no_more_than_the_most) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
