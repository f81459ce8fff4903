/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory plugin and its client over a real socket: the plugin runs on the loop of a thread of its own, as
 * in its process; the test plays the client, a good one or a hostile one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "plugins/memory.h"
#include "plugins/plugins.h"
#include "pmacct/client.h"
#include "pmacct/link.h"
#include "rows.h"

struct served {
    struct made m;
    struct config c;
    struct plugin pl;
    uv_loop_t loop;
    uv_async_t stop;
    uv_timer_t tick, feed;
    pthread_t thread;
    _Atomic uint32_t next; /* number of the next new entry */
    unsigned feeding;      /* new entries each millisecond */
    char dir[64], path[96];
};

/* Puts n new entries into the table: 10.x.y.z, port 1000 + its number modulo 10; bytes its number, packets 1.
 */
static void feed(struct served *s, unsigned n)
{
    _Alignas(8) uint8_t buf[sizeof(struct record) + 64];
    for (; n; n--, s->next++) {
        struct record *r = (struct record *)buf;
        const uint8_t ip[4] = { 10, (uint8_t)(s->next >> 16), (uint8_t)(s->next >> 8), (uint8_t)s->next };
        struct addr a;
        memset(buf, 0, sizeof(buf));
        *r = (struct record){ .packets = 1, .bytes = s->next, .flows = 1 };
        addr_set_v4(&a, ip);
        memset(s->m.key, 0, sizeof(s->m.key));
        made_address(&s->m, FIELD_src_host, &a);
        made_u16(&s->m, FIELD_src_port, (uint16_t)(1000 + s->next % 10));
        record_set_key_len(r, s->m.key_len);
        memcpy(r->key, s->m.key, s->m.key_len);
        const struct sums sum = s->pl.ops->take(&s->pl, buf, record_size(r));
        assert_int_equal(sum.bytes, s->next);
    }
}

static void on_stop(uv_async_t *h) { uv_stop(h->loop); }
static void on_tick(uv_timer_t *h)
{
    struct served *s = h->data;
    s->pl.ops->tick(&s->pl, 0);
}
static void on_feed(uv_timer_t *h)
{
    struct served *s = h->data;
    feed(s, s->feeding);
}
static void close_handle(uv_handle_t *h, void *arg)
{
    (void)arg;
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

static void *run(void *arg)
{
    struct served *s = arg;
    uv_run(&s->loop, UV_RUN_DEFAULT);
    s->pl.ops->close(&s->pl);
    uv_walk(&s->loop, close_handle, NULL);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    return NULL;
}

/* Starts a plugin with `entries` in its table; while it runs, it gets `feeding` more each millisecond. */
static struct served *serve(unsigned entries, unsigned feeding)
{
    struct served *s = calloc(1, sizeof(*s));
    struct err e;
    assert_non_null(s);
    s->feeding = feeding;
    made_init(&s->m, "src_host, src_port, flows", false);
    snprintf(s->dir, sizeof(s->dir), "/tmp/memory_test.XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->path, sizeof(s->path), "%s/imt", s->dir);
    s->c.imt_path = s->path;
    assert_int_equal(uv_loop_init(&s->loop), 0);
    s->pl = (struct plugin){ .ops = &plugin_memory,
                             .name = "m",
                             .c = &s->c,
                             .spec = &s->m.spec,
                             .layout = &s->m.layout,
                             .loop = &s->loop };
    struct log_sink *sink = log_sink_open(&(struct log_sink_conf){ .file = "/dev/null" }, &e);
    log_init(&s->pl.log, sink, "m", "memory", false);
    s->pl.state = calloc(1, s->pl.ops->state_size);
    if (s->pl.ops->open(&s->pl, &e) == -1)
        fail_msg("%s", e.text);
    feed(s, entries);
    uv_async_init(&s->loop, &s->stop, on_stop);
    uv_timer_init(&s->loop, &s->tick);
    uv_timer_init(&s->loop, &s->feed);
    s->tick.data = s->feed.data = s;
    uv_timer_start(&s->tick, on_tick, 50, 50);
    if (feeding)
        uv_timer_start(&s->feed, on_feed, 1, 1);
    assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
    return s;
}

static void unserve(struct served *s)
{
    struct stat st;
    uv_async_send(&s->stop);
    pthread_join(s->thread, NULL);
    assert_int_equal(uv_loop_close(&s->loop), 0);
    assert_int_equal(stat(s->path, &st), -1); /* a clean end removes the socket */
    log_sink_close(s->pl.log.sink);
    free(s->pl.state);
    rmdir(s->dir);
    free(s);
}

/* ---- the client as a user calls it */

/* Runs `pmacct <words>` and returns what it printed; *status gets its exit status. */
static char *pmacct(const struct served *s, const char *words, int *status)
{
    static char text[1 << 16];
    char line[512], *argv[32] = { (char *)"pmacct", (char *)"-p", (char *)s->path }, *rest = line;
    int argc = 3;
    struct options o;
    snprintf(line, sizeof(line), "%s", words);
    for (char *w; (w = strsep(&rest, " "));)
        argv[argc++] = w;
    FILE *f = tmpfile();
    fflush(stdout);
    int out = dup(STDOUT_FILENO);
    dup2(fileno(f), STDOUT_FILENO);
    optind = 0;
    *status = options_parse(argc, argv, &o);
    if (*status == -1)
        *status = client_run(&o);
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    close(out);
    rewind(f);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    return text;
}

static void asks(const struct served *s, const char *words, int status, const char *text)
{
    int got;
    char *out = pmacct(s, words, &got);
    if (got != status || strcmp(out, text) != 0)
        fail_msg("pmacct %s: status %d\n%s--- expected: status %d\n%s", words, got, out, status, text);
}

#define HEAD                                                                                                 \
    "SRC_IP                                         SRC_PORT  PACKETS               FLOWS                 "  \
    "BYTES\n"
#define ROW(ip, port, bytes)                                                                                 \
    ip "                                       " port                                                        \
       "      1                     1                     " bytes "\n"

static void answers_as_the_manual_says(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        int status;
        const char *text;
    } rows[] = {
        { "-s", 0,
          HEAD ROW("10.0.0.0", "1000", "0") ROW("10.0.0.1", "1001", "1")
              ROW("10.0.0.2", "1002", "2") "\nFor a total of: 3 entries\n" },
        { "-s -O csv", 0,
          "SRC_IP,SRC_PORT,PACKETS,FLOWS,BYTES\n10.0.0.0,1000,1,1,0\n10.0.0.1,1001,1,1,1\n10.0.0.2,1002,1,1,"
          "2\n" },
        { "-s -O csv -E \\t -c src_host -T bytes,1", 0,
          "SRC_IP\tSRC_PORT\tPACKETS\tFLOWS\tBYTES\n10.0.0.2\t1002\t1\t1\t2\n" },
        { "-s -O JSON -T bytes,1", 0,
          "{\"ip_src\": \"10.0.0.2\", \"port_src\": 1002, \"flows\": 1, \"packets\": 1, \"bytes\": 2}\n" },
        { "-s -O event_csv", 0, "SRC_IP,SRC_PORT\n10.0.0.0,1000\n10.0.0.1,1001\n10.0.0.2,1002\n" },
        { "-c src_host -M 10.0.0.1 -O event_formatted", 0,
          "SRC_IP                                         SRC_PORT  \n10.0.0.1                               "
          "        1001      \n\nFor a total of: 1 entries\n" },
        { "-c src_host -M 10.0.0.1", 0, HEAD ROW("10.0.0.1", "1001", "1") "\nFor a total of: 1 entries\n" },
        { "-c src_host -M 10.9.9.9", 0, HEAD "\nFor a total of: 0 entries\n" },
        { "-c src_host -N 10.0.0.2", 0, "2\n" },
        { "-c src_host -N 10.0.0.2;*;10.0.0.9 -n all", 0, "1 2 1 1\n3 3 3 3\n0 0 0 0\n" },
        { "-c src_host -N 10.0.0.2;*;10.0.0.9 -n packets", 0, "1\n3\n0\n" },
        { "-c src_host -N 10.0.0.1;10.0.0.2 -S", 0, "3\n" },
        { "-c src_host,src_port -N 10.0.0.1,1001;10.0.0.2,1001;10.0.0.1", 0, "1\n0\n0\n" },
        { "-c src_host -N 10.0.0.1 -n bogus", 0, "WARN: -n, ignoring unknown counter type: bogus.\n1\n" },
        { "-c src_host -M 10.0.0.1 -T bogus -O XML", 0,
          "WARN: -T, ignoring unknown counter type: bogus.\nWARN: -O, ignoring unknown output value: "
          "'xml'.\n" HEAD ROW("10.0.0.1", "1001", "1") "\nFor a total of: 1 entries\n" },
        { "-c foo -N 1", 1, "ERROR: unknown primitive 'foo'\n" },
        { "-c src_host -N zz", 1, "ERROR: src_host: Invalid IP address: 'zz'\n" },
        { "-c src_host -N file:nope.txt", 1, "ERROR: file 'nope.txt' not found\n" },
        { "-s -E ab", 1, "ERROR: -E option expects a single char as separator\n" },
        { "-s -p /nowhere/imt", 1,
          "ERROR: Unable to connect to '/nowhere/imt': No such file or directory (does a daemon with a "
          "memory plugin "
          "run? -p names its imt_path)\n" },
        { "-i", 0, "never\n" },
        { "-C", 0, "CLASS_ID\tCLASS_NAME\n\nFor a total of: 0 classifiers\n" },
        { "-U", 1, "NAME                              LEN    OFF\n" },
        { "-c src_host -N 10.0.0.1 -r -n all", 0, "1 1 1 1\n" },
        { "-c src_host -N 10.0.0.1 -n all", 0, "0 0 0 0\n" },
        { "-s -l -O csv", 0,
          "SRC_IP,SRC_PORT,PACKETS,FLOWS,BYTES\n10.0.0.0,1000,1,1,0\n10.0.0.2,1002,1,1,2\n" },
        { "-c src_host -N 10.0.0.2 -e", 0, "2\n" },
        { "-s -O csv", 0, "SRC_IP,SRC_PORT,PACKETS,FLOWS,BYTES\n" },
        { "-s -O json", 0, "" },
        { "-i", 0, "0\n" },
        { "-e", 0, "OK: Clearing stats.\n" },
    };
    struct served *s = serve(3, 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        asks(s, rows[i].words, rows[i].status, rows[i].text);
    unserve(s);
}

static void usage_errors(void **state)
{
    (void)state;
    static const struct {
        const char *words, *first;
    } rows[] = {
        { "-s -N 1 -c proto", "ERROR: -s, -t, -N, -M and -C options are each mutually exclusive.\n" },
        { "-I", "ERROR: no options specified. Either -s, -e, -t, -M, -N or -C must be supplied. \n" },
        { "-N 1", "ERROR: -N or -M selected but -c has not been specified or is invalid.\n" },
        { "-s -r", "ERROR: -r selected but either -N or -M has not been specified.\n" },
        { "-q", "ERROR: parameter ? unknown! \n" },
        { "-s -S", "ERROR: -n and -S options apply only to -N\n" },
        { "-t -T bytes", "ERROR: -T option applies only to -M or -s\n" },
    };
    struct served s = { .path = "/nowhere" };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int status;
        const char *text = pmacct(&s, rows[i].words, &status);
        size_t len = strlen(rows[i].first);
        assert_int_equal(status, 1);
        if (strncmp(text, rows[i].first, len) != 0 || strncmp(text + len, "  Exiting...\n\n", 14) != 0)
            fail_msg("%s", text);
        assert_non_null(strstr(text, "Usage: pmacct"));
    }
}

static void buckets_hold_every_entry(void **state)
{
    (void)state;
    int status;
    unsigned stars = 0, lines = 0;
    struct served *s = serve(700, 0);
    const char *text = pmacct(s, "-t", &status);
    assert_int_equal(status, 0);
    assert_memory_equal(text, "* = element\n\nBUCKET\tCHAIN_STATUS\n0\t", 35);
    for (const char *p = text + 11; *p; p++) {
        stars += *p == '*';
        lines += *p == '\n';
    }
    assert_int_equal(stars, 700);
    assert_int_equal(lines, 3 + 1024);
    unserve(s);
}

/* ---- the client as the protocol allows it */

/* Connects and reads the greeting. */
static void meet(const struct served *s, struct link *k)
{
    struct imt_header h;
    struct cursor body;
    struct layout l;
    struct err e;
    if (link_open(k, s->path, &e) == -1 || link_next(k, &h, &body, &e) == -1)
        fail_msg("%s", e.text);
    assert_int_equal(h.type, IMT_HELLO);
    assert_int_equal(imt_hello_get(body, &l, &e), 0);
    assert_int_equal(l.n, s->m.layout.n);
}

static void ask(struct link *k, enum imt_op op, uint8_t flags)
{
    struct strbuf out;
    struct err e;
    strbuf_init(&out, 4096);
    imt_end(&out, imt_request_begin(&out, op, flags, 0));
    assert_int_equal(link_send(k, &out, &e), 0);
    strbuf_free(&out);
}

/* Reads an answer to its end: its rows, each new entry's number once. Returns how many; -1: broken off. */
static int64_t rows_of(struct link *k, const struct served *s)
{
    struct imt_header h;
    struct cursor body;
    struct err e;
    int64_t n = 0;
    uint32_t top = 1 << 22;
    uint8_t *seen = calloc(top, 1);
    while (link_next(k, &h, &body, &e) == 0) {
        struct row r;
        uint32_t key_len;
        if (h.type == IMT_DONE) {
            struct imt_done d;
            assert_int_equal(imt_done_get(body, &d, &e), 0);
            assert_int_equal(d.rows, n);
            free(seen);
            return n;
        }
        while (imt_row_get(&body, &s->m.layout, &r, &key_len)) {
            assert_true(r.bytes < top);
            assert_int_equal(seen[r.bytes]++, 0);
            n++;
        }
        assert_false(body.bad);
    }
    free(seen);
    return -1;
}

static void counting_goes_on_while_a_client_reads(void **state)
{
    (void)state;
    struct served *s = serve(100000, 50);
    struct link slow, quick;
    int64_t last = 0;
    meet(s, &slow);
    ask(&slow, IMT_OP_TABLE, 0);
    usleep(20000); /* the answer is cut at the size of the socket's buffer now */
    for (unsigned i = 0; i < 5; i++) {
        meet(s, &quick);
        ask(&quick, IMT_OP_TABLE, i == 3 ? IMT_F_LOCK : 0);
        int64_t n = rows_of(&quick, s);
        assert_true(n >= 100000 && n >= last);
        last = n;
        link_close(&quick);
    }
    assert_true(last > 100000); /* the table grew meanwhile */
    int64_t n = rows_of(&slow, s);
    assert_true(n >= 100000 && n < last); /* the entries of when it was asked */
    link_close(&slow);
    unserve(s);
}

static void an_erase_leaves_running_answers_whole(void **state)
{
    (void)state;
    struct served *s = serve(100000, 0);
    struct link slow, eraser, after;
    meet(s, &slow);
    ask(&slow, IMT_OP_TABLE, 0);
    usleep(20000);
    meet(s, &eraser);
    ask(&eraser, IMT_OP_NONE, IMT_F_ERASE);
    assert_int_equal(rows_of(&eraser, s), 0);
    meet(s, &after);
    ask(&after, IMT_OP_TABLE, 0);
    assert_int_equal(rows_of(&after, s), 0);
    assert_int_equal(rows_of(&slow, s), 100000);
    link_close(&slow);
    link_close(&eraser);
    link_close(&after);
    unserve(s);
}

/* Erased tables that nobody reads on are not kept without end. */
static void readers_of_erased_tables_are_limited(void **state)
{
    (void)state;
    struct link k[MEMORY_RETIRED_MAX + 2];
    enum { N = sizeof(k) / sizeof(k[0]) };
    struct served *s = serve(100000, 500);
    for (unsigned i = 0; i < N; i++) {
        const uint32_t before = s->next;
        meet(s, &k[i]);
        ask(&k[i], IMT_OP_TABLE, IMT_F_ERASE);
        while (s->next - before < 120000) /* it grows by more than sockets hold */
            usleep(1000);
    }
    assert_int_equal(rows_of(&k[0], s), -1);
    assert_true(rows_of(&k[N - 1], s) > 0);
    for (unsigned i = 0; i < N; i++)
        link_close(&k[i]);
    unserve(s);
}

/* Reads until the server closes; the text of its ERROR, if it sent one. */
static void until_closed(int fd, char *text, size_t size)
{
    size_t len = 0;
    ssize_t n;
    while ((n = recv(fd, text + len, size - 1 - len, 0)) > 0)
        len += (size_t)n;
    memset(text + len, 0, size - len);
    if (len > IMT_HEADER)
        memmove(text, text + IMT_HEADER, size - IMT_HEADER);
    else
        *text = '\0';
}

static void bad_requests_cost_their_connection_only(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        uint8_t octets[48];
        size_t len;
        const char *answer; /* begins with; NULL: no answer, closed */
    } rows[] = {
        { "another protocol", "GET / HTTP/1.0\r\n\r\n", 18, "not the protocol" },
        { "version 9", { 'I', 'M', 'T', '1', 0, 9, 0, 2 }, 16, "version 9" },
        { "no request", { 'I', 'M', 'T', '1', 0, IMT_VERSION, 0, 3 }, 16, "message 3" },
        { "4 GiB",
          { 'I', 'M', 'T', '1', 0, IMT_VERSION, 0, 2, 0xff, 0xff, 0xff, 0xff },
          16,
          "message 2 of 4294967295 octets" },
        { "empty", { 'I', 'M', 'T', '1', 0, IMT_VERSION, 0, 2 }, 16, "malformed" },
        { "operation 9",
          { 'I', 'M', 'T', '1', 0, IMT_VERSION, 0, 2, 0, 0, 0, 4, 0, 0, 0, 0, 9 },
          20,
          "malformed" },
        { "queries missing",
          { 'I', 'M', 'T', '1', 0, IMT_VERSION, 0, 2, 0, 0, 0, 4, 0, 0, 0, 0, IMT_OP_COUNT, 0, 0, 2 },
          20,
          "malformed query" },
        { "a term too long",
          { 'I', 'M', 'T', '1', 0, IMT_VERSION, 0, 2, 0, 0, 0, 17, 0,    0,    0,    0,   IMT_OP_COUNT,
            0,   0,   1,   0,   0, 0,           6, 0, 1, 0, 0, 0,  0x7f, 0xff, 0xff, 0xff },
          33,
          "a query that does not fit" },
        { "half a header, then silence", "IMT1", 4, NULL },
        { "half a request, then silence",
          { 'I', 'M', 'T', '1', 0, IMT_VERSION, 0, 2, 0, 0, 0, 4, 0, 0, 0, 0, 1 },
          17,
          NULL },
    };
    struct served *s = serve(10, 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct link k;
        char text[512];
        meet(s, &k);
        assert_int_equal(send(k.fd, rows[i].octets, rows[i].len, MSG_NOSIGNAL), rows[i].len);
        until_closed(k.fd, text, sizeof(text));
        if (rows[i].answer ? strncmp(text, rows[i].answer, strlen(rows[i].answer)) != 0 : *text)
            fail_msg("%s: '%s'", rows[i].what, text);
        link_close(&k);
        meet(s, &k);
        ask(&k, IMT_OP_TABLE, 0);
        assert_int_equal(rows_of(&k, s), 10);
        link_close(&k);
    }
    unserve(s);
}

static void silent_crowds_pass(void **state)
{
    (void)state;
    struct served *s = serve(10, 0);
    struct link k[MEMORY_CLIENTS_MAX + 8], good;
    struct err e;
    enum { N = sizeof(k) / sizeof(k[0]) };
    for (unsigned i = 0; i < N; i++)
        assert_int_equal(link_open(&k[i], s->path, &e), 0);
    usleep(1300000); /* none says anything for a second: all have to go */
    meet(s, &good);
    ask(&good, IMT_OP_TABLE, 0);
    assert_int_equal(rows_of(&good, s), 10);
    link_close(&good);
    for (unsigned i = 0; i < N; i++)
        link_close(&k[i]);
    unserve(s);
}

/* ---- the socket's file */

static struct plugin plugin_at(struct served *s, const char *path)
{
    made_init(&s->m, "src_host", false);
    s->c.imt_path = path;
    uv_loop_init(&s->loop);
    struct plugin pl = { .ops = &plugin_memory,
                         .name = "m",
                         .c = &s->c,
                         .spec = &s->m.spec,
                         .layout = &s->m.layout,
                         .loop = &s->loop };
    struct err e;
    log_init(&pl.log, log_sink_open(&(struct log_sink_conf){ .file = "/dev/null" }, &e), "m", "memory",
             false);
    pl.state = calloc(1, pl.ops->state_size);
    return pl;
}

static void plugin_end(struct served *s, struct plugin *pl)
{
    uv_run(&s->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&s->loop), 0);
    log_sink_close(pl->log.sink);
    free(pl->state);
}

static void the_socket_replaces_sockets_only(void **state)
{
    (void)state;
    struct served s = { 0 };
    struct err e;
    struct stat st;
    char path[] = "/tmp/memory_test.XXXXXX", long_path[200];
    int fd = mkstemp(path);
    close(fd);
    struct plugin pl = plugin_at(&s, path);
    assert_int_equal(pl.ops->open(&pl, &e), -1); /* a file that is somebody's */
    assert_non_null(strstr(e.text, "is not a socket"));
    plugin_end(&s, &pl);
    unlink(path);

    mode_t mask = umask(077);
    pl = plugin_at(&s, path);
    assert_int_equal(pl.ops->open(&pl, &e), 0);
    umask(mask);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0777);
    struct served other = { 0 };
    struct plugin next =
        plugin_at(&other, path); /* a later one takes the place of what an earlier one left */
    assert_int_equal(next.ops->open(&next, &e), 0);
    pl.ops->close(&pl);
    assert_int_equal(stat(path, &st), 0); /* which is then not the earlier one's to remove */
    next.ops->close(&next);
    assert_int_equal(stat(path, &st), -1);
    plugin_end(&s, &pl);
    plugin_end(&other, &next);

    memset(long_path, 'x', sizeof(long_path));
    long_path[sizeof(long_path) - 1] = '\0';
    pl = plugin_at(&s, long_path);
    assert_int_equal(pl.ops->open(&pl, &e), -1);
    plugin_end(&s, &pl);
}

static void paths_must_differ(void **state)
{
    (void)state;
    struct plugin_conf p[2] = { { .type = "memory", .name = "a", .c.imt_path = "/tmp/a" },
                                { .type = "memory", .name = "b", .c.imt_path = "/tmp/b" } };
    const struct config_set set = { .plugins = p, .n_plugins = 2 };
    struct err e;
    assert_int_equal(plugin_memory.check(&set, &p[0], NULL, &e), 0);
    p[1].c.imt_path = "/tmp/a";
    assert_int_equal(plugin_memory.check(&set, &p[0], NULL, &e), -1);
    assert_non_null(strstr(e.text, "imt_path"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_as_the_manual_says),
        cmocka_unit_test(usage_errors),
        cmocka_unit_test(buckets_hold_every_entry),
        cmocka_unit_test(counting_goes_on_while_a_client_reads),
        cmocka_unit_test(an_erase_leaves_running_answers_whole),
        cmocka_unit_test(readers_of_erased_tables_are_limited),
        cmocka_unit_test(bad_requests_cost_their_connection_only),
        cmocka_unit_test(silent_crowds_pass),
        cmocka_unit_test(the_socket_replaces_sockets_only),
        cmocka_unit_test(paths_must_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
