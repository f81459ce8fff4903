/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of the service: the file is read at start and on SIGUSR2, the cache is asked all the time
 * (rtr_client.c). Tables are handed to other threads under a lock that is held for as long as it takes to
 * count a reference. */
#include "rpki/rpki.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "rpki/rtr_client.h"

enum { TOLD_MAX = 10 };

struct rpki {
    struct service *s;
    const char *file;
    pthread_mutex_t lock;
    struct roa_table *table[RPKI_TABLES];
    _Atomic uint32_t generation;
    struct rtr_client *rtr; /* NULL: no cache is asked */
};

struct rpki *rpki_of_service(const struct service *s) { return s->state; }

uint32_t rpki_generation(const struct rpki *r)
{
    return atomic_load_explicit(&r->generation, memory_order_acquire);
}

struct roa_table *rpki_table(struct rpki *r, enum rpki_source from)
{
    pthread_mutex_lock(&r->lock);
    struct roa_table *t = roa_ref(r->table[from]);
    pthread_mutex_unlock(&r->lock);
    return t;
}

/* Takes over the reference. */
static void publish(struct rpki *r, enum rpki_source from, struct roa_table *t)
{
    pthread_mutex_lock(&r->lock);
    struct roa_table *old = r->table[from];
    r->table[from] = t;
    pthread_mutex_unlock(&r->lock);
    roa_put(old);
    atomic_fetch_add_explicit(&r->generation, 1, memory_order_release);
}

/* --- the file */

struct told {
    const struct log *log; /* NULL: nobody is told yet */
    const char *path;
    unsigned n;
};

static void on_bad(void *arg, const char *what)
{
    struct told *t = arg;
    if (t->n++ < TOLD_MAX && t->log)
        log_warn(t->log, "[%s] %s", t->path, what);
}

static struct roa_table *load(const char *path, const struct log *l, struct err *e)
{
    struct told t = { .log = l, .path = path };
    struct roa_table *table = roa_load(path, (int64_t)time(NULL), on_bad, &t, e);
    if (table && l && t.n > TOLD_MAX)
        log_warn(l, "[%s] %u elements in all were left out or changed", path, t.n);
    if (table && l)
        log_info(l, "[%s] %llu ROAs loaded", path, (unsigned long long)roa_count(table));
    return table;
}

static bool wanted(const struct config *c, char daemon)
{
    (void)daemon;
    return c->routing.roas_file || c->routing.rtr_cache;
}

static int check(const struct service *s, struct err *e)
{
    struct err why = { 0 };
    struct roa_table *t = s->c->routing.roas_file ? load(s->c->routing.roas_file, NULL, &why) : NULL;
    if (s->c->routing.roas_file && !t)
        return err_set(e, why.code, "rpki_roas_file: %s", why.text);
    roa_put(t);
    return s->c->routing.rtr_cache ? rtr_client_check(&s->c->routing, e) : 0;
}

static void on_rtr_table(void *arg, struct roa_table *t) { publish(arg, RPKI_RTR, t); }

static int open_rpki(struct service *s, struct err *e)
{
    struct rpki *r = s->state;
    r->s = s;
    pthread_mutex_init(&r->lock, NULL);
    if (s->c->routing.roas_file) {
        struct roa_table *t = load(s->c->routing.roas_file, &s->log, e);
        if (!t)
            return -1;
        publish(r, RPKI_FILE, t);
    }
    if (!s->c->routing.rtr_cache)
        return 0;
    r->rtr = rtr_client_new(&s->c->routing, s->loop, &s->log, on_rtr_table, r, e);
    return r->rtr ? 0 : -1;
}

static int start(struct service *s, struct err *e)
{
    struct rpki *r = s->state;
    return r->rtr ? rtr_client_start(r->rtr, e) : 0;
}

static void stop(struct service *s)
{
    struct rpki *r = s->state;
    if (r->rtr)
        rtr_client_stop(r->rtr);
}

static void stats(struct service *s)
{
    struct rpki *r = s->state;
    static const char *const names[] = { "file", "RTR cache" };
    log_notice(&s->log, "+++");
    for (unsigned i = 0; i < RPKI_TABLES; i++)
        if (r->table[i])
            log_notice(&s->log, "ROAs of the %s: %llu", names[i], (unsigned long long)roa_count(r->table[i]));
    if (r->rtr)
        rtr_client_stats(r->rtr);
    log_notice(&s->log, "---");
}

static void figures(struct service *s, struct figures *f)
{
    const struct rpki *r = s->state;
    static const char *const names[] = { "file", "rtr" };
    for (unsigned i = 0; i < RPKI_TABLES; i++)
        if (r->table[i])
            figures_put_of(f, FIG_RPKI_ROAS, "source", names[i], roa_count(r->table[i]));
    if (r->rtr)
        rtr_client_figures(r->rtr, f);
}

static void reload(struct service *s)
{
    struct rpki *r = s->state;
    struct err e = { 0 };
    if (!s->c->routing.roas_file)
        return;
    struct roa_table *t = load(s->c->routing.roas_file, &s->log, &e);
    if (t)
        publish(r, RPKI_FILE, t);
    else
        log_error(&s->log, "rpki_roas_file: %s; the ROAs of before stay in force", e.text);
}

static void close_rpki(struct service *s)
{
    struct rpki *r = s->state;
    rtr_client_free(r->rtr);
    for (unsigned i = 0; i < RPKI_TABLES; i++)
        roa_put(r->table[i]);
    pthread_mutex_destroy(&r->lock);
}

const struct service_ops rpki_service = {
    .name = "RPKI",
    .state_size = sizeof(struct rpki),
    .wanted = wanted,
    .check = check,
    .open = open_rpki,
    .start = start,
    .stop = stop,
    .stats = stats,
    .figures = figures,
    .reload = reload,
    .close = close_rpki,
};
