/* SPDX-License-Identifier: BSD-2-Clause */
/* A message queue in an event loop: its descriptor is watched, and a timer asks again where nothing more will
 * be told of. What the readers of Kafka and ZeroMQ have in common. */
#ifndef QUEUE_WATCH_H
#define QUEUE_WATCH_H

#include <stdbool.h>
#include <uv.h>
#include "base/err.h"

struct queue_watch {
    uv_poll_t poll;
    uv_timer_t again;
    bool started;
    void (*ready)(void *arg);
    void *arg;
};

/* From now on the loop calls ready(arg) when fd becomes readable, and once soon. w is zeroed before. -1: e.
 */
int queue_watch_start(struct queue_watch *w, uv_loop_t *loop, int fd, void (*ready)(void *arg), void *arg,
                      struct err *e);

/* ready is called once more in ms milliseconds, without an event. */
void queue_watch_again(struct queue_watch *w, unsigned ms);

/* ready is not called any more. Does nothing where it was not started. */
void queue_watch_stop(struct queue_watch *w);

/* The same, and the handles are closed: w has to live until the loop has run once more. */
void queue_watch_close(struct queue_watch *w);

#endif
