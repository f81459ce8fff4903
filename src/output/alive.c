/* SPDX-License-Identifier: BSD-2-Clause */
/* The keys by which others see in Redis that a daemon lives. In a thread of its own: an answer may take
 * seconds. */
#include "output/alive.h"

#include <stdio.h>
#include <stdlib.h>

#include "output/redis_client.h"

enum { EACH_MS = 1000, EXPIRES_MS = 3000, TIMEOUT_MS = 3000, KEY_MAX = 512 };

struct alive {
    const struct service *s;
    struct redis *redis;
    uv_timer_t tick;
    char type_key[KEY_MAX], process_key[KEY_MAX];
    bool lost; /* has been told of */
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
    a->s = s;
    snprintf(a->type_key, sizeof(a->type_key), "%.200s+%d+daemon_type", c->cluster_name, c->cluster_id);
    snprintf(a->process_key, sizeof(a->process_key), "%.200s+%d+process+%.200s+core", c->cluster_name,
             c->cluster_id, c->core_proc_name ? c->core_proc_name : "default");
    a->redis = redis_new(&rc, e);
    return a->redis ? 0 : -1;
}

static void on_tick(uv_timer_t *t)
{
    struct alive *a = t->data;
    struct err e = { 0 };
    const int rc = redis_set(a->redis, a->type_key, a->s->daemon, EXPIRES_MS, &e) == 0
                       ? redis_set(a->redis, a->process_key, "alive", EXPIRES_MS, &e)
                       : -1;
    if (rc == -1 && !a->lost)
        log_warn(&a->s->log, "%s: nobody sees there that this daemon is alive", e.text);
    if (rc == 0 && a->lost)
        log_info(&a->s->log, "Redis at %s is back", a->s->c->redis_host);
    a->lost = rc == -1;
}

static int start(struct service *s, struct err *e)
{
    struct alive *a = s->state;
    (void)e;
    uv_timer_init(s->loop, &a->tick);
    a->tick.data = a;
    return uv_timer_start(&a->tick, on_tick, 0, EACH_MS);
}

static void stop(struct service *s)
{
    struct alive *a = s->state;
    struct err e;
    if (!a->lost) {
        redis_delete(a->redis, a->type_key, &e);
        redis_delete(a->redis, a->process_key, &e);
    }
    uv_close((uv_handle_t *)&a->tick, NULL);
}

static void stats(struct service *s)
{
    const struct alive *a = s->state;
    log_notice(&s->log, "stats [Redis] %s=%s", a->process_key, a->lost ? "away" : "there");
}

static void alive_close(struct service *s) { redis_free(((struct alive *)s->state)->redis); }

const struct service_ops alive_service = { .name = "Redis",
                                           .state_size = sizeof(struct alive),
                                           .wanted = wanted,
                                           .check = check,
                                           .open = alive_open,
                                           .start = start,
                                           .stop = stop,
                                           .stats = stats,
                                           .close = alive_close };
