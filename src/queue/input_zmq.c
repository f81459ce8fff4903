/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams from a ZeroMQ queue (*_zmq_address): a PULL socket that connects to where a replicator pushes
 * them. Several daemons that connect to one queue share its messages. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "queue/queue.h"

static bool zmq_wanted(const struct config *c) { return c->collector_zmq_address != NULL; }

#ifdef WITH_ZMQ
#include <inttypes.h>
#include "queue/feed.h"
#include "queue/zmq_reader.h"

enum {
    BATCH = 256,  /* messages between two flushes */
    ROUNDS = 8,   /* batches between two looks at the event loop */
    AGAIN_MS = 1, /* when plugins have no room */
};

struct zmq_input {
    struct queue_feed feed;
    struct zmq_reader reader;
};

static int zmq_open(struct input *in, struct err *e)
{
    const char *address = in->c->collector_zmq_address;
    struct zmq_input *z = in->state;
    if (queue_feed_open(&z->feed, in, e) == -1 || zmq_reader_open(&z->reader, address, in->log, e) == -1)
        return -1;
    log_info(in->log, "reading %s data from ZeroMQ %s", in->decoder->name, address);
    input_alone(in, "a ZeroMQ socket is one stream");
    return 0;
}

/* One message; false: there is none. */
static bool read_one(struct input *in)
{
    struct zmq_input *z = in->state;
    zmq_msg_t m;
    if (!zmq_reader_next(&z->reader, &m))
        return false;
    if (!queue_feed_take(&z->feed, zmq_msg_data(&m), zmq_msg_size(&m)))
        log_limited(in->log, &z->feed.limit, LOG_LV_WARN,
                    "ZeroMQ %s: message %" PRIu64
                    ": %zu octets that are no datagram with its IP and UDP headers: left out",
                    z->reader.where, z->feed.udp.packets, zmq_msg_size(&m));
    zmq_msg_close(&m);
    return true;
}

static void read_some(void *arg)
{
    struct input *in = arg;
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
        queue_watch_again(&z->reader.watch, z->feed.waiting ? AGAIN_MS : 0);
}

static int zmq_start(struct input *in, struct err *e)
{
    struct zmq_input *z = in->state;
    return zmq_reader_start(&z->reader, in->loop, read_some, in, e);
}

/* What has been received cannot be given back: it is handed over. */
static void zmq_stop(struct input *in)
{
    struct zmq_input *z = in->state;
    if (!z->reader.watch.started)
        return;
    zmq_reader_stop(&z->reader);
    for (unsigned n = 0; n < ZMQ_READER_MARK && queue_feed_begin(&z->feed) && read_one(in); n++)
        if (n % BATCH == BATCH - 1)
            queue_feed_end(&z->feed);
    queue_feed_end(&z->feed);
}

static void zmq_figures(struct input *in, struct figures *f)
{
    const struct zmq_input *z = in->state;
    queue_feed_figures(&z->feed, z->reader.where, f);
}

static void zmq_stats(struct input *in)
{
    const struct zmq_input *z = in->state;
    queue_feed_stats(&z->feed, z->reader.where);
}

static void zmq_input_close(struct input *in)
{
    struct zmq_input *z = in->state;
    zmq_reader_close(&z->reader);
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
