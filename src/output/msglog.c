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
#include "output/msglog_amqp.h"
#include "output/msglog_file.h"
#include "output/msglog_kafka.h"

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

struct sink {
    const struct msglog_sink_ops *ops;
    void *state;
    struct msglog_counts counts;
    struct log_limit say_lost;
};

struct msglog {
    const char *name;
    const struct log *log;
    struct sink sink[N_ALL];
    unsigned n;
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
    return 0;
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

struct msglog *msglog_open(const struct msglog_conf *c, const struct log *l, struct err *e)
{
    struct msglog *m = calloc(1, sizeof(*m));
    if (!m) {
        err_sys(e, "no memory for a message log");
        return NULL;
    }
    m->name = c->name;
    m->log = l;
    for (unsigned i = 0; i < N_ALL; i++)
        if (all[i]->wanted(c) && open_sink(m, all[i], c, e) == -1) {
            msglog_close(m);
            return NULL;
        }
    return m;
}

bool msglog_write(struct msglog *m, const struct msglog_topic *t, const char *text, size_t len)
{
    bool taken = m->n > 0;
    for (unsigned i = 0; i < m->n; i++) {
        struct sink *s = &m->sink[i];
        if (s->ops->write(s->state, t, text, len)) {
            s->counts.written++;
            continue;
        }
        taken = false;
        s->counts.lost++;
        log_limited(
            m->log, &s->say_lost, LOG_LV_WARN,
            "%s: messages to %s are dropped and counted: it does not keep up or is away (%llu so far)",
            m->name, s->ops->name, (unsigned long long)s->counts.lost);
    }
    return taken;
}

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
    for (unsigned i = 0; m && i < m->n; i++) {
        m->sink[i].ops->close(m->sink[i].state);
        free(m->sink[i].state);
    }
    free(m);
}
