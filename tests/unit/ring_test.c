/* SPDX-License-Identifier: BSD-2-Clause */
/* The shared-memory ring: order, wrap, fullness, the sleep protocol, and a ledger that survives kill -9. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/ring.h"

static struct record *put(struct ring *r, uint64_t n, uint32_t key_len)
{
    uint32_t size = (uint32_t)sizeof(struct record) + key_len;
    struct record *rec = ring_reserve(r, size);
    if (!rec)
        return NULL;
    memset(rec, 0, size);
    record_set_key_len(rec, key_len);
    rec->packets = n;
    rec->bytes = n * 10;
    rec->flows = 1;
    memset(rec->key, (int)n, key_len);
    ring_commit(r, rec);
    return rec;
}

static struct sums take_all(struct ring *r, uint64_t *next)
{
    size_t bytes;
    struct sums s = { 0 };
    uint8_t *p = ring_peek(r, &bytes);
    for (size_t at = 0; at < bytes;) {
        const struct record *rec = (const struct record *)(p + at);
        assert_int_equal(rec->packets, (*next)++);
        for (uint32_t i = 0; i < record_key_len(rec); i++)
            assert_int_equal(rec->key[i], (uint8_t)rec->packets);
        sums_add(&s, &(struct sums){ 1, rec->packets, rec->bytes, rec->flows });
        at += record_size(rec);
    }
    ring_release(r, bytes, &s);
    return s;
}

static void records_come_whole_and_in_order(void **state)
{
    (void)state;
    struct ring *r = ring_new(1, NULL);
    uint64_t in = 0, out = 0;
    assert_non_null(r);
    for (unsigned round = 0; round < 2000; round++) {
        for (unsigned i = 0; i < 1 + round % 97; i++)
            if (put(r, in, 8 * (uint32_t)(in % 23)))
                in++;
        ring_publish(r);
        take_all(r, &out);
        assert_int_equal(in, out);
    }
    ring_free(r);
}

static void a_full_ring_refuses_and_recovers(void **state)
{
    (void)state;
    struct ring *r = ring_new(1, NULL);
    uint64_t in = 0, out = 0;
    while (put(r, in, 64))
        in++;
    assert_true(in > 400);
    assert_null(ring_reserve(r, 4096));
    ring_publish(r);
    assert_true(ring_backlog(r) > ring_size(r) - 256);
    take_all(r, &out);
    assert_int_equal(in, out);
    assert_non_null(put(r, in, 64));
    assert_int_equal(ring_backlog(r), 64 + sizeof(struct record));
    ring_free(r);
}

static void unpublished_records_are_not_seen(void **state)
{
    (void)state;
    struct ring *r = ring_new(1, NULL);
    size_t bytes;
    put(r, 0, 8);
    ring_peek(r, &bytes);
    assert_int_equal(bytes, 0);
    assert_true(ring_sleep(r, RING_WAKE_ANY));
    ring_publish(r);
    struct pollfd p = { .fd = ring_fd(r), .events = POLLIN };
    assert_int_equal(poll(&p, 1, 0), 1);
    ring_woken(r);
    assert_int_equal(poll(&p, 1, 0), 0);
    assert_false(ring_sleep(r, RING_WAKE_ANY)); /* something is there */
    put(r, 1, 8);
    ring_publish(r);
    assert_int_equal(poll(&p, 1, 0), 0); /* nobody sleeps, nobody is woken */
    ring_free(r);
}

static void a_napping_consumer_is_woken_when_it_fills(void **state)
{
    (void)state;
    struct ring *r = ring_new(1, NULL);
    struct pollfd p = { .fd = ring_fd(r), .events = POLLIN };
    assert_true(ring_sleep(r, RING_WAKE_FILLING));
    put(r, 0, 64);
    ring_publish(r);
    assert_int_equal(poll(&p, 1, 0), 0);
    while (ring_backlog(r) <= ring_size(r) / 2)
        put(r, 1, 64);
    ring_publish(r);
    assert_int_equal(poll(&p, 1, 0), 1);
    ring_free(r);
}

/* A consumer that is killed in the middle: what it had taken and not confirmed is lost, to the record, the
 * rest is taken by its successor. */
static void the_ledger_is_exact_after_a_kill(void **state)
{
    (void)state;
    struct ring *r = ring_new(1, NULL);
    uint64_t in = 0;
    for (; in < 100; in++)
        put(r, in, 16);
    ring_publish(r);
    pid_t pid = fork();
    if (pid == 0) {
        uint64_t next = 0;
        struct sums s = take_all(r, &next);
        struct sums part = { .records = 40, .packets = 780, .bytes = 7800, .flows = 40 };
        (void)s;
        ring_confirm(r, &part);
        raise(SIGKILL);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status));
    struct sums lost = ring_plugin_died(r);
    assert_int_equal(lost.records, 60);
    assert_int_equal(lost.packets, 99 * 100 / 2 - 780);
    put(r, in++, 16);
    ring_publish(r);
    uint64_t next = 100;
    take_all(r, &next);
    assert_int_equal(next, 101);
    struct ring_ledger l;
    ring_ledger(r, &l);
    assert_int_equal(l.handed.records, 101);
    assert_int_equal(l.taken.records, 101);
    assert_int_equal(l.lost.records, 60);
    lost = ring_plugin_died(r); /* the second one dies too: only what it took is added */
    assert_int_equal(lost.records, 1);
    ring_free(r);
}

/* Producer and consumer in two processes, at full speed. */
static void two_processes_agree(void **state)
{
    (void)state;
    enum { RECORDS = 300000 };
    struct ring *r = ring_new(1, NULL);
    pid_t pid = fork();
    if (pid == 0) {
        for (uint64_t in = 0; in < RECORDS;) {
            if (put(r, in, 8 * (uint32_t)(in % 7)))
                in++;
            else
                usleep(50);
            if (in % 32 == 0)
                ring_publish(r);
        }
        ring_publish(r);
        _exit(0);
    }
    uint64_t out = 0;
    while (out < RECORDS) {
        take_all(r, &out);
        if (out < RECORDS && ring_sleep(r, RING_WAKE_ANY)) {
            struct pollfd p = { .fd = ring_fd(r), .events = POLLIN };
            assert_int_equal(poll(&p, 1, 10000), 1);
            ring_woken(r);
        }
    }
    waitpid(pid, NULL, 0);
    struct ring_ledger l;
    ring_ledger(r, &l);
    assert_int_equal(l.handed.records, RECORDS);
    assert_int_equal(l.taken.packets, l.handed.packets);
    ring_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_whole_and_in_order),
        cmocka_unit_test(a_full_ring_refuses_and_recovers),
        cmocka_unit_test(unpublished_records_are_not_seen),
        cmocka_unit_test(a_napping_consumer_is_woken_when_it_fills),
        cmocka_unit_test(the_ledger_is_exact_after_a_kill),
        cmocka_unit_test(two_processes_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
