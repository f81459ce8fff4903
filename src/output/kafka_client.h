/* SPDX-License-Identifier: BSD-2-Clause */
/* A producer of Kafka messages on librdkafka, which connects, batches and retries on threads of its own.
 * Idempotent and with lz4 unless the file of settings says otherwise. Only WITH_KAFKA; one thread at a time.
 */
#ifndef OUTPUT_KAFKA_CLIENT_H
#define OUTPUT_KAFKA_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "base/log.h"
#include "base/strbuf.h"

struct kafka_client;

enum kafka_fate { KAFKA_DELIVERED, KAFKA_TOO_LARGE, KAFKA_LOST };

struct kafka_client_conf {
    const char *what;         /* before what the log says, such as "pool 3: "; NULL: nothing */
    const char *broker_host;  /* brokers, comma separated, with or without ports */
    int broker_port;          /* of those without */
    const char *config_file;  /* NULL: none; read last, so it overrides everything here */
    int retry_s;              /* the longest pause between two tries to reach a broker; 0: librdkafka's */
    const char *partitioner;  /* NULL: librdkafka's */
    const char *queue_kbytes; /* how much may be under way; NULL: librdkafka's 1 GiB */
    bool purges;              /* messages come many at a time, and stay where they are */
    /* A message was confirmed by the brokers (why NULL), or never will be. Called by kafka_client_poll, _drop
     * and _free. */
    void (*report)(void *arg, enum kafka_fate fate, const char *why, void *opaque);
    void *arg;
    const struct log *log; /* outlives the client, as the strings do */
};

struct kafka_header {
    const char *name, *value;
};

/* One message. topic and key end with a NUL. */
struct kafka_message {
    const char *topic, *key; /* key NULL: none */
    int partition;           /* -1: the partitioner chooses */
    const char *text;
    size_t len;
    bool kept;    /* text and key stay where they are until the report; else they are copied */
    void *opaque; /* for report */
    const struct kafka_header *headers; /* NULL: none */
    size_t n_headers;
};

/* What kafka_client_send says. */
enum kafka_taken { KAFKA_TAKEN, KAFKA_QUEUE_FULL, KAFKA_MESSAGE_TOO_LARGE, KAFKA_REFUSED };

/* Does not wait for a broker. NULL: settings are wrong, e names file, line and fault. */
struct kafka_client *kafka_client_new(const struct kafka_client_conf *c, struct err *e);

/* Where it is not KAFKA_TAKEN, e says why, and report is not called for it. Never waits. Messages that are
 * kept are handed to librdkafka some at a time: those that it does not take are reported. */
enum kafka_taken kafka_client_send(struct kafka_client *k, const struct kafka_message *m, struct err *e);

/* Calls report for what has happened, waits for it up to ms milliseconds. A producer that gave up for good is
 * replaced by a new one; what it held is reported as lost. */
void kafka_client_poll(struct kafka_client *k, int ms);

/* Waits up to ms milliseconds for reports of everything; returns how many messages have none then. */
unsigned kafka_client_flush(struct kafka_client *k, int ms);

/* Gives up everything that has no report, which it gets. What was under way may have arrived. */
void kafka_client_drop(struct kafka_client *k);

/* Messages without a report so far. */
size_t kafka_client_waiting(const struct kafka_client *k);

/* Waits up to ms milliseconds for confirmations, reports the rest as lost. NULL is fine. */
void kafka_client_free(struct kafka_client *k, int ms);

#endif
