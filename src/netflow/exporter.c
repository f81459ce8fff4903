/* SPDX-License-Identifier: BSD-2-Clause */
/* What NetFlow keeps of an exporter, and of the device that its exporters share. Called by netflow.c for each
 * datagram. */
#include "netflow/exporter.h"

#include <stdlib.h>
#include "base/hash.h"

/* ---- agents */

static struct agent **agent_place(struct exporters *xs, const struct addr *from)
{
    struct agent **a = &xs->agent[(uint32_t)hash_bytes(from, sizeof(*from)) & (xs->agents_cap - 1)];
    while (*a && !addr_equal(&(*a)->from, from))
        a = &(*a)->next;
    return a;
}

static int agents_grow(struct exporters *xs)
{
    struct agent **old = xs->agent;
    const uint32_t cap = xs->agents_cap;
    struct agent **more = calloc(cap * 2, sizeof(struct agent *));
    if (!more)
        return -1;
    xs->agent = more;
    xs->agents_cap = cap * 2;
    for (uint32_t i = 0; i < cap; i++)
        for (struct agent *a = old[i], *next; a; a = next) {
            next = a->next;
            a->next = NULL;
            *agent_place(xs, &a->from) = a;
        }
    free(old);
    return 0;
}

static struct agent *agent_get(struct exporters *xs, const struct addr *from)
{
    struct agent **at = agent_place(xs, from);
    if (!*at) {
        if (xs->n_agents >= xs->agents_cap && agents_grow(xs) == 0)
            at = agent_place(xs, from);
        *at = calloc(1, sizeof(**at));
        if (!*at)
            return NULL;
        (*at)->from = *from;
        xs->n_agents++;
    }
    (*at)->exporters++;
    return *at;
}

static void agent_put(struct exporters *xs, struct agent *a)
{
    if (--a->exporters)
        return;
    *agent_place(xs, &a->from) = a->next;
    options_free(&a->options);
    free(a);
    xs->n_agents--;
}

/* ---- exporters */

static struct exporter *exporter_of(struct sender *s) { return (struct exporter *)s; }

static int exporter_init(struct sender *s, void *owner)
{
    struct exporter *x = exporter_of(s);
    x->agent = agent_get(owner, &s->from);
    return x->agent ? 0 : -1;
}

static void exporter_free(struct sender *s, void *owner)
{
    struct exporter *x = exporter_of(s);
    tmpl_table_free(&x->templates);
    options_free(&x->options);
    agent_put(owner, x->agent);
}

/* What the agent holds is counted for each of its exporters: too much rather than too little. */
static size_t exporter_memory(const struct sender *s)
{
    const struct exporter *x = (const struct exporter *)s;
    return sizeof(*x) + sizeof(*x->agent) + x->templates.memory + x->options.memory +
           x->agent->options.memory;
}

static const struct sender_ops ops = {
    .size = sizeof(struct exporter),
    .init = exporter_init,
    .free = exporter_free,
    .memory = exporter_memory,
};

int exporters_init(struct exporters *xs, const struct exporter_limits *limits, struct err *e)
{
    const struct sender_limits sl = { .senders = limits->exporters, .memory = limits->memory };
    *xs = (struct exporters){ .limits = *limits, .agents_cap = 64 };
    xs->agent = calloc(xs->agents_cap, sizeof(struct agent *));
    if (!xs->agent)
        return err_set(e, ERR_LIMIT, "out of memory");
    if (senders_init(&xs->senders, &ops, xs, &sl, e) == 0)
        return 0;
    exporters_free(xs);
    return -1;
}

void exporters_free(struct exporters *xs)
{
    senders_free(&xs->senders);
    forms_free(&xs->forms);
    free(xs->agent);
    *xs = (struct exporters){ 0 };
}

void exporters_share(struct exporters *xs, unsigned n) { senders_share(&xs->senders, n); }

struct exporter *exporters_get(struct exporters *xs, const struct addr *from, uint8_t version, uint32_t id,
                               int64_t now_us, unsigned *evicted)
{
    return exporter_of(senders_get(&xs->senders, from, version, id, now_us, evicted));
}

struct exporter *exporters_find(struct exporters *xs, const struct sender_id *id, int64_t now_us,
                                unsigned *evicted)
{
    return exporter_of(senders_find(&xs->senders, id, now_us, evicted));
}

void exporters_end_session(struct exporters *xs, const struct addr *from, uint32_t session)
{
    senders_end_session(&xs->senders, from, session);
}

/* One exporter may take this share of all memory: a flood from one sender then costs nobody else anything. */
enum { MEMORY_SHARE = 16 };

bool exporters_settle(struct exporters *xs, struct exporter *x, unsigned *evicted)
{
    const bool fits = exporter_memory(&x->s) <= xs->limits.memory / MEMORY_SHARE;
    if (!fits) {
        tmpl_table_free(&x->templates);
        options_free(&x->options);
        options_free(&x->agent->options);
    }
    senders_settle(&xs->senders, &x->s, evicted);
    return fits;
}

void exporters_recompile(struct exporters *xs, const struct wants *w, const struct wants *options)
{
    forms_recompile(&xs->forms, w, options);
    for (struct sender *s = xs->senders.unproven.oldest; s; s = s->newer)
        tmpl_renew(&exporter_of(s)->templates);
    for (struct sender *s = xs->senders.proven.oldest; s; s = s->newer)
        tmpl_renew(&exporter_of(s)->templates);
}

uint32_t exporters_expire(struct exporters *xs, unsigned parts, uint32_t now_s, uint32_t after_s)
{
    struct senders *ss = &xs->senders;
    uint32_t all = 0;
    for (uint32_t n = (ss->cap + parts - 1) / parts; n--; xs->expire_at++) {
        struct sender *s = ss->slot[xs->expire_at & (ss->cap - 1)];
        const uint32_t gone = s ? tmpl_expire(&exporter_of(s)->templates, now_s, after_s) : 0;
        unsigned evicted;
        if (!gone)
            continue;
        exporter_of(s)->count[NF_COUNT_TEMPLATES_EXPIRED] += gone;
        senders_settle(ss, s, &evicted); /* it takes less: nobody goes */
        all += gone;
    }
    return all;
}

void exporters_prove(struct exporters *xs, struct exporter *x) { senders_prove(&xs->senders, &x->s); }

const struct option *exporter_option(const struct exporter *x, enum option_kind kind, uint64_t key)
{
    const struct option *o = options_find(&x->options, kind, key);
    return o ? o : options_find(&x->agent->options, kind, key);
}
