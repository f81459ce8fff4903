/* SPDX-License-Identifier: BSD-2-Clause */
/* The sFlow decoder as the core sees it: a datagram's header is read, its agent found, its samples handed to
 * samples.c, and the whole counted, or complained about if it must be. The daemon's input calls it. */
#include "sflow/decode.h"

#include <stdio.h>
#include "base/clock.h"

/* A million spoofed agents must not take the memory of the collector; real sites stay far below. */

#define SF_DROP(name, word, text) { word, text },
static const struct {
    const char *word, *text;
} drops[SF_DROP_MAX] = {
#include "sflow/drops.def"
};

#define SF_COUNT(name, word) word,
static const char *const counts[SF_COUNT_MAX] = {
#include "sflow/drops.def"
};

/* ---- agents */

static size_t agent_memory(const struct sender *s)
{
    const struct sf_agent *a = (const struct sf_agent *)s;
    return sizeof(*a) + sf_sources_memory(&a->sources);
}

static void agent_free(struct sender *s, void *owner)
{
    (void)owner;
    sf_sources_free(&((struct sf_agent *)s)->sources);
}

static const struct sender_ops agent_ops = {
    .size = sizeof(struct sf_agent),
    .free = agent_free,
    .memory = agent_memory,
};

static void say_evicted(struct sflow *sf, unsigned n)
{
    if (n)
        log_limited(sf->log, &sf->say_evicted, LOG_LV_WARN,
                    "%u sFlow agents known: forgetting those that were silent for longest (%llu so far)",
                    sf->agents.n, (unsigned long long)sf->agents.evicted);
}

void sf_settle(struct sflow *sf)
{
    unsigned evicted;
    senders_settle(&sf->agents, &sf->m.a->s, &evicted);
    say_evicted(sf, evicted);
}

/* ---- messages */

static void say_fault(struct sflow *sf, enum sf_drop why)
{
    char agent[ADDR_TEXT];
    struct sf_agent *a = sf->m.a;
    log_limited(sf->log, &a->say_fault[why], LOG_LV_INFO, "%s: sfacctd=%s:%d agent=%s:%u seq=%u",
                drops[why].text, sf->collector, sf->c->collector_port, addr_str(&a->s.from, agent), a->s.id,
                sf->m.seq);
}

static void say_refused(struct sflow *sf, const struct datagram *d, enum sf_drop why)
{
    char agent[ADDR_TEXT];
    if (!*drops[why].text || (why == SF_DROP_VERSION && sf->c->disable_sanity_checks))
        return;
    log_limited(sf->log, &sf->say_refused[why], LOG_LV_INFO, "%s: sfacctd=%s:%d agent=%s:%u", drops[why].text,
                sf->collector, sf->c->collector_port, addr_str(&d->from, agent), d->port);
}

/* ---- one datagram */

static bool is_unspecified(const struct addr *a)
{
    static const struct addr any4 = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff } };
    static const struct addr any6 = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe } };
    return !addr_is_set(a) || addr_equal(a, &any4) || addr_equal(a, &any6);
}

static enum sf_drop agent_begin(struct sflow *sf, const struct datagram *d)
{
    struct sf_datagram *m = &sf->m;
    unsigned evicted;
    if (sf->c->ignore_exporter_address || is_unspecified(&m->agent))
        m->agent = d->from;
    m->a = (struct sf_agent *)senders_get(&sf->agents, &m->agent, m->version, m->sub, sf->clock_us, &evicted);
    if (!m->a)
        return SF_DROP_NO_MEMORY;
    if (evicted)
        say_evicted(sf, evicted);
    m->a->s.packets++;
    m->a->s.bytes += d->len;
    return SF_DROP_NONE;
}

static void sequence(struct sflow *sf, uint32_t uptime)
{
    struct sf_agent *a = sf->m.a;
    uint32_t expected;
    char agent[ADDR_TEXT];
    const enum seq_verdict v = sender_sequence(&a->s, sf->m.seq, uptime, &expected);
    sender_sequence_next(&a->s, v, sf->m.seq, 1, true);
    if (__builtin_expect(v == SEQ_GOOD, 1))
        return;
    if (v == SEQ_RESTART)
        sf_sources_restart(&a->sources);
    if (!sf->c->disable_sanity_checks)
        log_limited(sf->log, &a->s.say_sequence, LOG_LV_INFO,
                    "expecting flow '%u' but received '%u' collector=%s:%d agent=%s:%u", expected, sf->m.seq,
                    sf->collector, sf->c->collector_port, addr_str(&a->s.from, agent), a->s.id);
}

/* What all samples of the datagram have in common. */
static void flow_begin(struct sflow *sf)
{
    struct flow *f = &sf->f;
    f->peer_src_ip = sf->m.agent;
    f->export_proto_version = sf->m.version;
    f->export_proto_seqno = sf->m.seq;
    f->export_proto_sysid = sf->m.sub;
    f->timestamp_arrival = sf->m.now_us;
}

static enum sf_drop message(struct sflow *sf, const struct datagram *d, struct cursor c)
{
    struct sf_datagram *m = &sf->m;
    sf_address(&c, &m->agent);
    if (c.bad)
        return d->len < 12 ? SF_DROP_SHORT : SF_DROP_ADDRESS;
    m->sub = m->version == SFLOW_V5 ? cursor_u32(&c) : 0;
    m->seq = cursor_u32(&c);
    const uint32_t uptime = cursor_u32(&c), n = cursor_u32(&c);
    if (c.bad)
        return SF_DROP_SHORT;
    enum sf_drop why = agent_begin(sf, d);
    if (why != SF_DROP_NONE)
        return why;
    sequence(sf, uptime);
    if (__builtin_expect(worker_splits(sf->w), 0) &&
        m->version != SFLOW_V5) { /* nothing in it has a length */
        worker_datagram(sf->w, d);
        return SF_DROP_NONE;
    }
    m->head_len = (uint32_t)(c.p - d->p);
    flow_begin(sf);
    why = m->version == SFLOW_V5 ? sf_samples_v5(sf, &c, n) : sf_samples_v24(sf, &c, n);
    if (why == SF_DROP_NONE && n)
        senders_prove(&sf->agents, &m->a->s);
    return why;
}

static enum sf_drop dispatch(struct sflow *sf, const struct datagram *d)
{
    struct cursor c = cursor_of(d->p, d->len);
    sf->m = (struct sf_datagram){ .d = d, .now_us = d->captured_us ? d->captured_us : d->at_us };
    if (sf->allow && !allow_match(sf->allow, &d->from))
        return SF_DROP_NOT_ALLOWED;
    const uint32_t version = cursor_u32(&c);
    if (c.bad)
        return SF_DROP_SHORT;
    if (version != SFLOW_V5 && version != SFLOW_V4 && version != SFLOW_V2)
        return SF_DROP_VERSION;
    sf->m.version = (uint8_t)version;
    return message(sf, d, c);
}

/* One decoder a header protocol; those that nobody decodes stay closed. */
static int open_headers(struct sflow *sf, struct err *e)
{
    struct packet_options o;
    packet_options_from(&o, sf->c, worker_needs(sf->w));
    o.fragments = o.force_fragments = false; /* of a packet's fragments one is sampled, hardly ever two */
    for (uint32_t p = 0; p < SFLOW_PROTO_MAX; p++) {
        const int dlt = packet_dlt_of_sflow(p);
        struct err why = { 0 };
        if (dlt < 0 || packet_decoder_open(&sf->header[p], dlt, &o, &why) == 0)
            continue;
        packet_decoder_close(&sf->header[p]);
        if (why.code != ERR_UNSUPPORTED) {
            *e = why;
            return -1;
        }
    }
    return 0;
}

static void make_wants(struct sflow *sf)
{
    sf->needs_version = worker_needs_version(sf->w);
    sf->discards = fieldset_has(worker_needs(sf->w), FIELD_fwd_status);
    sf_wants_make(&sf->wants, worker_needs(sf->w), sf->c);
}

/* A map that was loaded anew reads more than was asked for: sampled headers are taken apart further. */
static void renew_wants(struct sflow *sf)
{
    struct {
        uint64_t count[PACKET_DROP_MAX], cut;
    } kept[SFLOW_PROTO_MAX];
    struct err e = { 0 };
    make_wants(sf);
    for (unsigned p = 0; p < SFLOW_PROTO_MAX; p++) {
        memcpy(kept[p].count, sf->header[p].count, sizeof(kept[p].count));
        kept[p].cut = sf->header[p].cut;
        packet_decoder_close(&sf->header[p]);
    }
    if (open_headers(sf, &e) == -1)
        log_warn(sf->log, "sampled headers are not decoded any more: %s", e.text);
    for (unsigned p = 0; p < SFLOW_PROTO_MAX; p++) {
        memcpy(sf->header[p].count, kept[p].count, sizeof(kept[p].count));
        sf->header[p].cut = kept[p].cut;
    }
}

static void sflow_datagram(void *state, const struct datagram *d)
{
    struct sflow *sf = state;
    if (__builtin_expect(sf->needs_version != worker_needs_version(sf->w), 0))
        renew_wants(sf);
    const enum sf_drop why = dispatch(sf, d);
    struct sf_agent *a = sf->m.a;
    if (__builtin_expect(why == SF_DROP_NONE, 1)) {
        a->count[SF_COUNT_DATAGRAMS]++;
    } else if (a) {
        a->refused[why]++;
        say_fault(sf, why);
    } else {
        sf->refused[why]++;
        say_refused(sf, d, why);
    }
    if (sf->counters_written && sf->counter_log.flush)
        sf->counter_log.flush(sf->counter_log.arg);
    sf->counters_written = false;
}

/* ---- statistics */

static uint64_t put_refused(struct strbuf *s, const uint64_t refused[SF_DROP_MAX])
{
    uint64_t sum = 0;
    for (unsigned i = SF_DROP_NONE + 1; i < SF_DROP_MAX; i++) {
        strbuf_printf(s, " %s=%llu", drops[i].word, (unsigned long long)refused[i]);
        sum += refused[i];
    }
    return sum;
}

static uint64_t stats_agent(const struct sflow *sf, const struct sf_agent *a, const char *where,
                            struct strbuf *s)
{
    char agent[ADDR_TEXT];
    addr_str(&a->s.from, agent);
    sender_stats(&a->s, sf->log, where);
    strbuf_clear(s);
    for (unsigned i = 0; i < SF_COUNT_MAX; i++)
        if (a->count[i] || i <= SF_COUNT_COUNTERS)
            strbuf_printf(s, " %s=%llu", counts[i], (unsigned long long)a->count[i]);
    log_notice(sf->log, "stats [%s] agent=%s:%u version=%u sources=%u%s seq_lost=%llu", where, agent, a->s.id,
               a->s.version, a->sources.n, strbuf_cstr(s), (unsigned long long)a->s.seq_lost);
    strbuf_clear(s);
    const uint64_t discarded = put_refused(s, a->refused);
    log_notice(sf->log, "stats [%s] agent=%s:%u refused%s", where, agent, a->s.id, strbuf_cstr(s));
    return discarded;
}

/* Adds sampled headers by what became of them, those of all agents. */
static void sum_headers(const struct sflow *sf, uint64_t sum[PACKET_DROP_MAX], uint64_t *cut)
{
    for (unsigned p = 0; p < SFLOW_PROTO_MAX; p++) {
        *cut += sf->header[p].cut;
        for (unsigned i = 0; i < PACKET_DROP_MAX; i++)
            sum[i] += sf->header[p].count[i];
    }
}

static void stats_headers(void *const *states, unsigned n, const char *where, struct strbuf *s)
{
    const struct sflow *first = states[0];
    uint64_t sum[PACKET_DROP_MAX] = { 0 }, cut = 0;
    for (unsigned w = 0; w < n; w++)
        sum_headers(states[w], sum, &cut);
    strbuf_clear(s);
    for (unsigned i = 0; i < PACKET_DROP_MAX; i++)
        if (sum[i] || i == PACKET_OK)
            strbuf_printf(s, " %s=%llu", packet_drop_names[i], (unsigned long long)sum[i]);
    log_notice(first->log, "stats [%s] sampled_headers%s cut=%llu", where, strbuf_cstr(s),
               (unsigned long long)cut);
}

static uint64_t stats_agents(const struct sflow *sf, const char *where, struct strbuf *s)
{
    const struct sender_list *const list[] = { &sf->agents.unproven, &sf->agents.proven };
    uint64_t discarded = 0;
    for (unsigned i = 0; i < 2; i++)
        for (const struct sender *x = list[i]->oldest; x; x = x->newer)
            discarded += stats_agent(sf, (const struct sf_agent *)x, where, s);
    return discarded;
}

static void sflow_stats(void *const *states, unsigned n, const char *where)
{
    const struct sflow *first = states[0];
    struct strbuf s;
    uint64_t discarded = 0, refused[SF_DROP_MAX] = { 0 }, evicted = 0;
    uint32_t agents = 0;
    strbuf_init(&s, 4096);
    for (unsigned w = 0; w < n; w++) {
        const struct sflow *sf = states[w];
        discarded += stats_agents(sf, where, &s);
        for (unsigned i = 0; i < SF_DROP_MAX; i++)
            refused[i] += sf->refused[i];
        agents += sf->agents.n;
        evicted += sf->agents.evicted;
    }
    stats_headers(states, n, where, &s);
    for (unsigned w = 0; w < n; w++) {
        const struct sflow *sf = states[w];
        if (sf->classifier)
            classifier_stats(sf->classifier, sf->log, where);
    }
    strbuf_clear(&s);
    discarded += put_refused(&s, refused);
    log_notice(first->log, "stats [%s] refused%s agents=%u agents_evicted=%llu", where, strbuf_cstr(&s),
               agents, (unsigned long long)evicted);
    log_notice(first->log, "stats [%s] time=%lld discarded_packets=%llu", where,
               (long long)(clock_wall_us() / US_PER_S), (unsigned long long)discarded);
    strbuf_free(&s);
}

static void put_agent(const struct sender *s, struct figures *f)
{
    const struct sf_agent *a = (const struct sf_agent *)s;
    for (unsigned i = 0; i < SF_COUNT_MAX; i++)
        if (a->count[i] || i <= SF_COUNT_COUNTERS)
            figures_put_of(f, FIG_EXP_READ, "what", counts[i], a->count[i]);
    for (unsigned i = SF_DROP_NONE + 1; i < SF_DROP_MAX; i++)
        if (a->refused[i])
            figures_put_of(f, FIG_EXP_REFUSED, "reason", drops[i].word, a->refused[i]);
}

static void sflow_figures(void *state, struct figures *f)
{
    const struct sflow *sf = state;
    for (unsigned i = SF_DROP_NONE + 1; i < SF_DROP_MAX; i++)
        figures_put_of(f, FIG_REFUSED, "reason", drops[i].word, sf->refused[i]);
    for (unsigned i = 0; i < PACKET_DROP_MAX; i++) {
        uint64_t sum = 0;
        for (unsigned p = 0; p < SFLOW_PROTO_MAX; p++)
            sum += sf->header[p].count[i];
        if (sum || i == PACKET_OK)
            figures_put_of(f, FIG_INPUT_PACKETS, "result", packet_drop_names[i], sum);
    }
    senders_figures(&sf->agents, f, put_agent);
}

/* ---- life */

/* Without nDPI the class is what agents tell. */
static int open_classifier(struct sflow *sf, struct err *e)
{
    if (!fieldset_has(worker_needs(sf->w), FIELD_class))
        return 0;
    sf->classifier = classifier_new(sf->c, sf->log, e);
    if (sf->classifier || e->code != ERR_UNSUPPORTED)
        return sf->classifier ? 0 : -1;
    log_info(sf->log, "%s: packets have the class that their agent tells, or none", e->text);
    return 0;
}

static int sflow_open(void *state, struct worker *w, struct err *e)
{
    struct sflow *sf = state;
    const struct config *c = worker_config(w);
    *sf = (struct sflow){ .w = w,
                          .c = c,
                          .log = worker_log(w),
                          .renormalize = c->renormalize,
                          .ext_rate = c->ext_sampling_rate > 0 ? (uint32_t)c->ext_sampling_rate : 0,
                          .clock_us = clock_mono_us() };
    sf->f.flows = 1;
    snprintf(sf->collector, sizeof(sf->collector), "%s", c->collector_ip ? c->collector_ip : "0.0.0.0");
    make_wants(sf);
    if (c->collector_allow_file) {
        sf->allow = allow_load(c->collector_allow_file, e);
        if (!sf->allow)
            return -1;
    }
    if (open_headers(sf, e) == -1 || open_classifier(sf, e) == -1)
        return -1;
    const struct sender_limits limits = sender_limits_of(c);
    return senders_init(&sf->agents, &agent_ops, sf, &limits, e);
}

void sflow_log_counters(void *decoder_state, const struct sflow_counter_log *log)
{
    struct sflow *sf = decoder_state;
    sf->counter_log = *log;
}

/* Several workers share what they have in common, and what is bounded. */
static int sflow_begin(void *const *states, unsigned n, struct err *e)
{
    struct sflow *first = states[0];
    (void)e;
    for (unsigned w = 0; w < n; w++) {
        struct sflow *sf = states[w];
        senders_share(&sf->agents, n);
        if (w == 0)
            continue;
        allow_free(sf->allow);
        sf->allow = first->allow;
        sf->allow_of_first = true;
    }
    return 0;
}

static bool sflow_tick(void *state, int64_t now_us)
{
    struct sflow *sf = state;
    (void)now_us;
    sf->clock_us = clock_mono_us();
    return false;
}

static void sflow_reload(void *const *states, unsigned n)
{
    struct sflow *first = states[0];
    if (first->c->collector_allow_file)
        allow_reload(&first->allow, first->c->collector_allow_file, first->log);
    for (unsigned w = 1; w < n; w++)
        ((struct sflow *)states[w])->allow = first->allow;
}

static void sflow_close(void *state)
{
    struct sflow *sf = state;
    if (!sf->allow_of_first)
        allow_free(sf->allow);
    classifier_free(sf->classifier);
    if (sf->agents.slot)
        senders_free(&sf->agents);
    for (unsigned p = 0; p < SFLOW_PROTO_MAX; p++)
        packet_decoder_close(&sf->header[p]);
}

const struct decoder_ops sflow_decoder = {
    .name = "sFlow",
    .state_size = sizeof(struct sflow),
    .open = sflow_open,
    .begin = sflow_begin,
    .datagram = sflow_datagram,
    .tick = sflow_tick,
    .stats = sflow_stats,
    .figures = sflow_figures,
    .reload = sflow_reload,
    .close = sflow_close,
};
