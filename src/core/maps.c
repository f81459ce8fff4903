/* SPDX-License-Identifier: BSD-2-Clause */
/* The registry of map files. Filled by daemon.c before anything starts, read by views (view.c) in the
 * workers' threads. */
#include "core/maps.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct map_ref {
    const struct map_ops *ops;
    void *map;
    atomic_uint refs;
};

struct map_file {
    struct map_spec spec;
    char *path; /* spec's */
    struct map_ref *now;
};

struct maps {
    struct map_file *file;
    unsigned n;
    bool fixed;
    struct fieldset fixed_needs;
    pthread_mutex_t lock; /* of file[].now: taken when maps change, never for a flow */
    _Atomic uint32_t generation;
    /* loading aside; under the lock */
    pthread_t loader;
    bool has_loader, loading, again;
    struct log log; /* a copy: who asked may be gone before a loader that waits for a file */
};

enum { PATIENCE_S = 2 }; /* with files that cannot be read to their end, when the daemon ends */

struct maps *maps_new(struct err *e)
{
    struct maps *m = calloc(1, sizeof(*m));
    if (!m)
        err_sys(e, "no memory for maps");
    else
        pthread_mutex_init(&m->lock, NULL);
    return m;
}

/* A loader that waits for a file forever keeps what it works on. */
static bool loader_ended(struct maps *m)
{
    struct timespec until;
    if (!m->has_loader)
        return true;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    return pthread_timedjoin_np(m->loader, NULL, &until) == 0;
}

bool maps_free(struct maps *m)
{
    if (!m)
        return true;
    if (!loader_ended(m))
        return false;
    for (unsigned i = 0; i < m->n; i++) {
        map_drop(m->file[i].now);
        free(m->file[i].path);
    }
    pthread_mutex_destroy(&m->lock);
    free(m->file);
    free(m);
    return true;
}

static struct map_ref *load(const struct map_spec *s, struct err *e)
{
    struct map_ref *r = calloc(1, sizeof(*r));
    void *map = r ? s->ops->load(s, e) : NULL;
    if (!r)
        err_sys(e, "no memory for maps");
    if (!map) {
        free(r);
        return NULL;
    }
    r->ops = s->ops;
    r->map = map;
    atomic_init(&r->refs, 1);
    return r;
}

int maps_find(const struct maps *m, const struct map_spec *s)
{
    for (unsigned i = 0; i < m->n; i++)
        if (m->file[i].spec.ops == s->ops && m->file[i].spec.flags == s->flags &&
            !strcmp(m->file[i].spec.path, s->path))
            return (int)i;
    return -1;
}

int maps_add(struct maps *m, const struct map_spec *s, struct err *e)
{
    const int known = maps_find(m, s);
    if (known != -1)
        return known;
    struct map_file *more = realloc(m->file, (m->n + 1) * sizeof(*more));
    if (!more)
        return err_sys(e, "no memory for maps");
    m->file = more;
    struct map_file *f = &more[m->n];
    *f = (struct map_file){ .spec = *s, .path = strdup(s->path) };
    if (!f->path)
        return err_sys(e, "no memory for maps");
    f->spec.path = f->path;
    f->now = load(&f->spec, e);
    if (!f->now) {
        free(f->path);
        return -1;
    }
    return (int)m->n++;
}

static void log_loaded(const struct map_file *f, const struct log *l)
{
    log_info(l, "[%s] map successfully (re)loaded with %" PRIu64 " entries.", f->spec.path,
             f->spec.ops->entries(f->now->map));
}

void maps_log(const struct maps *m, const struct log *l)
{
    for (unsigned i = 0; i < m->n; i++) {
        log_info(l, "[%s] (re)loading map.", m->file[i].spec.path);
        log_loaded(&m->file[i], l);
    }
}

void maps_fix_needs(struct maps *m, const struct fieldset *needs)
{
    m->fixed = true;
    fieldset_or(&m->fixed_needs, needs);
}

/* Packets are taken apart no further than was asked for at start. */
static int check_needs(const struct maps *m, const struct map_ref *r, const struct map_spec *s, struct err *e)
{
    static const enum field_id of_ip[] = { FIELD_src_host, FIELD_dst_host, FIELD_src_port, FIELD_dst_port,
                                           FIELD_proto,    FIELD_tos,      FIELD_tcpflags };
    bool had = false, has = false;
    if (!m->fixed || !r->ops->needs)
        return 0;
    for (unsigned i = 0; i < sizeof(of_ip) / sizeof(of_ip[0]); i++) {
        had |= fieldset_has(&m->fixed_needs, of_ip[i]);
        has |= fieldset_has(r->ops->needs(r->map), of_ip[i]);
    }
    if (!has || had)
        return 0;
    return err_set(
        e, ERR_CONFIG,
        "[%s] has conditions on IP headers, which nothing asked for at start: start the daemon anew",
        s->path);
}

static void reload_one(struct maps *m, struct map_file *f, const struct log *l)
{
    struct err e = { 0 };
    log_info(l, "[%s] (re)loading map.", f->spec.path);
    struct map_ref *fresh = load(&f->spec, &e);
    if (fresh && check_needs(m, fresh, &f->spec, &e) == -1) {
        map_drop(fresh);
        fresh = NULL;
    }
    if (!fresh) {
        log_warn(l, "%s. Rolling back old map: [%s] stays in force as it was", e.text, f->spec.path);
        return;
    }
    pthread_mutex_lock(&m->lock);
    struct map_ref *old = f->now;
    f->now = fresh;
    pthread_mutex_unlock(&m->lock);
    map_drop(old);
    log_loaded(f, l);
}

void maps_reload(struct maps *m, const struct log *l)
{
    for (unsigned i = 0; i < m->n; i++)
        reload_one(m, &m->file[i], l);
    /* Release: who sees the new number also finds the new maps (pairs with maps_generation). */
    atomic_fetch_add_explicit(&m->generation, 1, memory_order_release);
}

static void *load_aside(void *arg)
{
    struct maps *m = arg;
    for (bool more = true; more;) {
        maps_reload(m, &m->log);
        pthread_mutex_lock(&m->lock);
        more = m->loading = m->again;
        m->again = false;
        pthread_mutex_unlock(&m->lock);
    }
    return NULL;
}

/* Signals are the daemon's loop's. */
static bool start_loader(struct maps *m)
{
    sigset_t every, before;
    if (m->has_loader)
        pthread_join(m->loader, NULL); /* it has nothing left to do */
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    m->has_loader = pthread_create(&m->loader, NULL, load_aside, m) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return m->has_loader;
}

void maps_reload_aside(struct maps *m, const struct log *l)
{
    if (m->n == 0)
        return;
    pthread_mutex_lock(&m->lock);
    const bool busy = m->again = m->loading;
    m->loading = true;
    if (!busy)
        m->log = *l;
    pthread_mutex_unlock(&m->lock);
    if (busy || start_loader(m))
        return;
    m->loading = false;
    maps_reload(m, l);
}

uint32_t maps_generation(const struct maps *m)
{
    return atomic_load_explicit(&m->generation, memory_order_acquire);
}

struct map_ref *maps_take(struct maps *m, int number)
{
    pthread_mutex_lock(&m->lock);
    struct map_ref *r = m->file[number].now;
    atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
    pthread_mutex_unlock(&m->lock);
    return r;
}

void map_drop(struct map_ref *r)
{
    if (!r || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) > 1)
        return;
    r->ops->free(r->map);
    free(r);
}

const void *map_of(const struct map_ref *r) { return r->map; }
