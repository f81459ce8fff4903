/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams from a Kafka topic (*_kafka_*). Daemons that read one topic are a consumer group: each message is
 * read by one of them. The offset of a message is stored only once its flows are in the rings of the plugins,
 * and is committed from there by librdkafka, each second, when partitions move and at the end: after a crash
 * others read again what may not have been handed over. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "queue/queue.h"

static bool kafka_wanted(const struct config *c) { return c->collector_kafka.topic != NULL; }

#ifdef WITH_KAFKA
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "output/kafka_client.h"
#include "output/kafka_conf.h"
#include "queue/feed.h"

enum {
    BATCH = 256,  /* messages between two flushes */
    ROUNDS = 8,   /* batches between two looks at the event loop */
    AGAIN_MS = 1, /* when plugins have no room */
    BROKERS_MAX = 64 << 10,
};

struct kafka_input {
    struct queue_feed feed;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    rd_kafka_topic_partition_list_t *seen; /* offset: that of the next message; of the partitions we have */
    int efd;
    uv_poll_t poll;
    uv_timer_t timer;
    bool started;
    uint64_t missed; /* offsets that were passed over: messages that the brokers had no more */
    uint64_t again;  /* messages that had been read before */
    uint64_t rebalances;
    struct log_limit error_limit, missed_limit;
    char where[512]; /* brokers:topic */
};

/* ---- librdkafka's calls, all from rd_kafka_consume_batch_queue or rd_kafka_consumer_close */

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *arg)
{
    const struct input *in = arg;
    struct kafka_input *k = in->state;
    (void)rk;
    log_limited(in->log, &k->error_limit, LOG_LV_WARN, "Kafka %s: %s (%s)", k->where, reason,
                rd_kafka_err2str((rd_kafka_resp_err_t)code));
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    const struct input *in = rd_kafka_opaque(rk);
    (void)level;
    if (in)
        log_debug(in->log, "librdkafka: %s: %s", facility, text);
}

/* Partitions come and go as members of the group do. */
static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t why, rd_kafka_topic_partition_list_t *parts,
                         void *arg)
{
    const struct input *in = arg;
    struct kafka_input *k = in->state;
    const bool given = why == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    const bool steps = !strcmp(rd_kafka_rebalance_protocol(rk), "COOPERATIVE");
    rd_kafka_error_t *failed = NULL;
    k->rebalances++;
    for (int i = 0; i < parts->cnt; i++)
        rd_kafka_topic_partition_list_del(k->seen, parts->elems[i].topic, parts->elems[i].partition);
    log_info(in->log, "Kafka %s: %d partitions %s", k->where, parts->cnt, given ? "to read" : "are others'");
    if (steps)
        failed = given ? rd_kafka_incremental_assign(rk, parts) : rd_kafka_incremental_unassign(rk, parts);
    else
        rd_kafka_assign(rk, given ? parts : NULL);
    if (!failed)
        return;
    log_limited(in->log, &k->error_limit, LOG_LV_ERROR, "Kafka %s: %s", k->where,
                rd_kafka_error_string(failed));
    rd_kafka_error_destroy(failed);
}

/* ---- opening */

/* What the file of settings may override. The group is named after the daemon: all that read a topic for the
 * same purpose share it. Offsets are ours to store. */
static int set_defaults(const struct input *in, rd_kafka_conf_t *conf, struct err *e)
{
    static const char *const rows[][2] = {
        { "auto.offset.reset", "latest" },
        { "auto.commit.interval.ms", "1000" },
        { "partition.assignment.strategy", "cooperative-sticky" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (kafka_conf_set(conf, rows[i][0], rows[i][1], e) == -1)
            return -1;
    return kafka_conf_set(conf, "group.id", in->daemon, e);
}

static int set_brokers(const struct kafka_keys *c, rd_kafka_conf_t *conf, struct err *e)
{
    struct strbuf list;
    strbuf_init(&list, BROKERS_MAX);
    kafka_client_brokers(&list, c->broker_host, c->broker_port);
    const int rc = kafka_conf_set(conf, "bootstrap.servers", strbuf_cstr(&list), e);
    strbuf_free(&list);
    return rc;
}

static rd_kafka_conf_t *conf_of(struct input *in, struct err *e)
{
    const struct kafka_keys *c = &in->c->collector_kafka;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_opaque(conf, in);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    if (set_brokers(c, conf, e) == 0 && set_defaults(in, conf, e) == 0 &&
        (!c->config_file || kafka_conf_read(conf, c->config_file, e) == 0) &&
        kafka_conf_set(conf, "enable.auto.offset.store", "false", e) == 0)
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

static int subscribe(const struct kafka_input *k, const char *topic, struct err *e)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, RD_KAFKA_PARTITION_UA);
    const rd_kafka_resp_err_t why = rd_kafka_subscribe(k->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (!why)
        return 0;
    return err_set(e, ERR_CONFIG, "Kafka %s: %s", k->where, rd_kafka_err2str(why));
}

static int kafka_open(struct input *in, struct err *e)
{
    const struct kafka_keys *c = &in->c->collector_kafka;
    struct kafka_input *k = in->state;
    char why[512];
    k->efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (k->efd == -1)
        return err_sys(e, "cannot make an event descriptor");
    snprintf(k->where, sizeof(k->where), "%s:%s", c->broker_host, c->topic);
    rd_kafka_conf_t *conf = queue_feed_open(&k->feed, in, e) == 0 ? conf_of(in, e) : NULL;
    if (!conf)
        return -1;
    k->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    if (!k->rk) {
        rd_kafka_conf_destroy(conf);
        return err_set(e, ERR_CONFIG, "Kafka %s: %s", k->where, why);
    }
    k->seen = rd_kafka_topic_partition_list_new(16);
    rd_kafka_poll_set_consumer(k->rk);
    k->queue = rd_kafka_queue_get_consumer(k->rk);
    if (subscribe(k, c->topic, e) == -1)
        return -1;
    log_info(in->log, "reading %s data from Kafka %s", in->decoder->name, k->where);
    input_alone(in, "partitions of a topic are spread over the daemons of a consumer group");
    return 0;
}

/* ---- reading */

/* Follows the offsets of a partition: what is passed over was never read, what comes again was. */
static void follow(struct input *in, const rd_kafka_message_t *m)
{
    struct kafka_input *k = in->state;
    const char *topic = rd_kafka_topic_name(m->rkt);
    rd_kafka_topic_partition_t *p = rd_kafka_topic_partition_list_find(k->seen, topic, m->partition);
    if (!p) {
        p = rd_kafka_topic_partition_list_add(k->seen, topic, m->partition);
        p->offset = m->offset;
    }
    if (m->offset > p->offset) {
        k->missed += (uint64_t)(m->offset - p->offset);
        log_limited(in->log, &k->missed_limit, LOG_LV_WARN,
                    "Kafka %s: partition %" PRId32 ": %" PRId64 " messages before offset %" PRId64
                    " are gone: they were deleted before they were read",
                    k->where, m->partition, m->offset - p->offset, m->offset);
    }
    k->again += m->offset < p->offset;
    p->offset = m->offset + 1;
}

static void take(struct input *in, const rd_kafka_message_t *m)
{
    struct kafka_input *k = in->state;
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return;
    if (m->err) {
        log_limited(in->log, &k->error_limit, LOG_LV_WARN, "Kafka %s: %s", k->where,
                    rd_kafka_message_errstr(m));
        return;
    }
    follow(in, m);
    if (!queue_feed_take(&k->feed, m->payload, m->len))
        log_limited(in->log, &k->feed.limit, LOG_LV_WARN,
                    "Kafka %s: partition %" PRId32 ", offset %" PRId64
                    ": %zu octets that are no datagram with its IP and UDP headers: left out",
                    k->where, m->partition, m->offset, m->len);
}

/* The last message of each run of a partition: those before it are stored with it. */
static void store_offsets(struct kafka_input *k, rd_kafka_message_t **m, ssize_t n)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    for (ssize_t i = 0; i < n; i++) {
        if (m[i]->err || (i + 1 < n && !m[i + 1]->err && m[i + 1]->rkt == m[i]->rkt &&
                          m[i + 1]->partition == m[i]->partition))
            continue;
        const char *topic = rd_kafka_topic_name(m[i]->rkt);
        rd_kafka_topic_partition_t *p = rd_kafka_topic_partition_list_find(list, topic, m[i]->partition);
        if (!p)
            p = rd_kafka_topic_partition_list_add(list, topic, m[i]->partition);
        p->offset = m[i]->offset + 1;
    }
    if (list->cnt)
        rd_kafka_offsets_store(k->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
}

/* Returns how many messages there were. */
static ssize_t read_batch(struct input *in)
{
    struct kafka_input *k = in->state;
    rd_kafka_message_t *m[BATCH];
    const ssize_t n = rd_kafka_consume_batch_queue(k->queue, 0, m, BATCH);
    for (ssize_t i = 0; i < n; i++)
        take(in, m[i]);
    queue_feed_end(&k->feed);
    store_offsets(k, m, n);
    for (ssize_t i = 0; i < n; i++)
        rd_kafka_message_destroy(m[i]);
    return n;
}

static void on_timer(uv_timer_t *t);

static void read_some(struct input *in)
{
    struct kafka_input *k = in->state;
    ssize_t n = BATCH;
    for (unsigned round = 0; round < ROUNDS && n > 0; round++) {
        if (!queue_feed_begin(&k->feed))
            break;
        n = read_batch(in);
    }
    if (n > 0) /* there may be more, without another event */
        uv_timer_start(&k->timer, on_timer, k->feed.waiting ? AGAIN_MS : 0, 0);
}

static void on_timer(uv_timer_t *t) { read_some(t->data); }

static void on_event(uv_poll_t *p, int status, int events)
{
    struct input *in = p->data;
    const struct kafka_input *k = in->state;
    uint64_t counter;
    (void)status, (void)events;
    (void)!read(k->efd, &counter, sizeof(counter));
    read_some(in);
}

static int kafka_start(struct input *in, struct err *e)
{
    struct kafka_input *k = in->state;
    static const uint64_t one = 1;
    if (uv_poll_init(in->loop, &k->poll, k->efd) != 0 || uv_timer_init(in->loop, &k->timer) != 0)
        return err_set(e, ERR_SYS, "cannot watch Kafka's queue");
    k->poll.data = k->timer.data = in;
    k->started = true;
    rd_kafka_queue_io_event_enable(k->queue, k->efd, &one, sizeof(one));
    uv_poll_start(&k->poll, UV_READABLE, on_event);
    uv_timer_start(&k->timer, on_timer, 0, 0);
    return 0;
}

/* Leaves the group at once, so that others take over; what was handed over is committed. */
static void kafka_stop(struct input *in)
{
    struct kafka_input *k = in->state;
    if (k->started) {
        uv_poll_stop(&k->poll);
        uv_timer_stop(&k->timer);
    }
    if (k->rk && k->queue) {
        rd_kafka_queue_io_event_enable(k->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(k->queue);
        k->queue = NULL;
        const rd_kafka_resp_err_t why = rd_kafka_consumer_close(k->rk);
        if (why)
            log_warn(in->log, "Kafka %s: leaving the group: %s", k->where, rd_kafka_err2str(why));
    }
    worker_flush(in->worker);
}

/* ---- statistics */

/* Messages that wait on the brokers, as far as these have told by now. */
static int64_t waiting(const struct kafka_input *k)
{
    int64_t low, high, sum = 0;
    for (int i = 0; i < k->seen->cnt; i++) {
        const rd_kafka_topic_partition_t *p = &k->seen->elems[i];
        if (!rd_kafka_get_watermark_offsets(k->rk, p->topic, p->partition, &low, &high) && high > p->offset)
            sum += high - p->offset;
    }
    return sum;
}

/* Partitions that are ours at the moment. */
static int assigned(const struct kafka_input *k)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    if (rd_kafka_assignment(k->rk, &list) || !list)
        return 0;
    const int n = list->cnt;
    rd_kafka_topic_partition_list_destroy(list);
    return n;
}

static void kafka_stats(struct input *in)
{
    const struct kafka_input *k = in->state;
    queue_feed_stats(&k->feed, k->where);
    log_notice(in->log,
               "stats [%s] partitions=%d waiting=%" PRId64 " missed=%" PRIu64 " read_again=%" PRIu64
               " rebalances=%" PRIu64,
               k->where, assigned(k), waiting(k), k->missed, k->again, k->rebalances);
}

static void kafka_figures(struct input *in, struct figures *f)
{
    const struct kafka_input *k = in->state;
    queue_feed_figures(&k->feed, k->where, f);
    figures_label(f, "input", in->ops->name);
    figures_label(f, "source", k->where);
    figures_put(f, FIG_INPUT_WAITING, waiting(k) > 0 ? (uint64_t)waiting(k) : 0);
    figures_put_of(f, FIG_INPUT_REFUSED, "reason", "missed", k->missed);
    figures_unlabel(f, 2);
}

static void kafka_close(struct input *in)
{
    struct kafka_input *k = in->state;
    if (k->queue)
        rd_kafka_queue_destroy(k->queue);
    if (k->rk)
        rd_kafka_destroy(k->rk);
    if (k->seen)
        rd_kafka_topic_partition_list_destroy(k->seen);
    if (k->efd > 0)
        close(k->efd);
}

const struct input_ops input_kafka = {
    .name = "Kafka",
    .state_size = sizeof(struct kafka_input),
    .file = true,
    .wanted = kafka_wanted,
    .open = kafka_open,
    .start = kafka_start,
    .stop = kafka_stop,
    .stats = kafka_stats,
    .figures = kafka_figures,
    .close = kafka_close,
};
#else
static int kafka_refuse(struct input *in, struct err *e)
{
    return err_set(e, ERR_UNSUPPORTED, "%s_kafka_topic: this build has no librdkafka", in->daemon);
}

static void kafka_nothing(struct input *in) { (void)in; }

const struct input_ops input_kafka = {
    .name = "Kafka",
    .wanted = kafka_wanted,
    .open = kafka_refuse,
    .start = kafka_refuse,
    .stop = kafka_nothing,
    .stats = kafka_nothing,
    .close = kafka_nothing,
};
#endif
