/* SPDX-License-Identifier: BSD-2-Clause */
/* Chunks of lines between an event loop and its writer thread. The loop fills one chunk alone; full ones, and
 * what is there at a flush, go through a list under a lock. Called by msglog_file.c. */
#include "output/msglog_chunks.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include "base/clock.h"

enum {
    CHUNK = 64 << 10,    /* octets of one: stays in the cache between the two threads */
    ENOUGH = 16 << 10,   /* worth to be handed over while the thread is at work */
    SOFT_MAX = 16 << 20, /* octets on their way from which on it is better to read no more */
    HARD_MAX = 64 << 20, /* octets on their way past which lines are lost */
    SPARE = 32,          /* free chunks that are kept */
    CLOSE_WAIT_MS = 2000,
};

/* What stands above `lock` never changes. The counters are relaxed: nothing depends on them. */
struct msglog_chunks {
    struct msglog_writer writer;
    const struct log *log;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct msglog_chunk *first, **last; /* handed over */
    struct msglog_chunk *spare;
    unsigned n_spare;
    bool stop, working;
    atomic_bool starved;   /* msglog_chunks_room has said no: the thread tells when there is room */
    _Atomic size_t octets; /* of chunks that are filled or on their way */
    _Atomic uint64_t put, done, lost;
    /* the loop's */
    struct msglog_chunk *fill;
    struct msglog_run *run; /* the last one in it; NULL: the next line begins another */
    uint64_t added;         /* lines in it, not yet in `put` */
    uint64_t lost_said;
};

/* ---- the thread */

static bool take_work(struct msglog_chunks *c, struct msglog_chunk **list)
{
    pthread_mutex_lock(&c->lock);
    c->working = false;
    while (!c->first && !c->stop)
        pthread_cond_wait(&c->wake, &c->lock);
    *list = c->first;
    c->first = NULL;
    c->last = &c->first;
    c->working = true;
    pthread_mutex_unlock(&c->lock);
    return *list != NULL;
}

static void give_back(struct msglog_chunks *c, struct msglog_chunk *list)
{
    size_t octets = 0;
    while (list) {
        struct msglog_chunk *const k = list;
        list = k->next;
        octets += k->size;
        pthread_mutex_lock(&c->lock);
        const bool keep = k->size == CHUNK && c->n_spare < SPARE;
        if (keep) {
            k->next = c->spare;
            c->spare = k;
            c->n_spare++;
        }
        pthread_mutex_unlock(&c->lock);
        if (!keep)
            free(k);
    }
    const size_t left = atomic_fetch_sub(&c->octets, octets) - octets;
    if (left < SOFT_MAX / 2 && atomic_exchange(&c->starved, false) && c->writer.has_room)
        c->writer.has_room(c->writer.room_arg);
}

static void *run(void *arg)
{
    struct msglog_chunks *c = arg;
    struct msglog_chunk *list;
    while (take_work(c, &list)) {
        c->writer.write(c->writer.arg, list);
        give_back(c, list);
    }
    c->writer.end(c->writer.arg);
    return NULL;
}

/* ---- the loop's side */

static void chunks_free(struct msglog_chunks *c)
{
    free(c->fill);
    while (c->spare) {
        struct msglog_chunk *const k = c->spare;
        c->spare = k->next;
        free(k);
    }
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static int start(struct msglog_chunks *c, struct err *e)
{
    sigset_t every, before;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before); /* signals are the event loop's */
    const int rc = pthread_create(&c->thread, NULL, run, c);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        return 0;
    errno = rc;
    return err_sys(e, "cannot start a thread for '%s'", c->writer.what);
}

struct msglog_chunks *msglog_chunks_start(const struct msglog_writer *w, const struct log *l, struct err *e)
{
    struct msglog_chunks *c = calloc(1, sizeof(*c));
    if (!c) {
        err_sys(e, "no memory for '%s'", w->what);
        return NULL;
    }
    c->writer = *w;
    c->log = l;
    c->last = &c->first;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->wake, NULL);
    if (start(c, e) == 0)
        return c;
    chunks_free(c);
    return NULL;
}

static void hand_over(struct msglog_chunks *c)
{
    struct msglog_chunk *k = c->fill;
    atomic_fetch_add_explicit(&c->put, c->added, memory_order_relaxed);
    c->fill = NULL;
    c->run = NULL;
    c->added = 0;
    k->next = NULL;
    pthread_mutex_lock(&c->lock);
    *c->last = k;
    c->last = &k->next;
    if (!c->working)
        pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
}

static struct msglog_chunk *take_spare(struct msglog_chunks *c)
{
    pthread_mutex_lock(&c->lock);
    struct msglog_chunk *k = c->spare;
    if (k) {
        c->spare = k->next;
        c->n_spare--;
    }
    pthread_mutex_unlock(&c->lock);
    return k;
}

/* A chunk to fill with room for n octets. */
static bool begin_chunk(struct msglog_chunks *c, size_t n)
{
    const size_t size = n > CHUNK ? n : CHUNK;
    if (c->fill)
        hand_over(c);
    if (atomic_load_explicit(&c->octets, memory_order_relaxed) + size > HARD_MAX)
        return false;
    struct msglog_chunk *k = size == CHUNK ? take_spare(c) : NULL;
    if (!k)
        k = malloc(sizeof(*k) + size);
    if (!k)
        return false;
    k->size = (uint32_t)size;
    k->used = 0;
    atomic_fetch_add_explicit(&c->octets, size, memory_order_relaxed);
    c->fill = k;
    return true;
}

static bool begin_run(struct msglog_chunks *c, void *to, uint32_t order, size_t len)
{
    const size_t need = sizeof(struct msglog_run) + len + 16;
    if (need > HARD_MAX)
        return false;
    uint32_t at = c->fill ? (c->fill->used + 7) & ~7u : 0;
    if (!c->fill || at + need > c->fill->size) {
        if (!begin_chunk(c, need))
            return false;
        at = 0;
    }
    struct msglog_run *r = (struct msglog_run *)(void *)(c->fill->bytes + at);
    *r = (struct msglog_run){ .to = to, .order = order };
    c->run = r;
    c->fill->used = at + (uint32_t)sizeof(*r);
    return true;
}

bool msglog_chunks_add(struct msglog_chunks *c, void *to, const char *text, size_t len)
{
    if (!c->run || c->run->to != to || c->run->order || c->fill->used + len + 1 > c->fill->size)
        if (!begin_run(c, to, 0, len + 1))
            return false;
    char *p = c->fill->bytes + c->fill->used;
    memcpy(p, text, len);
    p[len] = '\n';
    c->fill->used += (uint32_t)len + 1;
    c->run->len += (uint32_t)len + 1;
    c->run->lines++;
    c->added++;
    return true;
}

bool msglog_chunks_order(struct msglog_chunks *c, void *to, uint32_t order, const char *text, size_t len)
{
    if (!begin_run(c, to, order, len))
        return false;
    if (len)
        memcpy(c->fill->bytes + c->fill->used, text, len);
    c->fill->used += (uint32_t)len;
    c->run->len = (uint32_t)len;
    return true;
}

void msglog_chunks_flush(struct msglog_chunks *c, bool now)
{
    if (!c->fill)
        return;
    pthread_mutex_lock(&c->lock);
    const bool busy = c->working || c->first;
    pthread_mutex_unlock(&c->lock);
    if (now || !busy || c->fill->used >= ENOUGH)
        hand_over(c);
}

bool msglog_chunks_room(struct msglog_chunks *c)
{
    if (atomic_load_explicit(&c->octets, memory_order_relaxed) < SOFT_MAX)
        return true;
    atomic_store(&c->starved, true);
    if (atomic_load(&c->octets) >= SOFT_MAX) /* the thread may have looked before the store */
        return false;
    return true;
}

void msglog_chunks_done(struct msglog_chunks *c, uint64_t n)
{
    atomic_fetch_add_explicit(&c->done, n, memory_order_relaxed);
}

void msglog_chunks_lose(struct msglog_chunks *c, uint64_t n)
{
    atomic_fetch_add_explicit(&c->lost, n, memory_order_relaxed);
}

uint64_t msglog_chunks_lost(struct msglog_chunks *c)
{
    const uint64_t lost = atomic_load_explicit(&c->lost, memory_order_relaxed), fresh = lost - c->lost_said;
    c->lost_said = lost;
    return fresh;
}

uint64_t msglog_chunks_progress(const struct msglog_chunks *c)
{
    return atomic_load_explicit(&c->done, memory_order_relaxed) +
           atomic_load_explicit(&c->lost, memory_order_relaxed);
}

uint64_t msglog_chunks_waiting(const struct msglog_chunks *c)
{
    const uint64_t gone = msglog_chunks_progress(c);
    return atomic_load_explicit(&c->put, memory_order_relaxed) + c->added - gone;
}

void msglog_chunks_stop(struct msglog_chunks *c)
{
    struct timespec until;
    msglog_chunks_flush(c, true);
    pthread_mutex_lock(&c->lock);
    c->stop = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += CLOSE_WAIT_MS / 1000;
    const bool ended = pthread_timedjoin_np(c->thread, NULL, &until) == 0;
    const uint64_t left = msglog_chunks_lost(c) + msglog_chunks_waiting(c);
    if (left)
        log_warn(c->log, "'%s' did not take all in time: %llu messages more are lost", c->writer.what,
                 (unsigned long long)left);
    if (!ended)
        return; /* it hangs: what it works with stays */
    c->writer.free(c->writer.arg);
    chunks_free(c);
}
