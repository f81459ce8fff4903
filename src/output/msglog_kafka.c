/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages to Kafka. A thread hands them to the producer and takes its reports in: written is what brokers
 * have confirmed. msglog.c calls it. */
#include "output/msglog_kafka.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "base/clock.h"
#include "base/cursor.h"
#include "output/kafka_client.h"
#include "output/msglog_queue.h"
#include "output/registry.h"

enum {
    NAME_OCTETS = 4096,
    POLL_MS = 20,
    IDLE_MS = 1000,
    RECORD_MAX = 8 << 20,
    ASK_EACH = 5,        /* turns of 200 ms until the registry is asked again */
    WAITING_MAX = 50000, /* messages without confirmation: half of what librdkafka takes by default */
};

/* The thread's, but for what never changes. */
struct sender {
    struct msglog_queue *queue;
    const struct log *log;
    struct kafka_client *client;
    int partition;
    struct strbuf topic, key;
    int64_t stuck_us; /* since when the producer takes nothing, 0: it does */
    struct log_limit say;
    /* with a schema registry */
    struct registry *registry;
    struct avrolog *avro;
    const char *subject; /* topic as configured */
    uint64_t known;      /* bits: records whose id is known */
    uint32_t id[64];
    struct strbuf record;
};

struct kafka_state {
    struct sender *s;
    const char *topic, *key; /* patterns */
    unsigned rr, turn;
};

/* Topic and key, filled in. */
struct target {
    struct strbuf name, key;
    size_t name_len; /* without the number of topic_rr */
};

/* ---- the thread */

static void on_report(void *arg, enum kafka_fate fate, const char *why, void *opaque)
{
    struct sender *s = arg;
    (void)opaque, (void)why;
    if (fate != KAFKA_DELIVERED)
        msglog_count_lose(msglog_queue_count(s->queue), 1);
    else
        msglog_count_done(msglog_queue_count(s->queue), 1);
}

static const char *text_of(struct strbuf *s, const char *p, size_t n)
{
    strbuf_clear(s);
    strbuf_add(s, p, n);
    return strbuf_cstr(s);
}

/* The producer is full, by messages or by octets: what is queued here waits too, and so do those who can.
 * False: it has been for too long, or the end has come. */
static bool wait_for_room(struct sender *s)
{
    const size_t before = kafka_client_waiting(s->client);
    if (msglog_queue_stopping(s->queue))
        return false;
    kafka_client_poll(s->client, POLL_MS);
    if (!s->stuck_us || kafka_client_waiting(s->client) != before)
        s->stuck_us = clock_mono_us();
    return clock_mono_us() - s->stuck_us < MSGLOG_PATIENCE_US;
}

static enum kafka_taken send_patiently(struct sender *s, const struct kafka_message *m, struct err *e)
{
    enum kafka_taken taken = kafka_client_send(s->client, m, e);
    while (taken == KAFKA_QUEUE_FULL && wait_for_room(s))
        taken = kafka_client_send(s->client, m, e);
    if (taken == KAFKA_TAKEN)
        s->stuck_us = 0;
    return taken;
}

static int ask_registry(struct sender *s, uint32_t record, struct err *e)
{
    char subject[1024];
    struct strbuf schema;
    strbuf_init(&schema, 1 << 20);
    avrolog_schema(s->avro, record, &schema);
    snprintf(subject, sizeof(subject), "%s-%s", s->subject, avrolog_name(record));
    const int rc = registry_id(s->registry, subject, schema.p, schema.len, &s->id[record], e);
    strbuf_free(&schema);
    if (rc == 0)
        s->known |= UINT64_C(1) << record;
    return rc;
}

/* Puts the id of its schema in the place of a record's number. While the registry is away messages wait here
 * and behind this one. False: the end came first. */
static bool name_schema(struct sender *s, struct msglog_item *it)
{
    static const struct timespec pause = { .tv_nsec = 200000000 };
    const uint32_t record = load_be32(it->text + 1);
    struct err e;
    for (unsigned turn = 0; !(s->known >> record & 1); turn++) {
        if (msglog_queue_stopping(s->queue))
            return false;
        if (turn % ASK_EACH == 0 && ask_registry(s, record, &e) == -1 && !msglog_queue_stopping(s->queue))
            log_limited(s->log, &s->say, LOG_LV_ERROR, "%s", e.text);
        if (!(s->known >> record & 1))
            nanosleep(&pause, NULL);
    }
    strbuf_clear(&s->record);
    registry_head(&s->record, s->id[record]);
    strbuf_add(&s->record, it->text + REGISTRY_HEAD, it->text_len - REGISTRY_HEAD);
    it->text = s->record.p;
    return !s->record.failed;
}

static void send_item(void *arg, const struct msglog_item *given)
{
    struct sender *s = arg;
    struct msglog_item item = *given, *it = &item;
    struct err e;
    if (s->registry && !name_schema(s, it)) {
        msglog_count_lose(msglog_queue_count(s->queue), 1);
        return;
    }
    const struct kafka_message m = { .topic = text_of(&s->topic, it->name, it->name_len),
                                     .key = it->key_len ? text_of(&s->key, it->key, it->key_len) : NULL,
                                     .partition = s->partition,
                                     .text = it->text,
                                     .len = it->text_len };
    if (send_patiently(s, &m, &e) == KAFKA_TAKEN)
        return;
    msglog_count_lose(msglog_queue_count(s->queue), 1);
    log_limited(s->log, &s->say, LOG_LV_WARN, "%s", e.text);
}

static int poll_reports(void *arg)
{
    struct sender *s = arg;
    kafka_client_poll(s->client, kafka_client_waiting(s->client) ? POLL_MS : 0);
    return kafka_client_waiting(s->client) ? 0 : IDLE_MS;
}

static bool full(const void *arg)
{
    const struct sender *s = arg;
    return kafka_client_waiting(s->client) > WAITING_MAX;
}

static void end(void *arg, int ms)
{
    struct sender *s = arg;
    unsigned before, left = UINT_MAX;
    do {
        before = left;
        left = kafka_client_flush(s->client, ms);
    } while (left && left < before);
    kafka_client_free(s->client, 0);
    s->client = NULL;
}

static void sender_free(void *arg)
{
    struct sender *s = arg;
    kafka_client_free(s->client, 0);
    strbuf_free(&s->topic);
    strbuf_free(&s->key);
    strbuf_free(&s->record);
    registry_close(s->registry);
    avrolog_free(s->avro);
    free(s);
}

/* ---- the core's side */

static bool kafka_wanted(const struct msglog_conf *c) { return c->kafka.topic != NULL; }

static int open_registry(struct sender *s, const struct msglog_conf *c, struct err *e)
{
    s->subject = c->kafka.topic;
    s->avro = avrolog_new(&c->avro.style);
    strbuf_init(&s->record, RECORD_MAX);
    return s->avro ? registry_open(&s->registry, c->kafka.registry, e) : err_sys(e, "no memory for records");
}

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
                                    .full = full,
                                    .idle = poll_reports,
                                    .end = end,
                                    .free = sender_free,
                                    .arg = s,
                                    .has_room = c->has_room,
                                    .room_arg = c->room_arg };
    if (c->kafka.registry && open_registry(s, c, e) == -1)
        return -1;
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
    return 0;
}

static bool kafka_resolve(void *state, void *target, const struct msglog_topic *topic)
{
    const struct kafka_state *k = state;
    struct target *t = target;
    strbuf_init(&t->name, NAME_OCTETS);
    strbuf_init(&t->key, NAME_OCTETS);
    msglog_expand(&t->name, k->topic, topic, true);
    t->name_len = t->name.len;
    if (k->key)
        msglog_expand(&t->key, k->key, topic, false);
    return true;
}

static void kafka_release(void *state, void *target)
{
    struct target *t = target;
    (void)state;
    strbuf_free(&t->name);
    strbuf_free(&t->key);
}

static bool kafka_write(void *state, void *target, const char *text, size_t len)
{
    struct kafka_state *k = state;
    struct target *t = target;
    if (k->rr) {
        t->name.len = t->name_len;
        strbuf_printf(&t->name, "_%u", k->turn++ % k->rr);
    }
    const struct msglog_item it = { .name = t->name.p,
                                    .key = t->key.p,
                                    .text = text,
                                    .name_len = (uint32_t)t->name.len,
                                    .key_len = (uint32_t)t->key.len,
                                    .text_len = (uint32_t)len };
    return !t->name.failed && !t->key.failed && msglog_queue_put(k->s->queue, &it);
}

static bool kafka_room(void *state)
{
    const struct kafka_state *k = state;
    return msglog_queue_room(k->s->queue);
}

static uint64_t kafka_progress(const void *state)
{
    const struct kafka_state *k = state;
    return msglog_count_progress(msglog_queue_count(k->s->queue));
}

static void kafka_flush(void *state)
{
    const struct kafka_state *k = state;
    msglog_queue_wake(k->s->queue);
}

static uint64_t kafka_lost_later(void *state)
{
    const struct kafka_state *k = state;
    return msglog_count_lost(msglog_queue_count(k->s->queue));
}

static uint64_t kafka_waiting(const void *state)
{
    const struct kafka_state *k = state;
    return msglog_count_waiting(msglog_queue_count(k->s->queue));
}

static void kafka_close(void *state)
{
    const struct kafka_state *k = state;
    msglog_queue_stop(k->s->queue);
}

const struct msglog_sink_ops msglog_kafka = {
    .name = "kafka",
    .state_size = sizeof(struct kafka_state),
    .target_size = sizeof(struct target),
    .wanted = kafka_wanted,
    .open = kafka_open,
    .resolve = kafka_resolve,
    .release = kafka_release,
    .write = kafka_write,
    .room = kafka_room,
    .progress = kafka_progress,
    .flush = kafka_flush,
    .lost_later = kafka_lost_later,
    .waiting = kafka_waiting,
    .close = kafka_close,
};
