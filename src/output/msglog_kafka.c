/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages to Kafka. A thread hands them to the producer and takes its reports in: written is what brokers
 * have confirmed. msglog.c calls it. */
#include "output/msglog_kafka.h"

#include <stdlib.h>
#include "output/kafka_client.h"
#include "output/msglog_queue.h"

enum { NAME_OCTETS = 4096, POLL_MS = 20, IDLE_MS = 1000 };

/* The thread's, but for what never changes. */
struct sender {
    struct msglog_queue *queue;
    const struct log *log;
    struct kafka_client *client;
    int partition;
    struct strbuf topic, key;
    struct log_limit say;
};

struct kafka_state {
    struct sender *s;
    const char *topic, *key; /* patterns */
    unsigned rr, turn;
    struct strbuf name, key_text;
};

/* ---- the thread */

static void on_report(void *arg, const char *why, void *opaque)
{
    struct sender *s = arg;
    (void)opaque;
    if (why)
        msglog_queue_lose(s->queue, 1);
    else
        msglog_queue_done(s->queue, 1);
}

static const char *text_of(struct strbuf *s, const char *p, size_t n)
{
    strbuf_clear(s);
    strbuf_add(s, p, n);
    return strbuf_cstr(s);
}

static void send_item(void *arg, const struct msglog_item *it)
{
    struct sender *s = arg;
    struct err e;
    const struct kafka_message m = { .topic = text_of(&s->topic, it->name, it->name_len),
                                     .key = it->key_len ? text_of(&s->key, it->key, it->key_len) : NULL,
                                     .partition = s->partition,
                                     .text = it->text,
                                     .len = it->text_len };
    if (kafka_client_send(s->client, &m, &e) == 0)
        return;
    msglog_queue_lose(s->queue, 1);
    log_limited(s->log, &s->say, LOG_LV_WARN, "%s", e.text);
}

static int poll_reports(void *arg)
{
    struct sender *s = arg;
    kafka_client_poll(s->client, kafka_client_waiting(s->client) ? POLL_MS : 0);
    return kafka_client_waiting(s->client) ? 0 : IDLE_MS;
}

static void end(void *arg, int ms)
{
    struct sender *s = arg;
    kafka_client_free(s->client, ms);
    s->client = NULL;
}

static void sender_free(void *arg)
{
    struct sender *s = arg;
    kafka_client_free(s->client, 0);
    strbuf_free(&s->topic);
    strbuf_free(&s->key);
    free(s);
}

/* ---- the core's side */

static bool kafka_wanted(const struct msglog_conf *c) { return c->kafka.topic != NULL; }

static int sender_start(struct sender *s, const struct msglog_conf *c, struct err *e)
{
    const struct kafka_client_conf conf = { .broker_host = c->kafka.broker_host,
                                            .broker_port = c->kafka.broker_port,
                                            .config_file = c->kafka.config_file,
                                            .retry_s = c->kafka.retry_s,
                                            .report = on_report,
                                            .arg = s,
                                            .log = s->log };
    const struct msglog_job job = { .what = c->kafka.topic,
                                    .item = send_item,
                                    .idle = poll_reports,
                                    .end = end,
                                    .free = sender_free,
                                    .arg = s };
    s->client = kafka_client_new(&conf, e);
    if (s->client)
        s->queue = msglog_queue_start(&job, s->log, e);
    return s->queue ? 0 : -1;
}

static int kafka_open(void *state, const struct msglog_conf *c, const struct log *l, struct err *e)
{
    struct kafka_state *k = state;
    struct sender *s = calloc(1, sizeof(*s));
    if (!s)
        return err_sys(e, "no memory for Kafka");
    s->log = l;
    s->partition = c->kafka.partition;
    strbuf_init(&s->topic, NAME_OCTETS);
    strbuf_init(&s->key, NAME_OCTETS);
    if (sender_start(s, c, e) == -1) {
        sender_free(s);
        return -1;
    }
    *k = (struct kafka_state){
        .s = s, .topic = c->kafka.topic, .key = c->kafka.partition_key, .rr = (unsigned)c->kafka.topic_rr
    };
    strbuf_init(&k->name, NAME_OCTETS);
    strbuf_init(&k->key_text, NAME_OCTETS);
    return 0;
}

static bool kafka_write(void *state, const struct msglog_topic *t, const char *text, size_t len)
{
    struct kafka_state *k = state;
    strbuf_clear(&k->name);
    strbuf_clear(&k->key_text);
    msglog_expand(&k->name, k->topic, t, true);
    if (k->rr)
        strbuf_printf(&k->name, "_%u", k->turn++ % k->rr);
    if (k->key)
        msglog_expand(&k->key_text, k->key, t, false);
    const struct msglog_item it = { .name = k->name.p,
                                    .key = k->key_text.p,
                                    .text = text,
                                    .name_len = (uint32_t)k->name.len,
                                    .key_len = (uint32_t)k->key_text.len,
                                    .text_len = (uint32_t)len };
    return !k->name.failed && !k->key_text.failed && msglog_queue_put(k->s->queue, &it);
}

static void kafka_flush(void *state)
{
    const struct kafka_state *k = state;
    msglog_queue_wake(k->s->queue);
}

static uint64_t kafka_lost_later(void *state)
{
    const struct kafka_state *k = state;
    return msglog_queue_lost(k->s->queue);
}

static uint64_t kafka_waiting(const void *state)
{
    const struct kafka_state *k = state;
    return msglog_queue_waiting(k->s->queue);
}

static void kafka_close(void *state)
{
    struct kafka_state *k = state;
    strbuf_free(&k->name);
    strbuf_free(&k->key_text);
    msglog_queue_stop(k->s->queue);
}

const struct msglog_sink_ops msglog_kafka = {
    .name = "kafka",
    .state_size = sizeof(struct kafka_state),
    .wanted = kafka_wanted,
    .open = kafka_open,
    .write = kafka_write,
    .flush = kafka_flush,
    .lost_later = kafka_lost_later,
    .waiting = kafka_waiting,
    .close = kafka_close,
};
