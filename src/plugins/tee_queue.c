/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages for queues; and what stands for Kafka and ZeroMQ in builds without their libraries. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "plugins/tee_queue.h"

#include <string.h>
#include "plugins/tee_send.h"

const uint8_t *tee_queue_form(struct tee_receiver *r, struct datagram_record *d, size_t *len)
{
    struct tee_scratch *s = r->out->scratch;
    struct craft c = {
        .from = d->from, .from_port = d->port, .tos = (uint8_t)(r->out->c->nfprobe_ipprec << 5), .len = d->len
    };
    if (!addr_is_v4(&d->from))
        c.payload_sum = craft_sum(d->payload, d->len);
    const size_t head = craft_headers(&c, s->message);
    memcpy(s->message + head, d->payload, d->len);
    *len = head + d->len;
    return s->message;
}

#if !defined(WITH_KAFKA) || !defined(WITH_ZMQ)
static int refuse(struct tee_receiver *r, struct err *e)
{
    return err_set(e, ERR_UNSUPPORTED, "pool %u: this build has no %s", r->pool, r->way->name);
}

static bool send_none(struct tee_receiver *r)
{
    tee_receiver_lose(r, TEE_FAILED);
    return true;
}

static void close_none(struct tee_receiver *r) { (void)r; }
#endif

#ifndef WITH_KAFKA
const struct tee_way tee_way_kafka = {
    .name = "Kafka (librdkafka)", .absent = true, .open = refuse, .send = send_none, .close = close_none
};
#endif
#ifndef WITH_ZMQ
const struct tee_way tee_way_zmq = {
    .name = "ZeroMQ (libzmq)", .absent = true, .open = refuse, .send = send_none, .close = close_none
};
#endif
