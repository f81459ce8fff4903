/* SPDX-License-Identifier: BSD-2-Clause */
/* Telemetry out of a ZeroMQ queue (telemetry_daemon_zmq_address): a PULL socket that connects to where
 * somebody pushes messages. Several daemons that connect to one queue share them. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "telemetry/queues.h"

static bool wanted(const struct telemetry_keys *k) { return k->zmq_address != NULL; }

#ifdef WITH_ZMQ
#include "queue/zmq_reader.h"

enum { BATCH = 1024 /* messages between two looks at the event loop */ };

struct zmq_state {
    struct tele_queue queue;
    struct zmq_reader reader;
};

static int open_queue(struct tele_input *in, struct err *e)
{
    const char *address = in->t->k->zmq_address;
    struct zmq_state *z = in->state;
    tele_queue_init(&z->queue, in->t, &z->reader.watch, z->reader.where);
    if (zmq_reader_open(&z->reader, address, in->t->log, e) == -1)
        return -1;
    log_info(in->t->log, "reading telemetry data from ZeroMQ %s", address);
    return 0;
}

/* False: there is none. */
static bool read_one(struct tele_input *in)
{
    struct zmq_state *z = in->state;
    zmq_msg_t m;
    if (!zmq_reader_next(&z->reader, &m))
        return false;
    tele_queue_take(&z->queue, in->t, zmq_msg_data(&m), zmq_msg_size(&m), NULL, 0);
    zmq_msg_close(&m);
    return true;
}

static void read_some(void *arg)
{
    struct tele_input *in = arg;
    struct zmq_state *z = in->state;
    tele_now(in->t);
    for (unsigned i = 0; i < BATCH; i++)
        if (!tele_room(in->t) || !read_one(in))
            return;
    queue_watch_again(&z->reader.watch, 0);
}

static int start(struct tele_input *in, struct err *e)
{
    struct zmq_state *z = in->state;
    return zmq_reader_start(&z->reader, in->t->s->loop, read_some, in, e);
}

/* What has been received cannot be given back: it is taken. */
static void stop(struct tele_input *in)
{
    struct zmq_state *z = in->state;
    zmq_reader_stop(&z->reader);
    for (unsigned n = 0; n < ZMQ_READER_MARK && read_one(in); n++)
        ;
    queue_watch_close(&z->reader.watch);
}

static void close_queue(struct tele_input *in)
{
    struct zmq_state *z = in->state;
    tele_queue_end(&z->queue);
    zmq_reader_close(&z->reader);
}

const struct tele_input_ops tele_zmq = {
    .name = "ZeroMQ",
    .state_size = sizeof(struct zmq_state),
    .wanted = wanted,
    .open = open_queue,
    .start = start,
    .resume = tele_queue_resume,
    .stats = tele_queue_stats,
    .figures = tele_queue_figures,
    .stop = stop,
    .close = close_queue,
};
#else
static int refuse(struct tele_input *in, struct err *e)
{
    (void)in;
    return tele_queue_refuse("telemetry_daemon_zmq_address", "libzmq", e);
}

const struct tele_input_ops tele_zmq = { .name = "ZeroMQ",
                                         .state_size = 1,
                                         .wanted = wanted,
                                         .open = refuse,
                                         .start = refuse,
                                         .stop = tele_queue_nothing,
                                         .close = tele_queue_nothing };
#endif
