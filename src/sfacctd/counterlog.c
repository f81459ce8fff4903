/* SPDX-License-Identifier: BSD-2-Clause */
/* Counter samples as JSON, one object a record, into the message log (sfacctd_counter_*). Stands around the
 * sFlow decoder: main gives the core this one instead. */
#include "sfacctd/counterlog.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include "base/clock.h"
#include "output/json.h"
#include "output/msglog.h"
#include "sflow/collector.h"

enum { TEXT_MAX = 64 << 10 };

/* The decoder's own state follows behind. */
struct counterlog {
    const struct config *c;
    const struct log *log;
    struct msglog *msglog; /* NULL: nobody wants counters */
    struct strbuf text;
    struct time_style style;
    struct time_cache times;
    uint64_t seq; /* of all agents */
    int agents;
    struct log_limit say_many;
    pthread_mutex_t lock;      /* of all above, where several workers write counters */
    struct counterlog *writer; /* the first worker's, which writes those of all; NULL: this one, alone */
    _Alignas(max_align_t) char decoder[];
};

static struct msglog_conf conf_of(const struct config *c)
{
    return (
        struct msglog_conf){ .name = "sfacctd_counter",
                             .file = { .path = c->counter_file,
                                       .utc = c->timestamps_utc,
                                       .modes = file_modes_of(c->files_umask, c->files_uid, c->files_gid) },
                             .amqp = c->counter_amqp,
                             .kafka = c->counter_kafka };
}

/* ---- one object */

static void begin(struct counterlog *cl, int64_t at_us)
{
    char text[TIME_TEXT];
    struct strbuf *s = &cl->text;
    strbuf_clear(s);
    strbuf_lit(s, "{\"seq\": ");
    strbuf_u64(s, cl->seq++);
    json_text(s, "timestamp", text, time_text(at_us, &cl->style, true, &cl->times, text));
}

static bool finish(struct counterlog *cl, const struct addr *agent)
{
    const struct msglog_topic t = { .peer_src_ip = agent };
    strbuf_char(&cl->text, '}');
    return !cl->text.failed && msglog_write(cl->msglog, &t, cl->text.p, cl->text.len);
}

static void put_value(struct strbuf *s, const struct sflow_value *v)
{
    json_name(s, v->name);
    switch (v->kind) {
    case SFLOW_VALUE_UINT:
        strbuf_u64(s, v->u);
        return;
    case SFLOW_VALUE_INT:
        strbuf_printf(s, "%" PRId64, (int64_t)v->u);
        return;
    case SFLOW_VALUE_FLOAT:
        if (isfinite(v->f))
            strbuf_printf(s, "%g", (double)v->f);
        else
            strbuf_lit(s, "null");
        return;
    case SFLOW_VALUE_TEXT:
        json_string(s, v->text.len ? v->text.p : "", v->text.len);
        return;
    }
}

/* ---- what the decoder calls */

static bool admit(struct counterlog *cl, const struct sflow_counter_record *c)
{
    char text[ADDR_TEXT];
    if (cl->agents >= cl->c->counter_max_nodes) {
        log_limited(cl->log, &cl->say_many, LOG_LV_WARN,
                    "sfacctd_counter_max_nodes: more than %d agents send counters; those of %s are left out",
                    cl->c->counter_max_nodes, addr_str(c->agent, text));
        return false;
    }
    cl->agents++;
    begin(cl, c->at_us);
    json_addr(&cl->text, "peer_src_ip", c->agent);
    strbuf_lit(&cl->text, ", \"event_type\": \"log_init\"");
    (void)finish(cl, c->agent);
    return true;
}

static bool write_alone(struct counterlog *cl, const struct sflow_counter_record *c)
{
    struct strbuf *s = &cl->text;
    if (c->first && !admit(cl, c))
        return false;
    begin(cl, c->at_us);
    json_addr(s, "peer_ip_src", c->agent);
    strbuf_lit(s, ", \"event_type\": \"log\"");
    json_uint(s, "source_id_index", c->source_index);
    json_uint(s, "sflow_seq", c->datagram_seq);
    json_uint(s, "sflow_cnt_seq", c->sample_seq);
    json_text(s, "sf_cnt_type", c->type, strlen(c->type));
    for (unsigned i = 0; i < c->n; i++)
        put_value(s, &c->value[i]);
    (void)finish(cl, c->agent); /* the log counts what it loses */
    return true;
}

/* Counters come some times a minute for an interface: a lock is nothing against what they bring. */
static bool write_counters(void *arg, const struct sflow_counter_record *c)
{
    struct counterlog *cl = arg;
    if (!cl->writer)
        return write_alone(cl, c);
    pthread_mutex_lock(&cl->writer->lock);
    const bool written = write_alone(cl->writer, c);
    pthread_mutex_unlock(&cl->writer->lock);
    return written;
}

static void flush(void *arg)
{
    struct counterlog *cl = arg;
    if (!cl->writer) {
        msglog_flush(cl->msglog);
        return;
    }
    pthread_mutex_lock(&cl->writer->lock);
    msglog_flush(cl->writer->msglog);
    pthread_mutex_unlock(&cl->writer->lock);
}

/* ---- around the decoder */

static int counterlog_open(void *state, struct worker *w, struct err *e)
{
    struct counterlog *cl = state;
    const struct config *c = worker_config(w);
    cl->c = c;
    cl->log = worker_log(w);
    cl->style = (struct time_style){ .utc = c->timestamps_utc,
                                     .secs = c->timestamps_secs,
                                     .epoch = c->timestamps_since_epoch,
                                     .rfc3339 = c->timestamps_rfc3339 };
    strbuf_init(&cl->text, TEXT_MAX);
    pthread_mutex_init(&cl->lock, NULL);
    return sflow_decoder.open(cl->decoder, w, e);
}

/* The decoders' states, of which each stands behind its counterlog. */
static void *const *decoders_of(void *const *states, unsigned n, void *below[INPUT_WORKERS_MAX])
{
    for (unsigned w = 0; w < n; w++)
        below[w] = ((struct counterlog *)states[w])->decoder;
    return below;
}

/* One log for the counters of all workers. */
static int counterlog_begin(void *const *states, unsigned n, struct err *e)
{
    struct counterlog *first = states[0];
    const struct msglog_conf mc = conf_of(first->c);
    void *below[INPUT_WORKERS_MAX];
    if (sflow_decoder.begin && sflow_decoder.begin(decoders_of(states, n, below), n, e) == -1)
        return -1;
    if (!msglog_wanted(&mc))
        return 0;
    first->msglog = msglog_open(&mc, first->log, e);
    if (!first->msglog)
        return -1;
    for (unsigned w = 0; w < n; w++) {
        struct counterlog *cl = states[w];
        cl->writer = n > 1 ? first : NULL;
        sflow_log_counters(cl->decoder,
                           &(struct sflow_counter_log){ .write = write_counters, .flush = flush, .arg = cl });
    }
    return 0;
}

static void counterlog_datagram(void *state, const struct datagram *d)
{
    struct counterlog *cl = state;
    sflow_decoder.datagram(cl->decoder, d);
}

static bool counterlog_tick(void *state, int64_t now_us)
{
    struct counterlog *cl = state;
    if (cl->msglog) {
        pthread_mutex_lock(&cl->lock);
        msglog_tick(cl->msglog, clock_mono_us());
        pthread_mutex_unlock(&cl->lock);
    }
    return sflow_decoder.tick(cl->decoder, now_us);
}

static void counterlog_stats(void *const *states, unsigned n, const char *where)
{
    const struct counterlog *first = states[0];
    void *below[INPUT_WORKERS_MAX];
    sflow_decoder.stats(decoders_of(states, n, below), n, where);
    if (first->msglog)
        msglog_stats(first->msglog, where);
}

static void counterlog_reload(void *const *states, unsigned n)
{
    void *below[INPUT_WORKERS_MAX];
    sflow_decoder.reload(decoders_of(states, n, below), n);
}

static void counterlog_reopen(void *const *states, unsigned n)
{
    const struct counterlog *first = states[0];
    (void)n;
    if (first->msglog)
        msglog_reopen(first->msglog);
}

static void counterlog_close(void *state)
{
    struct counterlog *cl = state;
    msglog_close(cl->msglog);
    strbuf_free(&cl->text);
    pthread_mutex_destroy(&cl->lock);
    sflow_decoder.close(cl->decoder);
}

void counterlog_decoder(struct decoder_ops *ops)
{
    *ops = (struct decoder_ops){ .name = sflow_decoder.name,
                                 .state_size = sizeof(struct counterlog) + sflow_decoder.state_size,
                                 .open = counterlog_open,
                                 .begin = counterlog_begin,
                                 .datagram = counterlog_datagram,
                                 .tick = counterlog_tick,
                                 .stats = counterlog_stats,
                                 .reload = counterlog_reload,
                                 .reopen = counterlog_reopen,
                                 .close = counterlog_close };
}

int counterlog_check(const struct config_set *set, struct err *e)
{
    const struct msglog_conf c = conf_of(&set->core);
    const char *end;
    struct err why = { 0 };
    char key[64], where[256];
    if (msglog_check(&c, &end, &why) == 0)
        return 0;
    snprintf(key, sizeof(key), "sfacctd_counter%s", end);
    return err_set(e, ERR_CONFIG, "%s: %s: %s", config_where(set, key, NULL, where, sizeof(where)), key,
                   why.text);
}
