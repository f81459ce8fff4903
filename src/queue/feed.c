/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of queues as datagrams. Queues keep what is not read: so nothing is dropped for want of room in a
 * ring; reading waits instead. */
#include "queue/feed.h"

#include <inttypes.h>
#include <pcap/dlt.h>

int queue_feed_open(struct queue_feed *q, struct input *in, struct err *e)
{
    q->in = in;
    return udp_feed_open(&q->udp, in, DLT_RAW, e);
}

bool queue_feed_take(struct queue_feed *q, const void *p, size_t len)
{
    const uint64_t before = q->udp.datagrams;
    const uint32_t octets = len < UINT32_MAX ? (uint32_t)len : UINT32_MAX;
    q->octets += len;
    udp_feed_take(&q->udp, p, octets, octets, 0);
    return q->udp.datagrams != before;
}

bool queue_feed_begin(struct queue_feed *q)
{
    if (q->waiting && !worker_wait_room(q->in->worker))
        return false;
    q->waiting = false;
    worker_set_now(q->in->worker, clock_wall_us());
    return true;
}

void queue_feed_end(struct queue_feed *q) { q->waiting = worker_flush(q->in->worker); }

void queue_feed_stats(const struct queue_feed *q, const char *name)
{
    const struct udp_feed *u = &q->udp;
    input_decoder_stats(q->in, name);
    log_notice(q->in->log,
               "stats [%s] messages=%" PRIu64 " octets=%" PRIu64 " datagrams=%" PRIu64 " not_udp=%" PRIu64
               " cut=%" PRIu64,
               name, u->packets, q->octets, u->datagrams, u->not_udp, u->cut);
}

void queue_feed_figures(const struct queue_feed *q, const char *name, struct figures *f)
{
    const struct udp_feed *u = &q->udp;
    figures_label(f, "input", q->in->ops->name);
    figures_label(f, "source", name);
    figures_put(f, FIG_INPUT_RECEIVED, u->packets);
    figures_put(f, FIG_INPUT_BYTES, q->octets);
    figures_put_of(f, FIG_INPUT_REFUSED, "reason", "not_udp", u->not_udp);
    figures_put_of(f, FIG_INPUT_REFUSED, "reason", "cut", u->cut);
    figures_unlabel(f, 2);
    input_decoder_figures(q->in, f);
}
