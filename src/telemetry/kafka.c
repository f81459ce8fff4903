/* SPDX-License-Identifier: BSD-2-Clause */
/* Telemetry out of a Kafka topic (telemetry_daemon_kafka_*). Daemons that read one topic are a consumer
 * group: each message is read by one of them. librdkafka stores the offset of what was taken and commits it,
 * each second and at the end. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "telemetry/queues.h"

static bool wanted(const struct telemetry_keys *k) { return k->kafka_in.topic != NULL; }

#ifdef WITH_KAFKA
#include "queue/kafka_reader.h"

enum {
    BATCH = 256, /* messages a call */
    ROUNDS = 8,  /* calls between two looks at the event loop */
};

struct kafka_state {
    struct tele_queue queue;
    struct kafka_reader reader;
};

static void read_some(void *arg);

static int open_queue(struct tele_input *in, struct err *e)
{
    struct kafka_state *k = in->state;
    const struct kafka_reader_conf conf = { .keys = &in->t->k->kafka_in,
                                            .group = in->t->s->daemon,
                                            .log = in->t->log,
                                            .ready = read_some,
                                            .arg = in };
    tele_queue_init(&k->queue, in->t, &k->reader.watch, k->reader.where);
    if (kafka_reader_open(&k->reader, &conf, e) == -1)
        return -1;
    log_info(in->t->log, "reading telemetry data from Kafka %s", k->reader.where);
    return 0;
}

static void read_some(void *arg)
{
    struct tele_input *in = arg;
    struct kafka_state *k = in->state;
    rd_kafka_message_t *m[BATCH];
    ssize_t n = 1;
    tele_now(in->t);
    for (unsigned round = 0; round < ROUNDS && n > 0; round++) {
        if (!tele_room(in->t))
            return;
        n = kafka_reader_take(&k->reader, m, BATCH);
        for (ssize_t i = 0; i < n; i++) {
            if (kafka_reader_is_message(&k->reader, m[i]))
                tele_queue_take(&k->queue, in->t, m[i]->payload, m[i]->len, m[i]->key, m[i]->key_len);
            rd_kafka_message_destroy(m[i]);
        }
    }
    if (n > 0) /* there may be more, without another event */
        queue_watch_again(&k->reader.watch, 0);
}

static int start(struct tele_input *in, struct err *e)
{
    struct kafka_state *k = in->state;
    return kafka_reader_start(&k->reader, in->t->s->loop, e);
}

static void stop(struct tele_input *in)
{
    struct kafka_state *k = in->state;
    kafka_reader_stop(&k->reader);
    queue_watch_close(&k->reader.watch);
}

static void close_queue(struct tele_input *in)
{
    struct kafka_state *k = in->state;
    tele_queue_end(&k->queue);
    kafka_reader_close(&k->reader);
}

const struct tele_input_ops tele_kafka = {
    .name = "Kafka",
    .state_size = sizeof(struct kafka_state),
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
    return tele_queue_refuse("telemetry_daemon_kafka_topic", "librdkafka", e);
}

const struct tele_input_ops tele_kafka = { .name = "Kafka",
                                           .state_size = 1,
                                           .wanted = wanted,
                                           .open = refuse,
                                           .start = refuse,
                                           .stop = tele_queue_nothing,
                                           .close = tele_queue_nothing };
#endif
