/* SPDX-License-Identifier: BSD-2-Clause */
/* The message log and its files: names, order, reopening, what cannot be written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/clock.h"
#include "output/msglog.h"

static char dir[64];

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static struct msglog_conf conf(const char *path)
{
    return (struct msglog_conf){ .name = "test",
                                 .file = { .path = path, .modes = file_modes_of(-1, -1, -1) } };
}

static struct msglog *open_log(const char *path)
{
    static struct log l;
    struct err e;
    const struct msglog_conf c = conf(path);
    log_init(&l, NULL, "default", "core", false);
    struct msglog *m = msglog_open(&c, &l, &e);
    assert_non_null(m);
    return m;
}

static bool say(struct msglog *m, const char *from, const char *text)
{
    struct addr a;
    addr_parse(from, &a);
    const struct msglog_topic t = { .peer_src_ip = &a };
    return msglog_write(m, &t, text, strlen(text));
}

static void assert_file(const char *name, const char *want)
{
    char got[4096] = "";
    FILE *f = fopen(path_of(name), "re");
    assert_non_null(f);
    got[fread(got, 1, sizeof(got) - 1, f)] = '\0';
    fclose(f);
    assert_string_equal(got, want);
}

static void one_file_a_peer(void **state)
{
    (void)state;
    char path[256];
    snprintf(path, sizeof(path), "%s/of/$peer_src_ip.json", dir);
    struct msglog *m = open_log(path);
    assert_true(say(m, "192.0.2.1", "{1}"));
    assert_true(say(m, "2001:db8::1", "{2}"));
    assert_true(say(m, "192.0.2.1", "{3}"));
    msglog_close(m); /* writes all of it */
    assert_file("of/192_0_2_1.json", "{1}\n{3}\n");
    assert_file("of/2001_db8__1.json", "{2}\n");
}

/* Lines that are written in place stand among the others; one that is given up leaves nothing. */
static void in_place(void **state)
{
    (void)state;
    struct msglog *m = open_log(path_of("in_place"));
    struct msglog_target *t = msglog_target_new(m, &(struct msglog_topic){ 0 });
    char want[4096] = "";
    size_t wanted = 0;
    assert_non_null(t);
    for (unsigned i = 0; i < 100; i++) {
        char text[32];
        const int len = snprintf(text, sizeof(text), "{%u}", i);
        char *p = i % 3 ? msglog_reserve(m, t, sizeof(text)) : NULL;
        if (i % 3 == 2)
            continue;
        if (i % 3) {
            assert_non_null(p);
            memcpy(p, text, (size_t)len);
            msglog_commit(m, (size_t)len);
        } else {
            assert_true(msglog_put(m, t, text, (size_t)len));
        }
        wanted += (size_t)snprintf(want + wanted, sizeof(want) - wanted, "%s\n", text);
    }
    assert_int_equal(msglog_counts(m).written, 67);
    msglog_target_free(m, t);
    msglog_close(m);
    assert_file("in_place", want);
}

static void appends(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct msglog *m = open_log(path_of("append"));
        say(m, "192.0.2.1", i ? "{b}" : "{a}");
        msglog_close(m);
    }
    assert_file("append", "{a}\n{b}\n");
}

static void time_in_names(void **state)
{
    char want[64];
    (void)state;
    time_strftime(want, sizeof(want), "t-%Y", clock_wall_us(), false);
    struct msglog *m = open_log(path_of("t-%Y"));
    say(m, "192.0.2.1", "{}");
    msglog_close(m);
    assert_file(want, "{}\n");
}

/* Waits until the writer has written: what it writes shows in the size of a file. */
static void wait_for_size(const char *path, off_t size)
{
    struct stat st = { 0 };
    for (unsigned i = 0; i < 5000 && (stat(path, &st) == -1 || st.st_size != size); i++)
        usleep(1000);
    assert_int_equal(st.st_size, size);
}

static void reopened(void **state)
{
    char path[256], moved[256];
    (void)state;
    snprintf(path, sizeof(path), "%s/r", dir);
    snprintf(moved, sizeof(moved), "%s/r.1", dir);
    struct msglog *m = open_log(path);
    say(m, "192.0.2.1", "{1}");
    msglog_flush(m);
    wait_for_size(path, 4);
    assert_int_equal(rename(path, moved), 0);
    say(m, "192.0.2.1", "{2}");
    msglog_flush(m);
    wait_for_size(moved, 8);
    msglog_reopen(m);
    say(m, "192.0.2.1", "{3}");
    msglog_close(m);
    wait_for_size(moved, 8);
    assert_file("r", "{3}\n");
}

/* More files than are kept open at a time: each gets all of its lines. */
static void many_files(void **state)
{
    char path[256], name[32], text[32], want[64];
    struct log l;
    struct err e;
    (void)state;
    snprintf(path, sizeof(path), "%s/m-$peer_src_ip", dir);
    struct msglog_conf c = conf(path);
    c.file.max_open = 3;
    log_init(&l, NULL, "default", "core", false);
    struct msglog *m = msglog_open(&c, &l, &e);
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < 20; i++) {
            snprintf(name, sizeof(name), "192.0.2.%u", i);
            snprintf(text, sizeof(text), "{%u}", round * 100 + i);
            assert_true(say(m, name, text));
        }
    msglog_close(m);
    for (unsigned i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "m-192_0_2_%u", i);
        snprintf(want, sizeof(want), "{%u}\n{%u}\n", i, 100 + i);
        assert_file(name, want);
    }
}

/* A pipe that nobody reads: the core goes on, and every message is either in the pipe or counted. */
static void pipe_full(void **state)
{
    char path[256], text[1001];
    (void)state;
    snprintf(path, sizeof(path), "%s/fifo", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    struct msglog *m = open_log(path);
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    const int64_t start = clock_mono_us();
    for (unsigned i = 0; i < 1000; i++) {
        say(m, "192.0.2.1", text);
        msglog_flush(m);
    }
    for (unsigned i = 0; i < 5000 && msglog_counts(m).lost == 0; i++) {
        usleep(1000);
        msglog_tick(m, clock_mono_us());
    }
    assert_true(clock_mono_us() - start < 10 * US_PER_S);
    const struct msglog_counts c = msglog_counts(m);
    assert_true(c.lost > 0);
    assert_int_equal(c.lost + c.written, 1000);
    msglog_close(m);
}

static void note_room(void *arg)
{
    atomic_int *told = arg;
    atomic_fetch_add(told, 1);
}

/* What a reader of the pipe has seen: lines, each one more than the one before. */
struct reader {
    int fd;
    char rest[64];
    size_t len;
    unsigned next;
};

static void read_numbers(struct reader *r, size_t most)
{
    char buf[65536];
    struct pollfd p = { .fd = r->fd, .events = POLLIN };
    assert_int_equal(poll(&p, 1, 10000), 1);
    const ssize_t n = read(r->fd, buf, most);
    assert_true(n > 0);
    for (ssize_t i = 0; i < n; i++) {
        if (buf[i] != '\n') {
            r->rest[r->len++] = buf[i];
            assert_true(r->len < sizeof(r->rest));
            continue;
        }
        r->rest[r->len] = '\0';
        assert_int_equal(strtoul(r->rest, NULL, 10), r->next);
        r->next++;
        r->len = 0;
    }
}

/* Who asks for room loses nothing, however slow the reader is, and is told when there is room again. */
static void nothing_lost_with_room(void **state)
{
    enum { MESSAGES = 2000000 };
    char path[256], text[64];
    atomic_int told = 0;
    struct log l;
    struct err e;
    (void)state;
    snprintf(path, sizeof(path), "%s/slow", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    struct msglog_conf c = conf(path);
    c.has_room = note_room;
    c.room_arg = &told;
    log_init(&l, NULL, "default", "core", false);
    struct msglog *m = msglog_open(&c, &l, &e);
    assert_non_null(m);
    struct msglog_target *t = msglog_target_new(m, &(struct msglog_topic){ 0 });
    struct reader r = { .fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) };
    unsigned refused = 0;
    for (unsigned i = 0; i < MESSAGES;) {
        if (!msglog_room(m)) {
            refused++;
            for (const int seen = told; seen == told && !msglog_room(m);)
                read_numbers(&r, 65536);
            continue;
        }
        for (unsigned k = 0; k < 1000 && i < MESSAGES; k++, i++) {
            const int n = snprintf(text, sizeof(text), "%u      ", i);
            assert_true(msglog_put(m, t, text, (size_t)n));
        }
        msglog_flush(m);
        read_numbers(&r, 4096);
    }
    msglog_tick(m, clock_mono_us());
    while (r.next < MESSAGES)
        read_numbers(&r, 65536);
    assert_true(refused > 0 && told > 0);
    assert_int_equal(msglog_counts(m).lost, 0);
    assert_int_equal(msglog_counts(m).written, MESSAGES);
    msglog_target_free(m, t);
    msglog_close(m);
    close(r.fd);
}

/* Two targets of one file: their lines stand in the order in which they were written. */
static void targets_of_one_file(void **state)
{
    char path[256], want[4096] = "", text[16];
    struct addr a, b;
    (void)state;
    addr_parse("192.0.2.1", &a);
    addr_parse("192.0.2.2", &b);
    snprintf(path, sizeof(path), "%s/both", dir);
    struct msglog *m = open_log(path);
    struct msglog_target *t[2] = { msglog_target_new(m, &(struct msglog_topic){ .peer_src_ip = &a }),
                                   msglog_target_new(m, &(struct msglog_topic){ .peer_src_ip = &b }) };
    for (unsigned i = 0; i < 100; i++) {
        const int n = snprintf(text, sizeof(text), "{%u}", i);
        assert_true(msglog_put(m, t[i % 3 == 0], text, (size_t)n));
        if (i % 7 == 0)
            msglog_flush(m);
        strcat(want, text); /* NOLINT */
        strcat(want, "\n"); /* NOLINT */
    }
    msglog_target_free(m, t[0]);
    msglog_target_free(m, t[1]);
    msglog_close(m);
    assert_file("both", want);
}

/* Dumps: names have the time of the dump, each begins anew, and the link leads to one that is whole. */
static void dumps(void **state)
{
    static const int64_t times[] = { 1700000000, 1700000060, 1700000060 };
    char path[256], link[256], want[64];
    struct log l;
    struct err e;
    struct addr a;
    (void)state;
    addr_parse("192.0.2.1", &a);
    snprintf(path, sizeof(path), "%s/dump-$peer_src_ip-%%s", dir);
    snprintf(link, sizeof(link), "%s/latest-$peer_src_ip", dir);
    struct msglog_conf c = conf(path);
    c.file.empty = true;
    log_init(&l, NULL, "default", "core", false);
    struct msglog *m = msglog_open(&c, &l, &e);
    struct msglog_target *t = msglog_target_new(m, &(struct msglog_topic){ .peer_src_ip = &a });
    for (unsigned i = 0; i < 3; i++) {
        msglog_set_time(m, times[i] * US_PER_S);
        snprintf(want, sizeof(want), "{%u}", i);
        assert_true(msglog_put(m, t, want, 3));
        assert_true(msglog_put(m, t, want, 3));
        msglog_finish(m, t, link);
    }
    msglog_target_free(m, t);
    msglog_close(m);
    assert_file("dump-192_0_2_1-1700000000", "{0}\n{0}\n");
    assert_file("dump-192_0_2_1-1700000060", "{2}\n{2}\n");
    assert_file("latest-192_0_2_1", "{2}\n{2}\n");
}

/* A message that is longer than a chunk, between others. */
static void long_messages(void **state)
{
    enum { LONG = 3 << 20 };
    (void)state;
    char *text = malloc(LONG);
    memset(text, 'y', LONG);
    struct msglog *m = open_log(path_of("long"));
    for (unsigned i = 0; i < 3; i++) {
        assert_true(msglog_write(m, &(struct msglog_topic){ 0 }, "{}", 2));
        assert_true(msglog_write(m, &(struct msglog_topic){ 0 }, text, LONG));
    }
    msglog_close(m);
    struct stat st;
    assert_int_equal(stat(path_of("long"), &st), 0);
    assert_int_equal(st.st_size, 3 * (LONG + 1 + 3));
    free(text);
}

/* A folder that goes away meanwhile: lost and counted. */
static void cannot_open(void **state)
{
    char path[256];
    (void)state;
    if (geteuid() == 0) { /* root may do everything: a file in the way of a folder stops it too */
        FILE *f = fopen(path_of("inthe-192_0_2_1"), "we");
        assert_non_null(f);
        fclose(f);
    }
    snprintf(path, sizeof(path), "%s/inthe-$peer_src_ip/way", dir);
    if (geteuid() != 0)
        snprintf(path, sizeof(path), "/proc/$peer_src_ip/x");
    struct msglog *m = open_log(path);
    assert_true(say(m, "192.0.2.1", "{}"));
    msglog_flush(m);
    for (unsigned i = 0; i < 5000 && msglog_counts(m).lost == 0; i++) {
        usleep(1000);
        msglog_tick(m, clock_mono_us());
    }
    assert_int_equal(msglog_counts(m).lost, 1);
    assert_int_equal(msglog_counts(m).written, 0);
    msglog_close(m);
}

static void wrong_names(void **state)
{
    struct log l;
    struct err e;
    (void)state;
    log_init(&l, NULL, "default", "core", false);
    struct msglog_conf c = conf("/tmp/$peer_ip_src");
    assert_null(msglog_open(&c, &l, &e));
    assert_non_null(strstr(e.text, "$peer_ip_src"));
    c = conf("/proc/no/such/folder");
    assert_null(msglog_open(&c, &l, &e));
    c = conf(NULL);
    assert_false(msglog_wanted(&c));
    struct msglog *none = msglog_open(&c, &l, &e);
    assert_non_null(none);
    assert_false(say(none, "192.0.2.1", "{}"));
    msglog_close(none);
    msglog_close(NULL);
}

static void expands(void **state)
{
    struct addr a, b;
    struct strbuf s;
    (void)state;
    addr_parse("192.0.2.1", &a);
    addr_parse("2001:db8::2", &b);
    const struct msglog_topic t = {
        .peer_src_ip = &a, .peer_src_port = 179, .bmp_router = &b, .bmp_router_port = 1790, .peer_as = 65000
    };
    strbuf_init(&s, 1000);
    msglog_expand(&s, "a.$peer_src_ip.$peer_tcp_port-$bmp_router/$bmp_router_port$peer_as$ $x", &t, false);
    assert_string_equal(strbuf_cstr(&s), "a.192.0.2.1.179-2001:db8::2/179065000$ $x");
    strbuf_clear(&s);
    msglog_expand(&s, "$peer_src_ip", &(struct msglog_topic){ 0 }, true);
    assert_string_equal(strbuf_cstr(&s), "null");
    strbuf_free(&s);
}

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/msglog.XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    char cmd[128];
    (void)state;
    snprintf(cmd, sizeof(cmd), "rm -r '%s'", dir);
    return system(cmd); /* NOLINT */
}

/* Each key with a name is looked at; without the library the key itself is wrong. */
static void names_of_keys(void **state)
{
    static const struct {
        struct msglog_conf c;
        const char *key, *said;
    } rows[] = {
        { { .file.path = "/x/$peer_src_ip", .amqp.routing_key = "a.$peer_as", .kafka.topic = "$bmp_router" },
          NULL,
          NULL },
        { { .file.path = "$nothing" }, "_file", "no variable $nothing" },
        { { .amqp.routing_key = "a.$tag" }, "_amqp_routing_key", "no variable $tag" },
        { { .kafka.topic = "a.$tag" }, "_kafka_topic", "no variable $tag" },
        { { .kafka.topic = "a", .kafka.partition_key = "$dst_host" },
          "_kafka_partition_key",
          "no variable $dst_host" },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *key = NULL;
        struct err e = { 0 };
        const int rc = msglog_check(&rows[i].c, &key, &e);
        if (rc == -1 && strstr(e.text, "this build has no librabbitmq"))
            assert_string_equal(key, "_amqp_routing_key");
        else if (rc == -1 && strstr(e.text, "this build has no librdkafka"))
            assert_string_equal(key, "_kafka_topic");
        else if (!rows[i].key)
            assert_int_equal(rc, 0);
        else if (rc == 0 || strcmp(key, rows[i].key) != 0 || !strstr(e.text, rows[i].said))
            fail_msg("%s: %s", key, e.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_keys),
        cmocka_unit_test(one_file_a_peer),
        cmocka_unit_test(appends),
        cmocka_unit_test(time_in_names),
        cmocka_unit_test(in_place),
        cmocka_unit_test(reopened),
        cmocka_unit_test(many_files),
        cmocka_unit_test(pipe_full),
        cmocka_unit_test(cannot_open),
        cmocka_unit_test(wrong_names),
        cmocka_unit_test(expands),
        cmocka_unit_test(dumps),
        cmocka_unit_test(targets_of_one_file),
        cmocka_unit_test(long_messages),
        cmocka_unit_test(nothing_lost_with_room),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
