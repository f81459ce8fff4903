/* SPDX-License-Identifier: BSD-2-Clause */
/* What the inputs from message queues (zmq.c, kafka.c) share: a message is what a datagram would be. */
#ifndef TELEMETRY_QUEUES_H
#define TELEMETRY_QUEUES_H

#include "queue/watch.h"
#include "telemetry/telemetry.h"

/* The first member of such an input's state: what the functions below know of it. */
struct tele_queue {
    struct framing framing;
    uint64_t messages, octets;
    struct queue_watch *watch;
    const char *where;
};

/* where: for messages; watch: when there may be messages. Both outlive q. */
void tele_queue_init(struct tele_queue *q, struct telemetry *t, struct queue_watch *watch, const char *where);

/* One message. key: an address as text tells who the sender is (NULL or something else: 0.0.0.0). */
void tele_queue_take(struct tele_queue *q, struct telemetry *t, const void *p, size_t len, const void *key,
                     size_t key_len);
void tele_queue_end(struct tele_queue *q);

/* For struct tele_input_ops. */
void tele_queue_resume(struct tele_input *in);
void tele_queue_stats(struct tele_input *in);
void tele_queue_figures(const struct tele_input *in, struct figures *f);

/* Where the library is missing: -1, e. */
int tele_queue_refuse(const char *key, const char *library, struct err *e);
void tele_queue_nothing(struct tele_input *in);

#endif
