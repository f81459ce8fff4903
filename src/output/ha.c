/* SPDX-License-Identifier: BSD-2-Clause */
/* Who of several daemons writes: the thread that asks Redis, and what the owner's loop makes of its answers.
 */
#include "output/ha.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/strbuf.h"
#include "config/config.h"
#include "output/ha_queue.h"
#include "output/redis_client.h"

enum { EACH_MS = 1000, EXPIRES_MS = 3000, TIMEOUT_MS = 3000, KEY_MAX = 512, FLUSH_BATCH = 1000 };

enum force { AUTO, FORCE_ACTIVE, FORCE_STANDBY };

struct ha {
    const struct config *c;
    const struct log *log;
    struct ha_owner owner;
    struct ha_queue *queue;
    uv_async_t changed;
    bool told, was_active; /* what the owner's loop knows */

    /* the thread's */
    pthread_t thread;
    struct redis *redis;
    char key[KEY_MAX], pattern[2 * KEY_MAX];
    bool lost, same_name; /* what it has complained of */
    int64_t wrote_us;     /* under our key; 0: nothing yet */

    pthread_mutex_t lock; /* for all below that is not atomic */
    pthread_cond_t wake;
    bool running, stopping;
    int64_t started_us;
    enum force force;
    atomic_bool active; /* written by the thread; relaxed: the async handle follows */
    atomic_bool alone;  /* Redis cannot be asked */
};

/* ---- who is first */

bool ha_is_first(const struct ha_member *m, size_t n, const struct ha_member *self)
{
    for (size_t i = 0; i < n; i++) {
        if (m[i].started_us < self->started_us)
            return false;
        if (m[i].started_us == self->started_us && strcmp(m[i].name, self->name) < 0)
            return false;
    }
    return true;
}

struct census {
    struct ha *h;
    int64_t started_us;
    bool first, twice;
};

static void on_member(void *arg, const char *key, const char *value)
{
    struct census *x = arg;
    char *end;
    const struct ha_member m = { .started_us = strtoll(value, &end, 10), .name = key };
    const struct ha_member self = { .started_us = x->started_us, .name = x->h->key };
    if (end == value || *end)
        return;
    if (!strcmp(key, x->h->key))
        x->twice |= x->h->wrote_us && m.started_us != x->h->wrote_us; /* somebody else writes our key */
    else
        x->first &= ha_is_first(&m, 1, &self);
}

/* ---- the thread */

/* -1: Redis cannot be asked, e. */
static int ask(struct ha *h, int64_t started_us, bool *first, struct err *e)
{
    char value[32];
    struct census x = { .h = h, .started_us = started_us, .first = true };
    snprintf(value, sizeof(value), "%" PRId64, started_us);
    if (redis_each(h->redis, h->pattern, on_member, &x, e) == -1 ||
        redis_set(h->redis, h->key, value, EXPIRES_MS, e) == -1)
        return -1;
    if (x.twice && !h->same_name)
        log_warn(h->log, "HA: another daemon of the cluster is called '%s' too: core_proc_name has to differ",
                 h->c->core_proc_name);
    h->same_name = x.twice;
    h->wrote_us = started_us;
    *first = x.first;
    return 0;
}

static void look(struct ha *h, int64_t started_us, enum force force)
{
    struct err e = { 0 };
    bool first = true;
    const int rc = ask(h, started_us, &first, &e);
    if (rc == -1 && !h->lost)
        log_warn(h->log, "HA: %s: active as long as it is away", e.text);
    if (rc == 0 && h->lost)
        log_info(h->log, "HA: Redis is back");
    h->lost = rc == -1;
    atomic_store(&h->alone, h->lost);
    atomic_store(&h->active, force == FORCE_ACTIVE || (force == AUTO && (rc == -1 || first)));
    uv_async_send(&h->changed);
}

static void rest(struct ha *h)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += EACH_MS / 1000;
    pthread_cond_timedwait(&h->wake, &h->lock, &until);
}

static void *run(void *arg)
{
    struct ha *h = arg;
    struct err e;
    pthread_mutex_lock(&h->lock);
    while (!h->stopping) {
        const int64_t started_us = h->started_us;
        const enum force force = h->force;
        pthread_mutex_unlock(&h->lock);
        look(h, started_us, force);
        pthread_mutex_lock(&h->lock);
        if (!h->stopping && h->started_us == started_us && h->force == force)
            rest(h);
    }
    pthread_mutex_unlock(&h->lock);
    if (!h->lost)
        redis_delete(h->redis, h->key, &e); /* if not: it expires */
    return NULL;
}

/* ---- the owner's loop */

/* As much as may go. */
static void release(struct ha *h)
{
    struct msglog_topic t;
    const char *text;
    size_t len;
    unsigned n = 0;
    while ((n % FLUSH_BATCH || h->owner.room(h->owner.arg)) && ha_queue_peek(h->queue, &t, &text, &len)) {
        h->owner.write(h->owner.arg, &t, text, len);
        ha_queue_drop(h->queue);
        n++;
    }
    if (n)
        h->owner.flush(h->owner.arg);
}

void ha_tick(struct ha *h)
{
    if (!h)
        return;
    /* What is handed on by and by does not grow old meanwhile. */
    if (!h->was_active)
        ha_queue_expire(h->queue, clock_mono_us());
    else
        release(h);
}

static void on_changed(uv_async_t *a)
{
    struct ha *h = a->data;
    const bool active = atomic_load(&h->active);
    if (h->told && active == h->was_active)
        return;
    h->told = true;
    ha_queue_expire(h->queue, clock_mono_us());
    h->was_active = active;
    const struct ha_queue_counts n = ha_queue_counts(h->queue);
    if (active)
        log_info(h->log, "HA: active; %" PRIu64 " messages were kept", n.waiting);
    else
        log_info(h->log, "HA: standing by");
    ha_tick(h);
}

bool ha_holds(const struct ha *h) { return h && (!h->was_active || ha_queue_counts(h->queue).waiting > 0); }

void ha_keep(struct ha *h, const struct msglog_topic *t, const char *text, size_t len)
{
    const int64_t now = clock_mono_us();
    if (!h->was_active)
        ha_queue_expire(h->queue, now);
    ha_queue_put(h->queue, t, text, len, now);
}

void ha_signal(struct ha *h, unsigned n)
{
    static const char *const words[] = { "its start is now", "active, whatever others are",
                                         "standing by, whatever others are", "as the cluster has it" };
    if (!h || n >= sizeof(words) / sizeof(words[0]))
        return;
    log_info(h->log, "HA: signal SIGRTMIN+%u: %s", n, words[n]);
    pthread_mutex_lock(&h->lock);
    if (n == 0)
        h->started_us = clock_wall_us();
    else
        h->force = n == 1 ? FORCE_ACTIVE : n == 2 ? FORCE_STANDBY : AUTO;
    pthread_cond_signal(&h->wake);
    pthread_mutex_unlock(&h->lock);
}

void ha_stats(const struct ha *h)
{
    if (!h)
        return;
    const struct ha_queue_counts n = ha_queue_counts(h->queue);
    log_notice(h->log,
               "stats [HA] state=%s redis=%s waiting=%" PRIu64 " octets=%" PRIu64 " handed_on=%" PRIu64
               " too_old=%" PRIu64 " lost=%" PRIu64,
               h->was_active ? "active" : "standby", atomic_load(&h->alone) ? "away" : "there", n.waiting,
               n.octets, n.handed_on, n.expired, n.dropped);
}

void ha_figures(const struct ha *h, const char *service, struct figures *f)
{
    if (!h)
        return;
    const struct ha_queue_counts n = ha_queue_counts(h->queue);
    figures_label(f, "service", service);
    figures_put(f, FIG_HA_ACTIVE, h->was_active);
    figures_put(f, FIG_HA_REDIS, !atomic_load(&h->alone));
    figures_put(f, FIG_HA_WAITING, n.waiting);
    figures_put_of(f, FIG_HA_MESSAGES, "what", "handed_on", n.handed_on);
    figures_put_of(f, FIG_HA_MESSAGES, "what", "too_old", n.expired);
    figures_put_of(f, FIG_HA_MESSAGES, "what", "lost", n.dropped);
    figures_unlabel(f, 1);
}

/* ---- life */

int ha_check(const struct config_set *set, const struct config *c, struct err *e)
{
    char where[256];
    const char *lacks =
        !c->redis_host ? "redis_host: the Redis server that knows who is there"
        : !c->ha_cluster_name
            ? "bgp_daemon_ha_cluster_name: what those have in common that stand by for each other"
            : NULL;
    if (!c->ha)
        return 0;
    config_where(set, "bgp_daemon_ha", NULL, where, sizeof(where));
    if (lacks)
        return err_set(e, ERR_CONFIG, "%s: high availability needs %s", where, lacks);
    if (redis_absent)
        return err_set(e, ERR_UNSUPPORTED, "%s: this build has no %s", where, redis_absent);
    return 0;
}

/* A name in a pattern stands for itself. */
static void quote(char *to, size_t size, const char *text)
{
    size_t at = strlen(to);
    for (; *text && at + 2 < size; text++) {
        if (strchr("*?[]\\", *text))
            to[at++] = '\\';
        to[at++] = *text;
    }
    to[at] = '\0';
}

static void name_keys(struct ha *h, enum ha_of of)
{
    static const char *const ends[] = {
        [HA_DAEMON] = "+ha_daemon_startup_time", [HA_BMP_THREAD] = "+ha_bmp_thread_startup_time"
    };
    const char *end = ends[of];
    const struct config *c = h->c;
    struct strbuf key, pattern;
    strbuf_init(&key, sizeof(h->key));
    strbuf_init(&pattern, sizeof(h->pattern));
    strbuf_printf(&key, "%.200s+%d+", c->ha_cluster_name, c->ha_cluster_id);
    quote(h->pattern, sizeof(h->pattern), strbuf_cstr(&key));
    strbuf_printf(&pattern, "%s*%s", h->pattern, end);
    strbuf_printf(&key, "%.200s%s", c->core_proc_name ? c->core_proc_name : "default", end);
    snprintf(h->key, sizeof(h->key), "%s", strbuf_cstr(&key));
    snprintf(h->pattern, sizeof(h->pattern), "%s", strbuf_cstr(&pattern));
    strbuf_free(&key);
    strbuf_free(&pattern);
}

static void on_dead(uv_handle_t *a) { ha_free(a->data); }

/* -1: h is freed with its handle. */
static int start(struct ha *h, uv_loop_t *loop, struct err *e)
{
    pthread_condattr_t monotonic;
    pthread_mutex_init(&h->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&h->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    uv_async_init(loop, &h->changed, on_changed);
    h->changed.data = h;
    h->running = true;
    const int rc = pthread_create(&h->thread, NULL, run, h);
    if (rc == 0)
        return 0;
    h->running = false;
    uv_close((uv_handle_t *)&h->changed, on_dead);
    return err_set(e, ERR_SYS, "HA: cannot start a thread: %s", strerror(rc));
}

struct ha *ha_open(const struct config *c, enum ha_of of, const struct log *l, uv_loop_t *loop,
                   const struct ha_owner *owner, struct err *e)
{
    struct ha *h = calloc(1, sizeof(*h));
    const struct redis_conf rc = {
        .host = c->redis_host, .db = c->redis_db, .passwd = c->redis_passwd, .timeout_ms = TIMEOUT_MS
    };
    if (!h || !(h->queue = ha_queue_new((int64_t)c->ha_queue_s * US_PER_S, c->ha_queue_max))) {
        err_sys(e, "no memory for HA");
        free(h);
        return NULL;
    }
    h->c = c;
    h->log = l;
    h->owner = *owner;
    h->started_us = clock_wall_us();
    name_keys(h, of);
    h->redis = redis_new(&rc, e);
    if (h->redis)
        return start(h, loop, e) == 0 ? h : NULL;
    ha_queue_free(h->queue);
    free(h);
    return NULL;
}

static void end_thread(struct ha *h)
{
    pthread_mutex_lock(&h->lock);
    h->stopping = true;
    pthread_cond_signal(&h->wake);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->thread, NULL);
    h->running = false;
}

void ha_stop(struct ha *h)
{
    if (!h || !h->running)
        return;
    end_thread(h);
    const struct ha_queue_counts n = ha_queue_counts(h->queue);
    if (h->was_active)
        release(h);
    else if (n.waiting)
        log_info(h->log, "HA: %" PRIu64 " messages of the last seconds are left to the active daemon",
                 n.waiting);
    uv_close((uv_handle_t *)&h->changed, NULL);
}

void ha_free(struct ha *h)
{
    if (!h)
        return;
    if (h->running) { /* the service could not start */
        end_thread(h);
        uv_close((uv_handle_t *)&h->changed, on_dead);
        return;
    }
    redis_free(h->redis);
    ha_queue_free(h->queue);
    pthread_cond_destroy(&h->wake);
    pthread_mutex_destroy(&h->lock);
    free(h);
}
