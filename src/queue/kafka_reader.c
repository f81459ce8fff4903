/* SPDX-License-Identifier: BSD-2-Clause */
/* The consumer that all inputs from Kafka have in common. */
#include "queue/kafka_reader.h"

#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "output/kafka_conf.h"

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *arg)
{
    struct kafka_reader *r = arg;
    (void)rk;
    log_limited(r->c.log, &r->say_error, LOG_LV_WARN, "Kafka %s: %s (%s)", r->where, reason,
                rd_kafka_err2str((rd_kafka_resp_err_t)code));
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    const struct kafka_reader *r = rd_kafka_opaque(rk);
    (void)level;
    if (r)
        log_debug(r->c.log, "librdkafka: %s: %s", facility, text);
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t why, rd_kafka_topic_partition_list_t *parts,
                         void *arg)
{
    struct kafka_reader *r = arg;
    (void)rk;
    r->c.rebalance(r, why, parts);
}

/* ---- opening */

/* What the file of settings may override. Members that store offsets themselves can also hand over partitions
 * one by one. */
static int set_defaults(const struct kafka_reader *r, rd_kafka_conf_t *conf, struct err *e)
{
    const struct kafka_setting rows[] = {
        { "group.id", r->c.group },
        { "auto.offset.reset", "latest" },
        { "auto.commit.interval.ms", "1000" },
        { "partition.assignment.strategy", r->c.rebalance ? "cooperative-sticky" : "range,roundrobin" },
    };
    if (kafka_conf_set_all(conf, rows, sizeof(rows) / sizeof(rows[0]), e) == -1)
        return -1;
    return kafka_conf_brokers(conf, r->c.keys->broker_host, r->c.keys->broker_port, e);
}

static rd_kafka_conf_t *conf_of(struct kafka_reader *r, struct err *e)
{
    const char *file = r->c.keys->config_file;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_opaque(conf, r);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    if (r->c.rebalance)
        rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    if (set_defaults(r, conf, e) == 0 && (!file || kafka_conf_read(conf, file, e) == 0) &&
        (!r->c.rebalance || kafka_conf_set(conf, "enable.auto.offset.store", "false", e) == 0))
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

static int subscribe(const struct kafka_reader *r, struct err *e)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, r->c.keys->topic, RD_KAFKA_PARTITION_UA);
    const rd_kafka_resp_err_t why = rd_kafka_subscribe(r->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return why ? err_set(e, ERR_CONFIG, "Kafka %s: %s", r->where, rd_kafka_err2str(why)) : 0;
}

int kafka_reader_open(struct kafka_reader *r, const struct kafka_reader_conf *c, struct err *e)
{
    char why[512];
    r->c = *c;
    r->efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (r->efd == -1)
        return err_sys(e, "cannot make an event descriptor");
    snprintf(r->where, sizeof(r->where), "%s:%s", c->keys->broker_host, c->keys->topic);
    rd_kafka_conf_t *conf = conf_of(r, e);
    if (!conf)
        return -1;
    r->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    if (!r->rk) {
        rd_kafka_conf_destroy(conf);
        return err_set(e, ERR_CONFIG, "Kafka %s: %s", r->where, why);
    }
    rd_kafka_poll_set_consumer(r->rk);
    r->queue = rd_kafka_queue_get_consumer(r->rk);
    return subscribe(r, e);
}

/* ---- reading */

static void on_ready(void *arg)
{
    const struct kafka_reader *r = arg;
    uint64_t counter;
    (void)!read(r->efd, &counter, sizeof(counter));
    r->c.ready(r->c.arg);
}

int kafka_reader_start(struct kafka_reader *r, uv_loop_t *loop, struct err *e)
{
    static const uint64_t one = 1;
    rd_kafka_queue_io_event_enable(r->queue, r->efd, &one, sizeof(one));
    return queue_watch_start(&r->watch, loop, r->efd, on_ready, r, e);
}

ssize_t kafka_reader_take(struct kafka_reader *r, rd_kafka_message_t **m, size_t n)
{
    return rd_kafka_consume_batch_queue(r->queue, 0, m, n);
}

bool kafka_reader_is_message(struct kafka_reader *r, const rd_kafka_message_t *m)
{
    if (!m->err)
        return true;
    if (m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
        log_limited(r->c.log, &r->say_error, LOG_LV_WARN, "Kafka %s: %s", r->where,
                    rd_kafka_message_errstr(m));
    return false;
}

void kafka_reader_stop(struct kafka_reader *r)
{
    queue_watch_stop(&r->watch);
    if (!r->rk || !r->queue)
        return;
    rd_kafka_queue_io_event_enable(r->queue, -1, NULL, 0);
    rd_kafka_queue_destroy(r->queue);
    r->queue = NULL;
    const rd_kafka_resp_err_t why = rd_kafka_consumer_close(r->rk);
    if (why)
        log_warn(r->c.log, "Kafka %s: leaving the group: %s", r->where, rd_kafka_err2str(why));
}

void kafka_reader_close(struct kafka_reader *r)
{
    if (r->queue)
        rd_kafka_queue_destroy(r->queue);
    if (r->rk)
        rd_kafka_destroy(r->rk);
    if (r->efd > 0)
        close(r->efd);
}
