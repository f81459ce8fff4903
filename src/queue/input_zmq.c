/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams from a ZeroMQ queue (*_zmq_address): a PULL socket that connects to where a replicator pushes
 * them. Several daemons that connect to one queue share its messages. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "queue/queue.h"

static bool zmq_wanted(const struct config *c) { return c->collector_zmq_address != NULL; }

#ifdef WITH_ZMQ
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>
#include "queue/feed.h"

enum {
    MARK = 100000, /* messages that wait here before the sender has to keep them */
    BATCH = 256,   /* messages between two flushes */
    ROUNDS = 8,    /* batches between two looks at the event loop */
    AGAIN_MS = 1,  /* when plugins have no room */
};

struct zmq_input {
    struct queue_feed feed;
    void *context, *socket;
    uv_poll_t poll;
    uv_timer_t timer;
    bool started;
    struct log_limit error_limit;
    char where[320];
};

static int set(const struct zmq_input *z, int option, int value)
{
    return zmq_setsockopt(z->socket, option, &value, sizeof(value));
}

static int zmq_open(struct input *in, struct err *e)
{
    const char *address = in->c->collector_zmq_address;
    struct zmq_input *z = in->state;
    if (queue_feed_open(&z->feed, in, e) == -1)
        return -1;
    snprintf(z->where, sizeof(z->where), "%s%s", strstr(address, "://") ? "" : "tcp://", address);
    z->context = zmq_ctx_new();
    z->socket = z->context ? zmq_socket(z->context, ZMQ_PULL) : NULL;
    if (!z->socket || set(z, ZMQ_RCVHWM, MARK) == -1 || set(z, ZMQ_LINGER, 0) == -1 ||
        set(z, ZMQ_IPV6, 1) == -1 || zmq_connect(z->socket, z->where) == -1)
        return err_set(e, ERR_CONFIG, "ZeroMQ cannot read from %s: %s", z->where, zmq_strerror(zmq_errno()));
    log_info(in->log, "reading %s data from ZeroMQ %s", in->decoder->name, address);
    input_alone(in, "a ZeroMQ socket is one stream");
    return 0;
}

/* One message; false: there is none. */
static bool read_one(struct input *in)
{
    struct zmq_input *z = in->state;
    zmq_msg_t m;
    zmq_msg_init(&m);
    const int len = zmq_msg_recv(&m, z->socket, ZMQ_DONTWAIT);
    if (len == -1) {
        const int why = zmq_errno();
        if (why != EAGAIN && why != EINTR)
            log_limited(in->log, &z->error_limit, LOG_LV_ERROR, "ZeroMQ %s: %s", z->where, zmq_strerror(why));
        return false;
    }
    if (!queue_feed_take(&z->feed, zmq_msg_data(&m), (size_t)len))
        log_limited(in->log, &z->feed.limit, LOG_LV_WARN,
                    "ZeroMQ %s: message %" PRIu64
                    ": %d octets that are no datagram with its IP and UDP headers: left out",
                    z->where, z->feed.udp.packets, len);
    zmq_msg_close(&m);
    return true;
}

static void on_timer(uv_timer_t *t);

/* The descriptor tells of what is new only: all that is there has to be read, if not now then soon. */
static void read_some(struct input *in)
{
    struct zmq_input *z = in->state;
    bool more = true;
    for (unsigned round = 0; round < ROUNDS && more; round++) {
        if (!queue_feed_begin(&z->feed))
            break;
        for (unsigned i = 0; i < BATCH && more; i++)
            more = read_one(in);
        queue_feed_end(&z->feed);
    }
    if (more)
        uv_timer_start(&z->timer, on_timer, z->feed.waiting ? AGAIN_MS : 0, 0);
}

static void on_timer(uv_timer_t *t) { read_some(t->data); }

static void on_readable(uv_poll_t *p, int status, int events)
{
    (void)status, (void)events;
    read_some(p->data);
}

static int zmq_start(struct input *in, struct err *e)
{
    struct zmq_input *z = in->state;
    int fd = -1;
    size_t size = sizeof(fd);
    if (zmq_getsockopt(z->socket, ZMQ_FD, &fd, &size) == -1 || uv_poll_init(in->loop, &z->poll, fd) != 0 ||
        uv_timer_init(in->loop, &z->timer) != 0)
        return err_set(e, ERR_SYS, "cannot watch the queue of %s", z->where);
    z->poll.data = z->timer.data = in;
    z->started = true;
    uv_poll_start(&z->poll, UV_READABLE, on_readable);
    uv_timer_start(&z->timer, on_timer, 0, 0);
    return 0;
}

/* What has been received cannot be given back: it is handed over. */
static void zmq_stop(struct input *in)
{
    struct zmq_input *z = in->state;
    if (!z->started)
        return;
    uv_poll_stop(&z->poll);
    uv_timer_stop(&z->timer);
    zmq_disconnect(z->socket, z->where);
    for (unsigned n = 0; n < MARK && queue_feed_begin(&z->feed) && read_one(in); n++)
        if (n % BATCH == BATCH - 1)
            queue_feed_end(&z->feed);
    queue_feed_end(&z->feed);
}

static void zmq_figures(struct input *in, struct figures *f)
{
    const struct zmq_input *z = in->state;
    queue_feed_figures(&z->feed, z->where, f);
}

static void zmq_stats(struct input *in)
{
    const struct zmq_input *z = in->state;
    queue_feed_stats(&z->feed, z->where);
}

static void zmq_input_close(struct input *in)
{
    struct zmq_input *z = in->state;
    if (z->socket)
        zmq_close(z->socket);
    if (z->context)
        zmq_ctx_term(z->context);
}

const struct input_ops input_zmq = {
    .name = "ZeroMQ",
    .state_size = sizeof(struct zmq_input),
    .file = true,
    .wanted = zmq_wanted,
    .open = zmq_open,
    .start = zmq_start,
    .stop = zmq_stop,
    .stats = zmq_stats,
    .figures = zmq_figures,
    .close = zmq_input_close,
};
#else
static int zmq_refuse(struct input *in, struct err *e)
{
    return err_set(e, ERR_UNSUPPORTED, "%s_zmq_address: this build has no libzmq", in->daemon);
}

static void zmq_nothing(struct input *in) { (void)in; }

const struct input_ops input_zmq = {
    .name = "ZeroMQ",
    .wanted = zmq_wanted,
    .open = zmq_refuse,
    .start = zmq_refuse,
    .stop = zmq_nothing,
    .stats = zmq_nothing,
    .close = zmq_nothing,
};
#endif
