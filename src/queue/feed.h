/* SPDX-License-Identifier: BSD-2-Clause */
/* What inputs from message queues share: each message is a datagram with the IP and UDP headers that it came
 * with, as tee sends it (tee_queue.h), and becomes one for the daemon's decoder. */
#ifndef QUEUE_FEED_H
#define QUEUE_FEED_H

#include "packet/udp_feed.h"

struct queue_feed {
    struct input *in;
    struct udp_feed udp;
    uint64_t octets;
    bool waiting; /* a plugin asked to wait */
    struct log_limit limit;
};

int queue_feed_open(struct queue_feed *q, struct input *in, struct err *e);

/* One message. False: it is no datagram; counted, and the caller says which one it was. */
bool queue_feed_take(struct queue_feed *q, const void *p, size_t len);

/* Before a batch: false: plugins have no room yet, come again. Waits 20 ms at most. */
bool queue_feed_begin(struct queue_feed *q);
/* After it: what was taken is in the rings. */
void queue_feed_end(struct queue_feed *q);

/* The decoder's statistics, and what was read: "stats [name] messages=N ...". */
void queue_feed_stats(const struct queue_feed *q, const char *name);

/* The same as figures. */
void queue_feed_figures(const struct queue_feed *q, const char *name, struct figures *f);

#endif
