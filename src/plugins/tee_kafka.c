/* SPDX-License-Identifier: BSD-2-Clause */
/* Receivers on Kafka: each datagram is a message, with the IP and UDP headers that it came with. librdkafka
 * connects, batches and retries on threads of its own; what it reports is taken in on the plugin's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "output/kafka_conf.h"
#include "plugins/tee_queue.h"

enum { FLUSH_MS = 10000 };

struct kafka {
    rd_kafka_t *producer;
    rd_kafka_topic_t *topic;
};

/* A message has arrived (opaque: octets of its payload), or never will. */
static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *arg)
{
    struct tee_receiver *r = arg;
    (void)rk;
    if (!m->err) {
        tee_receiver_sent(r, 1, (uintptr_t)m->_private);
        return;
    }
    r->count[TEE_FAILED]++;
    log_limited(r->out->log, &r->limit, LOG_LV_ERROR, "pool %u: Kafka message delivery failed: %s", r->pool,
                rd_kafka_err2str(m->err));
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *arg)
{
    struct tee_receiver *r = arg;
    (void)rk;
    log_limited(r->out->log, &r->family_limit, LOG_LV_WARN, "pool %u: Kafka %s: %s (%s)", r->pool, r->name,
                reason, rd_kafka_err2str((rd_kafka_resp_err_t)code));
}

/* librdkafka says what matters through on_error; the rest is for -d. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    const struct tee_receiver *r = rd_kafka_opaque(rk);
    (void)level;
    if (r)
        log_debug(r->out->log, "librdkafka: %s: %s", facility, text);
}

static rd_kafka_conf_t *conf_of(struct tee_receiver *r, struct err *e)
{
    const char *file = r->out->c->tee_kafka_config_file;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_opaque(conf, r);
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    if (kafka_conf_set(conf, "bootstrap.servers", r->name, e) == 0 &&
        (!file || kafka_conf_read(conf, file, e) == 0))
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

static int kafka_open(struct tee_receiver *r, struct err *e)
{
    char why[512];
    struct kafka *k = calloc(1, sizeof(*k));
    rd_kafka_conf_t *conf = k ? conf_of(r, e) : NULL;
    if (!conf) {
        free(k);
        return k ? -1 : err_sys(e, "no memory for Kafka");
    }
    k->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (!k->producer) {
        rd_kafka_conf_destroy(conf);
        free(k);
        return err_set(e, ERR_CONFIG, "pool %u: Kafka %s: %s", r->pool, r->name, why);
    }
    k->topic = rd_kafka_topic_new(k->producer, r->topic, NULL);
    r->queue = k;
    if (k->topic)
        return 0;
    return err_set(e, ERR_CONFIG, "pool %u: Kafka topic %s: %s", r->pool, r->topic,
                   rd_kafka_err2str(rd_kafka_last_error()));
}

/* The exporter's address is the key: what it sends stays in one partition and in order, so that one reader of
 * a group gets its flows with their templates. */
static void produce(struct tee_receiver *r, struct datagram_record *d)
{
    const struct kafka *k = r->queue;
    char key[ADDR_TEXT];
    size_t len;
    const size_t key_len = addr_text(&d->from, key);
    const uint8_t *whole = tee_queue_form(r, d, &len);
    if (rd_kafka_produce(k->topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, (void *)whole, len, key,
                         key_len, (void *)(uintptr_t)d->len) == 0)
        return;
    const rd_kafka_resp_err_t why = rd_kafka_last_error();
    r->count[why == RD_KAFKA_RESP_ERR__QUEUE_FULL ? TEE_BLOCKED : TEE_FAILED]++;
    log_limited(r->out->log, &r->limit, LOG_LV_WARN, "pool %u: Failed to produce to topic %s: %s", r->pool,
                r->topic, rd_kafka_err2str(why));
}

static bool kafka_send(struct tee_receiver *r)
{
    const struct kafka *k = r->queue;
    while (r->done < r->n)
        produce(r, r->waiting[r->done++]);
    rd_kafka_poll(k->producer, 0);
    return true;
}

static void kafka_tick(struct tee_receiver *r, int64_t mono_us)
{
    const struct kafka *k = r->queue;
    (void)mono_us;
    rd_kafka_poll(k->producer, 0);
}

static unsigned kafka_unsent(const struct tee_receiver *r)
{
    const struct kafka *k = r->queue;
    return (unsigned)rd_kafka_outq_len(k->producer);
}

static void kafka_finish(struct tee_receiver *r)
{
    const struct kafka *k = r->queue;
    rd_kafka_flush(k->producer, FLUSH_MS);
    const unsigned left = kafka_unsent(r);
    if (left)
        log_warn(r->out->log, "pool %u: Kafka %s: %u datagrams could not be delivered in time", r->pool,
                 r->name, left);
}

static void kafka_close(struct tee_receiver *r)
{
    struct kafka *k = r->queue;
    if (!k)
        return;
    if (k->topic)
        rd_kafka_topic_destroy(k->topic);
    rd_kafka_purge(k->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_destroy(k->producer);
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
