/* SPDX-License-Identifier: BSD-2-Clause */
/* A PULL socket of ZeroMQ in an event loop: it connects to where somebody pushes messages, which all that do
 * so share. Flow input (input_zmq.c) and telemetry (telemetry/zmq.c) use it. Only WITH_ZMQ; one thread. */
#ifndef QUEUE_ZMQ_READER_H
#define QUEUE_ZMQ_READER_H

#include <stdbool.h>
#include <zmq.h>
#include "base/err.h"
#include "base/log.h"
#include "queue/watch.h"

enum { ZMQ_READER_MARK = 100000 /* messages that wait here before the sender has to keep them */ };

struct zmq_reader {
    const struct log *log; /* outlives it */
    void *context, *socket;
    struct queue_watch watch;
    struct log_limit say_error;
    char where[320]; /* for messages */
};

/* address: tcp:// may be left out. r is zeroed before. -1: e; zmq_reader_close is called all the same. */
int zmq_reader_open(struct zmq_reader *r, const char *address, const struct log *log, struct err *e);

/* From now on the loop calls ready when there may be messages. It tells of what is new only: all that is
 * there has to be read, if not now then soon (queue_watch_again). */
int zmq_reader_start(struct zmq_reader *r, uv_loop_t *loop, void (*ready)(void *arg), void *arg,
                     struct err *e);

/* The next message, which the caller closes (zmq_msg_close). False: there is none. */
bool zmq_reader_next(struct zmq_reader *r, zmq_msg_t *m);

/* Nothing more comes in; what is here can still be read. */
void zmq_reader_stop(struct zmq_reader *r);
void zmq_reader_close(struct zmq_reader *r);

#endif
