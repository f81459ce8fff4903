/* SPDX-License-Identifier: BSD-2-Clause */
/* The message log: one JSON object a line, or a message, as things happen (sFlow counters; BGP, BMP and
 * telemetry events): into files, to RabbitMQ, to Kafka, or several of them. It belongs to one event loop, so
 * nothing here waits: what a sink cannot take at once is kept for a moment, then dropped and counted. Who
 * reads from TCP need not lose anything: it stops reading while msglog_room says no. */
#ifndef OUTPUT_MSGLOG_H
#define OUTPUT_MSGLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/err.h"
#include "base/files.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "config/config.h"
#include "core/figures.h"
#include "output/avrolog.h"

/* What a name (file, topic, routing key, message key) may refer to. Addresses: NULL where there is none. */
struct msglog_topic {
    const struct addr *peer_src_ip; /* $peer_src_ip; in file names the characters . : / become _ */
    uint16_t peer_src_port;         /* $peer_tcp_port, $peer_src_udp_port; 0: none */
    const struct addr *bmp_router;  /* $bmp_router */
    uint16_t bmp_router_port;       /* $bmp_router_port */
    uint32_t peer_as;               /* $peer_as */
};

/* The keys of one stream; strings are the configuration's and outlive the log. */
struct msglog_conf {
    const char *name; /* of the stream, for messages: "sfacctd_counter" */
    /* Called in a thread of the log's when there is room again after msglog_room has said no: wakes the loop
     * (uv_async_send). NULL: nobody asks for room. */
    void (*has_room)(void *arg);
    void *room_arg;
    struct {
        const char *path;        /* *_file, NULL: none; strftime conversions and $ variables */
        bool utc;                /* conversions in UTC */
        bool empty;              /* a file is emptied when it is first opened; again after msglog_set_time */
        unsigned max_open;       /* files kept open at a time; 0: 256 */
        struct file_modes modes; /* of files and directories that are made */
    } file;
    struct amqp_keys amqp;
    struct kafka_keys kafka;
    struct msglog_avro {
        int output; /* of the *_output key: enum msglog_output */
        bool bmp, dumps;
        struct avrolog_style style;
        const char *schema_file; /* gets the schemas of the stream's records as a JSON array; NULL: none */
    } avro;
};

/* AVRO: brokers get binary records, files their JSON encoding. */
enum msglog_output { MSGLOG_JSON, MSGLOG_AVRO, MSGLOG_AVRO_JSON };

/* The part `avro` of a stream: what keys say of its records. tags: a tag map is there. */
struct msglog_avro msglog_avro_of(const struct config *c, int output, const char *schema_file, bool bmp,
                                  bool dumps, bool tags);

/* Lost and written, for the ledger. */
struct msglog_counts {
    uint64_t
        written; /* messages that a sink has taken; where there are confirmations, those that are confirmed */
    uint64_t lost; /* messages dropped: a sink refused, or was away for too long */
};

struct msglog_sink_ops;
struct msglog;

/* One kind of place that messages go to, a row of the table of msglog.c: msglog_file.c, _amqp.c, _kafka.c. */
struct msglog_sink_ops {
    const char *name;   /* "file", "amqp", "kafka" */
    const char *absent; /* the library that this build lacks for it; NULL: none */
    size_t state_size;
    /* Does the configuration ask for it? */
    bool (*wanted)(const struct msglog_conf *c);
    size_t target_size;
    /* state: zeroed. Must not wait for a server: what is away now is tried again in tick. -1: the
     * configuration is wrong, e says how. */
    int (*open)(void *state, const struct msglog_conf *c, const struct log *l, struct err *e);
    /* Fills the names of a topic into *target (target_size octets, zeroed); the topic lives as long. */
    bool (*resolve)(void *state, void *target, const struct msglog_topic *t);
    void (*release)(void *state, void *target); /* also after resolve has failed */
    /* Takes a copy of the text, or says false: the message is lost and counted. Must not wait. */
    bool (*write)(void *state, void *target, const char *text, size_t len);
    /* The two halves of write for who makes the text in the sink's own memory. May be NULL */
    char *(*reserve)(void *state, void *target, size_t len);
    void (*commit)(void *state, size_t len);
    /* See msglog_room; and a number that changes while messages go out. */
    bool (*room)(void *state);
    uint64_t (*progress)(const void *state);
    void (*set_time)(void *state, int64_t wall_us);              /* msglog_set_time. May be NULL */
    void (*finish)(void *state, void *target, const char *link); /* msglog_finish. May be NULL */
    void (*flush)(void *state);                                  /* end of a batch of writes. May be NULL */
    void (*tick)(void *state, int64_t mono_us);                  /* each second or so. May be NULL */
    void (*reopen)(void *state);                                 /* SIGHUP. May be NULL */
    /* What was taken and is lost after all since the last call. May be NULL */
    uint64_t (*lost_later)(void *state);
    uint64_t (*waiting)(const void *state); /* what was taken and is not confirmed so far. May be NULL */
    void (*close)(void *state);             /* waits two seconds at most for what is on its way */
};

/* NULL with e set if a name is wrong or a file cannot be opened; a stream that asks for no sink is a log that
 * writes nowhere (msglog_wanted says so). `l` has to outlive it. Free with msglog_close. */
struct msglog *msglog_open(const struct msglog_conf *c, const struct log *l, struct err *e);

/* Is there any sink? */
bool msglog_wanted(const struct msglog_conf *c);

/* One message: text without a newline at its end. False: a sink did not take it, or there is none. */
bool msglog_write(struct msglog *m, const struct msglog_topic *t, const char *text, size_t len);

/* The same for who writes more than one message of a topic: names are filled in once, and when the time that
 * stands in them has changed. The target copies the topic; NULL: no memory. It is freed before the log is
 * closed. */
struct msglog_target;
struct msglog_target *msglog_target_new(struct msglog *m, const struct msglog_topic *t);
void msglog_target_free(struct msglog *m, struct msglog_target *t); /* NULL is fine */
bool msglog_put(struct msglog *m, struct msglog_target *t, const char *text, size_t len);

/* Room for a message of at most len octets where it goes out from, so that it need not be copied: write it
 * there and tell msglog_commit how long it is, or forget about it. NULL: not with these sinks, or no room
 * now: msglog_put says which. */
char *msglog_reserve(struct msglog *m, struct msglog_target *t, size_t len);
void msglog_commit(struct msglog *m, size_t len);

/* False: no sink should be given more than a few thousand messages until there is room again (conf.has_room,
 * or ask again). A sink that has not got rid of anything for MSGLOG_PATIENCE_US holds up nobody any longer:
 * what it does not take is lost and counted. */
bool msglog_room(struct msglog *m);
#define MSGLOG_PATIENCE_US 30000000

/* For dumps: names get this time (0: that of the clock), and all files begin anew (conf.file.empty). */
void msglog_set_time(struct msglog *m, int64_t wall_us);

/* The file of this target, if there is one, is complete: it is written out, closed, and `link` (a pattern
 * like the file's; NULL: none) made to point to it. More may follow. */
void msglog_finish(struct msglog *m, struct msglog_target *t, const char *link);

/* Fills the variables of a name in; `file`: addresses without characters that file names should not have. */
void msglog_expand(struct strbuf *out, const char *pattern, const struct msglog_topic *t, bool file);

/* A name that holds a variable that there is not: -1, and e says which. */
int msglog_check_name(const char *pattern, struct err *e);

/* What can be wrong with the keys of a stream, each named by the end of its key ("_kafka_topic"): a variable
 * that there is not, or a library that this build lacks. -1: *key is that end, e says what. */
int msglog_check(const struct msglog_conf *c, const char **key, struct err *e);

/* After a batch of messages: hands over what was gathered. */
void msglog_flush(struct msglog *m);

void msglog_tick(struct msglog *m, int64_t mono_us);
void msglog_reopen(struct msglog *m); /* SIGHUP */

/* One NOTICE a sink: "stats [<where>] <name> sink=file written=N lost=N"; where messages are confirmed,
 * written are those, and " waiting=N" tells of the others. */
void msglog_stats(struct msglog *m, const char *where);
/* The same as figures. */
void msglog_figures(struct msglog *m, struct figures *f);
/* As it stood at the last msglog_tick or msglog_stats. */
struct msglog_counts msglog_counts(const struct msglog *m);
void msglog_close(struct msglog *m); /* NULL is fine */

#endif
