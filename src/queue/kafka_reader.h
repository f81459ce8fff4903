/* SPDX-License-Identifier: BSD-2-Clause */
/* A member of a Kafka consumer group in an event loop, on librdkafka: opens, watches, reads, leaves. Flow
 * input (input_kafka.c) and telemetry (telemetry/kafka.c) use it. Only WITH_KAFKA; one thread. */
#ifndef QUEUE_KAFKA_READER_H
#define QUEUE_KAFKA_READER_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include "base/err.h"
#include "base/log.h"
#include "config/config.h"
#include "queue/watch.h"

struct kafka_reader;

struct kafka_reader_conf {
    const struct kafka_keys
        *keys;                /* brokers, topic, file of settings (read last: it overrides what is here) */
    const char *group;        /* readers of one group share the topic's messages */
    const struct log *log;    /* outlives the reader, as keys does */
    void (*ready)(void *arg); /* there may be messages */
    /* Partitions come and go: assigns them, calls rd_kafka_assign or its kin. Offsets are the caller's to
     * store (rd_kafka_offsets_store) then. NULL: librdkafka does both. */
    void (*rebalance)(struct kafka_reader *r, rd_kafka_resp_err_t why,
                      rd_kafka_topic_partition_list_t *parts);
    void *arg;
};

struct kafka_reader {
    struct kafka_reader_conf c;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    int efd; /* what librdkafka writes to when messages come */
    struct queue_watch watch;
    struct log_limit say_error;
    char where[512]; /* brokers:topic, for messages */
};

/* Joins; does not wait for a broker. r is zeroed before. -1: e; kafka_reader_close is called all the same. */
int kafka_reader_open(struct kafka_reader *r, const struct kafka_reader_conf *c, struct err *e);

/* ready is called from the loop from now on. librdkafka tells of what is new only: who leaves something says
 * queue_watch_again. */
int kafka_reader_start(struct kafka_reader *r, uv_loop_t *loop, struct err *e);

/* Takes up to n messages that are there, which the caller gives back (rd_kafka_message_destroy). 0: none are,
 * -1: an error. */
ssize_t kafka_reader_take(struct kafka_reader *r, rd_kafka_message_t **m, size_t n);

/* Is it a message? False: the end of a partition, or an error, which is logged. */
bool kafka_reader_is_message(struct kafka_reader *r, const rd_kafka_message_t *m);

/* Leaves the group at once, so that others take over; stored offsets are committed. */
void kafka_reader_stop(struct kafka_reader *r);
void kafka_reader_close(struct kafka_reader *r);

#endif
