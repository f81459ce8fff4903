/* SPDX-License-Identifier: BSD-2-Clause */
/* Batches on disk: order, what survives a process, what is cut or damaged, one owner. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

#include "base/spool.h"

static char dir[64];
static const struct file_modes modes = { .mask = 077, .uid = (uid_t)-1, .gid = (gid_t)-1 };

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/spool_test.XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    char cmd[128];
    (void)state;
    snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
    return system(cmd);
}

static struct spool *must_open(void)
{
    struct err e = { 0 };
    char sub[80];
    snprintf(sub, sizeof(sub), "%s/a/b", dir);
    struct spool *s = spool_open(sub, &modes, &e);
    if (!s)
        fail_msg("%s", e.text);
    return s;
}

/* A batch of n octets, each of value v, whose meta begins with v. */
static uint64_t put(struct spool *s, uint8_t v, size_t n)
{
    struct err e = { 0 };
    uint8_t meta[SPOOL_META] = { v }, part[1000];
    uint64_t seq = 0;
    memset(part, v, sizeof(part));
    assert_int_equal(spool_begin(s, meta, &e), 0);
    for (size_t at = 0; at < n; at += sizeof(part))
        assert_int_equal(spool_add(s, part, n - at < sizeof(part) ? n - at : sizeof(part), &e), 0);
    assert_int_equal(spool_commit(s, &seq, &e), 0);
    return seq;
}

static void check(struct spool *s, size_t i, uint8_t v, size_t n)
{
    struct err e = { 0 };
    const uint8_t *p;
    size_t len;
    const struct spool_item *it = spool_at(s, i);
    assert_non_null(it);
    assert_int_equal(it->meta[0], v);
    assert_int_equal(spool_map(s, it->seq, &p, &len, &e), 0);
    assert_int_equal(len, n);
    for (size_t k = 0; k < n; k++)
        assert_int_equal(p[k], v);
    spool_unmap(p, len);
}

static void test_order_and_restart(void **state)
{
    (void)state;
    struct spool *s = must_open();
    put(s, 1, 10);
    uint64_t second = put(s, 2, 3 << 20);
    put(s, 3, 0);
    spool_remove(s, second);
    put(s, 4, 8);
    spool_close(s);
    s = must_open();
    assert_int_equal(spool_count(s), 3);
    check(s, 0, 1, 10);
    check(s, 1, 3, 0);
    check(s, 2, 4, 8);
    assert_true(put(s, 5, 1) > second + 2);
    assert_null(spool_at(s, 4));
    while (spool_at(s, 0))
        spool_remove(s, spool_at(s, 0)->seq);
    assert_int_equal(spool_octets(s), 0);
    spool_close(s);
}

static void test_unfinished_is_removed(void **state)
{
    (void)state;
    struct err e;
    uint8_t meta[SPOOL_META] = { 9 };
    struct spool *s = must_open();
    assert_int_equal(spool_begin(s, meta, &e), 0);
    assert_int_equal(spool_add(s, "abc", 3, &e), 0);
    spool_abandon(s);
    put(s, 1, 5);
    assert_int_equal(spool_count(s), 1);
    spool_close(s);
    char path[128];
    snprintf(path, sizeof(path), "%s/a/b/00000000000000aa.tmp", dir);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    s = must_open();
    assert_int_equal(spool_count(s), 1);
    assert_int_equal(access(path, F_OK), -1);
    assert_true(put(s, 2, 5) > 0xaa);
    spool_close(s);
}

/* Any octet changed, or the end cut: the file is set aside, the others stay. */
static void test_damage(void **state)
{
    (void)state;
    static const long at[] = { 0, 9, 20, 110, 115, 125, 140, 147, -1 };
    for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        struct err e;
        const uint8_t *p;
        size_t n;
        char path[128];
        struct spool *s = must_open();
        uint64_t bad = put(s, 1, 100), good = put(s, 2, 7);
        spool_close(s);
        snprintf(path, sizeof(path), "%s/a/b/%016llx.batch", dir, (unsigned long long)bad);
        if (at[i] == -1) {
            assert_int_equal(truncate(path, 200), 0);
        } else {
            FILE *f = fopen(path, "r+");
            fseek(f, at[i], SEEK_SET);
            int c = fgetc(f);
            fseek(f, at[i], SEEK_SET);
            fputc(c ^ 1, f);
            fclose(f);
        }
        s = must_open();
        if (spool_count(s) == 2)
            assert_int_equal(spool_map(s, bad, &p, &n, &e), -1);
        assert_int_equal(spool_damaged(s), 1);
        assert_int_equal(spool_count(s), 1);
        check(s, 0, 2, 7);
        spool_remove(s, good);
        spool_close(s);
        assert_int_equal(access(path, F_OK), -1);
    }
}

static void test_one_owner(void **state)
{
    (void)state;
    struct err e = { 0 };
    char sub[80];
    struct spool *s = must_open();
    snprintf(sub, sizeof(sub), "%s/a/b", dir);
    assert_null(spool_open(sub, &modes, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    spool_close(s);
    s = must_open();
    spool_close(s);
}

/* A write that the system refuses in the middle leaves nothing behind. */
static void test_no_room(void **state)
{
    (void)state;
    struct err e = { 0 };
    struct rlimit old, small;
    uint8_t meta[SPOOL_META] = { 0 }, part[4096] = { 0 };
    struct spool *s = must_open();
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 1 << 20;
    setrlimit(RLIMIT_FSIZE, &small);
    assert_int_equal(spool_begin(s, meta, &e), 0);
    int rc = 0;
    for (int i = 0; i < 2000 && rc == 0; i++)
        rc = spool_add(s, part, sizeof(part), &e);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(rc, -1);
    assert_int_equal(e.code, ERR_SYS);
    put(s, 7, 12);
    assert_int_equal(spool_count(s), 1);
    spool_close(s);
    s = must_open();
    check(s, 0, 7, 12);
    spool_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order_and_restart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unfinished_is_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_owner, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_room, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
