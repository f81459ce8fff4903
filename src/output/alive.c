/* SPDX-License-Identifier: BSD-2-Clause */
/* The keys by which others see in Redis that a daemon and its plugins live. In a thread of its own: an answer
 * may take seconds. */
#include "output/alive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output/redis_client.h"

enum { EACH_MS = 1000, EXPIRES_MS = 3000, TIMEOUT_MS = 3000, KEY_MAX = 512 };

struct alive {
    const struct service *s;
    struct redis *redis;
    uv_timer_t tick;
    char type_key[KEY_MAX]; /* "": in a plugin, where the core has it */
    char process_key[KEY_MAX];
    uint64_t failed; /* times in a row */
};

static bool wanted(const struct config *c, char daemon)
{
    (void)daemon;
    return c->redis_host && c->cluster_name;
}

static int check(const struct service *s, struct err *e)
{
    char where[256];
    return !redis_absent
               ? 0
               : err_set(e, ERR_UNSUPPORTED, "%s: this build has no %s",
                         config_where(s->set, "redis_host", NULL, where, sizeof(where)), redis_absent);
}

static int alive_open(struct service *s, struct err *e)
{
    struct alive *a = s->state;
    const struct config *c = s->c;
    const struct redis_conf rc = {
        .host = c->redis_host, .db = c->redis_db, .passwd = c->redis_passwd, .timeout_ms = TIMEOUT_MS
    };
    const bool core = !strcmp(s->process->type, "core");
    a->s = s;
    if (core)
        snprintf(a->type_key, sizeof(a->type_key), "%.200s+%d+daemon_type", c->cluster_name, c->cluster_id);
    snprintf(a->process_key, sizeof(a->process_key), "%.200s+%d+process+%s+%s", c->cluster_name,
             c->cluster_id, s->process->name, s->process->type);
    a->redis = redis_new(&rc, e);
    return a->redis ? 0 : -1;
}

static int say_it(struct alive *a, struct err *e)
{
    if (*a->type_key && redis_set(a->redis, a->type_key, a->s->daemon, EXPIRES_MS, e) == -1)
        return -1;
    return redis_set(a->redis, a->process_key, "alive", EXPIRES_MS, e);
}

/* The first time, the second, the fourth, ...: it is to be found near the end of a log, and not to fill it.
 */
static void tell_failure(struct alive *a, const struct err *e)
{
    a->failed++;
    if ((a->failed & (a->failed - 1)) == 0)
        log_warn(&a->s->log,
                 "Can't connect to redis server: %s: nobody sees there that this process is alive", e->text);
}

static void on_tick(uv_timer_t *t)
{
    struct alive *a = t->data;
    struct err e = { 0 };
    int rc = say_it(a, &e);
    if (rc == -1) /* again at once: a connection that was lost says nothing of the server */
        rc = say_it(a, &e);
    if (rc == -1) {
        tell_failure(a, &e);
        return;
    }
    if (a->failed)
        log_info(&a->s->log, "redis server %s is back", a->s->c->redis_host);
    a->failed = 0;
}

static int start(struct service *s, struct err *e)
{
    struct alive *a = s->state;
    (void)e;
    uv_timer_init(s->loop, &a->tick);
    a->tick.data = a;
    log_info(&s->log, "connecting to redis server %s", s->c->redis_host);
    return uv_timer_start(&a->tick, on_tick, 0, EACH_MS);
}

static void stop(struct service *s)
{
    struct alive *a = s->state;
    struct err e;
    if (!a->failed) {
        if (*a->type_key)
            redis_delete(a->redis, a->type_key, &e);
        redis_delete(a->redis, a->process_key, &e);
    }
    uv_close((uv_handle_t *)&a->tick, NULL);
}

static void stats(struct service *s)
{
    const struct alive *a = s->state;
    log_notice(&s->log, "stats [redis] %s=%s", a->process_key, a->failed ? "away" : "there");
}

static void alive_close(struct service *s) { redis_free(((struct alive *)s->state)->redis); }

const struct service_ops alive_service = { .name = "redis",
                                           .state_size = sizeof(struct alive),
                                           .wanted = wanted,
                                           .check = check,
                                           .open = alive_open,
                                           .start = start,
                                           .stop = stop,
                                           .stats = stats,
                                           .close = alive_close };
