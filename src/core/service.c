/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs services: a thread with an event loop for each. What the daemon wants of them is a bit in `pending`
 * and a wake-up of that loop. */
#include "core/service.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STOP_MS = 2000 };

struct service_thread {
    struct service service;
    struct services *all;
    uv_loop_t loop;
    uv_async_t mail;
    uv_timer_t deadline;
    bool loop_made, opened, running;
    bool stopped; /* the thread's */
    pthread_t id;
    sem_t started;
    int start_rc; /* of ops->start, and why: read after `started` */
    struct err why;
    /* Bits 1 << enum service_call. The daemon sets them (release), the thread takes them all at once
     * (acquire), woken by `mail`. */
    atomic_uint pending;
};

struct services {
    struct service_thread *thread;
    unsigned n;
    uv_async_t ended;  /* in the daemon's loop */
    atomic_int status; /* of the first one that cannot go on; -1: none */
    void (*on_end)(void *owner, int status);
    void *owner;
};

/* ---- the thread */

static void on_deadline(uv_timer_t *t)
{
    struct service_thread *th = t->data;
    log_warn(&th->service.log, "not everything could be finished within %d s", STOP_MS / 1000);
    uv_stop(&th->loop);
}

static void stop(struct service_thread *th)
{
    if (th->stopped)
        return;
    th->stopped = true;
    th->service.ops->stop(&th->service);
    uv_unref((uv_handle_t *)&th->mail);
    uv_timer_start(&th->deadline, on_deadline, STOP_MS, 0);
    uv_unref((uv_handle_t *)&th->deadline);
}

static void figures(struct service_thread *th)
{
    struct figures f;
    const uint32_t round = gather_round(th->service.gather);
    if (!th->service.ops->figures)
        return;
    figures_init(&f);
    if (!th->stopped)
        th->service.ops->figures(&th->service, &f);
    gather_post(th->service.gather, round, &f);
}

static void call(struct service_thread *th, unsigned what)
{
    struct service *s = &th->service;
    const struct service_ops *ops = s->ops;
    switch (what) {
    case SERVICE_STOP:
        stop(th);
        return;
    case SERVICE_STATS:
        ops->stats(s);
        return;
    case SERVICE_RELOAD:
        if (ops->reload)
            ops->reload(s);
        return;
    case SERVICE_REOPEN:
        if (ops->reopen)
            ops->reopen(s);
        return;
    case SERVICE_FIGURES:
        figures(th);
        return;
    default:
        if (ops->signal)
            ops->signal(s, what - SERVICE_SIGNAL);
    }
}

/* The end comes last, so that what was asked for before is done. */
static void on_mail(uv_async_t *a)
{
    struct service_thread *th = a->data;
    const unsigned bits = atomic_exchange_explicit(&th->pending, 0, memory_order_acquire);
    for (unsigned what = SERVICE_STATS; what < SERVICE_SIGNAL + SERVICE_SIGNALS; what++)
        if (bits & 1u << what)
            call(th, what);
    if (bits & 1u << SERVICE_STOP)
        call(th, SERVICE_STOP);
}

static void close_handle(uv_handle_t *h, void *arg)
{
    (void)arg;
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

static void close_loop(uv_loop_t *loop)
{
    uv_walk(loop, close_handle, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_loop_close(loop);
}

static void *run(void *arg)
{
    struct service_thread *th = arg;
    pthread_setname_np(pthread_self(), th->service.ops->name);
    th->start_rc = th->service.ops->start(&th->service, &th->why);
    const bool started = th->start_rc == 0;
    sem_post(&th->started);
    if (started)
        uv_run(&th->loop, UV_RUN_DEFAULT);
    return NULL;
}

void service_end(struct service *s, int status)
{
    struct services *ss = s->thread->all;
    int none = -1;
    atomic_compare_exchange_strong(&ss->status, &none, status);
    uv_async_send(&ss->ended);
}

/* ---- the daemon's side */

static void on_ended(uv_async_t *a)
{
    struct services *ss = a->data;
    ss->on_end(ss->owner, atomic_load(&ss->status));
}

static void add(struct services *ss, const struct service_ops *ops, const struct service *like)
{
    struct service_thread *th = &ss->thread[ss->n++];
    th->all = ss;
    th->service = *like;
    th->service.ops = ops;
    th->service.thread = th;
    atomic_init(&th->pending, 0);
    sem_init(&th->started, 0, 0);
}

struct services *services_new(const struct service_ops *const *list, const struct service *like,
                              struct err *e)
{
    unsigned n = 0;
    while (list && list[n])
        n++;
    struct services *ss = calloc(1, sizeof(*ss));
    struct service_thread *thread = calloc(n + 1, sizeof(*thread));
    if (!ss || !thread) {
        free(ss);
        free(thread);
        err_sys(e, "no memory for services");
        return NULL;
    }
    ss->thread = thread;
    atomic_init(&ss->status, -1);
    for (unsigned i = 0; i < n; i++)
        if (list[i]->wanted(like->c, like->letter))
            add(ss, list[i], like);
    return ss;
}

unsigned services_count(const struct services *ss) { return ss->n; }

const struct service *services_find(const struct services *ss, const char *name)
{
    for (unsigned i = 0; ss && i < ss->n; i++)
        if (!strcmp(ss->thread[i].service.ops->name, name))
            return &ss->thread[i].service;
    return NULL;
}

int services_check(struct services *ss, struct err *e)
{
    for (unsigned i = 0; i < ss->n; i++) {
        const struct service *s = &ss->thread[i].service;
        if (s->ops->check && s->ops->check(s, e) == -1)
            return -1;
    }
    return 0;
}

const struct service *service_beside(const struct service *s, const char *name)
{
    return services_find(s->thread->all, name);
}

static int open_one(struct service_thread *th, const struct log *l, struct err *e)
{
    struct service *s = &th->service;
    char type[sizeof(s->log.type) + 32];
    s->process = l;
    snprintf(type, sizeof(type), s->alone ? "%s" : "%s/%s", l->type, s->ops->name);
    log_init(&s->log, l->sink, l->name, type, l->debug);
    s->state = calloc(1, s->ops->state_size);
    if (!s->state)
        return err_sys(e, "no memory for the %s service", s->ops->name);
    if (uv_loop_init(&th->loop) != 0)
        return err_set(e, ERR_SYS, "cannot make an event loop for the %s service", s->ops->name);
    th->loop_made = true;
    s->loop = &th->loop;
    uv_async_init(&th->loop, &th->mail, on_mail);
    uv_timer_init(&th->loop, &th->deadline);
    th->mail.data = th->deadline.data = th;
    th->opened = true;
    return s->ops->open(s, e);
}

int services_open(struct services *ss, const struct log *l, struct err *e)
{
    for (unsigned i = 0; i < ss->n; i++)
        if (open_one(&ss->thread[i], l, e) == -1)
            return -1;
    return 0;
}

unsigned services_kept(const struct services *ss)
{
    unsigned all = PRIVS_NONE;
    for (unsigned i = 0; i < ss->n; i++)
        all |= ss->thread[i].service.ops->kept;
    return all;
}

bool services_have_signals(const struct services *ss)
{
    for (unsigned i = 0; i < ss->n; i++)
        if (ss->thread[i].service.ops->signal)
            return true;
    return false;
}

/* Signals are the daemon's loop's. */
static int start_one(struct service_thread *th, struct err *e)
{
    sigset_t every, before;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    const int rc = pthread_create(&th->id, NULL, run, th);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        return err_set(e, ERR_SYS, "cannot start a thread for %s: %s", th->service.ops->name, strerror(rc));
    th->running = true;
    while (sem_wait(&th->started) == -1)
        continue;
    if (th->start_rc == 0)
        return 0;
    *e = th->why;
    return -1;
}

int services_start(struct services *ss, uv_loop_t *loop, void (*on_end)(void *owner, int status), void *owner,
                   struct err *e)
{
    ss->on_end = on_end;
    ss->owner = owner;
    if (uv_async_init(loop, &ss->ended, on_ended) != 0)
        return err_set(e, ERR_SYS, "cannot watch services");
    ss->ended.data = ss;
    for (unsigned i = 0; i < ss->n; i++)
        if (start_one(&ss->thread[i], e) == -1)
            return -1;
    return 0;
}

void services_tell(struct services *ss, unsigned call_bit)
{
    for (unsigned i = 0; i < ss->n; i++) {
        struct service_thread *th = &ss->thread[i];
        if (!th->running)
            continue;
        atomic_fetch_or_explicit(&th->pending, 1u << call_bit, memory_order_release);
        uv_async_send(&th->mail);
    }
}

unsigned services_with_figures(const struct services *ss)
{
    unsigned n = 0;
    for (unsigned i = 0; i < ss->n; i++)
        n += ss->thread[i].running && ss->thread[i].service.ops->figures;
    return n;
}

static void close_one(struct service_thread *th)
{
    if (th->running)
        pthread_join(th->id, NULL);
    if (th->opened)
        th->service.ops->close(&th->service);
    if (th->loop_made)
        close_loop(&th->loop);
    free(th->service.state);
    th->service.state = NULL;
}

void services_close(struct services *ss)
{
    services_tell(ss, SERVICE_STOP);
    for (unsigned i = ss->n; i-- > 0;)
        close_one(&ss->thread[i]);
}

void services_free(struct services *ss)
{
    for (unsigned i = 0; ss && i < ss->n; i++)
        sem_destroy(&ss->thread[i].started);
    if (ss)
        free(ss->thread);
    free(ss);
}
