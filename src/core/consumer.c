/* SPDX-License-Identifier: BSD-2-Clause */
/* The consumer's side of rings: batches, naps. */
#include "core/consumer.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    NAP_MS = 100, /* the ring is looked at again after this: large batches find a table's memory warm */
    ROUNDS = 64,  /* looks at the rings between two turns of the loop */
};

static void pump(struct consumer *x);

static struct sums take(struct plugin *pl, unsigned shard, uint8_t *recs, size_t bytes)
{
    return pl->n_shards > 1 ? pl->ops->take_shard(pl, shard, recs, bytes) : pl->ops->take(pl, recs, bytes);
}

/* Takes what is in a ring (some ms of work at most: it is small); false when there was nothing. */
static bool take_from(struct consumer *x, struct ring *r)
{
    size_t bytes;
    uint8_t *recs = ring_peek(r, &bytes);
    if (bytes == 0)
        return false;
    struct sums s = take(x->pl, x->shard, recs, bytes);
    if (x->pl->c->debug_internal_msg)
        log_debug(&x->pl->log, "batch received len=%zu records=%" PRIu64, bytes, s.records);
    ring_release(r, bytes, &s);
    return true;
}

static bool take_some(struct consumer *x)
{
    bool some = false;
    for (unsigned i = 0; i < x->n; i++)
        some |= take_from(x, x->rings[i].ring);
    return some;
}

/* False: something arrived meanwhile in one of them. */
static bool sleep_on_all(struct consumer *x, enum ring_wake when)
{
    bool sleep = true;
    for (unsigned i = 0; i < x->n; i++)
        sleep &= ring_sleep(x->rings[i].ring, when);
    return sleep;
}

static void on_nap(uv_timer_t *t) { pump(t->data); }

static void on_ring(uv_poll_t *w, int status, int events)
{
    struct consumer_ring *r = w->data;
    (void)status;
    (void)events;
    ring_woken(r->ring);
    pump(r->x);
}

/* Datagrams do not wait: each batch of the core wakes us, and receivers get small bursts. */
static void pump_at_once(struct consumer *x)
{
    for (unsigned i = 0; i < ROUNDS; i++)
        if (!take_some(x) && sleep_on_all(x, RING_WAKE_ANY))
            return;
    uv_timer_start(&x->nap, on_nap, 0, 0); /* after a look at signals and timers */
}

/* While records come the ring is looked at each NAP_MS, or when it is filling up; when none came, the next
 * one wakes us. */
static void pump(struct consumer *x)
{
    if (x->ended)
        return;
    if (x->pl->ops->datagrams) {
        pump_at_once(x);
        return;
    }
    bool some = take_some(x);
    bool sleep = !some && x->idle_nap;
    x->idle_nap = !some;
    if (sleep_on_all(x, sleep ? RING_WAKE_ANY : RING_WAKE_FILLING) && sleep)
        return;
    uv_timer_start(&x->nap, on_nap, NAP_MS, 0);
}

static int hang_in(struct consumer *x, struct ring *const *rings, unsigned n_rings, uv_loop_t *loop)
{
    const unsigned shards = x->pl->n_shards ? x->pl->n_shards : 1;
    x->rings = calloc(n_rings, sizeof(*x->rings));
    if (!x->rings || uv_timer_init(loop, &x->nap))
        return -1;
    x->nap.data = x;
    for (unsigned i = x->shard; i < n_rings; i += shards) {
        struct consumer_ring *r = &x->rings[x->n++];
        *r = (struct consumer_ring){ .x = x, .ring = rings[i] };
        if (uv_poll_init(loop, &r->poll, ring_fd(r->ring)))
            return -1;
        r->poll.data = r;
        uv_poll_start(&r->poll, UV_READABLE, on_ring);
    }
    uv_timer_start(&x->nap, on_nap, 0, 0);
    return 0;
}

int consumer_start(struct consumer *x, struct plugin *pl, unsigned shard, struct ring *const *rings,
                   unsigned n_rings, uv_loop_t *loop, struct err *e)
{
    x->pl = pl;
    x->shard = shard;
    if (!loop && loop_thread_open(&x->thread, e) == -1)
        return -1;
    if (hang_in(x, rings, n_rings, loop ? loop : &x->thread.loop) == -1)
        return err_set(e, ERR_SYS, "cannot watch the ring");
    return loop ? 0 : loop_thread_start(&x->thread, e);
}

static void take_rest(void *arg)
{
    struct consumer *x = arg;
    x->ended = true;
    while (take_some(x))
        ;
}

void consumer_finish(struct consumer *x)
{
    loop_thread_call(&x->thread, take_rest, x);
    loop_thread_stop(&x->thread);
}

void consumer_free(struct consumer *x)
{
    loop_thread_stop(&x->thread);
    free(x->rings);
}

void plugin_shard_call(struct plugin *pl, unsigned shard, void (*fn)(void *arg), void *arg)
{
    if (pl->consumers)
        loop_thread_call(&pl->consumers[shard].thread, fn, arg);
    else
        fn(arg);
}
