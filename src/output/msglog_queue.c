/* SPDX-License-Identifier: BSD-2-Clause */
/* The queue between the core and the thread of a sink. The thread takes all there is at once, by swapping
 * buffers, so that the core never waits for longer than a copy. */
#include "output/msglog_queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "base/strbuf.h"

enum {
    QUEUE_MAX = 16 << 20, /* octets of messages that wait */
    /* From here on it is better to put in no more. A turn that has begun goes on: 128 KiB of UPDATEs can be
     * 27,000 routes, with a line of 400 octets each. */
    QUEUE_SOFT = 2 << 20,
    FULL_MS = 5,   /* until one that is full is asked again, at least */
    END_MS = 1500, /* without progress: less than msglog_thread_end waits */
};

/* What stands above `lock` never changes. */
struct msglog_queue {
    struct msglog_job job;
    const struct log *log;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct strbuf queue;       /* items: struct head, name, key, text */
    bool stop, woken, starved; /* starved: msglog_queue_room has said no */
    struct msglog_count count;
    struct strbuf work; /* the thread's */
};

struct head {
    uint32_t name_len, key_len, text_len;
};

/* ---- the thread */

static void do_work(struct msglog_queue *q)
{
    const char *p = q->work.p, *end = q->work.p + q->work.len;
    while (p < end) {
        struct head h;
        memcpy(&h, p, sizeof(h));
        p += sizeof(h);
        const struct msglog_item it = { .name = p,
                                        .key = p + h.name_len,
                                        .text = p + h.name_len + h.key_len,
                                        .name_len = h.name_len,
                                        .key_len = h.key_len,
                                        .text_len = h.text_len };
        q->job.item(q->job.arg, &it);
        p = it.text + it.text_len;
    }
    strbuf_clear(&q->work);
}

static struct timespec in_ms(int ms, clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000L;
    if (t.tv_nsec >= 1000000000L) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000L;
    }
    return t;
}

static void tell_room(struct msglog_queue *q)
{
    pthread_mutex_lock(&q->lock);
    const bool tell = q->starved && q->queue.len < QUEUE_SOFT;
    q->starved = q->starved && !tell;
    pthread_mutex_unlock(&q->lock);
    if (tell && q->job.has_room)
        q->job.has_room(q->job.room_arg);
}

/* What is queued waits until there is room behind it; false: it is the end. */
static bool wait_for_idle(struct msglog_queue *q, int wait_ms)
{
    const struct timespec until = in_ms(wait_ms > FULL_MS ? wait_ms : FULL_MS, CLOCK_MONOTONIC);
    int rc = 0;
    pthread_mutex_lock(&q->lock);
    while (!q->stop && wait_ms && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&q->wake, &q->lock, &until);
    const bool stop = q->stop;
    pthread_mutex_unlock(&q->lock);
    return !stop;
}

/* Takes what there is to do, waits for it for so long; false: nothing any more. */
static bool take_work(struct msglog_queue *q, int wait_ms)
{
    if (q->job.full && q->job.full(q->job.arg) && wait_for_idle(q, wait_ms))
        return true;
    const struct timespec until = in_ms(wait_ms > 0 ? wait_ms : 0, CLOCK_MONOTONIC);
    int rc = wait_ms ? 0 : ETIMEDOUT;
    pthread_mutex_lock(&q->lock);
    while (!q->queue.len && !q->stop && !q->woken && rc != ETIMEDOUT)
        rc = wait_ms < 0 ? pthread_cond_wait(&q->wake, &q->lock)
                         : pthread_cond_timedwait(&q->wake, &q->lock, &until);
    const struct strbuf full = q->queue;
    q->queue = q->work;
    q->work = full;
    q->woken = false;
    const bool more = full.len || !q->stop;
    pthread_mutex_unlock(&q->lock);
    return more;
}

static void *run(void *arg)
{
    struct msglog_queue *q = arg;
    int wait_ms = 0;
    while (take_work(q, wait_ms)) {
        tell_room(q);
        do_work(q);
        wait_ms = q->job.idle(q->job.arg);
    }
    q->job.end(q->job.arg, END_MS);
    return NULL;
}

/* ---- the core's side */

static void queue_free(struct msglog_queue *q)
{
    strbuf_free(&q->queue);
    strbuf_free(&q->work);
    pthread_cond_destroy(&q->wake);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

struct msglog_queue *msglog_queue_start(const struct msglog_job *job, const struct log *l, struct err *e)
{
    struct msglog_queue *q = calloc(1, sizeof(*q));
    pthread_condattr_t attr;
    if (!q) {
        err_sys(e, "no memory for '%s'", job->what);
        return NULL;
    }
    q->job = *job;
    q->log = l;
    strbuf_init(&q->queue, QUEUE_MAX);
    strbuf_init(&q->work, QUEUE_MAX);
    pthread_mutex_init(&q->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&q->wake, &attr);
    pthread_condattr_destroy(&attr);
    if (msglog_thread_start(&q->thread, run, q, q->job.what, e) == 0)
        return q;
    queue_free(q);
    return NULL;
}

bool msglog_queue_put(struct msglog_queue *q, const struct msglog_item *it)
{
    const struct head h = { .name_len = it->name_len, .key_len = it->key_len, .text_len = it->text_len };
    const size_t size = sizeof(h) + h.name_len + h.key_len + h.text_len;
    pthread_mutex_lock(&q->lock);
    const bool fits = q->queue.len + size < QUEUE_MAX && strbuf_room(&q->queue, size);
    if (fits) {
        strbuf_add(&q->queue, &h, sizeof(h));
        if (h.name_len)
            strbuf_add(&q->queue, it->name, h.name_len);
        if (h.key_len)
            strbuf_add(&q->queue, it->key, h.key_len);
        if (h.text_len)
            strbuf_add(&q->queue, it->text, h.text_len);
        msglog_count_put(&q->count, 1);
    }
    pthread_mutex_unlock(&q->lock);
    return fits;
}

bool msglog_queue_room(struct msglog_queue *q)
{
    pthread_mutex_lock(&q->lock);
    const bool room = q->queue.len < QUEUE_SOFT;
    q->starved |= !room;
    pthread_mutex_unlock(&q->lock);
    return room;
}

void msglog_queue_wake(struct msglog_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->woken = true;
    pthread_cond_signal(&q->wake);
    pthread_mutex_unlock(&q->lock);
}

bool msglog_queue_stopping(struct msglog_queue *q)
{
    pthread_mutex_lock(&q->lock);
    const bool stop = q->stop;
    pthread_mutex_unlock(&q->lock);
    return stop;
}

struct msglog_count *msglog_queue_count(struct msglog_queue *q) { return &q->count; }

void msglog_queue_stop(struct msglog_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->stop = true;
    pthread_cond_signal(&q->wake);
    pthread_mutex_unlock(&q->lock);
    if (!msglog_thread_end(q->thread, q->job.what, &q->count, q->log))
        return;
    if (q->job.free)
        q->job.free(q->job.arg);
    queue_free(q);
}
