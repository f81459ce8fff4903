/* SPDX-License-Identifier: BSD-2-Clause */
/* How rows become the bodies of messages: a struct body_ops for each word of kafka_output and amqp_output.
 * The sinks of brokers use one through messages.c; all calls but check and open come from the writer's
 * thread. */
#ifndef OUTPUT_BODY_H
#define OUTPUT_BODY_H

#include "base/strbuf.h"
#include "output/purge.h"

/* What bodies are made for; the strings outlive them. */
struct body_conf {
    const struct plugin *pl;
    const char *destination; /* topic or routing key as configured: variables are not filled in */
    const char *registry;    /* URL of the schema registry, NULL: none */
};

/* A message takes so many rows and octets, whichever is reached first, but always one row. */
struct body_limits {
    uint64_t rows;
    size_t octets;
};

/* Around the messages of a purge (*_markers). */
enum body_marker { BODY_INIT, BODY_CLOSE };

struct body_totals {
    uint64_t purged, total; /* rows: confirmed by the broker; of the purge */
    int64_t seconds;
};

struct body_ops {
    const char *name;         /* for messages of the log */
    const char *content_type; /* of AMQP messages */
    size_t state_size;        /* zeroed; the caller's */

    /* In the main process before anything starts: the rules over several keys. May be NULL. */
    int (*check)(const struct config_set *set, const struct plugin_conf *pc, struct err *e);
    /* In the plugin's process, on its event loop's thread. -1: e; close is not called. */
    int (*open)(void *state, const struct body_conf *c, struct err *e);
    void (*limits)(const void *state, struct body_limits *l);
    /* A batch begins (or goes on after a failure); writer_id lives as long as the batch is written. -1: rows
     * cannot be encoded now (a schema registry is away): the batch waits and is tried again. */
    int (*begin)(void *state, const struct batch *b, const char *writer_id, struct err *e);
    /* All below append to out. What a message with rows starts with; may be NULL. */
    void (*head)(void *state, struct strbuf *out);
    void (*row)(void *state, const struct row *r, struct strbuf *out);
    /* The message with so many rows is complete; out holds just it. May be NULL. */
    void (*end)(void *state, uint64_t rows, struct strbuf *out);
    /* A message of its own. */
    void (*marker)(void *state, enum body_marker what, const struct body_totals *t, struct strbuf *out);
    /* Text of the schema, for amqp_avro_schema_routing_key; may be NULL. */
    const char *(*schema)(const void *state);
    void (*close)(void *state);
};

/* The ops for a value of broker_output (BODY_*); NULL: not in this build. */
const struct body_ops *body_ops_of(int kind);

extern const struct body_ops body_json, body_avro, body_avro_json, body_proto;

/* The object of a marker, without a newline: JSON, and Avro's JSON encoding. */
void body_json_marker(struct strbuf *out, enum body_marker what, const struct body_totals *t,
                      const char *writer_id);

#endif
