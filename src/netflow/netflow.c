/* SPDX-License-Identifier: BSD-2-Clause */
/* The NetFlow decoder as the core sees it: a datagram is dispatched by its version, counted, and complained
 * about if it must be. The daemon's input calls it. */
#include "netflow/netflow.h"

#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "netflow/decode.h"
#include "netflow/handon.h"
#include "netflow/keep.h"

enum { TEMPLATES_MAX = 2048 /* of one exporter */ };

/* How far ahead of its header a time may be; more is a clock or an exporter gone wrong. */
#define FUTURE_US (3600 * US_PER_S)

#define NF_DROP(name, word, text) { word, text },
static const struct {
    const char *word, *text;
} drops[NF_DROP_MAX] = {
#include "netflow/drops.def"
};

#define NF_COUNT(name, word) word,
static const char *const counts[NF_COUNT_MAX] = {
#include "netflow/drops.def"
};

/* ---- messages */

void say_fault(struct netflow *nf, struct log_limit *limit, enum log_level lv, const char *text)
{
    char agent[ADDR_TEXT];
    log_limited(nf->log, limit, lv, "%s: nfacctd=%s:%d agent=%s:%u seq=%u", text, nf->collector,
                nf->c->collector_port, addr_str(&nf->m.x->s.from, agent), nf->m.x->s.id, nf->m.seq);
}

static void say_refused(struct netflow *nf, const struct datagram *d, enum nf_drop why)
{
    char agent[ADDR_TEXT];
    if (!*drops[why].text || (why == NF_DROP_VERSION && nf->c->disable_sanity_checks))
        return;
    log_limited(nf->log, &nf->say_refused[why], LOG_LV_INFO, "%s: nfacctd=%s:%d agent=%s:%u", drops[why].text,
                nf->collector, nf->c->collector_port, addr_str(&d->from, agent), d->port);
}

static void say_evicted(struct netflow *nf, unsigned n)
{
    if (n)
        log_limited(nf->log, &nf->say_evicted, LOG_LV_WARN,
                    "%u exporters known, %zu MiB of templates and options: forgetting those that were silent "
                    "for longest (%llu so far)",
                    nf->exporters.senders.n, nf->exporters.senders.memory >> 20,
                    (unsigned long long)nf->exporters.senders.evicted);
}

void settle(struct netflow *nf)
{
    unsigned evicted;
    const bool fits = exporters_settle(&nf->exporters, nf->m.x, &evicted);
    say_evicted(nf, evicted);
    if (!fits)
        say_fault(nf, &nf->m.x->say_limit, LOG_LV_WARN,
                  "templates and options take too much memory: forgetting all of them");
}

/* ---- one datagram */

static bool allowed(struct netflow *nf, const struct addr *from)
{
    return !nf->allow || allow_match(nf->allow, from);
}

enum nf_drop message_begin(struct netflow *nf, const struct datagram *d)
{
    struct message *m = &nf->m;
    unsigned evicted;
    const struct sender_id who = {
        .from = &d->from, .session = d->session, .id = m->id, .version = m->version
    };
    m->x = exporters_find(&nf->exporters, &who, nf->clock_us, &evicted);
    if (!m->x)
        return NF_DROP_NO_MEMORY;
    if (evicted)
        say_evicted(nf, evicted);
    m->x->s.packets++;
    m->x->s.bytes += d->len;
    m->limit_us = (m->export_us ? m->export_us : m->now_us) + FUTURE_US;
    return NF_DROP_NONE;
}

enum seq_verdict message_sequence(struct netflow *nf, uint32_t uptime)
{
    struct exporter *x = nf->m.x;
    uint32_t expected;
    char agent[ADDR_TEXT];
    const enum seq_verdict v = sender_sequence(&x->s, nf->m.seq, uptime, &expected);
    if (__builtin_expect(v != SEQ_GOOD, 0) && !nf->c->disable_sanity_checks)
        log_limited(nf->log, &x->s.say_sequence, LOG_LV_INFO,
                    "expecting flow '%u' but received '%u' collector=%s:%d agent=%s:%u", expected, nf->m.seq,
                    nf->collector, nf->c->collector_port, addr_str(&x->s.from, agent), x->s.id);
    return v;
}

static enum nf_drop dispatch(struct netflow *nf, const struct datagram *d)
{
    struct cursor c = cursor_of(d->p, d->len);
    nf->m = (struct message){ .d = d, .now_us = d->at_us };
    if (!allowed(nf, &d->from))
        return NF_DROP_NOT_ALLOWED;
    const uint16_t version = cursor_u16(&c);
    if (c.bad)
        return NF_DROP_SHORT;
    nf->m.version = (uint8_t)version;
    switch (version) {
    case 5:
        return decode_v5(nf, d, c);
    case 9:
        return decode_v9(nf, d, c);
    case 10:
        return decode_ipfix(nf, d, c);
    default:
        return NF_DROP_VERSION;
    }
}

static void option_wants(struct netflow *nf)
{
    nf->option_wants = (struct wants){ .classes = NEED_OPTION };
    if (!nf->c->account_options)
        return;
    nf->option_wants = nf->wants;
    nf->option_wants.classes |= NEED_OPTION;
}

static void make_wants(struct netflow *nf)
{
    wants_make(&nf->wants, worker_needs(nf->w), nf->c);
    nf->wants.customs = worker_customs(nf->w, &nf->wants.custom);
    option_wants(nf);
    nf->needs_version = worker_needs_version(nf->w);
    nf->splits = worker_splits(nf->w);
}

/* A map that was loaded anew reads more than the plans give. */
static void renew_wants(struct netflow *nf)
{
    make_wants(nf);
    exporters_recompile(&nf->exporters, &nf->wants, &nf->option_wants);
}

static void netflow_datagram(void *state, const struct datagram *d)
{
    struct netflow *nf = state;
    if (__builtin_expect(nf->needs_version != worker_needs_version(nf->w), 0))
        renew_wants(nf);
    const enum nf_drop why = dispatch(nf, d);
    struct exporter *x = nf->m.x;
    if (__builtin_expect(why == NF_DROP_NONE, 1)) {
        x->count[NF_COUNT_DATAGRAMS]++;
        if (nf->m.templates && nf->handon && !d->second_hand)
            handon_message(nf->handon, d, nf->m.version, nf->m.templates);
    } else if (x) {
        x->refused[why]++;
        say_fault(nf, &x->s.say_fault, LOG_LV_INFO, drops[why].text);
    } else {
        nf->refused[why]++;
        say_refused(nf, d, why);
    }
}

/* ---- statistics */

static void put_refused(struct strbuf *s, const uint64_t refused[NF_DROP_MAX])
{
    for (unsigned i = NF_DROP_NONE + 1; i < NF_DROP_MAX; i++)
        strbuf_printf(s, " %s=%llu", drops[i].word, (unsigned long long)refused[i]);
}

static uint64_t sum_refused(const uint64_t refused[NF_DROP_MAX])
{
    uint64_t sum = 0;
    for (unsigned i = NF_DROP_NONE + 1; i < NF_DROP_MAX; i++)
        sum += refused[i];
    return sum;
}

static void stats_exporter(const struct netflow *nf, const struct exporter *x, const char *where,
                           struct strbuf *s)
{
    char agent[ADDR_TEXT];
    addr_str(&x->s.from, agent);
    sender_stats(&x->s, nf->log, where);
    strbuf_clear(s);
    for (unsigned i = 0; i < NF_COUNT_MAX; i++)
        if (x->count[i] || i <= NF_COUNT_OPTIONS)
            strbuf_printf(s, " %s=%llu", counts[i], (unsigned long long)x->count[i]);
    log_notice(nf->log, "stats [%s] agent=%s:%u version=%u%s seq_lost=%llu", where, agent, x->s.id,
               x->s.version, strbuf_cstr(s), (unsigned long long)x->s.seq_lost);
    strbuf_clear(s);
    put_refused(s, x->refused);
    log_notice(nf->log, "stats [%s] agent=%s:%u refused%s", where, agent, x->s.id, strbuf_cstr(s));
}

static uint64_t stats_list(const struct netflow *nf, const struct sender_list *l, const char *where,
                           struct strbuf *s)
{
    uint64_t discarded = 0;
    for (const struct sender *each = l->oldest; each; each = each->newer) {
        const struct exporter *x = (const struct exporter *)each;
        stats_exporter(nf, x, where, s);
        discarded += sum_refused(x->refused);
    }
    return discarded;
}

static void netflow_stats(void *const *states, unsigned n, const char *where)
{
    const struct netflow *first = states[0];
    uint64_t discarded = 0, refused[NF_DROP_MAX] = { 0 }, evicted = 0;
    uint32_t exporters = 0;
    struct strbuf s;
    strbuf_init(&s, 4096);
    for (unsigned w = 0; w < n; w++) {
        const struct netflow *nf = states[w];
        const struct senders *ss = &nf->exporters.senders;
        discarded += stats_list(nf, &ss->unproven, where, &s);
        discarded += stats_list(nf, &ss->proven, where, &s);
        for (unsigned i = 0; i < NF_DROP_MAX; i++)
            refused[i] += nf->refused[i];
        exporters += ss->n;
        evicted += ss->evicted;
    }
    discarded += sum_refused(refused);
    strbuf_clear(&s);
    put_refused(&s, refused);
    log_notice(first->log, "stats [%s] refused%s exporters=%u exporters_evicted=%llu", where, strbuf_cstr(&s),
               exporters, (unsigned long long)evicted);
    log_notice(first->log, "stats [%s] time=%lld discarded_packets=%llu", where,
               (long long)(clock_wall_us() / US_PER_S), (unsigned long long)discarded);
    if (first->handon)
        handon_stats(first->handon, where);
    strbuf_free(&s);
}

static void put_exporter(const struct sender *s, struct figures *f)
{
    const struct exporter *x = (const struct exporter *)s;
    for (unsigned i = 0; i < NF_COUNT_MAX; i++)
        if (x->count[i] || i <= NF_COUNT_OPTIONS)
            figures_put_of(f, FIG_EXP_READ, "what", counts[i], x->count[i]);
    for (unsigned i = NF_DROP_NONE + 1; i < NF_DROP_MAX; i++)
        if (x->refused[i])
            figures_put_of(f, FIG_EXP_REFUSED, "reason", drops[i].word, x->refused[i]);
    figures_put(f, FIG_EXP_TEMPLATES, x->templates.n);
}

static void netflow_figures(void *state, struct figures *f)
{
    const struct netflow *nf = state;
    for (unsigned i = NF_DROP_NONE + 1; i < NF_DROP_MAX; i++)
        figures_put_of(f, FIG_REFUSED, "reason", drops[i].word, nf->refused[i]);
    senders_figures(&nf->exporters.senders, f, put_exporter);
}

/* ---- life */

static int netflow_open(void *state, struct worker *w, struct err *e)
{
    struct netflow *nf = state;
    const struct config *c = worker_config(w);
    *nf = (struct netflow){ .w = w,
                            .c = c,
                            .log = worker_log(w),
                            .renormalize = c->renormalize,
                            .time_new = c->time_new,
                            .ext_rate = c->ext_sampling_rate > 0 ? (uint32_t)c->ext_sampling_rate : 0,
                            .uptime_unit_us = c->time_secs ? 1000000 : 1000,
                            .clock_us = clock_mono_us() };
    snprintf(nf->collector, sizeof(nf->collector), "%s", c->collector_ip ? c->collector_ip : "0.0.0.0");
    make_wants(nf);
    worker_brings_customs(w);
    if (c->templates_receiver && !(nf->handon = handon_open(c->templates_receiver, nf->log, e)))
        return -1;
    if (c->collector_allow_file) {
        nf->allow = allow_load(c->collector_allow_file, e);
        if (!nf->allow)
            return -1;
    }
    const struct sender_limits sl = sender_limits_of(c);
    const struct exporter_limits limits = { .exporters = sl.senders,
                                            .templates = TEMPLATES_MAX,
                                            .memory = sl.memory };
    return exporters_init(&nf->exporters, &limits, e);
}

/* Several workers share what they have in common, and what is bounded. */
static int netflow_begin(void *const *states, unsigned n, struct err *e)
{
    struct netflow *first = states[0];
    (void)e;
    for (unsigned w = 0; w < n; w++) {
        struct netflow *nf = states[w];
        exporters_share(&nf->exporters, n);
        if (w == 0)
            continue;
        allow_free(nf->allow);
        handon_close(nf->handon);
        nf->allow = first->allow;
        nf->handon = first->handon;
        nf->of_first = true;
    }
    if (first->c->templates_file)
        keep_read((struct netflow *const *)states, n);
    return 0;
}

/* Who sends templates all the time does not have them written all the time. */
enum { KEEP_EVERY_S = 10 };

static void keep_templates(void *const *states, unsigned n)
{
    struct netflow *first = states[0];
    bool changed = false;
    for (unsigned w = 0; w < n; w++) {
        struct netflow *nf = states[w];
        changed |= nf->keep_changed;
        nf->keep_changed = false;
        nf->keep_next_us = nf->clock_us + KEEP_EVERY_S * US_PER_S;
    }
    if (changed && first->c->templates_file)
        keep_write((struct netflow *const *)states, n);
}

/* A part of all exporters each second, so that nothing waits for it. */
static void expire_templates(struct netflow *nf)
{
    enum { PARTS_MAX = 16 };
    const uint32_t now_s = (uint32_t)(nf->clock_us / US_PER_S), after_s = (uint32_t)nf->c->templates_timeout;
    const unsigned parts = after_s < PARTS_MAX ? after_s : PARTS_MAX;
    const uint32_t gone = exporters_expire(&nf->exporters, parts, now_s, after_s);
    nf->keep_changed |= gone != 0;
    if (gone)
        log_debug(nf->log, "%u templates forgotten that were not sent again within %d s", gone,
                  nf->c->templates_timeout);
}

static bool netflow_tick(void *state, int64_t now_us)
{
    struct netflow *nf = state;
    (void)now_us;
    nf->clock_us = clock_mono_us();
    if (nf->c->templates_timeout)
        expire_templates(nf);
    return nf->c->templates_file && nf->keep_changed && nf->clock_us >= nf->keep_next_us;
}

static void netflow_reload(void *const *states, unsigned n)
{
    struct netflow *first = states[0];
    if (first->c->collector_allow_file)
        allow_reload(&first->allow, first->c->collector_allow_file, first->log);
    for (unsigned w = 1; w < n; w++)
        ((struct netflow *)states[w])->allow = first->allow;
}

static void netflow_session_over(void *state, const struct addr *from, uint32_t session)
{
    struct netflow *nf = state;
    nf->m.x = NULL;
    exporters_end_session(&nf->exporters, from, session);
}

static void netflow_close(void *state)
{
    struct netflow *nf = state;
    if (!nf->of_first) {
        allow_free(nf->allow);
        handon_close(nf->handon);
    }
    exporters_free(&nf->exporters);
}

const struct decoder_ops netflow_decoder = {
    .name = "NetFlow/IPFIX",
    .state_size = sizeof(struct netflow),
    .open = netflow_open,
    .begin = netflow_begin,
    .datagram = netflow_datagram,
    .ahead = netflow_ahead,
    .tick = netflow_tick,
    .together = keep_templates,
    .end = keep_templates,
    .stats = netflow_stats,
    .figures = netflow_figures,
    .reload = netflow_reload,
    .session_over = netflow_session_over,
    .close = netflow_close,
};
