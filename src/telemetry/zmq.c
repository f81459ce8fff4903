/* SPDX-License-Identifier: BSD-2-Clause */
/* Telemetry out of a ZeroMQ queue (telemetry_daemon_zmq_address): a PULL socket that connects to where
 * somebody pushes messages. Several daemons that connect to one queue share them. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "telemetry/queues.h"

static bool wanted(const struct telemetry_keys *k) { return k->zmq_address != NULL; }

#ifdef WITH_ZMQ
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

enum {
    MARK = 100000, /* messages that wait here before the sender has to keep them */
    BATCH = 1024,  /* messages between two looks at the event loop */
};

struct zmq_state {
    struct tele_queue queue;
    void *context, *socket;
    uv_poll_t poll;
    uv_timer_t again;
    struct log_limit say_error;
    char where[320];
};

static int set(const struct zmq_state *z, int option, int value)
{
    return zmq_setsockopt(z->socket, option, &value, sizeof(value));
}

static int open_queue(struct tele_input *in, struct err *e)
{
    const char *address = in->t->k->zmq_address;
    struct zmq_state *z = in->state;
    tele_queue_init(&z->queue, in->t);
    snprintf(z->where, sizeof(z->where), "%s%s", strstr(address, "://") ? "" : "tcp://", address);
    z->context = zmq_ctx_new();
    z->socket = z->context ? zmq_socket(z->context, ZMQ_PULL) : NULL;
    if (!z->socket || set(z, ZMQ_RCVHWM, MARK) == -1 || set(z, ZMQ_LINGER, 0) == -1 ||
        set(z, ZMQ_IPV6, 1) == -1 || zmq_connect(z->socket, z->where) == -1)
        return err_set(e, ERR_CONFIG, "ZeroMQ cannot read from %s: %s", z->where, zmq_strerror(zmq_errno()));
    log_info(in->t->log, "reading telemetry data from ZeroMQ %s", address);
    return 0;
}

/* False: there is none. */
static bool read_one(struct tele_input *in)
{
    struct zmq_state *z = in->state;
    zmq_msg_t m;
    zmq_msg_init(&m);
    if (zmq_msg_recv(&m, z->socket, ZMQ_DONTWAIT) == -1) {
        const int why = zmq_errno();
        if (why != EAGAIN && why != EINTR)
            log_limited(in->t->log, &z->say_error, LOG_LV_ERROR, "ZeroMQ %s: %s", z->where,
                        zmq_strerror(why));
        return false;
    }
    tele_queue_take(&z->queue, in->t, zmq_msg_data(&m), zmq_msg_size(&m), NULL, 0);
    zmq_msg_close(&m);
    return true;
}

static void on_again(uv_timer_t *h);

/* The descriptor tells of what is new only: all that is there has to be read, if not now then soon. */
static void read_some(struct tele_input *in)
{
    struct zmq_state *z = in->state;
    tele_now(in->t);
    for (unsigned i = 0; i < BATCH; i++)
        if (!tele_room(in->t) || !read_one(in))
            return;
    uv_timer_start(&z->again, on_again, 0, 0);
}

static void on_again(uv_timer_t *h) { read_some(h->data); }

static void on_readable(uv_poll_t *h, int status, int events)
{
    (void)status, (void)events;
    read_some(h->data);
}

static int start(struct tele_input *in, struct err *e)
{
    struct zmq_state *z = in->state;
    int fd = -1;
    size_t size = sizeof(fd);
    if (zmq_getsockopt(z->socket, ZMQ_FD, &fd, &size) == -1 ||
        uv_poll_init(in->t->s->loop, &z->poll, fd) != 0 || uv_timer_init(in->t->s->loop, &z->again) != 0)
        return err_set(e, ERR_SYS, "cannot watch the queue of %s", z->where);
    z->poll.data = z->again.data = in;
    uv_poll_start(&z->poll, UV_READABLE, on_readable);
    uv_timer_start(&z->again, on_again, 0, 0);
    return 0;
}

static void resume(struct tele_input *in)
{
    struct zmq_state *z = in->state;
    uv_timer_start(&z->again, on_again, 0, 0);
}

static void stats(struct tele_input *in)
{
    const struct zmq_state *z = in->state;
    log_notice(in->t->log, "stats [%s] messages=%" PRIu64 " octets=%" PRIu64, z->where, z->queue.messages,
               z->queue.octets);
}

/* What has been received cannot be given back: it is taken. */
static void stop(struct tele_input *in)
{
    struct zmq_state *z = in->state;
    zmq_disconnect(z->socket, z->where);
    for (unsigned n = 0; n < MARK && read_one(in); n++)
        ;
    uv_close((uv_handle_t *)&z->poll, NULL);
    uv_close((uv_handle_t *)&z->again, NULL);
}

static void close_queue(struct tele_input *in)
{
    struct zmq_state *z = in->state;
    tele_queue_end(&z->queue);
    if (z->socket)
        zmq_close(z->socket);
    if (z->context)
        zmq_ctx_term(z->context);
}

const struct tele_input_ops tele_zmq = {
    .name = "ZeroMQ",
    .state_size = sizeof(struct zmq_state),
    .wanted = wanted,
    .open = open_queue,
    .start = start,
    .resume = resume,
    .stats = stats,
    .stop = stop,
    .close = close_queue,
};
#else
static int refuse(struct tele_input *in, struct err *e)
{
    (void)in;
    return err_set(e, ERR_UNSUPPORTED, "telemetry_daemon_zmq_address: this build has no libzmq");
}

static void nothing(struct tele_input *in) { (void)in; }

const struct tele_input_ops tele_zmq = { .name = "ZeroMQ",
                                         .state_size = 1,
                                         .wanted = wanted,
                                         .open = refuse,
                                         .start = refuse,
                                         .stop = nothing,
                                         .close = nothing };
#endif
