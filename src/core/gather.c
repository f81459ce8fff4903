/* SPDX-License-Identifier: BSD-2-Clause */
/* Rounds of figures, in the daemon's loop; threads leave their parts behind a lock and wake it. */
#include "core/gather.h"

#include <pthread.h>
#include <stdlib.h>
#include "base/clock.h"

enum {
    WAIT_MS = 1000,        /* for the parts of a round */
    FRESH_US = 200 * 1000, /* a round that is no older answers another question too */
};

struct gather {
    gather_begin_fn begin;
    void *owner;
    uv_async_t wake;
    uv_timer_t deadline;
    /* of the daemon's loop */
    bool under_way;
    unsigned expected;
    struct gathered *building, *last;
    int64_t last_us;
    struct gather_ask *waiting;
    atomic_uint round;
    /* between the threads */
    pthread_mutex_t lock;
    struct gather_ask *asked;
    struct strbuf posted; /* of the round under way */
    unsigned n_posted;
};

static struct gathered *gathered_new(void)
{
    struct gathered *g = calloc(1, sizeof(*g));
    if (!g)
        return NULL;
    atomic_init(&g->users, 1);
    strbuf_init(&g->octets, FIGURES_OCTETS_MAX);
    return g;
}

static struct gathered *gathered_get(struct gathered *g)
{
    atomic_fetch_add_explicit(&g->users, 1, memory_order_relaxed);
    return g;
}

/* The last user sees all that others did with it. */
void gathered_put(struct gathered *g)
{
    if (!g || atomic_fetch_sub_explicit(&g->users, 1, memory_order_acq_rel) != 1)
        return;
    strbuf_free(&g->octets);
    free(g);
}

struct gather *gather_new(gather_begin_fn begin, void *owner)
{
    struct gather *g = calloc(1, sizeof(*g));
    if (!g)
        return NULL;
    g->begin = begin;
    g->owner = owner;
    pthread_mutex_init(&g->lock, NULL);
    strbuf_init(&g->posted, FIGURES_OCTETS_MAX);
    return g;
}

void gather_free(struct gather *g)
{
    if (!g)
        return;
    gathered_put(g->building);
    gathered_put(g->last);
    strbuf_free(&g->posted);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

static void answer(struct gather *g)
{
    while (g->waiting) {
        struct gather_ask *a = g->waiting;
        g->waiting = a->next;
        a->done(a, gathered_get(g->last));
    }
}

static void finish(struct gather *g)
{
    struct figures f;
    uv_timer_stop(&g->deadline);
    figures_init(&f);
    figures_put(&f, FIG_PARTS_MISSING, g->expected);
    strbuf_add(&g->building->octets, f.out.p, f.out.len);
    figures_free(&f);
    gathered_put(g->last);
    g->last = g->building;
    g->building = NULL;
    g->last_us = clock_mono_us();
    g->under_way = false;
    answer(g);
}

static void on_deadline(uv_timer_t *t) { finish(t->data); }

static void begin(struct gather *g)
{
    struct figures f;
    g->building = gathered_new();
    if (!g->building)
        return; /* who asked waits for the next question */
    const uint32_t round = atomic_fetch_add_explicit(&g->round, 1, memory_order_relaxed) + 1;
    figures_init(&f);
    g->under_way = true;
    g->expected = g->begin(g->owner, &f, round);
    strbuf_free(&g->building->octets);
    g->building->octets = f.out;
    if (g->expected)
        uv_timer_start(&g->deadline, on_deadline, WAIT_MS, 0);
    else
        finish(g);
}

static void take_questions(struct gather *g)
{
    pthread_mutex_lock(&g->lock);
    struct gather_ask *a = g->asked;
    g->asked = NULL;
    pthread_mutex_unlock(&g->lock);
    while (a) {
        struct gather_ask *const next = a->next;
        a->next = g->waiting;
        g->waiting = a;
        a = next;
    }
}

static void take_parts(struct gather *g)
{
    pthread_mutex_lock(&g->lock);
    const unsigned n = g->n_posted;
    if (g->under_way)
        strbuf_add(&g->building->octets, g->posted.p, g->posted.len);
    strbuf_clear(&g->posted);
    g->n_posted = 0;
    pthread_mutex_unlock(&g->lock);
    if (!g->under_way)
        return;
    g->expected -= n < g->expected ? n : g->expected;
    if (!g->expected)
        finish(g);
}

static void on_wake(uv_async_t *w)
{
    struct gather *g = w->data;
    take_parts(g);
    take_questions(g);
    if (!g->waiting || g->under_way)
        return;
    if (g->last && clock_mono_us() - g->last_us < FRESH_US)
        answer(g);
    else
        begin(g);
}

int gather_start(struct gather *g, uv_loop_t *loop, struct err *e)
{
    if (uv_async_init(loop, &g->wake, on_wake) != 0 || uv_timer_init(loop, &g->deadline) != 0)
        return err_set(e, ERR_SYS, "cannot watch for questions about figures");
    g->wake.data = g->deadline.data = g;
    return 0;
}

void gather_ask(struct gather *g, struct gather_ask *a)
{
    pthread_mutex_lock(&g->lock);
    a->next = g->asked;
    g->asked = a;
    pthread_mutex_unlock(&g->lock);
    uv_async_send(&g->wake);
}

uint32_t gather_round(const struct gather *g)
{
    return atomic_load_explicit(&g->round, memory_order_relaxed);
}

void gather_post(struct gather *g, uint32_t round, struct figures *f)
{
    pthread_mutex_lock(&g->lock);
    if (round == gather_round(g)) {
        strbuf_add(&g->posted, f->out.p, f->out.len);
        g->n_posted++;
    }
    pthread_mutex_unlock(&g->lock);
    figures_free(f);
    uv_async_send(&g->wake);
}
