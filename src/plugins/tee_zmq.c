/* SPDX-License-Identifier: BSD-2-Clause */
/* Receivers on ZeroMQ: a PUSH socket to which consumers connect. Each datagram is a message, with the IP and
 * UDP headers that it came with. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>
#include "plugins/tee_queue.h"

enum { MARK = 100000 /* messages that wait for a consumer */, LINGER_MS = 2000 };

struct queue {
    void *context, *socket;
};

static void zmq_way_close(struct tee_receiver *r)
{
    struct queue *q = r->queue;
    if (!q)
        return;
    if (q->socket)
        zmq_close(q->socket);
    if (q->context)
        zmq_ctx_term(q->context);
    free(q);
    r->queue = NULL;
}

static int set(struct queue *q, int option, int value)
{
    return zmq_setsockopt(q->socket, option, &value, sizeof(value));
}

static int zmq_way_open(struct tee_receiver *r, struct err *e)
{
    char address[320];
    struct queue *q = r->queue = calloc(1, sizeof(*q));
    if (!q)
        return err_sys(e, "no memory for ZeroMQ");
    snprintf(address, sizeof(address), "%s%s", strstr(r->name, "://") ? "" : "tcp://", r->name);
    q->context = zmq_ctx_new();
    q->socket = q->context ? zmq_socket(q->context, ZMQ_PUSH) : NULL;
    if (!q->socket || set(q, ZMQ_SNDHWM, MARK) == -1 || set(q, ZMQ_LINGER, LINGER_MS) == -1 ||
        set(q, ZMQ_IPV6, 1) == -1 || zmq_bind(q->socket, address) == -1) {
        err_set(e, ERR_SYS, "pool %u: ZeroMQ cannot listen on %s: %s", r->pool, address,
                zmq_strerror(zmq_errno()));
        zmq_way_close(r);
        return -1;
    }
    return 0;
}

static void push(struct tee_receiver *r, struct datagram_record *d)
{
    const struct queue *q = r->queue;
    size_t len;
    const uint8_t *whole = tee_queue_form(r, d, &len);
    if (zmq_send(q->socket, whole, len, ZMQ_DONTWAIT) != -1) {
        tee_receiver_sent(r, 1, d->len);
        return;
    }
    const int why = zmq_errno();
    r->count[why == EAGAIN ? TEE_BLOCKED : TEE_FAILED]++;
    if (why == EAGAIN)
        log_limited(r->out->log, &r->limit, LOG_LV_WARN, "Queue full: ZeroMQ [%s]", r->name);
    else
        log_limited(r->out->log, &r->limit, LOG_LV_WARN, "ZeroMQ [%s]: %s", r->name, zmq_strerror(why));
}

static bool zmq_way_send(struct tee_receiver *r)
{
    while (r->done < r->n)
        push(r, r->waiting[r->done++]);
    return true;
}

const struct tee_way tee_way_zmq = {
    .name = "ZeroMQ", .open = zmq_way_open, .send = zmq_way_send, .close = zmq_way_close
};
