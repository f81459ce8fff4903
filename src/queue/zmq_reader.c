/* SPDX-License-Identifier: BSD-2-Clause */
/* The socket that all inputs from ZeroMQ have in common. */
#include "queue/zmq_reader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int set(const struct zmq_reader *r, int option, int value)
{
    return zmq_setsockopt(r->socket, option, &value, sizeof(value));
}

int zmq_reader_open(struct zmq_reader *r, const char *address, const struct log *log, struct err *e)
{
    r->log = log;
    snprintf(r->where, sizeof(r->where), "%s%s", strstr(address, "://") ? "" : "tcp://", address);
    r->context = zmq_ctx_new();
    r->socket = r->context ? zmq_socket(r->context, ZMQ_PULL) : NULL;
    if (r->socket && set(r, ZMQ_RCVHWM, ZMQ_READER_MARK) == 0 && set(r, ZMQ_LINGER, 0) == 0 &&
        set(r, ZMQ_IPV6, 1) == 0 && zmq_connect(r->socket, r->where) == 0)
        return 0;
    return err_set(e, ERR_CONFIG, "ZeroMQ cannot read from %s: %s", r->where, zmq_strerror(zmq_errno()));
}

int zmq_reader_start(struct zmq_reader *r, uv_loop_t *loop, void (*ready)(void *arg), void *arg,
                     struct err *e)
{
    int fd = -1;
    size_t size = sizeof(fd);
    if (zmq_getsockopt(r->socket, ZMQ_FD, &fd, &size) == -1)
        return err_set(e, ERR_SYS, "cannot watch the queue of %s", r->where);
    return queue_watch_start(&r->watch, loop, fd, ready, arg, e);
}

bool zmq_reader_next(struct zmq_reader *r, zmq_msg_t *m)
{
    zmq_msg_init(m);
    if (zmq_msg_recv(m, r->socket, ZMQ_DONTWAIT) != -1)
        return true;
    const int why = zmq_errno();
    if (why != EAGAIN && why != EINTR)
        log_limited(r->log, &r->say_error, LOG_LV_ERROR, "ZeroMQ %s: %s", r->where, zmq_strerror(why));
    return false;
}

void zmq_reader_stop(struct zmq_reader *r)
{
    if (!r->watch.started)
        return;
    queue_watch_stop(&r->watch);
    zmq_disconnect(r->socket, r->where);
}

void zmq_reader_close(struct zmq_reader *r)
{
    if (r->socket)
        zmq_close(r->socket);
    if (r->context)
        zmq_ctx_term(r->context);
}
