/* SPDX-License-Identifier: BSD-2-Clause */
/* Batches as messages: what the sinks of brokers have in common. Rows are parted by destination and key,
 * encoded (body.h), handed to a carrier, and marked as done when the broker has confirmed the message that
 * they are in. A carrier is what knows Kafka or AMQP. sink_kafka.c and sink_amqp.c call it, on the writer's
 * thread. */
#ifndef OUTPUT_MESSAGES_H
#define OUTPUT_MESSAGES_H

#include "output/body.h"

/* The strings stay where they are until the message is reported. */
struct message {
    const char *name; /* topic or routing key */
    const char *key;  /* of the message, NULL: none */
    const char *content_type;
    const char *text;
    size_t len;
    uint64_t id; /* for messages_report */
};

enum sent {
    SENT,
    SENT_NO_ROOM,   /* again after wait() */
    SENT_TOO_LARGE, /* no broker will take it */
    SENT_REFUSED,   /* e says why; others may pass */
    SENT_DOWN,      /* e says why; there is no connection */
};

enum fate { FATE_CONFIRMED, FATE_TOO_LARGE, FATE_FAILED };

struct carrier_ops {
    /* Takes one message. SENT: messages_report will be called for it. */
    enum sent (*send)(void *carrier, const struct message *m, struct err *e);
    /* Calls messages_report for what is known, waits up to ms milliseconds for the first of it. -1: the
     * connection is gone; everything was reported. */
    int (*wait)(void *carrier, int ms, struct err *e);
    /* Nothing more comes for the time being: sends what waits for company, and waits up to ms milliseconds
     * for its reports. NULL: nothing does. */
    void (*flush)(void *carrier, int ms);
    /* Gives up all that is under way, and reports it. */
    void (*forget)(void *carrier);
    /* Goes on by itself when the broker is away: what is under way need not be given up between two tries. */
    bool persists;
};

struct messages_conf {
    const struct carrier_ops *ops;
    void *carrier;
    const char *name, *key;  /* templates; key NULL: none */
    int rr;                  /* names in turn: name_0 ... name_<rr-1>; 0: just the name */
    const char *schema_name; /* where the schema goes from time to time; NULL: nowhere */
    int schema_s;            /* how often, seconds */
    const char *registry;    /* for the body, may be NULL */
};

struct messages; /* opaque */

/* The rules that kafka and amqp share, for plugin_ops.check; type is the plugin's and the prefix of the keys.
 */
int messages_check(const struct config_set *set, const struct plugin_conf *pc, const char *type,
                   struct err *e);

int messages_open(struct messages **out, struct plugin *pl, const struct messages_conf *c, struct err *e);
/* sink_ops.write: 0 when every message of the batch is confirmed. */
int messages_write(struct messages *m, struct batch *b, struct err *e);
bool messages_want_empty(const struct messages *m);
/* The carrier says what became of a message; why: of FATE_FAILED. */
void messages_report(struct messages *m, uint64_t id, enum fate fate, const char *why);
void messages_log_stats(const struct messages *m, const struct plugin *pl);
void messages_figures(const struct messages *m, struct figures *f);
void messages_close(struct messages *m);

#endif
