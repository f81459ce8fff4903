/* SPDX-License-Identifier: BSD-2-Clause */
/* A plugin's process: its event loop, the ring's consumer, signals, and the control messages of the core. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/files.h"
#include "base/msg.h"
#include "base/title.h"
#include "core/consumer.h"
#include "core/host.h"
#include "core/privs.h"
#include "core/sandbox.h"

enum {
    TICK_MS = 100,
    GRACE_MS = 1500, /* after SIGINT: the core, if it was meant too, says quit meanwhile */
};

static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR2 };
enum { N_SIGNALS = sizeof(signals) / sizeof(signals[0]) };

struct process {
    struct plugin pl;
    struct host *h;
    struct host_plugin *p;
    uv_loop_t loop;
    int control;
    uv_poll_t control_watch;
    struct consumer *consumers; /* one for each shard */
    uv_timer_t tick, grace;
    uv_signal_t sig[N_SIGNALS];
    struct services *services;
    bool quitting;
    int status;
    char pidfile[512];
};

static void on_tick(uv_timer_t *t)
{
    struct process *x = t->data;
    if (x->pl.ops->tick)
        x->pl.ops->tick(&x->pl, clock_wall_us());
}

/* Takes the rest, writes everything, leaves the loop. */
static void quit(struct process *x, int status)
{
    if (x->quitting)
        return;
    x->quitting = true;
    x->status = status;
    for (unsigned i = 0; i < x->p->n_shards; i++)
        consumer_finish(&x->consumers[i]);
    if (x->pl.ops->finish)
        x->pl.ops->finish(&x->pl);
    uv_stop(&x->loop);
}

static void reload(struct process *x)
{
    if (x->pl.ops->reload)
        x->pl.ops->reload(&x->pl);
}

static void on_grace_over(uv_timer_t *t) { quit(t->data, 0); }

static void on_signal(uv_signal_t *s, int signum)
{
    struct process *x = s->data;
    if (signum == SIGHUP)
        log_sink_reopen(x->h->sink);
    else if (signum == SIGUSR2)
        reload(x);
    else if (!uv_is_active((const uv_handle_t *)&x->grace))
        uv_timer_start(&x->grace, on_grace_over, GRACE_MS, 0);
}

void plugin_ask_figures(struct plugin *pl) { msg_send(pl->control, HOST_ASK_FIGURES, NULL, 0, -1, NULL); }

static void send_figures(struct process *x, const struct msg *m)
{
    struct figures f;
    figures_init(&f);
    figures_label(&f, "plugin", x->pl.name);
    figures_label(&f, "type", x->pl.ops->name);
    figures_put_process(&f, "plugin");
    if (x->pl.ops->figures)
        x->pl.ops->figures(&x->pl, &f);
    const int fd = figures_share(&f.out);
    figures_free(&f);
    if (fd == -1)
        return;
    msg_send(x->control, HOST_FIGURES, m->body, m->len, fd, NULL);
    close(fd);
}

static void take_figures(struct process *x, int fd)
{
    struct strbuf s;
    if (fd == -1)
        return;
    strbuf_init(&s, FIGURES_OCTETS_MAX);
    figures_take(&s, fd);
    if (x->pl.ops->all_figures)
        x->pl.ops->all_figures(&x->pl, &s);
    strbuf_free(&s);
}

static void on_control(uv_poll_t *w, int status, int events)
{
    struct process *x = w->data;
    struct msg m;
    (void)status;
    (void)events;
    int rc = msg_recv(x->control, &m, NULL);
    if (rc < 0)
        return;
    if (rc == 0) {
        log_error(&x->pl.log, "Core process *seems* gone. Exiting.");
        quit(x, 1);
    } else if (m.type == HOST_QUIT) {
        quit(x, 0);
    } else if (m.type == HOST_REOPEN_LOG) {
        log_sink_reopen(x->h->sink);
    } else if (m.type == HOST_RELOAD) {
        reload(x);
    } else if (m.type == HOST_STATS) {
        if (x->pl.ops->stats)
            x->pl.ops->stats(&x->pl);
        services_tell(x->services, SERVICE_STATS);
    } else if (m.type == HOST_FIGURES) {
        send_figures(x, &m);
    } else if (m.type == HOST_ALL_FIGURES) {
        take_figures(x, m.fd);
    }
}

/* One consumer works in the loop, several have threads: then the loop has nothing to do but purges. */
static int start_consumers(struct process *x, struct err *e)
{
    const unsigned n = x->p->n_shards;
    x->consumers = calloc(n, sizeof(*x->consumers));
    if (!x->consumers)
        return err_sys(e, "no memory");
    x->pl.consumers = x->consumers;
    for (unsigned i = 0; i < n; i++)
        if (consumer_start(&x->consumers[i], &x->pl, i, x->p->rings, x->p->n_rings, n > 1 ? NULL : &x->loop,
                           e) == -1)
            return -1;
    return 0;
}

static int hang_in(struct process *x)
{
    uv_loop_t *l = &x->loop;
    if (uv_poll_init(l, &x->control_watch, x->control))
        return -1;
    uv_timer_init(l, &x->tick);
    uv_timer_init(l, &x->grace);
    x->control_watch.data = x->tick.data = x->grace.data = x;
    uv_poll_start(&x->control_watch, UV_READABLE, on_control);
    uv_timer_start(&x->tick, on_tick, TICK_MS, TICK_MS);
    for (unsigned i = 0; i < N_SIGNALS; i++) {
        uv_signal_init(l, &x->sig[i]);
        x->sig[i].data = x;
        uv_signal_start(&x->sig[i], on_signal, signals[i]);
    }
    signal(SIGUSR1, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

static void write_pidfile(struct process *x)
{
    struct err e;
    const struct config *core = x->h->core;
    if (!core->pidfile)
        return;
    snprintf(x->pidfile, sizeof(x->pidfile), "%s-%s-%s", core->pidfile, x->p->conf->type, x->pl.name);
    if (pidfile_write(x->pidfile, &x->h->modes, &e) == -1) {
        log_warn(&x->pl.log, "%s", e.text);
        x->pidfile[0] = '\0';
    }
}

static void on_service_ended(void *owner, int status) { quit(owner, status); }

static int run_services(struct process *x, struct err *e)
{
    const struct host *h = x->h;
    const struct service like = { .c = h->core, .daemon = h->progname, .letter = h->daemon };
    x->services = services_new(h->services, &like, e);
    return x->services && services_open(x->services, &x->pl.log, e) == 0
               ? services_start(x->services, &x->loop, on_service_ended, x, e)
               : -1;
}

/* A filter would bind the programs of triggers too, which may do anything. */
static int confine(struct process *x, struct err *e)
{
    if (!x->pl.c->trigger_exec)
        return sandbox_enter(SANDBOX_PLUGIN, x->h->core, &x->pl.log, e);
    log_info(&x->pl.log, "no filter of system calls in this process: it runs a program of yours");
    return 0;
}

/* Everything up to the loop. -1: e, and the plugin is not worth a second try. */
static int process_open(struct process *x, struct err *e)
{
    struct plugin *pl = &x->pl;
    if (uv_loop_init(&x->loop) != 0)
        return err_set(e, ERR_SYS, "cannot make an event loop");
    pl->state = calloc(1, pl->ops->state_size ? pl->ops->state_size : 1);
    if (!pl->state)
        return err_sys(e, "no memory");
    write_pidfile(x);
    const unsigned kept = pl->ops->kept ? pl->ops->kept(pl->c) : PRIVS_NONE;
    if (pl->ops->open(pl, e) == -1 || privs_drop(x->h->core, kept, e) == -1 || confine(x, e) == -1)
        return -1;
    if (hang_in(x) == -1)
        return err_set(e, ERR_SYS, "cannot watch the core");
    return start_consumers(x, e) == 0 ? run_services(x, e) : -1;
}

static void close_handle(uv_handle_t *h, void *arg)
{
    (void)arg;
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

static void process_close(struct process *x)
{
    services_close(x->services);
    if (x->pl.ops->close)
        x->pl.ops->close(&x->pl);
    uv_walk(&x->loop, close_handle, NULL);
    uv_run(&x->loop, UV_RUN_DEFAULT);
    uv_loop_close(&x->loop);
    services_free(x->services);
    if (x->pidfile[0])
        pidfile_remove(x->pidfile);
    for (unsigned i = 0; i < x->p->n_shards; i++)
        consumer_free(&x->consumers[i]);
    free(x->consumers);
    free(x->pl.state);
}

static unsigned instance_of(const struct host *h, const struct host_plugin *p)
{
    unsigned n = 0;
    for (const struct host_plugin *q = h->plugins; q < p; q++)
        n += q->ops == p->ops;
    return n;
}

int plugin_process(struct host *h, struct host_plugin *p, int control)
{
    struct process x;
    struct err e = { 0 };
    x = (struct process){ .h = h, .p = p, .control = control };
    x.pl = (struct plugin){ .ops = p->ops,
                            .name = p->conf->name,
                            .instance = instance_of(h, p),
                            .daemon = h->daemon,
                            .progname = h->progname,
                            .c = &p->conf->c,
                            .spec = &p->outlet->spec,
                            .layout = &p->outlet->layout,
                            .ring = p->rings[0],
                            .n_shards = p->n_shards,
                            .loop = &x.loop,
                            .file_input = h->file_input,
                            .control = control };
    log_init(&x.pl.log, h->sink, p->conf->name, p->conf->type, p->conf->c.debug);
    title_set("%s: %s [%s]", h->progname, p->ops->title, p->conf->name);
    if (process_open(&x, &e) == -1) {
        log_error(&x.pl.log, "%s. Exiting.", e.text);
        return PLUGIN_EXIT_CANNOT_OPEN;
    }
    msg_send(control, HOST_READY, NULL, 0, -1, NULL);
    uv_run(&x.loop, UV_RUN_DEFAULT);
    process_close(&x);
    return x.status;
}
