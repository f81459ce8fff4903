/* SPDX-License-Identifier: BSD-2-Clause */
/* What the inputs from message queues (zmq.c, kafka.c) share: a message is what a datagram would be. */
#ifndef TELEMETRY_QUEUES_H
#define TELEMETRY_QUEUES_H

#include "telemetry/telemetry.h"

struct tele_queue {
    struct framing framing;
    uint64_t messages, octets;
};

void tele_queue_init(struct tele_queue *q, struct telemetry *t);

/* One message. key: an address as text tells who the sender is (NULL or something else: 0.0.0.0). */
void tele_queue_take(struct tele_queue *q, struct telemetry *t, const void *p, size_t len, const void *key,
                     size_t key_len);
void tele_queue_end(struct tele_queue *q);

#endif
