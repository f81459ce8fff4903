/* SPDX-License-Identifier: BSD-2-Clause */
/* The core's side of the plugin host: forks the spawner, hears what becomes of plugins, tells them what to
 * do. */
#include "core/host.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/msg.h"

/* It confirms on its first ring what came through any of them, so only the sum over the rings has a meaning
 * (a single one may go below zero and wrap). */
struct sums host_lost_with(const struct host_plugin *p)
{
    struct sums lost = { 0 };
    for (unsigned i = 0; i < p->n_rings; i++) {
        struct sums s = ring_plugin_died(p->rings[i]);
        sums_add(&lost, &s);
    }
    return lost;
}

void host_abandon(const struct host_plugin *p)
{
    for (unsigned i = 0; i < p->n_rings; i++)
        ring_abandon(p->rings[i]);
}

int host_fork_spawner(struct host *h, struct err *e)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
        return err_sys(e, "cannot make a socket for the spawner");
    for (unsigned i = 0; i < h->n; i++)
        h->plugins[i].control = -1;
    h->alive = h->n;
    h->spawner_pid = fork();
    if (h->spawner_pid == -1)
        return err_sys(e, "cannot fork the spawner");
    if (h->spawner_pid == 0) {
        close(pair[0]);
        _exit(spawner_run(h, pair[1]));
    }
    close(pair[1]);
    h->spawner = pair[0];
    return 0;
}

static void check_ready(struct host *h)
{
    for (unsigned i = 0; i < h->n; i++)
        if (!h->plugins[i].ready && !h->plugins[i].over)
            return;
    if (h->on_ready) {
        void (*done)(void *) = h->on_ready;
        h->on_ready = NULL;
        done(h->owner);
    }
}

static void drop_control(struct host_plugin *p)
{
    if (p->control == -1)
        return;
    uv_close((uv_handle_t *)p->watch, (uv_close_cb)free);
    close(p->control);
    p->control = -1;
}

/* A part of a round of figures. */
static void take_figures(struct host *h, const struct msg *m)
{
    struct figures f;
    uint32_t round;
    if (m->fd == -1 || m->len != sizeof(round))
        return;
    memcpy(&round, m->body, sizeof(round));
    figures_init(&f);
    figures_take(&f.out, m->fd);
    gather_post(h->gather, round, &f);
}

static void answer_figures(struct gather_ask *a, struct gathered *got)
{
    struct host_plugin *p = (struct host_plugin *)((char *)a - offsetof(struct host_plugin, asks));
    const int fd = figures_share(&got->octets);
    p->asking = false;
    if (fd != -1 && p->control != -1)
        msg_send(p->control, HOST_ALL_FIGURES, NULL, 0, fd, NULL);
    if (fd != -1)
        close(fd);
    gathered_put(got);
}

static void ask_figures(struct host *h, struct host_plugin *p)
{
    if (p->asking)
        return;
    p->asking = true;
    p->asks.done = answer_figures;
    gather_ask(h->gather, &p->asks);
}

static void on_message(struct host *h, struct host_plugin *p, const struct msg *m)
{
    switch (m->type) {
    case HOST_READY:
        p->ready = true;
        check_ready(h);
        return;
    case HOST_FIGURES:
        take_figures(h, m);
        return;
    case HOST_ASK_FIGURES:
        ask_figures(h, p);
        return;
    default:
        return;
    }
}

static void on_plugin(uv_poll_t *w, int status, int events);

static void plugin_started(struct host *h, const struct host_report *r, int fd)
{
    struct host_plugin *p = &h->plugins[r->index];
    drop_control(p);
    p->pid = r->pid;
    p->watch = malloc(sizeof(*p->watch));
    if (!p->watch || uv_poll_init(h->watch.loop, p->watch, fd) != 0) {
        log_error(&h->log, "no memory to watch plugin '%s-%s'", p->conf->name, p->conf->type);
        free(p->watch);
        close(fd);
        return;
    }
    p->control = fd;
    p->watch->data = h;
    uv_poll_start(p->watch, UV_READABLE, on_plugin);
    if (h->ending)
        msg_send(fd, HOST_QUIT, NULL, 0, -1, NULL);
}

static void log_end(struct host *h, const struct host_report *r, bool again)
{
    const struct plugin_conf *pc = h->plugins[r->index].conf;
    char how[64];
    if (WIFSIGNALED(r->status))
        snprintf(how, sizeof(how), "was killed by signal %d", WTERMSIG(r->status));
    else
        snprintf(how, sizeof(how), "exited with status %d", WEXITSTATUS(r->status));
    log_warn(&h->log, "connection lost to '%s-%s'; closing connection.", pc->name, pc->type);
    log_warn(&h->log,
             "plugin '%s-%s' (PID %d) %s; lost with it: %" PRIu64 " records, %" PRIu64 " packets, %" PRIu64
             " bytes, %" PRIu64 " flows. %s",
             pc->name, pc->type, (int)r->pid, how, r->lost.records, r->lost.packets, r->lost.bytes,
             r->lost.flows, again ? "Starting it again." : "It is not started again.");
}

static void plugin_over(struct host *h, const struct host_report *r)
{
    struct host_plugin *p = &h->plugins[r->index];
    if (p->over)
        return;
    drop_control(p);
    p->over = true;
    h->alive--;
    if (!h->ending)
        log_end(h, r, false);
    check_ready(h);
    if (h->ending) {
        if (h->alive == 0)
            h->on_over(h->owner, false);
    } else if (h->alive == 0) {
        log_warn(&h->log, "no more plugins active. Shutting down.");
        h->on_over(h->owner, true);
    } else if (h->core->plugin_exit_any) {
        log_warn(&h->log, "one or more plugins did exit (plugin_exit_any). Shutting down.");
        h->on_over(h->owner, true);
    }
}

/* A plugin without a spawner has ended. It has no status that we could ask for. */
static void orphan_over(struct host *h, struct host_plugin *p)
{
    const struct host_report r = { .index = (uint32_t)(p - h->plugins),
                                   .pid = p->pid,
                                   .lost = host_lost_with(p) };
    host_abandon(p);
    plugin_over(h, &r);
}

/* Those that run go on; those that waited to be started again are lost. */
static void spawner_gone(struct host *h)
{
    uv_poll_stop(&h->watch);
    h->orphaned = true;
    if (!h->ending)
        log_error(&h->log, "the spawner process is gone: plugins that die will not be started again");
    for (unsigned i = 0; i < h->n; i++)
        if (h->plugins[i].control == -1 && !h->plugins[i].over)
            orphan_over(h, &h->plugins[i]);
}

static void on_plugin(uv_poll_t *w, int status, int events)
{
    struct host *h = w->data;
    struct msg m;
    (void)status;
    (void)events;
    struct host_plugin *p = h->plugins;
    while (p->watch != w)
        p++;
    int rc = msg_recv(p->control, &m, NULL);
    if (rc == 0) {
        drop_control(p); /* it ends; the spawner will say how, if there is one */
        if (h->orphaned)
            orphan_over(h, p);
    } else if (rc > 0) {
        on_message(h, p, &m);
    }
}

static void on_spawner(uv_poll_t *w, int status, int events)
{
    struct host *h = w->data;
    struct msg m;
    struct host_report r;
    (void)status;
    (void)events;
    int rc = msg_recv(h->spawner, &m, NULL);
    if (rc == 0) {
        spawner_gone(h);
        return;
    }
    if (rc < 0 || m.len != sizeof(r))
        return;
    memcpy(&r, m.body, sizeof(r));
    if (r.index >= h->n)
        return;
    if (m.type == HOST_STARTED)
        plugin_started(h, &r, m.fd);
    else if (m.type == HOST_EXITED || m.type == HOST_GIVEN_UP)
        h->plugins[r.index].seen_dead += !h->ending;
    if (m.type == HOST_EXITED)
        log_end(h, &r, true);
    else if (m.type == HOST_GIVEN_UP)
        plugin_over(h, &r);
}

int host_start(struct host *h, uv_loop_t *loop, struct err *e)
{
    if (uv_poll_init(loop, &h->watch, h->spawner) != 0)
        return err_set(e, ERR_SYS, "cannot watch the spawner");
    h->watch.data = h;
    uv_poll_start(&h->watch, UV_READABLE, on_spawner);
    return msg_send(h->spawner, HOST_GO, NULL, 0, -1, e);
}

void host_tell_all(struct host *h, enum host_msg type)
{
    for (unsigned i = 0; i < h->n; i++)
        if (h->plugins[i].control != -1)
            msg_send(h->plugins[i].control, type, NULL, 0, -1, NULL);
}

unsigned host_ask_figures(struct host *h, uint32_t round)
{
    unsigned n = 0;
    for (unsigned i = 0; i < h->n; i++)
        n += h->plugins[i].control != -1 && h->plugins[i].ready &&
             msg_send(h->plugins[i].control, HOST_FIGURES, &round, sizeof(round), -1, NULL) == 0;
    return n;
}

void host_figures(const struct host *h, struct figures *f)
{
    for (unsigned i = 0; i < h->n; i++) {
        const struct host_plugin *p = &h->plugins[i];
        figures_label(f, "plugin", p->conf->name);
        figures_label(f, "type", p->conf->type);
        figures_put(f, FIG_PLUGIN_UP, p->control != -1);
        figures_put(f, FIG_PLUGIN_DEATHS, p->seen_dead);
        figures_unlabel(f, 2);
    }
}

void host_signal_all(struct host *h, int sig)
{
    for (unsigned i = 0; i < h->n; i++)
        if (h->plugins[i].pid > 0 && !h->plugins[i].over)
            kill(h->plugins[i].pid, sig);
}

void host_end(struct host *h)
{
    if (h->ending)
        return;
    h->ending = true;
    msg_send(h->spawner, HOST_END, NULL, 0, -1, NULL);
    host_tell_all(h, HOST_QUIT);
    if (h->alive == 0)
        h->on_over(h->owner, false);
}

void host_close(struct host *h)
{
    for (unsigned i = 0; i < h->n; i++)
        drop_control(&h->plugins[i]);
    if (h->spawner > 0)
        close(h->spawner);
    if (h->spawner_pid > 0)
        waitpid(h->spawner_pid, NULL, 0);
}
