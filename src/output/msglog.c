/* SPDX-License-Identifier: BSD-2-Clause */
/* The message log: hands each message to the sinks that the configuration asks for, and counts. The core
 * calls it, from one thread. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "output/msglog.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/cursor.h"
#include "base/hash.h"
#include "output/avro_file.h"
#include "output/msglog_amqp.h"
#include "output/msglog_file.h"
#include "output/msglog_kafka.h"
#include "output/registry.h"

#ifndef WITH_RABBITMQ
static bool amqp_wanted(const struct msglog_conf *c) { return c->amqp.routing_key != NULL; }
const struct msglog_sink_ops msglog_amqp = { .name = "amqp", .absent = "librabbitmq", .wanted = amqp_wanted };
#endif
#ifndef WITH_KAFKA
static bool kafka_wanted(const struct msglog_conf *c) { return c->kafka.topic != NULL; }
const struct msglog_sink_ops msglog_kafka = { .name = "kafka",
                                              .absent = "librdkafka",
                                              .wanted = kafka_wanted };
#endif

static const struct msglog_sink_ops *const all[] = { &msglog_file, &msglog_amqp, &msglog_kafka };
enum { N_ALL = sizeof(all) / sizeof(all[0]) };

enum { REMEMBERED = 256, RECORD_MAX = 4 << 20 };

struct sink {
    const struct msglog_sink_ops *ops;
    void *state;
    struct msglog_counts counts;
    uint64_t progress; /* when it had no room */
    int64_t stuck_us;  /* since when it has made none; 0: it had room */
    struct log_limit say_lost;
};

struct msglog_target {
    struct msglog_topic topic; /* addresses lead to those below */
    struct addr peer, router;
    void *own[N_ALL]; /* of each sink */
};

struct msglog {
    const char *name;
    const struct log *log;
    bool utc;
    int64_t fixed_us; /* msglog_set_time */
    struct sink sink[N_ALL];
    unsigned n;
    enum msglog_output output;
    struct avrolog *avro; /* NULL: JSON */
    bool heads;           /* records for Kafka begin with their number, for the schema's id */
    struct strbuf binary, json;
    uint64_t no_record; /* messages that are none of the records */
    struct log_limit say_no_record;
    struct msglog_target *remembered[REMEMBERED]; /* of msglog_write, by their hash */
};

/* ---- names */

enum var { VAR_PEER_IP, VAR_PEER_PORT, VAR_BMP_IP, VAR_BMP_PORT, VAR_PEER_AS };

/* Longer words first: the first one that fits is taken. */
static const struct {
    const char *word;
    enum var var;
} vars[] = {
    { "$peer_src_udp_port", VAR_PEER_PORT }, { "$peer_tcp_port", VAR_PEER_PORT },
    { "$peer_src_ip", VAR_PEER_IP },         { "$telemetry_node_port", VAR_PEER_PORT },
    { "$telemetry_node", VAR_PEER_IP },      { "$bmp_router_port", VAR_BMP_PORT },
    { "$bmp_router", VAR_BMP_IP },           { "$peer_as", VAR_PEER_AS },
};
enum { N_VARS = sizeof(vars) / sizeof(vars[0]) };

static unsigned find_var(const char *text)
{
    unsigned i = 0;
    while (i < N_VARS && strncmp(text, vars[i].word, strlen(vars[i].word)))
        i++;
    return i;
}

static void add_addr(struct strbuf *out, const struct addr *a, bool file)
{
    char text[ADDR_TEXT];
    const size_t n = a ? addr_text(a, text) : 0;
    for (size_t i = 0; i < n; i++)
        if (file && strchr(".:/ ", text[i]))
            text[i] = '_';
    strbuf_add(out, n ? text : "null", n ? n : 4);
}

static void add_var(struct strbuf *out, enum var v, const struct msglog_topic *t, bool file)
{
    switch (v) {
    case VAR_PEER_IP:
        add_addr(out, t->peer_src_ip, file);
        return;
    case VAR_BMP_IP:
        add_addr(out, t->bmp_router, file);
        return;
    case VAR_PEER_PORT:
        strbuf_u64(out, t->peer_src_port);
        return;
    case VAR_BMP_PORT:
        strbuf_u64(out, t->bmp_router_port);
        return;
    case VAR_PEER_AS:
        strbuf_u64(out, t->peer_as);
        return;
    }
}

void msglog_expand(struct strbuf *out, const char *pattern, const struct msglog_topic *t, bool file)
{
    while (*pattern) {
        const unsigned i = find_var(pattern);
        if (i < N_VARS) {
            add_var(out, vars[i].var, t, file);
            pattern += strlen(vars[i].word);
            continue;
        }
        const size_t plain = 1 + strcspn(pattern + 1, "$");
        strbuf_add(out, pattern, plain);
        pattern += plain;
    }
}

int msglog_check_name(const char *pattern, struct err *e)
{
    for (const char *p = strchr(pattern, '$'); p; p = strchr(p + 1, '$')) {
        if (find_var(p) < N_VARS || !isalpha((unsigned char)p[1]))
            continue;
        size_t n = 1;
        while (isalnum((unsigned char)p[n]) || p[n] == '_')
            n++;
        return err_set(e, ERR_CONFIG, "'%s': there is no variable %.*s here; $peer_src_ip is one", pattern,
                       (int)n, p);
    }
    return 0;
}

static int check_registry(const struct msglog_conf *c, const char **key, struct err *e)
{
    *key = "_kafka_avro_schema_registry";
    if (!registry_built())
        return err_set(e, ERR_UNSUPPORTED, "this build has no libcurl");
    if (c->avro.output != MSGLOG_AVRO)
        return err_set(e, ERR_CONFIG, "a registry knows records of %s_output: avro", c->name);
    if (c->kafka.topic && strchr(c->kafka.topic, '$'))
        return err_set(e, ERR_CONFIG,
                       "the subject is named by the topic: not with variables in %s_kafka_topic", c->name);
    return 0;
}

int msglog_check(const struct msglog_conf *c, const char **key, struct err *e)
{
    const struct {
        const char *key, *text;
        const struct msglog_sink_ops *sink;
    } names[] = {
        { "_file", c->file.path, &msglog_file },
        { "_amqp_routing_key", c->amqp.routing_key, &msglog_amqp },
        { "_kafka_topic", c->kafka.topic, &msglog_kafka },
        { "_kafka_partition_key", c->kafka.partition_key, &msglog_kafka },
    };
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        *key = names[i].key;
        if (names[i].text && names[i].sink->absent)
            return err_set(e, ERR_UNSUPPORTED, "this build has no %s", names[i].sink->absent);
        if (names[i].text && msglog_check_name(names[i].text, e) == -1)
            return -1;
    }
    return c->kafka.registry ? check_registry(c, key, e) : 0;
}

/* ---- the log */

bool msglog_wanted(const struct msglog_conf *c)
{
    for (unsigned i = 0; i < N_ALL; i++)
        if (all[i]->wanted(c))
            return true;
    return false;
}

static int open_sink(struct msglog *m, const struct msglog_sink_ops *ops, const struct msglog_conf *c,
                     struct err *e)
{
    struct sink *s = &m->sink[m->n];
    if (ops->absent)
        return err_set(e, ERR_UNSUPPORTED, "this build has no %s", ops->absent);
    *s = (struct sink){ .ops = ops, .state = calloc(1, ops->state_size) };
    if (!s->state)
        return err_sys(e, "no memory for a message log");
    if (ops->open(s->state, c, m->log, e) == -1) {
        free(s->state);
        return -1;
    }
    m->n++;
    return 0;
}

struct msglog_avro msglog_avro_of(const struct config *c, int output, const char *schema_file, bool bmp,
                                  bool dumps, bool tags)
{
    return (struct msglog_avro){ .output = output,
                                 .bmp = bmp,
                                 .dumps = dumps,
                                 .schema_file = schema_file,
                                 .style = { .tags = tags,
                                            .label_as_map = c->pre_tag_label_encode_as_map,
                                            .comms_as_array = c->bgp_comms_encode_as_array,
                                            .as_path_as_array = c->as_path_encode_as_array,
                                            .origin_as_int = c->bgp_origin_as_int,
                                            .roa = c->routing.roas_file || c->routing.rtr_cache } };
}

/* The schemas of the records that this stream may have: an array, which Avro reads as a union. */
static int save_schemas(const struct msglog *m, const struct msglog_conf *c, struct err *e)
{
    struct strbuf s;
    bool first = true;
    strbuf_init(&s, AVRO_SCHEMA_MAX);
    for (unsigned r = 0; avrolog_name(r); r++) {
        if (avrolog_of_bmp(r) != c->avro.bmp || !(c->avro.dumps ? avrolog_of_dumps(r) : avrolog_of_logs(r)))
            continue;
        strbuf_str(&s, first ? "[" : ", ");
        avrolog_schema(m->avro, r, &s);
        first = false;
    }
    strbuf_char(&s, ']');
    const int rc = avro_schema_save(c->avro.schema_file, &s, &c->file.modes, e);
    strbuf_free(&s);
    return rc;
}

static int open_avro(struct msglog *m, const struct msglog_conf *c, struct err *e)
{
    strbuf_init(&m->binary, RECORD_MAX);
    strbuf_init(&m->json, RECORD_MAX);
    m->output = (enum msglog_output)c->avro.output;
    m->heads = c->kafka.registry && m->output == MSGLOG_AVRO;
    if (m->output == MSGLOG_JSON)
        return 0;
    m->avro = avrolog_new(&c->avro.style);
    if (!m->avro)
        return err_sys(e, "no memory for records");
    return c->avro.schema_file ? save_schemas(m, c, e) : 0;
}

struct msglog *msglog_open(const struct msglog_conf *c, const struct log *l, struct err *e)
{
    struct msglog *m = calloc(1, sizeof(*m));
    if (!m) {
        err_sys(e, "no memory for a message log");
        return NULL;
    }
    m->name = c->name;
    m->log = l;
    m->utc = c->file.utc;
    if (open_avro(m, c, e) == -1) {
        msglog_close(m);
        return NULL;
    }
    for (unsigned i = 0; i < N_ALL; i++)
        if (all[i]->wanted(c) && open_sink(m, all[i], c, e) == -1) {
            msglog_close(m);
            return NULL;
        }
    return m;
}

/* ---- targets */

struct msglog_target *msglog_target_new(struct msglog *m, const struct msglog_topic *topic)
{
    struct msglog_target *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->topic = *topic;
    if (topic->peer_src_ip) {
        t->peer = *topic->peer_src_ip;
        t->topic.peer_src_ip = &t->peer;
    }
    if (topic->bmp_router) {
        t->router = *topic->bmp_router;
        t->topic.bmp_router = &t->router;
    }
    for (unsigned i = 0; i < m->n; i++) {
        t->own[i] = calloc(1, m->sink[i].ops->target_size);
        if (!t->own[i] || !m->sink[i].ops->resolve(m->sink[i].state, t->own[i], &t->topic)) {
            msglog_target_free(m, t);
            return NULL;
        }
    }
    return t;
}

void msglog_target_free(struct msglog *m, struct msglog_target *t)
{
    for (unsigned i = 0; t && i < m->n && t->own[i]; i++) {
        m->sink[i].ops->release(m->sink[i].state, t->own[i]);
        free(t->own[i]);
    }
    free(t);
}

static bool same_addr(const struct addr *a, const struct addr *b)
{
    return a && b ? addr_equal(a, b) : a == b;
}

static bool same_topic(const struct msglog_topic *a, const struct msglog_topic *b)
{
    return same_addr(a->peer_src_ip, b->peer_src_ip) && a->peer_src_port == b->peer_src_port &&
           same_addr(a->bmp_router, b->bmp_router) && a->bmp_router_port == b->bmp_router_port &&
           a->peer_as == b->peer_as;
}

static struct msglog_target *remember(struct msglog *m, const struct msglog_topic *topic)
{
    const struct addr *const a = topic->peer_src_ip ? topic->peer_src_ip : topic->bmp_router;
    const uint64_t hash = (a ? hash_bytes(a, sizeof(*a)) : 0) + topic->peer_src_port + topic->bmp_router_port;
    struct msglog_target **t = &m->remembered[hash % REMEMBERED];
    if (*t && same_topic(&(*t)->topic, topic))
        return *t;
    msglog_target_free(m, *t);
    return *t = msglog_target_new(m, topic);
}

static void lose(struct msglog *m, struct sink *s)
{
    s->counts.lost++;
    log_limited(m->log, &s->say_lost, LOG_LV_WARN,
                "%s: messages to %s are dropped and counted: it does not keep up or is away (%llu so far)",
                m->name, s->ops->name, (unsigned long long)s->counts.lost);
}

/* Makes the records of a message, where records are asked for. False: it is none. */
static bool encode(struct msglog *m, const char *text, size_t len)
{
    int r = -1;
    if (!m->avro)
        return true;
    strbuf_clear(&m->json);
    strbuf_clear(&m->binary);
    if (m->heads)
        registry_head(&m->binary, 0);
    if (m->output == MSGLOG_AVRO)
        r = avrolog_encode(m->avro, text, len, false, &m->binary);
    if (r != -1 || m->output != MSGLOG_AVRO)
        r = avrolog_encode(m->avro, text, len, true, &m->json);
    if (r != -1) {
        if (m->heads)
            put_be32((uint8_t *)m->binary.p + 1, (uint32_t)r);
        return true;
    }
    m->no_record++;
    log_limited(m->log, &m->say_no_record, LOG_LV_ERROR, "%s: no Avro record is for this message: %.*s",
                m->name, len < 200 ? (int)len : 200, text);
    return false;
}

static bool put_sink(struct msglog *m, struct sink *s, void *own, const char *text, size_t len)
{
    if (!m->avro)
        return s->ops->write(s->state, own, text, len);
    const bool readable = m->output == MSGLOG_AVRO_JSON || s->ops == &msglog_file;
    const struct strbuf *b = readable ? &m->json : &m->binary;
    return s->ops->write(s->state, own, b->p, b->len);
}

bool msglog_put(struct msglog *m, struct msglog_target *t, const char *text, size_t len)
{
    bool taken = m->n > 0;
    const bool good = encode(m, text, len);
    for (unsigned i = 0; i < m->n; i++) {
        struct sink *s = &m->sink[i];
        if (t && good && put_sink(m, s, t->own[i], text, len)) {
            s->counts.written++;
            continue;
        }
        taken = false;
        lose(m, s);
    }
    return taken;
}

char *msglog_reserve(struct msglog *m, struct msglog_target *t, size_t len)
{
    const struct sink *s = &m->sink[0];
    return m->n == 1 && t && !m->avro && s->ops->reserve ? s->ops->reserve(s->state, t->own[0], len) : NULL;
}

void msglog_commit(struct msglog *m, size_t len)
{
    m->sink[0].ops->commit(m->sink[0].state, len);
    m->sink[0].counts.written++;
}

bool msglog_write(struct msglog *m, const struct msglog_topic *t, const char *text, size_t len)
{
    return msglog_put(m, remember(m, t), text, len);
}

/* ---- room */

static bool sink_room(struct sink *s)
{
    if (s->ops->room(s->state)) {
        s->stuck_us = 0;
        return true;
    }
    const uint64_t progress = s->ops->progress(s->state);
    const int64_t now = clock_mono_us();
    if (!s->stuck_us || progress != s->progress) {
        s->stuck_us = now;
        s->progress = progress;
    }
    return now - s->stuck_us > MSGLOG_PATIENCE_US;
}

bool msglog_room(struct msglog *m)
{
    bool room = true;
    for (unsigned i = 0; i < m->n; i++)
        room &= sink_room(&m->sink[i]);
    return room;
}

/* ---- dumps */

void msglog_set_time(struct msglog *m, int64_t wall_us)
{
    m->fixed_us = wall_us;
    for (unsigned i = 0; i < m->n; i++)
        if (m->sink[i].ops->set_time)
            m->sink[i].ops->set_time(m->sink[i].state, wall_us);
}

static bool link_name(const struct msglog *m, const struct msglog_target *t, const char *pattern,
                      struct strbuf *out)
{
    char timed[4096];
    const int64_t us = m->fixed_us ? m->fixed_us : clock_wall_us();
    if (strchr(pattern, '%')) {
        if (!time_strftime(timed, sizeof(timed), pattern, us, m->utc))
            return false;
        pattern = timed;
    }
    msglog_expand(out, pattern, &t->topic, true);
    return !out->failed;
}

void msglog_finish(struct msglog *m, struct msglog_target *t, const char *link)
{
    struct strbuf name;
    strbuf_init(&name, 4096);
    if (link && !link_name(m, t, link, &name)) {
        log_warn(m->log, "%s: the name of the link '%s' gets too long", m->name, link);
        link = NULL;
    }
    for (unsigned i = 0; t && i < m->n; i++)
        if (m->sink[i].ops->finish)
            m->sink[i].ops->finish(m->sink[i].state, t->own[i], link ? strbuf_cstr(&name) : NULL);
    strbuf_free(&name);
}

/* ---- the rest */

void msglog_flush(struct msglog *m)
{
    for (unsigned i = 0; i < m->n; i++)
        if (m->sink[i].ops->flush)
            m->sink[i].ops->flush(m->sink[i].state);
}

static void collect(struct sink *s)
{
    const uint64_t late = s->ops->lost_later ? s->ops->lost_later(s->state) : 0;
    s->counts.lost += late;
    s->counts.written -= late;
}

void msglog_tick(struct msglog *m, int64_t mono_us)
{
    for (unsigned i = 0; i < m->n; i++) {
        if (m->sink[i].ops->tick)
            m->sink[i].ops->tick(m->sink[i].state, mono_us);
        collect(&m->sink[i]);
    }
}

void msglog_reopen(struct msglog *m)
{
    for (unsigned i = 0; i < m->n; i++)
        if (m->sink[i].ops->reopen)
            m->sink[i].ops->reopen(m->sink[i].state);
}

/* A message may be lost between this and collect(): asked in this order, none is told as written that was
 * not. */
static uint64_t waiting(const struct sink *s)
{
    const uint64_t n = s->ops->waiting ? s->ops->waiting(s->state) : 0;
    return n < s->counts.written ? n : s->counts.written;
}

void msglog_stats(struct msglog *m, const char *where)
{
    for (unsigned i = 0; i < m->n; i++) {
        struct sink *s = &m->sink[i];
        char more[32] = "";
        uint64_t wait = waiting(s);
        collect(s);
        wait = wait < s->counts.written ? wait : s->counts.written;
        if (s->ops->waiting)
            snprintf(more, sizeof(more), " waiting=%llu", (unsigned long long)wait);
        log_notice(m->log, "stats [%s] %s sink=%s written=%llu lost=%llu%s", where, m->name, s->ops->name,
                   (unsigned long long)(s->counts.written - wait), (unsigned long long)s->counts.lost, more);
    }
}

void msglog_figures(struct msglog *m, struct figures *f)
{
    figures_label(f, "log", m->name);
    for (unsigned i = 0; i < m->n; i++) {
        struct sink *s = &m->sink[i];
        uint64_t wait = waiting(s);
        collect(s);
        wait = wait < s->counts.written ? wait : s->counts.written;
        figures_label(f, "sink", s->ops->name);
        figures_put_of(f, FIG_MSGLOG, "result", "written", s->counts.written - wait);
        figures_put_of(f, FIG_MSGLOG, "result", "lost", s->counts.lost);
        figures_put(f, FIG_MSGLOG_WAITING, wait);
        figures_unlabel(f, 1);
    }
    figures_unlabel(f, 1);
}

struct msglog_counts msglog_counts(const struct msglog *m)
{
    struct msglog_counts sum = { 0 };
    for (unsigned i = 0; i < m->n; i++) {
        sum.written += m->sink[i].counts.written - waiting(&m->sink[i]);
        sum.lost += m->sink[i].counts.lost;
    }
    return sum;
}

void msglog_close(struct msglog *m)
{
    for (unsigned i = 0; m && i < REMEMBERED; i++)
        msglog_target_free(m, m->remembered[i]);
    for (unsigned i = 0; m && i < m->n; i++) {
        m->sink[i].ops->close(m->sink[i].state);
        free(m->sink[i].state);
    }
    if (m) {
        avrolog_free(m->avro);
        strbuf_free(&m->binary);
        strbuf_free(&m->json);
    }
    free(m);
}
