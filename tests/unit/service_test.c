/* SPDX-License-Identifier: BSD-2-Clause */
/* A daemon that is a service alone: what is called when, by which signal, and how it ends. Each daemon is a
 * process of its own, which writes a word for each call into a pipe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/daemon.h"

enum { WAIT_MS = 10000 };
enum fail { FAIL_NOTHING, FAIL_CHECK, FAIL_OPEN, FAIL_START, FAIL_LATER, FAIL_TO_STOP };

struct told {
    int fd;
    enum fail fail;
};

/* What the daemon's process is told to do; set between fork and daemon_main. */
static struct told child;

static void say(const char *word) { (void)!write(child.fd, word, strlen(word)); }

struct state {
    uv_timer_t timer;
};

static bool always(const struct config *c, char daemon)
{
    (void)c;
    return daemon == 'B';
}

static bool never(const struct config *c, char daemon)
{
    (void)c;
    (void)daemon;
    return false;
}

static int check(const struct service *s, struct err *e)
{
    say(s->alone && s->maps && !strcmp(s->daemon, "pmbgpd") ? "check " : "bad ");
    return child.fail == FAIL_CHECK ? err_set(e, ERR_CONFIG, "it is wrong") : 0;
}

static int open_it(struct service *s, struct err *e)
{
    say(!strcmp(s->log.type, "core") ? "open " : s->log.type);
    return child.fail == FAIL_OPEN ? err_set(e, ERR_SYS, "it is in use") : 0;
}

static void on_timer(uv_timer_t *t) { service_end(t->data, 7); }

static int start(struct service *s, struct err *e)
{
    struct state *st = s->state;
    say("start ");
    uv_timer_init(s->loop, &st->timer);
    st->timer.data = s;
    if (child.fail == FAIL_LATER)
        uv_timer_start(&st->timer, on_timer, 10, 0);
    return child.fail == FAIL_START ? err_set(e, ERR_SYS, "it does not start") : 0;
}

static void on_hang(uv_timer_t *t) { (void)t; }

static void stop(struct service *s)
{
    struct state *st = s->state;
    say("stop ");
    if (child.fail == FAIL_TO_STOP)
        uv_timer_start(&st->timer, on_hang, 600000, 0);
}

static void stats(struct service *s)
{
    (void)s;
    say("stats ");
}

static void reload(struct service *s)
{
    (void)s;
    say("reload ");
}

static void reopen(struct service *s)
{
    (void)s;
    say("reopen ");
}

static void on_number(struct service *s, unsigned n)
{
    char word[16];
    (void)s;
    snprintf(word, sizeof(word), "signal%u ", n);
    say(word);
}

static void close_it(struct service *s)
{
    (void)s;
    say("close ");
}

#define FUNCTIONS                                                                                            \
    .check = check, .open = open_it, .start = start, .stop = stop, .stats = stats, .reload = reload,         \
    .reopen = reopen, .signal = on_number, .close = close_it
static const struct service_ops one = {
    .name = "ONE", .state_size = sizeof(struct state), .wanted = always, FUNCTIONS
};
static const struct service_ops two = { .name = "TWO", .state_size = 1, .wanted = never, FUNCTIONS };

static int run_daemon(int fd, enum fail fail)
{
    static const struct service_ops *const services[] = { &two, &one, NULL };
    static const struct daemon_spec spec = {
        .name = "pmbgpd", .description = "a test", .letter = 'B', .services = services
    };
    char name[] = "pmbgpd";
    char *argv[] = { name, NULL };
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, 2);
    child = (struct told){ .fd = fd, .fail = fail };
    return daemon_main(&spec, 1, argv);
}

/* ---- the parent */

struct run {
    pid_t pid;
    int fd;
    char heard[512];
    size_t len;
};

static void begin(struct run *r, enum fail fail)
{
    int fds[2];
    *r = (struct run){ 0 };
    assert_int_equal(pipe(fds), 0);
    r->pid = fork();
    assert_true(r->pid >= 0);
    if (r->pid == 0)
        _exit(run_daemon(fds[1], fail));
    close(fds[1]);
    r->fd = fds[0];
}

/* Until the word has been heard, or all there is. */
static void hear(struct run *r, const char *word)
{
    while (!word || !strstr(r->heard, word)) {
        struct pollfd p = { .fd = r->fd, .events = POLLIN };
        assert_int_equal(poll(&p, 1, WAIT_MS), 1);
        const ssize_t n = read(r->fd, r->heard + r->len, sizeof(r->heard) - 1 - r->len);
        if (n == 0 && !word)
            return;
        assert_true(n > 0);
        r->len += (size_t)n;
    }
}

static int finish(struct run *r)
{
    int status;
    hear(r, NULL);
    close(r->fd);
    assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_signals(void **state)
{
    (void)state;
    static const struct {
        int add, sig;
        const char *word;
    } rows[] = {
        { 0, SIGUSR1, "stats " }, { 0, SIGUSR2, "reload " }, { 0, SIGHUP, "reopen " },
        { 1, 0, "signal0 " },     { 1, 3, "signal3 " },
    };
    struct run r;
    begin(&r, FAIL_NOTHING);
    hear(&r, "start ");
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        kill(r.pid, rows[i].add ? SIGRTMIN + rows[i].sig : rows[i].sig);
        hear(&r, rows[i].word);
    }
    kill(r.pid, SIGTERM);
    assert_int_equal(finish(&r), 0);
    assert_string_equal(r.heard, "check open start stats reload reopen signal0 signal3 stop close ");
}

static void test_failures(void **state)
{
    (void)state;
    static const struct {
        enum fail fail;
        int status;
        const char *heard;
    } rows[] = {
        { FAIL_CHECK, 1, "check " },
        { FAIL_OPEN, 1, "check open close " },
        { FAIL_START, 1, "check open start close " },
        { FAIL_LATER, 7, "check open start stop close " },
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct run r;
        begin(&r, rows[i].fail);
        assert_int_equal(finish(&r), rows[i].status);
        assert_string_equal(r.heard, rows[i].heard);
    }
}

/* One that leaves something active is not waited for without end. */
static void test_hang(void **state)
{
    (void)state;
    struct run r;
    begin(&r, FAIL_TO_STOP);
    hear(&r, "start ");
    kill(r.pid, SIGINT);
    assert_int_equal(finish(&r), 0);
    assert_string_equal(r.heard, "check open start stop close ");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_signals), cmocka_unit_test(test_failures),
                                        cmocka_unit_test(test_hang) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
