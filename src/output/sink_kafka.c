/* SPDX-License-Identifier: BSD-2-Clause */
/* The carrier of messages to Kafka. One producer lives as long as the plugin; what is under way when the
 * brokers go stays in it, so that each message arrives once. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "output/sink_kafka.h"

#include <stdlib.h>
#include <string.h>
#include "output/kafka_client.h"
#include "output/kafka_conf.h"
#include "output/messages.h"

/* What five requests under way need: more would only be memory that is touched. */
#define QUEUE_KBYTES "5120"

enum { HEADERS_MAX = 16 };

struct sink_kafka {
    struct kafka_client *client;
    struct messages *messages;
    int partition;
    char *headers; /* kafka_headers, cut into words */
    struct kafka_header header[HEADERS_MAX];
    unsigned n_headers;
    char batch[2 * BATCH_ID + 1]; /* value of $batch */
};

/* ---- headers */

/* Cuts `name=value, name=value` into headers. */
static int read_headers(struct sink_kafka *s, struct err *e)
{
    char *at = NULL;
    for (char *word = strtok_r(s->headers, ",", &at); word; word = strtok_r(NULL, ",", &at)) {
        word += strspn(word, " ");
        char *value = strchr(word, '=');
        if (!value || value == word)
            return err_set(e, ERR_CONFIG, "'%s': name=value is expected", word);
        if (s->n_headers == HEADERS_MAX)
            return err_set(e, ERR_LIMIT, "more than %d headers", HEADERS_MAX);
        *value++ = '\0';
        if (*value == '$' && strcmp(value, "$batch") != 0)
            return err_set(e, ERR_CONFIG, "there is no variable %s here: $batch is", value);
        s->header[s->n_headers++] =
            (struct kafka_header){ .name = word, .value = *value == '$' ? s->batch : value };
    }
    return 0;
}

static int open_headers(struct sink_kafka *s, const char *text, struct err *e)
{
    if (!text)
        return 0;
    s->headers = strdup(text);
    return s->headers ? read_headers(s, e) : err_set(e, ERR_SYS, "out of memory");
}

static void name_batch(struct sink_kafka *s, const struct batch *b)
{
    static const char digits[] = "0123456789abcdef";
    for (unsigned i = 0; i < BATCH_ID; i++) {
        s->batch[2 * i] = digits[b->id[i] >> 4];
        s->batch[2 * i + 1] = digits[b->id[i] & 15];
    }
}

/* ---- the carrier */

static enum sent kafka_send(void *carrier, const struct message *m, struct err *e)
{
    static const enum sent means[] = { [KAFKA_TAKEN] = SENT,
                                       [KAFKA_QUEUE_FULL] = SENT_NO_ROOM,
                                       [KAFKA_MESSAGE_TOO_LARGE] = SENT_TOO_LARGE,
                                       [KAFKA_REFUSED] = SENT_REFUSED };
    struct sink_kafka *s = carrier;
    const struct kafka_message k = { .topic = m->name,
                                     .key = m->key,
                                     .partition = s->partition,
                                     .text = m->text,
                                     .len = m->len,
                                     .kept = true,
                                     .headers = s->header,
                                     .n_headers = s->n_headers,
                                     .opaque = (void *)(uintptr_t)m->id };
    return means[kafka_client_send(s->client, &k, e)];
}

static void on_report(void *arg, enum kafka_fate fate, const char *why, void *opaque)
{
    static const enum fate means[] = {
        [KAFKA_DELIVERED] = FATE_CONFIRMED, [KAFKA_TOO_LARGE] = FATE_TOO_LARGE, [KAFKA_LOST] = FATE_FAILED
    };
    const struct sink_kafka *s = arg;
    messages_report(s->messages, (uint64_t)(uintptr_t)opaque, means[fate], why);
}

static int kafka_wait(void *carrier, int ms, struct err *e)
{
    const struct sink_kafka *s = carrier;
    (void)e;
    kafka_client_poll(s->client, ms);
    return 0;
}

static void kafka_flush(void *carrier, int ms)
{
    const struct sink_kafka *s = carrier;
    (void)kafka_client_flush(s->client, ms);
}

static void kafka_forget(void *carrier)
{
    const struct sink_kafka *s = carrier;
    kafka_client_drop(s->client);
}

static const struct carrier_ops carrier = {
    .send = kafka_send, .wait = kafka_wait, .flush = kafka_flush, .forget = kafka_forget, .persists = true
};

/* ---- the sink */

static void sink_kafka_close(void *state)
{
    struct sink_kafka *s = state;
    messages_close(s->messages);
    kafka_client_free(s->client, 0);
    free(s->headers);
}

static int open_client(struct sink_kafka *s, const struct plugin *pl, struct err *e)
{
    const struct config *c = pl->c;
    const struct kafka_client_conf conf = { .broker_host = c->kafka.broker_host,
                                            .broker_port = c->kafka.broker_port,
                                            .config_file = c->kafka.config_file,
                                            .partitioner =
                                                c->kafka_partition_dynamic ? "consistent_random" : NULL,
                                            .queue_kbytes = QUEUE_KBYTES,
                                            .purges = true,
                                            .report = on_report,
                                            .arg = s,
                                            .log = &pl->log };
    s->client = kafka_client_new(&conf, e);
    return s->client ? 0 : -1;
}

static int sink_kafka_open(void *state, struct plugin *pl, struct err *e)
{
    struct sink_kafka *s = state;
    const struct kafka_keys *k = &pl->c->kafka;
    const struct messages_conf conf = { .ops = &carrier,
                                        .carrier = s,
                                        .name = k->topic,
                                        .key = k->partition_key,
                                        .rr = k->topic_rr,
                                        .registry = k->registry };
    s->partition = k->partition;
    if (open_headers(s, pl->c->kafka_headers, e) == 0 && open_client(s, pl, e) == 0 &&
        messages_open(&s->messages, pl, &conf, e) == 0)
        return 0;
    kafka_client_free(s->client, 0);
    free(s->headers);
    return -1;
}

static int sink_kafka_write(void *state, struct plugin *pl, struct batch *b, struct err *e)
{
    struct sink_kafka *s = state;
    (void)pl;
    name_batch(s, b);
    return messages_write(s->messages, b, e);
}

static bool sink_kafka_wants_empty(const void *state, const struct plugin *pl)
{
    const struct sink_kafka *s = state;
    (void)pl;
    return messages_want_empty(s->messages);
}

static void sink_kafka_stats(const void *state, const struct plugin *pl)
{
    const struct sink_kafka *s = state;
    messages_log_stats(s->messages, pl);
}

static void sink_kafka_figures(const void *state, struct figures *f)
{
    const struct sink_kafka *s = state;
    messages_figures(s->messages, f);
}

const struct sink_ops sink_kafka = {
    .name = "kafka",
    .state_size = sizeof(struct sink_kafka),
    .open = sink_kafka_open,
    .write = sink_kafka_write,
    .close = sink_kafka_close,
    .spools = true,
    .retry_max_s = 4, /* librdkafka tries all the time: this is only to hear what has become of it */
    .wants_empty = sink_kafka_wants_empty,
    .stats = sink_kafka_stats,
    .figures = sink_kafka_figures,
};

/* ---- before anything starts */

/* Kafka's rule for names of topics; $ and % begin what is filled in. */
static int check_topic(const char *topic, struct err *e)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    for (const char *p = topic; *p; p++)
        if (!strchr(allowed, *p) && *p != '$' && *p != '%')
            return err_set(e, ERR_CONFIG, "'%s' is no name of a topic: letters, digits, '.', '_' and '-' are",
                           topic);
    return 0;
}

static int check_partition(const struct config *c, const char **key, struct err *e)
{
    *key = "kafka_partition_dynamic";
    if (c->kafka_partition_dynamic && !c->kafka.partition_key)
        return err_set(e, ERR_CONFIG, "set kafka_partition_key to what the partition is to be chosen by");
    if (c->kafka_partition_dynamic && c->kafka.partition != -1)
        return err_set(e, ERR_CONFIG, "kafka_partition names a fixed one: use one of them");
    return 0;
}

static int check_headers(const char *text, const char **key, struct err *e)
{
    struct sink_kafka s = { 0 };
    *key = "kafka_headers";
    const int rc = open_headers(&s, text, e);
    free(s.headers);
    return rc;
}

static int check_file(const char *path, struct err *e)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const int rc = kafka_conf_read(conf, path, e);
    rd_kafka_conf_destroy(conf);
    return rc;
}

int sink_kafka_check(const struct config_set *set, const struct plugin_conf *pc, struct err *e)
{
    const struct config *c = &pc->c;
    const char *key = "kafka_topic";
    struct err why;
    char at[256];
    if (messages_check(set, pc, "kafka", e) == -1)
        return -1;
    if (c->kafka.config_file && check_file(c->kafka.config_file, e) == -1)
        return -1;
    if (check_topic(c->kafka.topic, &why) == 0 && check_partition(c, &key, &why) == 0 &&
        check_headers(c->kafka_headers, &key, &why) == 0)
        return 0;
    return err_set(e, ERR_CONFIG, "%s: %s: %s", config_where(set, key, pc->name, at, sizeof(at)), key,
                   why.text);
}
