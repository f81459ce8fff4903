/* SPDX-License-Identifier: BSD-2-Clause */
/* Receivers on Kafka: each datagram is a message, with the IP and UDP headers that it came with. The client
 * connects, batches and retries on threads of its own; what it reports is taken in on the plugin's. */
#include <stdio.h>
#include <stdlib.h>
#include "output/kafka_client.h"
#include "plugins/tee_queue.h"

enum { FLUSH_MS = 10000, KAFKA_PORT = 9092 };

struct kafka {
    struct kafka_client *client;
    char what[32];
};

/* A message has arrived (opaque: octets of its payload), or never will. */
static void on_report(void *arg, enum kafka_fate fate, const char *why, void *opaque)
{
    struct tee_receiver *r = arg;
    (void)why;
    if (fate == KAFKA_DELIVERED)
        tee_receiver_sent(r, 1, (uintptr_t)opaque);
    else
        r->count[TEE_FAILED]++;
}

static int kafka_open(struct tee_receiver *r, struct err *e)
{
    struct kafka *k = calloc(1, sizeof(*k));
    if (!k)
        return err_sys(e, "no memory for Kafka");
    snprintf(k->what, sizeof(k->what), "pool %u: ", r->pool);
    const struct kafka_client_conf conf = { .what = k->what,
                                            .broker_host = r->name,
                                            .broker_port = KAFKA_PORT,
                                            .config_file = r->out->c->tee_kafka_config_file,
                                            .report = on_report,
                                            .arg = r,
                                            .log = r->out->log };
    k->client = kafka_client_new(&conf, e);
    if (k->client) {
        r->queue = k;
        return 0;
    }
    free(k);
    return -1;
}

/* The exporter's address is the key: what it sends stays in one partition and in order, so that one reader of
 * a group gets its flows with their templates. */
static void produce(struct tee_receiver *r, struct datagram_record *d)
{
    const struct kafka *k = r->queue;
    char key[ADDR_TEXT];
    struct err e;
    size_t len;
    const uint8_t *whole = tee_queue_form(r, d, &len);
    const struct kafka_message m = { .topic = r->topic,
                                     .key = addr_str(&d->from, key),
                                     .partition = -1,
                                     .text = (const char *)whole,
                                     .len = len,
                                     .opaque = (void *)(uintptr_t)d->len };
    const enum kafka_taken t = kafka_client_send(k->client, &m, &e);
    if (t == KAFKA_TAKEN)
        return;
    r->count[t == KAFKA_QUEUE_FULL ? TEE_BLOCKED : TEE_FAILED]++;
    log_limited(r->out->log, &r->limit, LOG_LV_WARN, "pool %u: %s", r->pool, e.text);
}

static bool kafka_send(struct tee_receiver *r)
{
    const struct kafka *k = r->queue;
    while (r->done < r->n)
        produce(r, r->waiting[r->done++]);
    kafka_client_poll(k->client, 0);
    return true;
}

static void kafka_tick(struct tee_receiver *r, int64_t mono_us)
{
    const struct kafka *k = r->queue;
    (void)mono_us;
    kafka_client_poll(k->client, 0);
}

static unsigned kafka_unsent(const struct tee_receiver *r)
{
    const struct kafka *k = r->queue;
    return (unsigned)kafka_client_waiting(k->client);
}

static void kafka_finish(struct tee_receiver *r)
{
    const struct kafka *k = r->queue;
    const unsigned left = kafka_client_flush(k->client, FLUSH_MS);
    if (left)
        log_warn(r->out->log, "pool %u: Kafka %s: %u datagrams could not be delivered in time", r->pool,
                 r->name, left);
}

static void kafka_close(struct tee_receiver *r)
{
    struct kafka *k = r->queue;
    if (!k)
        return;
    kafka_client_free(k->client, 0);
    free(k);
    r->queue = NULL;
}

const struct tee_way tee_way_kafka = { .name = "Kafka",
                                       .open = kafka_open,
                                       .send = kafka_send,
                                       .tick = kafka_tick,
                                       .unsent = kafka_unsent,
                                       .finish = kafka_finish,
                                       .close = kafka_close };
