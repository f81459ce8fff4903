/* SPDX-License-Identifier: BSD-2-Clause */
/* The handles of a message queue. Called by kafka_reader.c, zmq_reader.c and their users. */
#include "queue/watch.h"

static void on_again(uv_timer_t *t)
{
    const struct queue_watch *w = t->data;
    w->ready(w->arg);
}

static void on_readable(uv_poll_t *p, int status, int events)
{
    const struct queue_watch *w = p->data;
    (void)status, (void)events;
    w->ready(w->arg);
}

int queue_watch_start(struct queue_watch *w, uv_loop_t *loop, int fd, void (*ready)(void *arg), void *arg,
                      struct err *e)
{
    if (uv_poll_init(loop, &w->poll, fd) != 0)
        return err_set(e, ERR_SYS, "cannot watch the queue");
    uv_timer_init(loop, &w->again);
    w->poll.data = w->again.data = w;
    w->ready = ready;
    w->arg = arg;
    w->started = true;
    uv_poll_start(&w->poll, UV_READABLE, on_readable);
    queue_watch_again(w, 0);
    return 0;
}

void queue_watch_again(struct queue_watch *w, unsigned ms) { uv_timer_start(&w->again, on_again, ms, 0); }

void queue_watch_stop(struct queue_watch *w)
{
    if (!w->started)
        return;
    uv_poll_stop(&w->poll);
    uv_timer_stop(&w->again);
}

void queue_watch_close(struct queue_watch *w)
{
    if (!w->started)
        return;
    queue_watch_stop(w);
    uv_close((uv_handle_t *)&w->poll, NULL);
    uv_close((uv_handle_t *)&w->again, NULL);
    w->started = false;
}
