/* SPDX-License-Identifier: BSD-2-Clause */
/* Settings, sending and reports of a Kafka producer. Message log, kafka and tee plugin use it, each from one
 * thread. */
#include "output/kafka_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "output/kafka_conf.h"

enum { BACKOFF_MAX_S = 3600, PURGE_MS = 100, HELD_MAX = 256 };

struct kafka_client {
    struct kafka_client_conf c;
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic; /* of the last message, or NULL */
    unsigned n_held; /* kept messages that librdkafka does not have yet: of that topic, for that partition */
    int held_partition;
    rd_kafka_message_t held[HELD_MAX];
    struct log_limit say_lost, say_error;
};

/* ---- settings */

static const char *what(const struct kafka_client *k) { return k->c.what ? k->c.what : ""; }

/* The broker's limits on messages, and on the batches that librdkafka makes of them. */
static bool says_too_large(rd_kafka_resp_err_t why)
{
    return why == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || why == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE ||
           why == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE;
}

static enum kafka_fate fate_of(rd_kafka_resp_err_t why)
{
    return !why ? KAFKA_DELIVERED : says_too_large(why) ? KAFKA_TOO_LARGE : KAFKA_LOST;
}

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *arg)
{
    struct kafka_client *k = arg;
    (void)rk;
    if (!m->err) {
        k->c.report(k->c.arg, KAFKA_DELIVERED, NULL, m->_private);
        return;
    }
    log_limited(k->c.log, &k->say_lost, LOG_LV_ERROR, "%sKafka message delivery failed: %s", what(k),
                rd_kafka_err2str(m->err));
    k->c.report(k->c.arg, fate_of(m->err), rd_kafka_err2str(m->err), m->_private);
}

static int on_stats(rd_kafka_t *rk, char *json, size_t len, void *arg)
{
    const struct kafka_client *k = arg;
    (void)rk;
    log_info(k->c.log, "%slibrdkafka: %.*s", what(k), (int)len, json);
    return 0;
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *arg)
{
    struct kafka_client *k = arg;
    (void)rk;
    log_limited(k->c.log, &k->say_error, LOG_LV_WARN, "%sKafka %s: %s (%s)", what(k), k->c.broker_host,
                reason, rd_kafka_err2str((rd_kafka_resp_err_t)code));
}

/* librdkafka says what matters through on_error; the rest is for -d. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    const struct kafka_client *k = rd_kafka_opaque(rk);
    (void)level;
    if (k)
        log_debug(k->c.log, "librdkafka: %s: %s", facility, text);
}

static int set_retry(int retry_s, rd_kafka_conf_t *conf, struct err *e)
{
    char ms[32];
    if (!retry_s)
        return 0;
    snprintf(ms, sizeof(ms), "%d", (retry_s < BACKOFF_MAX_S ? retry_s : BACKOFF_MAX_S) * 1000);
    return kafka_conf_set(conf, "reconnect.backoff.max.ms", ms, e);
}

/* Messages are given up when their queue is full, not after a time. */
static int set_defaults(rd_kafka_conf_t *conf, struct err *e)
{
    char why[256];
    (void)rd_kafka_conf_set(conf, "compression.codec", "lz4", why,
                            sizeof(why)); /* where the library has it */
    if (kafka_conf_set(conf, "enable.idempotence", "true", e) == -1)
        return -1;
    return kafka_conf_set(conf, "message.timeout.ms", "0", e);
}

/* What comes in purges fills batches by itself, and is flushed: librdkafka need not look for what has waited
 * long, and would turn in circles when it may not be sent yet. Of messages of many rows it takes the address
 * instead of the octets. What has no topic comes back soon: it is tried again. */
static int set_for_purges(rd_kafka_conf_t *conf, struct err *e)
{
    static const struct kafka_setting rows[] = { { "linger.ms", "500" },
                                                 { "message.copy.max.bytes", "1024" },
                                                 { "topic.metadata.propagation.max.ms", "2000" } };
    return kafka_conf_set_all(conf, rows, sizeof(rows) / sizeof(rows[0]), e);
}

static int read_file(const struct kafka_client *k, rd_kafka_conf_t *conf, struct err *e)
{
    struct log l = *k->c.log;
    l.type[strcspn(l.type, "/")] = '\0'; /* "core" of "core/BMP": what watches logs knows the line so */
    log_info(&l, "[%s] Reading librdkafka global config.", k->c.config_file);
    return kafka_conf_read(conf, k->c.config_file, e);
}

static rd_kafka_conf_t *conf_of(struct kafka_client *k, struct err *e)
{
    const struct kafka_client_conf *c = &k->c;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_opaque(conf, k);
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_stats_cb(conf, on_stats);
    if (kafka_conf_brokers(conf, c->broker_host, c->broker_port, e) == 0 &&
        set_retry(c->retry_s, conf, e) == 0 && set_defaults(conf, e) == 0 &&
        (!c->purges || set_for_purges(conf, e) == 0) &&
        (!c->queue_kbytes || kafka_conf_set(conf, "queue.buffering.max.kbytes", c->queue_kbytes, e) == 0) &&
        (!c->partitioner || kafka_conf_set(conf, "partitioner", c->partitioner, e) == 0) &&
        (!c->config_file || read_file(k, conf, e) == 0))
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

/* Settings that an idempotent producer refuses (acks other than all, many requests in flight) were somebody's
 * choice: they win. */
static int producer_new(struct kafka_client *k, struct err *e)
{
    char why[512], why_not[512];
    rd_kafka_conf_t *conf = conf_of(k, e);
    if (!conf)
        return -1;
    k->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why_not, sizeof(why_not));
    if (k->rk)
        return 0;
    if (kafka_conf_set(conf, "enable.idempotence", "false", e) == 0)
        k->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (k->rk) {
        log_notice(k->c.log, "%sKafka: the producer is not idempotent: %s", what(k), why_not);
        return 0;
    }
    rd_kafka_conf_destroy(conf);
    return err_set(e, ERR_CONFIG, "Kafka %s: %s", k->c.broker_host, why);
}

struct kafka_client *kafka_client_new(const struct kafka_client_conf *c, struct err *e)
{
    struct kafka_client *k = calloc(1, sizeof(*k));
    if (!k) {
        err_sys(e, "no memory for Kafka");
        return NULL;
    }
    k->c = *c;
    if (producer_new(k, e) == 0)
        return k;
    free(k);
    return NULL;
}

/* ---- messages */

static rd_kafka_resp_err_t produce_with_headers(struct kafka_client *k, rd_kafka_topic_t *t,
                                                const struct kafka_message *m)
{
    rd_kafka_headers_t *h = rd_kafka_headers_new(m->n_headers);
    for (size_t i = 0; i < m->n_headers; i++)
        rd_kafka_header_add(h, m->headers[i].name, -1, m->headers[i].value, -1);
    const rd_kafka_resp_err_t why = rd_kafka_producev(
        k->rk, RD_KAFKA_V_RKT(t), RD_KAFKA_V_PARTITION(m->partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(m->key, m->key ? strlen(m->key) : 0),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)m->text, m->len), RD_KAFKA_V_HEADERS(h),
        RD_KAFKA_V_OPAQUE(m->opaque), RD_KAFKA_V_END);
    if (why)
        rd_kafka_headers_destroy(h);
    return why;
}

/* Hands over what is held, which costs a good deal less than one by one. What finds no room stays. */
static void hand_over(struct kafka_client *k)
{
    unsigned kept = 0;
    const unsigned n = k->n_held;
    if (!n || !k->rk)
        return;
    k->n_held = 0;
    if (rd_kafka_produce_batch(k->topic, k->held_partition, 0, k->held, (int)n) == (int)n)
        return;
    for (unsigned i = 0; i < n; i++) {
        const rd_kafka_message_t m = k->held[i];
        if (m.err == RD_KAFKA_RESP_ERR__QUEUE_FULL)
            k->held[kept++] = m;
        else if (m.err)
            k->c.report(k->c.arg, fate_of(m.err), rd_kafka_err2str(m.err), m._private);
    }
    k->n_held = kept;
}

static rd_kafka_resp_err_t hold(struct kafka_client *k, const struct kafka_message *m)
{
    if (k->n_held == HELD_MAX || (k->n_held && m->partition != k->held_partition))
        hand_over(k);
    if (k->n_held == HELD_MAX || (k->n_held && m->partition != k->held_partition))
        return RD_KAFKA_RESP_ERR__QUEUE_FULL;
    k->held_partition = m->partition;
    k->held[k->n_held++] = (rd_kafka_message_t){ .payload = (void *)(uintptr_t)m->text,
                                                 .len = m->len,
                                                 .key = (void *)(uintptr_t)m->key,
                                                 .key_len = m->key ? strlen(m->key) : 0,
                                                 ._private = m->opaque };
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* Opens the topic of a message; that of the last one is kept, and what is held goes first. */
static rd_kafka_resp_err_t use_topic(struct kafka_client *k, const char *name)
{
    if (k->topic && !strcmp(rd_kafka_topic_name(k->topic), name))
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    hand_over(k);
    if (k->n_held)
        return RD_KAFKA_RESP_ERR__QUEUE_FULL;
    if (k->topic)
        rd_kafka_topic_destroy(k->topic);
    k->topic = rd_kafka_topic_new(k->rk, name, NULL);
    return k->topic ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_last_error();
}

static rd_kafka_resp_err_t produce(struct kafka_client *k, const struct kafka_message *m)
{
    const rd_kafka_resp_err_t why = use_topic(k, m->topic);
    if (why)
        return why;
    if (m->n_headers)
        return produce_with_headers(k, k->topic, m);
    if (m->kept)
        return hold(k, m);
    if (rd_kafka_produce(k->topic, m->partition, RD_KAFKA_MSG_F_COPY, (void *)(uintptr_t)m->text, m->len,
                         m->key, m->key ? strlen(m->key) : 0, m->opaque) == 0)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    return rd_kafka_last_error();
}

enum kafka_taken kafka_client_send(struct kafka_client *k, const struct kafka_message *m, struct err *e)
{
    if (!k->rk) {
        err_set(e, ERR_SYS, "the producer failed");
        return KAFKA_REFUSED;
    }
    const rd_kafka_resp_err_t why = produce(k, m);
    if (!why)
        return KAFKA_TAKEN;
    err_set(e, ERR_SYS, "Failed to produce to topic %s partition %d: %s", m->topic, m->partition,
            rd_kafka_err2str(why));
    return why == RD_KAFKA_RESP_ERR__QUEUE_FULL ? KAFKA_QUEUE_FULL
           : says_too_large(why)                ? KAFKA_MESSAGE_TOO_LARGE
                                                : KAFKA_REFUSED;
}

static void producer_free(struct kafka_client *k, int ms)
{
    hand_over(k);
    if (ms)
        rd_kafka_flush(k->rk, ms);
    rd_kafka_purge(k->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (rd_kafka_outq_len(k->rk) && rd_kafka_poll(k->rk, PURGE_MS))
        ;
    for (unsigned i = 0; i < k->n_held; i++)
        k->c.report(k->c.arg, KAFKA_LOST, "given up", k->held[i]._private);
    k->n_held = 0;
    if (k->topic)
        rd_kafka_topic_destroy(k->topic);
    k->topic = NULL;
    rd_kafka_destroy(k->rk);
    k->rk = NULL;
}

/* An idempotent producer ends at errors after which it could not keep its promise, such as brokers that have
 * lost what they had confirmed. */
static void replace(struct kafka_client *k)
{
    struct err e;
    char why[256];
    if (k->rk) {
        rd_kafka_fatal_error(k->rk, why, sizeof(why));
        log_error(k->c.log, "%sKafka %s: %s: what waits is given up, a new producer takes over", what(k),
                  k->c.broker_host, why);
        producer_free(k, 0);
    }
    if (producer_new(k, &e) == -1)
        log_limited(k->c.log, &k->say_error, LOG_LV_ERROR, "%s%s", what(k), e.text);
}

unsigned kafka_client_flush(struct kafka_client *k, int ms)
{
    hand_over(k);
    if (k->rk)
        rd_kafka_flush(k->rk, ms);
    return (unsigned)kafka_client_waiting(k);
}

/* By a new producer: an idempotent one does not go on well after messages have been taken out of its
 * sequence. */
void kafka_client_drop(struct kafka_client *k)
{
    struct err e;
    if (!k->rk || !kafka_client_waiting(k))
        return;
    producer_free(k, 0);
    if (producer_new(k, &e) == -1)
        log_limited(k->c.log, &k->say_error, LOG_LV_ERROR, "%s%s", what(k), e.text);
}

void kafka_client_poll(struct kafka_client *k, int ms)
{
    char why[8];
    hand_over(k);
    if (k->rk)
        rd_kafka_poll(k->rk, ms);
    if (!k->rk || rd_kafka_fatal_error(k->rk, why, sizeof(why)))
        replace(k);
}

size_t kafka_client_waiting(const struct kafka_client *k)
{
    return k->rk ? (size_t)rd_kafka_outq_len(k->rk) + k->n_held : 0;
}

void kafka_client_free(struct kafka_client *k, int ms)
{
    if (k && k->rk)
        producer_free(k, ms);
    free(k);
}
