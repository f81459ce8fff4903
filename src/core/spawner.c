/* SPDX-License-Identifier: BSD-2-Clause */
/* The spawner process: forks plugins at start, and again when one dies. Small and single-threaded, so that a
 * fork is safe at any time, and with the privileges of the start, so that a plugin that is started anew can
 * open what the first one could. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/msg.h"
#include "base/title.h"
#include "core/host.h"
#include "core/privs.h"
#include "core/sandbox.h"

enum {
    DEATHS_MAX = 5,
    DEATHS_WITHIN_US = 60 * 1000000,
    BACKOFF_US = 100 * 1000, /* the first restart; doubles with each death within the minute */
};

struct spawner {
    struct host *h;
    int core;    /* socket to the core, -1 once it is gone */
    int signals; /* signalfd for SIGCHLD */
    bool ending;
};

static void report(struct spawner *s, enum host_msg type, const struct host_report *r, int fd)
{
    if (s->core != -1)
        msg_send(s->core, type, r, sizeof(*r), fd, NULL);
}

static void child(struct spawner *s, struct host_plugin *p, int control)
{
    sigset_t none;
    close(s->signals);
    if (s->core != -1)
        close(s->core);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    _exit(plugin_process(s->h, p, control));
}

static void start(struct spawner *s, unsigned index)
{
    struct host_plugin *p = &s->h->plugins[index];
    int pair[2];
    p->restart_us = 0;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1) {
        log_error(&s->h->log, "cannot start plugin '%s-%s': %s", p->conf->name, p->conf->type,
                  strerror(errno));
        p->restart_us = clock_mono_us() + 10 * BACKOFF_US;
        return;
    }
    p->pid = fork();
    if (p->pid == 0) {
        close(pair[0]);
        child(s, p, pair[1]);
    }
    close(pair[1]);
    if (p->pid == -1) {
        log_error(&s->h->log, "cannot fork plugin '%s-%s': %s", p->conf->name, p->conf->type,
                  strerror(errno));
        p->pid = 0;
        p->restart_us = clock_mono_us() + 10 * BACKOFF_US;
    } else {
        report(s, HOST_STARTED, &(struct host_report){ .index = index, .pid = p->pid }, pair[0]);
    }
    close(pair[0]);
}

/* The fifth death within a minute is one too many, and so is a plugin that says that it cannot open. */
static bool give_up(struct host_plugin *p, int status, int64_t now)
{
    if (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == PLUGIN_EXIT_CANNOT_OPEN))
        return true;
    p->died_us[p->deaths++ % DEATHS_MAX] = now;
    int64_t oldest = p->died_us[p->deaths % DEATHS_MAX]; /* of the last five; 0: there were fewer */
    return oldest && now - oldest < DEATHS_WITHIN_US;
}

static int64_t backoff(const struct host_plugin *p, int64_t now)
{
    int64_t wait = BACKOFF_US;
    for (unsigned i = 0; i < DEATHS_MAX; i++)
        if (p->died_us[i] && p->died_us[i] != now && now - p->died_us[i] < DEATHS_WITHIN_US)
            wait *= 2;
    return wait;
}

static void plugin_ended(struct spawner *s, unsigned index, int status)
{
    struct host_plugin *p = &s->h->plugins[index];
    struct host_report r = { .index = index, .pid = p->pid, .status = status };
    int64_t now = clock_mono_us();
    p->pid = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        r.lost = host_lost_with(p);
    if (!s->ending && !give_up(p, status, now)) {
        p->restart_us = now + backoff(p, now);
        report(s, HOST_EXITED, &r, -1);
        return;
    }
    host_abandon(p);
    report(s, HOST_GIVEN_UP, &r, -1);
}

static void reap(struct spawner *s)
{
    struct signalfd_siginfo info;
    int status;
    pid_t pid;
    (void)!read(s->signals, &info, sizeof(info));
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (unsigned i = 0; i < s->h->n; i++)
            if (s->h->plugins[i].pid == pid)
                plugin_ended(s, i, status);
}

/* The core has asked for something, or is gone: then plugins see their own sockets close and end by
 * themselves. */
static void hear_core(struct spawner *s)
{
    struct msg m;
    int rc = msg_recv(s->core, &m, NULL);
    if (rc < 0)
        return;
    if (rc == 0) {
        close(s->core);
        s->core = -1;
        s->ending = true;
    } else if (m.type == HOST_GO) {
        for (unsigned i = 0; i < s->h->n; i++)
            start(s, i);
    } else if (m.type == HOST_END) {
        s->ending = true;
    }
}

/* Starts what is due; returns the milliseconds until the next one is, -1: none. */
static int restart_due(struct spawner *s)
{
    int64_t now = clock_mono_us(), next = INT64_MAX;
    for (unsigned i = 0; i < s->h->n; i++) {
        struct host_plugin *p = &s->h->plugins[i];
        if (!p->restart_us)
            continue;
        if (s->ending) {
            p->restart_us = 0;
            host_abandon(p);
            report(s, HOST_GIVEN_UP, &(struct host_report){ .index = i }, -1);
        } else if (p->restart_us <= now) {
            start(s, i);
        }
        if (p->restart_us && p->restart_us < next)
            next = p->restart_us;
    }
    return next == INT64_MAX ? -1 : next <= now ? 1 : (int)((next - now + 999) / 1000);
}

static bool some_run(const struct spawner *s)
{
    for (unsigned i = 0; i < s->h->n; i++)
        if (s->h->plugins[i].pid)
            return true;
    return false;
}

static int watch_children(void)
{
    static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE };
    sigset_t chld;
    for (unsigned i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        signal(ignored[i], SIG_IGN);
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &chld, NULL);
    return signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool some_run_programs(const struct host *h)
{
    for (unsigned i = 0; i < h->n; i++)
        if (h->plugins[i].conf->c.trigger_exec)
            return true;
    return false;
}

/* Plugins inherit the filter, and add their own. */
static int confine(const struct host *h)
{
    struct err e;
    if (privs_trim(h->core, &e) == 0 &&
        (some_run_programs(h) || sandbox_enter(SANDBOX_SPAWNER, h->core, &h->log, &e) == 0))
        return 0;
    log_error(&h->log, "spawner: %s", e.text);
    return -1;
}

int spawner_run(struct host *h, int sock)
{
    struct spawner s = { .h = h, .core = sock, .signals = watch_children() };
    title_set("%s: Spawner [%s]", h->progname, h->log.name);
    if (s.signals == -1 || confine(h) == -1)
        return 1;
    while (!(s.ending && !some_run(&s))) {
        struct pollfd fds[2] = { { .fd = s.signals, .events = POLLIN }, { .fd = s.core, .events = POLLIN } };
        int wait_ms = restart_due(&s);
        if (s.ending && !some_run(&s))
            break;
        if (poll(fds, 2, wait_ms) == -1 && errno != EINTR)
            return 1;
        if (fds[0].revents)
            reap(&s);
        if (s.core != -1 && fds[1].revents)
            hear_core(&s);
    }
    return 0;
}
