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
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "output/kafka_client.h"
#include "output/kafka_conf.h"

enum {
    BATCH = 256, /* messages a call */
    ROUNDS = 8,  /* calls between two looks at the event loop */
    BROKERS_MAX = 64 << 10,
};

struct kafka_state {
    struct tele_queue queue;
    rd_kafka_t *rk;
    rd_kafka_queue_t *from;
    int efd; /* -1: none */
    uv_poll_t poll;
    uv_timer_t again;
    struct log_limit say_error;
    char where[512]; /* brokers:topic */
};

/* ---- opening */

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *arg)
{
    const struct tele_input *in = arg;
    struct kafka_state *k = in->state;
    (void)rk;
    log_limited(in->t->log, &k->say_error, LOG_LV_WARN, "Kafka %s: %s (%s)", k->where, reason,
                rd_kafka_err2str((rd_kafka_resp_err_t)code));
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    const struct tele_input *in = rd_kafka_opaque(rk);
    (void)level;
    if (in)
        log_debug(in->t->log, "librdkafka: %s: %s", facility, text);
}

/* What the file of settings may override: it is read last. */
static int set_defaults(rd_kafka_conf_t *conf, const struct tele_input *in, struct err *e)
{
    const struct kafka_keys *c = &in->t->k->kafka_in;
    struct strbuf list;
    strbuf_init(&list, BROKERS_MAX);
    kafka_client_brokers(&list, c->broker_host, c->broker_port);
    int rc = kafka_conf_set(conf, "bootstrap.servers", strbuf_cstr(&list), e);
    strbuf_free(&list);
    if (rc == 0)
        rc = kafka_conf_set(conf, "group.id", in->t->s->daemon, e);
    if (rc == 0)
        rc = kafka_conf_set(conf, "auto.offset.reset", "latest", e);
    if (rc == 0)
        rc = kafka_conf_set(conf, "auto.commit.interval.ms", "1000", e);
    return rc == 0 && c->config_file ? kafka_conf_read(conf, c->config_file, e) : rc;
}

static int subscribe(const struct kafka_state *k, const char *topic, struct err *e)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, RD_KAFKA_PARTITION_UA);
    const rd_kafka_resp_err_t why = rd_kafka_subscribe(k->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return why ? err_set(e, ERR_CONFIG, "Kafka %s: %s", k->where, rd_kafka_err2str(why)) : 0;
}

static int open_queue(struct tele_input *in, struct err *e)
{
    const struct kafka_keys *c = &in->t->k->kafka_in;
    struct kafka_state *k = in->state;
    char why[512];
    tele_queue_init(&k->queue, in->t);
    k->efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (k->efd == -1)
        return err_sys(e, "cannot make an event descriptor");
    snprintf(k->where, sizeof(k->where), "%s:%s", c->broker_host, c->topic);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_opaque(conf, in);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    if (set_defaults(conf, in, e) == -1) {
        rd_kafka_conf_destroy(conf);
        return -1;
    }
    k->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    if (!k->rk) {
        rd_kafka_conf_destroy(conf);
        return err_set(e, ERR_CONFIG, "Kafka %s: %s", k->where, why);
    }
    rd_kafka_poll_set_consumer(k->rk);
    k->from = rd_kafka_queue_get_consumer(k->rk);
    if (subscribe(k, c->topic, e) == -1)
        return -1;
    log_info(in->t->log, "reading telemetry data from Kafka %s", k->where);
    return 0;
}

/* ---- reading */

static void take(struct tele_input *in, const rd_kafka_message_t *m)
{
    struct kafka_state *k = in->state;
    if (!m->err)
        tele_queue_take(&k->queue, in->t, m->payload, m->len, m->key, m->key_len);
    else if (m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
        log_limited(in->t->log, &k->say_error, LOG_LV_WARN, "Kafka %s: %s", k->where,
                    rd_kafka_message_errstr(m));
}

static void on_again(uv_timer_t *h);

static void read_some(struct tele_input *in)
{
    struct kafka_state *k = in->state;
    rd_kafka_message_t *m[BATCH];
    ssize_t n = 1;
    tele_now(in->t);
    for (unsigned round = 0; round < ROUNDS && n > 0; round++) {
        if (!tele_room(in->t))
            return;
        n = rd_kafka_consume_batch_queue(k->from, 0, m, BATCH);
        for (ssize_t i = 0; i < n; i++) {
            take(in, m[i]);
            rd_kafka_message_destroy(m[i]);
        }
    }
    if (n > 0) /* there may be more, without another event */
        uv_timer_start(&k->again, on_again, 0, 0);
}

static void on_again(uv_timer_t *h) { read_some(h->data); }

static void on_event(uv_poll_t *h, int status, int events)
{
    struct tele_input *in = h->data;
    const struct kafka_state *k = in->state;
    uint64_t counter;
    (void)status, (void)events;
    (void)!read(k->efd, &counter, sizeof(counter));
    read_some(in);
}

static int start(struct tele_input *in, struct err *e)
{
    struct kafka_state *k = in->state;
    static const uint64_t one = 1;
    if (uv_poll_init(in->t->s->loop, &k->poll, k->efd) != 0 || uv_timer_init(in->t->s->loop, &k->again) != 0)
        return err_set(e, ERR_SYS, "cannot watch Kafka's queue");
    k->poll.data = k->again.data = in;
    rd_kafka_queue_io_event_enable(k->from, k->efd, &one, sizeof(one));
    uv_poll_start(&k->poll, UV_READABLE, on_event);
    uv_timer_start(&k->again, on_again, 0, 0);
    return 0;
}

static void resume(struct tele_input *in)
{
    struct kafka_state *k = in->state;
    uv_timer_start(&k->again, on_again, 0, 0);
}

static void stats(struct tele_input *in)
{
    const struct kafka_state *k = in->state;
    log_notice(in->t->log, "stats [%s] messages=%" PRIu64 " octets=%" PRIu64, k->where, k->queue.messages,
               k->queue.octets);
}

/* Leaves the group at once, so that others take over. */
static void stop(struct tele_input *in)
{
    struct kafka_state *k = in->state;
    uv_close((uv_handle_t *)&k->poll, NULL);
    uv_close((uv_handle_t *)&k->again, NULL);
    rd_kafka_queue_io_event_enable(k->from, -1, NULL, 0);
    rd_kafka_queue_destroy(k->from);
    k->from = NULL;
    const rd_kafka_resp_err_t why = rd_kafka_consumer_close(k->rk);
    if (why)
        log_warn(in->t->log, "Kafka %s: leaving the group: %s", k->where, rd_kafka_err2str(why));
}

static void close_queue(struct tele_input *in)
{
    struct kafka_state *k = in->state;
    tele_queue_end(&k->queue);
    if (k->from)
        rd_kafka_queue_destroy(k->from);
    if (k->rk)
        rd_kafka_destroy(k->rk);
    if (k->efd > 0)
        close(k->efd);
}

const struct tele_input_ops tele_kafka = {
    .name = "Kafka",
    .state_size = sizeof(struct kafka_state),
    .wanted = wanted,
    .open = open_queue,
    .start = start,
    .resume = resume,
    .stats = stats,
    .stop = stop,
    .close = close_queue,
};
#else
static int refuse(struct tele_input *in, struct err *e)
{
    (void)in;
    return err_set(e, ERR_UNSUPPORTED, "telemetry_daemon_kafka_topic: this build has no librdkafka");
}

static void nothing(struct tele_input *in) { (void)in; }

const struct tele_input_ops tele_kafka = { .name = "Kafka",
                                           .state_size = 1,
                                           .wanted = wanted,
                                           .open = refuse,
                                           .start = refuse,
                                           .stop = nothing,
                                           .close = nothing };
#endif
