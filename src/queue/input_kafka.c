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
#include <inttypes.h>
#include <string.h>
#include "queue/feed.h"
#include "queue/kafka_reader.h"

enum {
    BATCH = 256,  /* messages between two flushes */
    ROUNDS = 8,   /* batches between two looks at the event loop */
    AGAIN_MS = 1, /* when plugins have no room */
};

struct kafka_input {
    struct queue_feed feed;
    struct kafka_reader reader;
    rd_kafka_topic_partition_list_t *seen; /* offset: that of the next message; of the partitions we have */
    uint64_t missed; /* offsets that were passed over: messages that the brokers had no more */
    uint64_t again;  /* messages that had been read before */
    uint64_t rebalances;
    struct log_limit missed_limit;
};

/* Partitions come and go as members of the group do. */
static void on_rebalance(struct kafka_reader *r, rd_kafka_resp_err_t why,
                         rd_kafka_topic_partition_list_t *parts)
{
    const struct input *in = r->c.arg;
    struct kafka_input *k = in->state;
    const bool given = why == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    const bool steps = !strcmp(rd_kafka_rebalance_protocol(r->rk), "COOPERATIVE");
    rd_kafka_error_t *failed = NULL;
    k->rebalances++;
    for (int i = 0; i < parts->cnt; i++)
        rd_kafka_topic_partition_list_del(k->seen, parts->elems[i].topic, parts->elems[i].partition);
    log_info(in->log, "Kafka %s: %d partitions %s", r->where, parts->cnt, given ? "to read" : "are others'");
    if (steps)
        failed =
            given ? rd_kafka_incremental_assign(r->rk, parts) : rd_kafka_incremental_unassign(r->rk, parts);
    else
        rd_kafka_assign(r->rk, given ? parts : NULL);
    if (!failed)
        return;
    log_limited(in->log, &r->say_error, LOG_LV_ERROR, "Kafka %s: %s", r->where,
                rd_kafka_error_string(failed));
    rd_kafka_error_destroy(failed);
}

static void read_some(void *arg);

/* The group is named after the daemon: all that read a topic for the same purpose share it. */
static int kafka_open(struct input *in, struct err *e)
{
    struct kafka_input *k = in->state;
    const struct kafka_reader_conf conf = { .keys = &in->c->collector_kafka,
                                            .group = in->daemon,
                                            .log = in->log,
                                            .ready = read_some,
                                            .rebalance = on_rebalance,
                                            .arg = in };
    k->seen = rd_kafka_topic_partition_list_new(16);
    if (queue_feed_open(&k->feed, in, e) == -1 || kafka_reader_open(&k->reader, &conf, e) == -1)
        return -1;
    log_info(in->log, "reading %s data from Kafka %s", in->decoder->name, k->reader.where);
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
                    k->reader.where, m->partition, m->offset - p->offset, m->offset);
    }
    k->again += m->offset < p->offset;
    p->offset = m->offset + 1;
}

static void take(struct input *in, const rd_kafka_message_t *m)
{
    struct kafka_input *k = in->state;
    if (!kafka_reader_is_message(&k->reader, m))
        return;
    follow(in, m);
    if (!queue_feed_take(&k->feed, m->payload, m->len))
        log_limited(in->log, &k->feed.limit, LOG_LV_WARN,
                    "Kafka %s: partition %" PRId32 ", offset %" PRId64
                    ": %zu octets that are no datagram with its IP and UDP headers: left out",
                    k->reader.where, m->partition, m->offset, m->len);
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
        rd_kafka_offsets_store(k->reader.rk, list);
    rd_kafka_topic_partition_list_destroy(list);
}

/* Returns how many messages there were. */
static ssize_t read_batch(struct input *in)
{
    struct kafka_input *k = in->state;
    rd_kafka_message_t *m[BATCH];
    const ssize_t n = kafka_reader_take(&k->reader, m, BATCH);
    for (ssize_t i = 0; i < n; i++)
        take(in, m[i]);
    queue_feed_end(&k->feed);
    store_offsets(k, m, n);
    for (ssize_t i = 0; i < n; i++)
        rd_kafka_message_destroy(m[i]);
    return n;
}

static void read_some(void *arg)
{
    struct input *in = arg;
    struct kafka_input *k = in->state;
    ssize_t n = BATCH;
    for (unsigned round = 0; round < ROUNDS && n > 0; round++) {
        if (!queue_feed_begin(&k->feed))
            break;
        n = read_batch(in);
    }
    if (n > 0) /* there may be more, without another event */
        queue_watch_again(&k->reader.watch, k->feed.waiting ? AGAIN_MS : 0);
}

static int kafka_start(struct input *in, struct err *e)
{
    struct kafka_input *k = in->state;
    return kafka_reader_start(&k->reader, in->loop, e);
}

static void kafka_stop(struct input *in)
{
    struct kafka_input *k = in->state;
    kafka_reader_stop(&k->reader);
    worker_flush(in->worker);
}

/* ---- statistics */

/* Messages that wait on the brokers, as far as these have told by now. */
static int64_t waiting(const struct kafka_input *k)
{
    int64_t low, high, sum = 0;
    for (int i = 0; i < k->seen->cnt; i++) {
        const rd_kafka_topic_partition_t *p = &k->seen->elems[i];
        if (!rd_kafka_get_watermark_offsets(k->reader.rk, p->topic, p->partition, &low, &high) &&
            high > p->offset)
            sum += high - p->offset;
    }
    return sum;
}

/* Partitions that are ours at the moment. */
static int assigned(const struct kafka_input *k)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    if (rd_kafka_assignment(k->reader.rk, &list) || !list)
        return 0;
    const int n = list->cnt;
    rd_kafka_topic_partition_list_destroy(list);
    return n;
}

static void kafka_stats(struct input *in)
{
    const struct kafka_input *k = in->state;
    queue_feed_stats(&k->feed, k->reader.where);
    log_notice(in->log,
               "stats [%s] partitions=%d waiting=%" PRId64 " missed=%" PRIu64 " read_again=%" PRIu64
               " rebalances=%" PRIu64,
               k->reader.where, assigned(k), waiting(k), k->missed, k->again, k->rebalances);
}

static void kafka_figures(struct input *in, struct figures *f)
{
    const struct kafka_input *k = in->state;
    queue_feed_figures(&k->feed, k->reader.where, f);
    figures_label(f, "input", in->ops->name);
    figures_label(f, "source", k->reader.where);
    figures_put(f, FIG_INPUT_WAITING, waiting(k) > 0 ? (uint64_t)waiting(k) : 0);
    figures_put_of(f, FIG_INPUT_REFUSED, "reason", "missed", k->missed);
    figures_unlabel(f, 2);
}

static void kafka_close(struct input *in)
{
    struct kafka_input *k = in->state;
    kafka_reader_close(&k->reader);
    if (k->seen)
        rd_kafka_topic_partition_list_destroy(k->seen);
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
