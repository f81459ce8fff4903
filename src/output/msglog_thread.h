/* SPDX-License-Identifier: BSD-2-Clause */
/* What the two ways to the thread of a sink (msglog_chunks.c to files, msglog_queue.c to brokers) share: how
 * the thread begins and ends, and the counters of what was put, done and lost. */
#ifndef OUTPUT_MSGLOG_THREAD_H
#define OUTPUT_MSGLOG_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/log.h"

/* Messages. Any thread counts; relaxed, since nothing depends on them. */
struct msglog_count {
    _Atomic uint64_t put, done, lost;
    uint64_t lost_said; /* the loop's */
};

static inline void msglog_count_put(struct msglog_count *c, uint64_t n)
{
    atomic_fetch_add_explicit(&c->put, n, memory_order_relaxed);
}

/* Of what was put: written, or lost after all. */
static inline void msglog_count_done(struct msglog_count *c, uint64_t n)
{
    atomic_fetch_add_explicit(&c->done, n, memory_order_relaxed);
}

static inline void msglog_count_lose(struct msglog_count *c, uint64_t n)
{
    atomic_fetch_add_explicit(&c->lost, n, memory_order_relaxed);
}

/* The loop's: lost since the last call. */
static inline uint64_t msglog_count_lost(struct msglog_count *c)
{
    const uint64_t lost = atomic_load_explicit(&c->lost, memory_order_relaxed), fresh = lost - c->lost_said;
    c->lost_said = lost;
    return fresh;
}

/* Written or lost so far. */
static inline uint64_t msglog_count_progress(const struct msglog_count *c)
{
    return atomic_load_explicit(&c->done, memory_order_relaxed) +
           atomic_load_explicit(&c->lost, memory_order_relaxed);
}

/* On their way. */
static inline uint64_t msglog_count_waiting(const struct msglog_count *c)
{
    const uint64_t gone = msglog_count_progress(c);
    return atomic_load_explicit(&c->put, memory_order_relaxed) - gone;
}

/* Starts a thread that hears no signals. -1: e names `what`. */
int msglog_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg, const char *what,
                        struct err *e);

/* Waits for a thread that was told to end, two seconds without any progress, 20 at most, and says what it did
 * not take. False: it hangs in a system call, so that what it works with has to stay. */
bool msglog_thread_end(pthread_t thread, const char *what, struct msglog_count *c, const struct log *l);

#endif
