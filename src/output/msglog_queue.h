/* SPDX-License-Identifier: BSD-2-Clause */
/* A bounded queue of messages and the thread that empties it, so that what a disk or a server does never
 * holds up the core. The sinks of the message log stand behind one each. */
#ifndef OUTPUT_MSGLOG_QUEUE_H
#define OUTPUT_MSGLOG_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/log.h"
#include "output/msglog_thread.h"

/* One message. name: its file, routing key or topic, without a NUL at its end; key: that of Kafka. */
struct msglog_item {
    const char *name, *key, *text;
    uint32_t name_len, key_len, text_len;
};

/* What the thread does, with `arg`; all of it in the thread but for `free`. */
struct msglog_job {
    const char *what; /* where messages go, for the log: lives as long as the queue */
    void (*item)(void *arg, const struct msglog_item *it);
    /* Is there as much on its way as it can hold? Then nothing is taken from the queue until the next time
     * that it is idle. NULL: never. */
    bool (*full)(const void *arg);
    /* After each queue full, and when the time is up that it asked for the last time: milliseconds until it
     * wants to be called again, -1: not before there is something. */
    int (*idle)(void *arg);
    /* The last call: rids itself of what it holds, as long as no so many milliseconds pass without progress.
     */
    void (*end)(void *arg, int ms);
    void (*free)(void *arg); /* NULL: nothing to free */
    void *arg;
    void (*has_room)(void *room_arg); /* called in the thread when there is room again; may be NULL */
    void *room_arg;
};

struct msglog_queue;

/* Starts the thread. NULL with e set: arg stays the caller's. `l` outlives the queue. */
struct msglog_queue *msglog_queue_start(const struct msglog_job *job, const struct log *l, struct err *e);

/* Core: takes a copy. False: there is no room. Never waits. */
bool msglog_queue_put(struct msglog_queue *q, const struct msglog_item *it);

/* Core: would it be better to put in no more for now? Half of the queue is left when it says no. */
bool msglog_queue_room(struct msglog_queue *q);

/* Core: there is something to do now. */
void msglog_queue_wake(struct msglog_queue *q);

/* What was put, written and lost. */
struct msglog_count *msglog_queue_count(struct msglog_queue *q);

/* The thread: has the core asked it to end? */
bool msglog_queue_stopping(struct msglog_queue *q);

/* Core: waits two seconds at most for what is there, says how much is lost. A thread that hangs in a system
 * call keeps its memory. */
void msglog_queue_stop(struct msglog_queue *q);

#endif
