/* SPDX-License-Identifier: BSD-2-Clause */
/* The purge engine with a sink of the test's own and times given by the test: what is written when, and that
 * nothing is lost when the sink is slow, or refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output/purge.h"
#include "rows.h"

#define US(s) ((int64_t)(s)*US_PER_S)
#define BIN INT64_C(1699999800) /* 2023-11-14 22:10:00 UTC */

/* What the sink saw; shared with the writer's thread through atomics. */
struct seen {
    _Atomic uint64_t calls, rows, packets, first_bin, last_bin;
    _Atomic bool hold;     /* write waits as long as this is set */
    _Atomic unsigned fail; /* so many calls fail */
    _Atomic bool half;     /* a failing call takes half of the rows first */
    _Atomic bool lacking;  /* there is no place for rows of port LACKING */
    bool empty;
};
static struct seen seen;
enum { LACKING = 3 };

static uint16_t port_of(const struct batch *b, const struct agg_entry *x)
{
    uint16_t port;
    memcpy(&port, x->key + layout_find(b->layout, FIELD_src_port)->off, sizeof(port));
    return port;
}

static int fake_write(void *state, struct plugin *pl, struct batch *b, struct err *e)
{
    (void)state, (void)pl;
    while (seen.hold)
        usleep(1000);
    seen.calls++;
    bool fails = seen.fail > 0;
    uint64_t at = 0, n = 0, stop = fails ? (seen.half ? b->rows / 2 : 0) : b->rows;
    for (struct agg_entry *x; n < stop && (x = batch_next(b, &at)); n++) {
        if (seen.lacking && port_of(b, x) == LACKING) {
            b->partly = true;
            stop--;
            n--;
            continue;
        }
        seen.rows++;
        seen.packets += x->packets;
        if (b->layout->bin_off != LAYOUT_NO_BIN) {
            int64_t bin;
            memcpy(&bin, x->key + b->layout->bin_off, sizeof(bin));
            if (!seen.first_bin)
                seen.first_bin = (uint64_t)bin;
            seen.last_bin = (uint64_t)bin;
        }
        x->mark = MARK_DONE;
    }
    b->written = n;
    if (!fails && !b->partly)
        return 0;
    seen.fail -= fails;
    return err_set(e, ERR_SYS, "the test says no");
}

static bool fake_wants_empty(const void *state, const struct plugin *pl)
{
    (void)state, (void)pl;
    return seen.empty;
}

static const struct sink_ops fake = { .name = "fake", .write = fake_write, .wants_empty = fake_wants_empty };

struct setup {
    struct made m;
    struct config c;
    struct plugin pl;
    struct purger *p;
    uint64_t sent; /* packets */
};

static void setup(struct setup *s, struct config c, int64_t now_us)
{
    struct err e;
    memset(&seen, 0, sizeof(seen));
    memset(s, 0, sizeof(*s));
    made_init(&s->m, "src_port", c.history.n != 0);
    s->c = c;
    s->c.timestamps_utc = true;
    if (!s->c.refresh_time)
        s->c.refresh_time = 60;
    s->pl = (struct plugin){ .c = &s->c, .layout = &s->m.layout, .name = "x", .ring = ring_new(65536, &e) };
    assert_non_null(s->pl.ring);
    log_init(&s->pl.log, NULL, "x", "fake", false);
    assert_int_equal(purger_open_at(&s->p, &s->pl, &fake, now_us, &e), 0);
}

static void end(struct setup *s)
{
    struct ring_ledger ledger;
    purger_finish(s->p);
    ring_ledger(s->pl.ring, &ledger);
    assert_int_equal(seen.packets, s->sent);
    assert_int_equal(ledger.confirmed.packets, s->sent);
    assert_int_equal(ledger.confirmed.records, s->sent); /* one packet a record here */
    purger_close(s->p);
    ring_free(s->pl.ring);
}

static void take(struct setup *s, int64_t start_s, uint16_t port)
{
    struct {
        struct record r;
        uint8_t key[64];
    } rec;
    memset(&rec, 0, sizeof(rec));
    made_u16(&s->m, FIELD_src_port, port);
    rec.r = (struct record){ .packets = 1, .bytes = 40, .flows = 1, .start_us = US(start_s) };
    record_set_key_len(&rec.r, s->m.key_len);
    memcpy(rec.r.key, s->m.key, s->m.key_len);
    purger_take(s->p, (uint8_t *)&rec, record_size(&rec.r));
    s->sent++;
}

static void wait_for(_Atomic uint64_t *what, uint64_t n)
{
    for (int i = 0; i < 10000 && *what < n; i++)
        usleep(1000);
    assert_int_equal(*what, n);
}

static void test_refresh(void **state)
{
    (void)state;
    struct setup s;
    setup(&s, (struct config){ .refresh_time = 60 }, US(BIN));
    take(&s, BIN, 1);
    take(&s, BIN, 1);
    take(&s, BIN, 2);
    purger_tick(s.p, US(BIN + 60) - 1);
    usleep(20000);
    assert_int_equal(seen.calls, 0);
    purger_tick(s.p, US(BIN + 60)); /* in time, not a second later */
    wait_for(&seen.rows, 2);
    purger_tick(s.p, US(BIN + 61));
    purger_tick(s.p, US(BIN + 120)); /* nothing came: the sink is not asked */
    take(&s, BIN, 3);
    end(&s);
    assert_int_equal(seen.calls, 2);
    assert_int_equal(seen.rows, 3);
}

static void test_bins(void **state)
{
    (void)state;
    struct setup s;
    setup(&s, (struct config){ .refresh_time = 300, .history = { 5, 'm' }, .history_roundoff = "m" },
          US(BIN));
    take(&s, BIN + 1, 1);
    take(&s, BIN - 3599, 1); /* late: with the next purge */
    take(&s, BIN + 301, 1);  /* of the bin that is to come */
    take(&s, BIN + 4000, 1); /* and of a far one */
    purger_tick(s.p, US(BIN + 300));
    wait_for(&seen.rows, 2);
    assert_int_equal(seen.last_bin, BIN - 3600);
    take(&s, BIN + 302, 1);
    purger_tick(s.p, US(BIN + 600));
    wait_for(&seen.rows, 3);
    assert_int_equal(seen.last_bin, BIN + 300);
    assert_int_equal(seen.packets, 4);
    end(&s); /* what is left is written at the end, whatever its bin */
    assert_int_equal(seen.rows, 4);
}

static void test_open_bin(void **state)
{
    (void)state;
    struct setup s; /* refresh is shorter than a bin: the open bin is written at each one */
    setup(&s, (struct config){ .refresh_time = 60, .history = { 5, 'm' }, .history_roundoff = "m" }, US(BIN));
    take(&s, BIN + 1, 1);
    purger_tick(s.p, US(BIN + 60));
    wait_for(&seen.rows, 1);
    take(&s, BIN + 61, 1);
    purger_tick(s.p, US(BIN + 120));
    wait_for(&seen.rows, 2);
    end(&s);
}

static void test_delay(void **state)
{
    (void)state;
    struct setup s; /* bins wait one bin longer */
    setup(&s,
          (struct config){
              .refresh_time = 300, .startup_delay = 300, .history = { 5, 'm' }, .history_roundoff = "m" },
          US(BIN));
    take(&s, BIN + 1, 1);
    take(&s, BIN + 301, 1);
    purger_tick(s.p, US(BIN + 300));
    usleep(10000);
    assert_int_equal(seen.calls, 0);
    purger_tick(s.p, US(BIN + 600));
    wait_for(&seen.rows, 1);
    assert_int_equal(seen.last_bin, BIN);
    end(&s);
}

static void test_refused(void **state)
{
    (void)state;
    struct setup s;
    for (int half = 0; half < 2; half++) {
        setup(&s, (struct config){ .refresh_time = 60 }, US(BIN));
        seen.fail = 2;
        seen.half = half;
        for (uint16_t i = 0; i < 100; i++)
            take(&s, BIN, i);
        purger_tick(s.p, US(BIN + 60));
        wait_for(&seen.calls, 1);
        take(&s, BIN, 0);
        purger_tick(s.p, US(BIN + 120));
        wait_for(&seen.calls, 2);
        end(&s);
        assert_int_equal(seen.rows, 101);
    }
}

/* The sink sleeps through more purges than may wait: rows are merged, none is lost, the keys are still one
 * row each. */
static void test_slow(void **state)
{
    (void)state;
    struct setup s;
    setup(&s,
          (struct config){
              .refresh_time = 60, .max_writers = 2, .history = { 1, 'm' }, .history_roundoff = "m" },
          US(BIN));
    seen.hold = true;
    for (unsigned i = 0; i < 20; i++) {
        for (uint16_t port = 0; port < 50; port++) {
            take(&s, BIN + i * 60, port);
            take(&s, BIN + i * 60 + 65,
                 port); /* ahead: kept in each purge, and must not be lost in a merged one */
        }
        purger_tick(s.p, US(BIN + (i + 1) * 60));
        usleep(1000);
    }
    seen.hold = false;
    end(&s);
    assert_true(seen.calls <= 5);
    assert_true(seen.rows >= 21 * 50);
}

static void test_slow_and_refused(void **state)
{
    (void)state;
    struct setup s;
    setup(&s, (struct config){ .refresh_time = 60, .max_writers = 1 }, US(BIN));
    seen.fail = 5;
    seen.half = true;
    for (unsigned i = 0; i < 10; i++) {
        for (uint16_t port = 0; port < 64; port++)
            take(&s, BIN, port);
        purger_tick(s.p, US(BIN + (i + 1) * 60));
        usleep(5000);
    }
    end(&s);
}

/* ---- with a spool */

static const struct sink_ops fake_spooled = { .name = "fake", .write = fake_write, .spools = true };

static void spool_setup(struct setup *s, const char *dir, int64_t max, const char *aggregate, uint64_t ports)
{
    struct err e;
    static const struct plugin_ops ops = { .name = "fake" };
    memset(s, 0, sizeof(*s));
    made_init(&s->m, aggregate, false);
    s->c = (struct config){ .refresh_time = 60,
                            .timestamps_utc = true,
                            .spool_dir = dir,
                            .spool_max_size = max,
                            .files_umask = -1,
                            .files_uid = -1,
                            .files_gid = -1 };
    s->pl = (struct plugin){ .c = &s->c,
                             .ops = &ops,
                             .progname = "testd",
                             .layout = &s->m.layout,
                             .name = "x/../y",
                             .ring = ring_new(65536, &e) };
    log_init(&s->pl.log, NULL, "x", "fake", false);
    assert_int_equal(purger_open_at(&s->p, &s->pl, &fake_spooled, US(BIN), &e), 0);
    for (uint16_t i = 0; i < ports; i++)
        take(s, BIN, i);
}

static struct ring_ledger spool_end(struct setup *s)
{
    struct ring_ledger ledger;
    purger_finish(s->p);
    ring_ledger(s->pl.ring, &ledger);
    purger_close(s->p);
    ring_free(s->pl.ring);
    return ledger;
}

static void purge_now(struct setup *s, uint64_t calls)
{
    purger_tick(s->p, US(BIN + 60 * (int64_t)calls));
    wait_for(&seen.calls, calls);
}

static void in_tmp(void (*test)(const char *dir))
{
    char dir[] = "/tmp/purge_spool.XXXXXX", command[64];
    memset(&seen, 0, sizeof(seen));
    assert_non_null(mkdtemp(dir));
    test(dir);
    snprintf(command, sizeof(command), "rm -r '%s'", dir);
    assert_int_equal(system(command), 0);
}

/* What the sink refuses until the end of the process is written by the next one, once. */
static void outlives(const char *dir)
{
    struct setup s;
    spool_setup(&s, dir, 0, "src_port", 100);
    seen.fail = 1000;
    purge_now(&s, 1);
    struct ring_ledger l;
    ring_ledger(s.pl.ring, &l);
    assert_int_equal(l.confirmed.packets, 100); /* safe on disk already */
    assert_int_equal(l.spooled.packets, 100);
    for (uint16_t i = 0; i < 7; i++)
        take(&s, BIN, i);
    spool_end(&s);
    assert_int_equal(seen.packets, 0);
    memset(&seen, 0, sizeof(seen));
    spool_setup(&s, dir, 0, "src_port", 0);
    wait_for(&seen.packets, 107);
    l = spool_end(&s);
    assert_int_equal(seen.rows, 107);
    assert_int_equal(seen.calls, 2); /* two purges, in their order; none twice */
    assert_int_equal(l.spooled.packets, 0);
    spool_setup(&s, dir, 0, "src_port", 0);
    spool_end(&s);
    assert_int_equal(seen.calls, 2);
}

static void test_spool_outlives(void **state)
{
    (void)state;
    in_tmp(outlives);
}

/* The sink comes back by itself; rows it has are not shown to it again. */
static void comes_back(const char *dir)
{
    struct setup s;
    spool_setup(&s, dir, 0, "src_port", 100);
    seen.fail = 1;
    seen.half = true;
    purge_now(&s, 1);
    wait_for(&seen.calls, 2); /* a second later, without a purge */
    assert_int_equal(seen.rows, 100);
    spool_end(&s);
    assert_int_equal(seen.packets, 100);
}

static void test_spool_retries(void **state)
{
    (void)state;
    in_tmp(comes_back);
}

/* What has no place waits alone: it is all that is in the spool, later purges go out, and it comes when there
 * is a place, also in the next process. */
static void lacking(const char *dir)
{
    struct setup s;
    struct ring_ledger l;
    seen.lacking = true;
    spool_setup(&s, dir, 0, "src_port", 10);
    for (uint64_t n = 1; n <= 3; n++) {
        for (uint16_t i = 0; n > 1 && i < 10; i++)
            take(&s, BIN, i);
        purger_tick(s.p, US(BIN + 60 * (int64_t)n));
        wait_for(&seen.packets, 9 * n);
    }
    do
        ring_ledger(s.pl.ring, &l);
    while (l.spooled.packets > 3);
    assert_int_equal(l.spooled.packets, 3);
    assert_int_equal(l.confirmed.packets, 30);
    l = spool_end(&s);
    assert_int_equal(seen.packets, 27);
    assert_int_equal(l.spooled.packets, 3);
    spool_setup(&s, dir, 0, "src_port", 10);
    purger_tick(s.p, US(BIN + 60));
    wait_for(&seen.packets, 27 + 9);
    seen.lacking = false;
    wait_for(&seen.packets, 40);
    l = spool_end(&s);
    assert_int_equal(seen.rows, 40);
    assert_int_equal(l.spooled.packets, 0);
}

static void test_spool_lacking(void **state)
{
    (void)state;
    in_tmp(lacking);
}

/* The same without a spool. */
static void test_lacking(void **state)
{
    struct setup s;
    (void)state;
    setup(&s, (struct config){ .refresh_time = 60 }, US(BIN));
    seen.lacking = true;
    for (uint64_t n = 1; n <= 3; n++) {
        for (uint16_t i = 0; i < 10; i++)
            take(&s, BIN, i);
        purger_tick(s.p, US(BIN + (int64_t)n * 60));
        wait_for(&seen.packets, 9 * n);
    }
    seen.lacking = false;
    end(&s);
}

/* Past the bound the oldest goes, and the ledger says so. */
static void bounded(const char *dir)
{
    struct setup s;
    seen.fail = 1000;
    spool_setup(&s, dir, 10000, "src_port", 0);
    for (uint64_t n = 1; n <= 5; n++) {
        for (uint16_t i = 0; i < 100; i++) /* 40 octets each */
            take(&s, BIN, i);
        purger_tick(s.p, US(BIN + 60 * (int64_t)n));
        struct ring_ledger l;
        do
            ring_ledger(s.pl.ring, &l);
        while (l.confirmed.packets < n * 100);
    }
    struct ring_ledger l = spool_end(&s);
    assert_int_equal(l.confirmed.packets, 500);
    assert_int_equal(l.dropped.packets, 300);
    assert_int_equal(l.spooled.packets, 200);
    memset(&seen, 0, sizeof(seen));
    spool_setup(&s, dir, 0, "src_port", 0);
    wait_for(&seen.packets, 200);
    spool_end(&s);
}

static void test_spool_bounded(void **state)
{
    (void)state;
    in_tmp(bounded);
}

/* Made with other fields: it waits for them. */
static void other_fields(const char *dir)
{
    struct setup s;
    seen.fail = 1000;
    spool_setup(&s, dir, 0, "src_port", 10);
    spool_end(&s);
    memset(&seen, 0, sizeof(seen));
    spool_setup(&s, dir, 0, "src_port, dst_port", 5);
    spool_end(&s);
    assert_int_equal(seen.packets, 5);
    spool_setup(&s, dir, 0, "src_port", 0);
    wait_for(&seen.packets, 15);
    spool_end(&s);
}

static void test_spool_other_fields(void **state)
{
    (void)state;
    in_tmp(other_fields);
}

static void test_empty(void **state)
{
    (void)state;
    struct setup s;
    struct err e;
    setup(&s, (struct config){ .refresh_time = 60 }, US(BIN));
    purger_close(s.p);
    seen.empty = true;
    assert_int_equal(purger_open_at(&s.p, &s.pl, &fake, US(BIN), &e), 0);
    purger_tick(s.p, US(BIN + 60));
    wait_for(&seen.calls, 1);
    assert_int_equal(seen.rows, 0);
    end(&s);
    assert_int_equal(seen.calls, 2);
}

static void test_trigger(void **state)
{
    (void)state;
    struct setup s;
    struct stat st;
    char command[64], path[] = "/tmp/purge_test.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    unlink(path);
    snprintf(command, sizeof(command), "touch  %s", path);
    setup(&s, (struct config){ .refresh_time = 60, .trigger_exec = command }, US(BIN));
    take(&s, BIN, 1);
    end(&s);
    assert_int_equal(stat(path, &st), 0);
    unlink(path);
    setup(
        &s,
        (struct config){ .refresh_time = 60, .trigger_exec = "/no/such/program", .trigger_exec_async = true },
        US(BIN));
    end(&s); /* logged, no more */
}

static void test_offset_check(void **state)
{
    (void)state;
    struct config_set set = { .strict = false };
    struct plugin_conf pc = { .name = "x", .c = { .history = { 5, 'm' }, .history_offset = 299 } };
    struct err e;
    assert_int_equal(purger_check(&set, &pc, "sql", &e), 0);
    pc.c.history_offset = 300;
    assert_int_equal(purger_check(&set, &pc, "sql", &e), -1);
    assert_non_null(strstr(e.text, "sql_history_offset"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refresh),          cmocka_unit_test(test_bins),
        cmocka_unit_test(test_open_bin),         cmocka_unit_test(test_delay),
        cmocka_unit_test(test_refused),          cmocka_unit_test(test_slow),
        cmocka_unit_test(test_slow_and_refused), cmocka_unit_test(test_empty),
        cmocka_unit_test(test_trigger),          cmocka_unit_test(test_offset_check),
        cmocka_unit_test(test_spool_outlives),   cmocka_unit_test(test_spool_retries),
        cmocka_unit_test(test_spool_bounded),    cmocka_unit_test(test_spool_other_fields),
        cmocka_unit_test(test_spool_lacking),    cmocka_unit_test(test_lacking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
