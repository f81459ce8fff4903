/* SPDX-License-Identifier: BSD-2-Clause */
/* The loop that takes packets, its thread, and calls into it. */
#include "pmacctd/reader.h"

#include <pcap/dlt.h>
#include <stdlib.h>
#include <time.h>

enum {
    ROUNDS = 8, /* over all captures, between two looks at the event loop */
    NAP_SHORT_MS = 1,
    NAP_LONG_MS = 16,
    FEW = 1024,           /* packets a visit, for which another one costs too much */
    MANY = 4096,          /* and which no longer stay in caches */
    DRAIN_MS = 100,       /* the kernel hands over a part-filled block within AFPACKET_RETIRE_MS */
    DRAIN_FULL_MAX = 256, /* waits for plugins, 20 ms each at most */
};

int reader_open(struct reader *r, struct worker *w, struct err *e)
{
    *r = (struct reader){ .worker = w };
    return packet_feed_open(&r->tables, w, NULL, DLT_EN10MB, e);
}

void reader_close(struct reader *r)
{
    free(r->capture);
    r->capture = NULL;
    packet_feed_close(&r->tables);
}

int reader_add(struct reader *r, struct capture *c)
{
    if (r->n == r->cap) {
        unsigned cap = r->cap ? r->cap * 2 : 8;
        struct capture **more = realloc(r->capture, cap * sizeof(struct capture *));
        if (!more)
            return -1;
        r->capture = more;
        r->cap = cap;
    }
    r->capture[r->n++] = c;
    return 0;
}

void reader_remove(struct reader *r, const struct capture *c)
{
    for (unsigned i = 0; i < r->n; i++)
        if (r->capture[i] == c) {
            r->capture[i] = r->capture[--r->n];
            return;
        }
}

/* ---- taking */

enum taken { TAKEN_NONE, TAKEN_SOME, TAKEN_MORE, TAKEN_FULL };

/* One batch of each capture. FULL: plugins ask for a pause. */
static enum taken take_round(struct reader *r)
{
    enum taken seen = TAKEN_NONE;
    for (unsigned i = 0; i < r->n; i++) {
        worker_set_now(r->worker, clock_wall_us());
        enum capture_taken t = capture_take(r->capture[i]);
        if (t == CAPTURE_NONE)
            continue;
        if (worker_flush(r->worker))
            return TAKEN_FULL;
        if (t == CAPTURE_MORE)
            seen = TAKEN_MORE;
        else if (seen == TAKEN_NONE)
            seen = TAKEN_SOME;
    }
    return seen;
}

static enum taken take(struct reader *r)
{
    enum taken seen = TAKEN_NONE;
    for (unsigned round = 0; round < ROUNDS; round++) {
        enum taken t = take_round(r);
        if (t > seen)
            seen = t;
        if (t == TAKEN_FULL)
            return t;
        if (t != TAKEN_MORE)
            return seen == TAKEN_MORE ? TAKEN_SOME : seen;
    }
    return TAKEN_MORE;
}

static uint64_t count_taken(const struct reader *r)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < r->n; i++)
        n += r->capture[i]->taken;
    return n;
}

/* Visits are made so often that each finds neither few packets nor too many. */
static unsigned next_nap(const struct reader *r, enum taken seen, uint64_t packets)
{
    unsigned nap = r->nap_ms ? r->nap_ms : NAP_SHORT_MS;
    if (seen == TAKEN_MORE)
        return 0;
    if (packets < FEW)
        nap *= 2;
    else if (packets > MANY)
        nap /= 2;
    return nap < NAP_SHORT_MS ? NAP_SHORT_MS : nap > NAP_LONG_MS ? NAP_LONG_MS : nap;
}

static void on_timer(uv_timer_t *t)
{
    struct reader *r = t->data;
    uint64_t before = count_taken(r);
    enum taken seen = take(r);
    r->nap_ms = next_nap(r, seen, count_taken(r) - before);
    uv_timer_start(t, on_timer, r->nap_ms, 0);
}

/* The timer's memory outlives the reader, since loops close handles in their own time. */
static int start_timer(struct reader *r, uv_loop_t *loop, struct err *e)
{
    r->timer = malloc(sizeof(*r->timer));
    if (!r->timer)
        return err_set(e, ERR_SYS, "out of memory");
    uv_timer_init(loop, r->timer);
    r->timer->data = r;
    uv_timer_start(r->timer, on_timer, 0, 0);
    return 0;
}

static void free_timer(uv_handle_t *t) { free(t); }

static void nap_ms(long ms) { nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL); }

/* Whether there may be more: a block that is not full comes within some milliseconds. */
static bool wait_for_more(const struct capture *c, int64_t until)
{
    if (!capture_waiting(c) || !c->plan->in_place || clock_mono_us() > until)
        return false;
    nap_ms(1);
    return true;
}

void reader_drain(struct reader *r, struct capture *c)
{
    int64_t until = clock_mono_us() + DRAIN_MS * 1000;
    unsigned full = 0;
    enum capture_taken t;
    capture_shut(c);
    do {
        worker_set_now(r->worker, clock_wall_us());
        t = capture_take(c);
        if (worker_flush(r->worker) && ++full <= DRAIN_FULL_MAX)
            (void)worker_wait_room(r->worker);
        capture_count(c);
    } while (t != CAPTURE_NONE || wait_for_more(c, until));
    capture_finish(c);
}

/* ---- start, stop, calls */

int reader_start(struct reader *r, uv_loop_t *loop, struct err *e)
{
    r->threaded = !loop;
    if (r->threaded && loop_thread_open(&r->thread, e) == -1)
        return -1;
    if (start_timer(r, loop ? loop : &r->thread.loop, e) == -1)
        return -1;
    return r->threaded ? loop_thread_start(&r->thread, e) : 0;
}

void reader_stop(struct reader *r)
{
    if (!r->timer)
        return;
    if (r->threaded) {
        loop_thread_stop(&r->thread);
        free(r->timer);
    } else {
        uv_timer_stop(r->timer);
        uv_close((uv_handle_t *)r->timer, free_timer);
    }
    r->timer = NULL;
}

struct call {
    struct reader *r;
    void (*fn)(struct reader *r, void *arg);
    void *arg;
};

static void run_call(void *arg)
{
    const struct call *c = arg;
    c->fn(c->r, c->arg);
}

void reader_call(struct reader *r, void (*fn)(struct reader *r, void *arg), void *arg)
{
    loop_thread_call(&r->thread, run_call, &(struct call){ .r = r, .fn = fn, .arg = arg });
}
