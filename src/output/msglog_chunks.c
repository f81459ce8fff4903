/* SPDX-License-Identifier: BSD-2-Clause */
/* Chunks of lines between an event loop and its writer thread. The loop fills one chunk alone; full ones, and
 * what is there at a flush, go through a list under a lock. Called by msglog_file.c. */
#include "output/msglog_chunks.h"

#include <errno.h>
#include <stdlib.h>

enum {
    CHUNK = 64 << 10,    /* octets of one: stays in the cache between the two threads */
    ENOUGH = 16 << 10,   /* worth to be handed over while the thread is at work */
    SOFT_MAX = 16 << 20, /* octets on their way from which on it is better to read no more */
    HARD_MAX = 64 << 20, /* octets on their way past which lines are lost */
    SPARE = 32,          /* free chunks that are kept */
    WAKE = 4,            /* chunks that the thread is woken for before a flush */
};

/* What stands above `lock` never changes. */
struct msglog_chunks {
    struct msglog_writer writer;
    const struct log *log;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct msglog_chunk *first, **last; /* handed over */
    struct msglog_chunk *spare;
    unsigned n_spare;
    unsigned n_waiting;    /* chunks that were handed over since the thread took some */
    bool stop, working;    /* working: or woken to do so */
    atomic_bool starved;   /* msglog_chunks_room has said no: the thread tells when there is room */
    _Atomic size_t octets; /* of chunks that are filled or on their way */
    struct msglog_count count;
    /* the loop's: on lines of its own */
    _Alignas(64) struct msglog_chunk *fill;
    struct msglog_run *run; /* the last one in it; NULL: the next line begins another */
    uint64_t added;         /* lines in it, not yet counted */
};

static void free_list(struct msglog_chunk *list)
{
    while (list) {
        struct msglog_chunk *const k = list;
        list = k->next;
        free(k);
    }
}

/* ---- the thread */

static bool take_work(struct msglog_chunks *c, struct msglog_chunk **list)
{
    pthread_mutex_lock(&c->lock);
    c->working = c->first != NULL;
    while (!c->working && !c->stop)
        pthread_cond_wait(&c->wake, &c->lock);
    *list = c->first;
    c->first = NULL;
    c->last = &c->first;
    c->n_waiting = 0;
    pthread_mutex_unlock(&c->lock);
    return *list != NULL;
}

static void give_back(struct msglog_chunks *c, struct msglog_chunk *list)
{
    struct msglog_chunk *spoilt = NULL;
    size_t octets = 0;
    pthread_mutex_lock(&c->lock);
    while (list) {
        struct msglog_chunk *const k = list;
        list = k->next;
        octets += k->size;
        const bool keep = k->size == CHUNK && c->n_spare < SPARE;
        k->next = keep ? c->spare : spoilt;
        *(keep ? &c->spare : &spoilt) = k;
        c->n_spare += keep;
    }
    pthread_mutex_unlock(&c->lock);
    free_list(spoilt);
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
    free_list(c->spare);
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

struct msglog_chunks *msglog_chunks_start(const struct msglog_writer *w, const struct log *l, struct err *e)
{
    struct msglog_chunks *c = aligned_alloc(64, sizeof(*c));
    if (!c) {
        err_sys(e, "no memory for '%s'", w->what);
        return NULL;
    }
    memset(c, 0, sizeof(*c));
    c->writer = *w;
    c->log = l;
    c->last = &c->first;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->wake, NULL);
    if (msglog_thread_start(&c->thread, run, c, c->writer.what, e) == 0)
        return c;
    chunks_free(c);
    return NULL;
}

/* Under the lock. Waking it costs as much as many lines do: so it sleeps until there is some work, or the
 * loop has nothing more for now. */
static void wake(struct msglog_chunks *c, bool worth)
{
    if (!worth || c->working || !c->first)
        return;
    c->working = true;
    pthread_cond_signal(&c->wake);
}

static void hand_over(struct msglog_chunks *c, bool now)
{
    struct msglog_chunk *k = c->fill;
    msglog_count_put(&c->count, c->added);
    c->fill = NULL;
    c->run = NULL;
    c->added = 0;
    k->next = NULL;
    pthread_mutex_lock(&c->lock);
    *c->last = k;
    c->last = &k->next;
    wake(c, now || ++c->n_waiting >= WAKE);
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
        hand_over(c, false);
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

char *msglog_chunks_reserve(struct msglog_chunks *c, void *to, size_t len)
{
    if (!c->run || c->run->to != to || c->run->order || c->fill->used + len + 1 > c->fill->size)
        if (!begin_run(c, to, 0, len + 1))
            return NULL;
    return c->fill->bytes + c->fill->used;
}

void msglog_chunks_commit(struct msglog_chunks *c, size_t len)
{
    c->fill->bytes[c->fill->used + len] = '\n';
    c->fill->used += (uint32_t)len + 1;
    c->run->len += (uint32_t)len + 1;
    c->run->lines++;
    c->added++;
}

bool msglog_chunks_add(struct msglog_chunks *c, void *to, const char *text, size_t len)
{
    char *p = msglog_chunks_reserve(c, to, len);
    if (!p)
        return false;
    memcpy(p, text, len);
    msglog_chunks_commit(c, len);
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
    pthread_mutex_lock(&c->lock);
    const bool busy = c->working;
    wake(c, true);
    pthread_mutex_unlock(&c->lock);
    if (c->fill && (now || !busy || c->fill->used >= ENOUGH))
        hand_over(c, true);
}

bool msglog_chunks_room(struct msglog_chunks *c)
{
    if (atomic_load_explicit(&c->octets, memory_order_relaxed) < SOFT_MAX)
        return true;
    msglog_chunks_flush(c, false);
    atomic_store(&c->starved, true);
    if (atomic_load(&c->octets) >= SOFT_MAX) /* the thread may have looked before the store */
        return false;
    return true;
}

struct msglog_count *msglog_chunks_count(struct msglog_chunks *c) { return &c->count; }

void msglog_chunks_stop(struct msglog_chunks *c)
{
    msglog_chunks_flush(c, true);
    pthread_mutex_lock(&c->lock);
    c->stop = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
    if (!msglog_thread_end(c->thread, c->writer.what, &c->count, c->log))
        return;
    c->writer.free(c->writer.arg);
    chunks_free(c);
}
