/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of exporters, its bounds, and sequence numbers. Called by netflow.c for each datagram. */
#include "netflow/exporter.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "base/hash.h"

/* An entry moves to the front of its list when a second has passed since it last did, or when so many others
 * have come that they could push it out: lists are touched seldom, and what sends is never last in them. */
enum { TOUCH_US = 1000000, TOUCH_SHARE = 16 };

struct exporter_key {
    struct addr from;
    uint32_t id, version;
};

static uint32_t hash_of(const struct addr *from, uint8_t version, uint32_t id)
{
    const struct exporter_key k = { *from, id, version };
    return (uint32_t)hash_bytes(&k, sizeof(k));
}

/* ---- lists */

static struct exporter_list *list_of(struct exporters *xs, const struct exporter *x)
{
    return x->proven ? &xs->proven : &xs->unproven;
}

static void list_add(struct exporter_list *l, struct exporter *x)
{
    x->newer = NULL;
    x->older = l->newest;
    if (l->newest)
        l->newest->newer = x;
    else
        l->oldest = x;
    l->newest = x;
}

static void list_remove(struct exporter_list *l, struct exporter *x)
{
    if (x->newer)
        x->newer->older = x->older;
    else
        l->newest = x->older;
    if (x->older)
        x->older->newer = x->newer;
    else
        l->oldest = x->newer;
}

static void touch(struct exporters *xs, struct exporter *x, int64_t now_us)
{
    if (now_us - x->seen_us < TOUCH_US && xs->added - x->seen_added < xs->limits.exporters / TOUCH_SHARE)
        return;
    struct exporter_list *l = list_of(xs, x);
    x->seen_us = now_us;
    x->seen_added = xs->added;
    if (l->newest == x)
        return;
    list_remove(l, x);
    list_add(l, x);
}

void exporters_prove(struct exporters *xs, struct exporter *x)
{
    if (x->proven)
        return;
    list_remove(&xs->unproven, x);
    x->proven = true;
    list_add(&xs->proven, x);
}

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

/* ---- the table */

static uint32_t place(const struct exporters *xs, const struct addr *from, uint8_t version, uint32_t id,
                      uint32_t hash)
{
    uint32_t i = hash & (xs->cap - 1);
    for (const struct exporter *x; (x = xs->slot[i]); i = (i + 1) & (xs->cap - 1))
        if (x->hash == hash && x->id == id && x->version == version && addr_equal(&x->from, from))
            break;
    return i;
}

static void take_out(struct exporters *xs, uint32_t i)
{
    const uint32_t mask = xs->cap - 1;
    xs->slot[i] = NULL;
    xs->n--;
    for (uint32_t j = (i + 1) & mask; xs->slot[j]; j = (j + 1) & mask) {
        const uint32_t home = xs->slot[j]->hash & mask;
        if (((j - home) & mask) >= ((j - i) & mask)) {
            xs->slot[i] = xs->slot[j];
            xs->slot[j] = NULL;
            i = j;
        }
    }
}

static void forget(struct exporters *xs, struct exporter *x)
{
    take_out(xs, place(xs, &x->from, x->version, x->id, x->hash));
    list_remove(list_of(xs, x), x);
    xs->memory -= x->memory;
    tmpl_table_free(&x->templates);
    options_free(&x->options);
    agent_put(xs, x->agent);
    assert(xs->unproven.oldest != x && xs->proven.oldest != x);
    free(x);
}

static struct exporter *oldest(const struct exporters *xs)
{
    return xs->unproven.oldest ? xs->unproven.oldest : xs->proven.oldest;
}

static int grow(struct exporters *xs)
{
    struct exporters more = *xs;
    more.cap = xs->cap * 2;
    more.slot = calloc(more.cap, sizeof(struct exporter *));
    if (!more.slot)
        return -1;
    for (uint32_t i = 0; i < xs->cap; i++) {
        struct exporter *x = xs->slot[i];
        if (x)
            more.slot[place(&more, &x->from, x->version, x->id, x->hash)] = x;
    }
    free(xs->slot);
    *xs = more;
    return 0;
}

int exporters_init(struct exporters *xs, const struct exporter_limits *limits, struct err *e)
{
    *xs = (struct exporters){ .limits = *limits, .cap = 64, .agents_cap = 64 };
    xs->slot = calloc(xs->cap, sizeof(struct exporter *));
    xs->agent = calloc(xs->agents_cap, sizeof(struct agent *));
    if (xs->slot && xs->agent)
        return 0;
    exporters_free(xs);
    return err_set(e, ERR_LIMIT, "out of memory");
}

void exporters_free(struct exporters *xs)
{
    while (xs->n)
        forget(xs, oldest(xs));
    free(xs->slot);
    free(xs->agent);
    *xs = (struct exporters){ 0 };
}

static struct exporter *add(struct exporters *xs, const struct addr *from, uint8_t version, uint32_t id,
                            uint32_t hash, unsigned *evicted)
{
    while (xs->n >= xs->limits.exporters) {
        forget(xs, oldest(xs));
        xs->evicted++;
        (*evicted)++;
    }
    if ((xs->n + 1) * 2 > xs->cap && grow(xs) < 0)
        return NULL;
    struct exporter *x = calloc(1, sizeof(*x));
    if (!x)
        return NULL;
    x->agent = agent_get(xs, from);
    if (!x->agent) {
        free(x);
        return NULL;
    }
    x->from = *from;
    x->version = version;
    x->id = id;
    x->hash = hash;
    x->memory = sizeof(*x) + sizeof(*x->agent);
    xs->memory += x->memory;
    xs->slot[place(xs, from, version, id, hash)] = x;
    xs->n++;
    x->seen_added = ++xs->added;
    list_add(&xs->unproven, x);
    return x;
}

struct exporter *exporters_get(struct exporters *xs, const struct addr *from, uint8_t version, uint32_t id,
                               int64_t now_us, unsigned *evicted)
{
    const uint32_t hash = hash_of(from, version, id);
    struct exporter *x = xs->slot[place(xs, from, version, id, hash)];
    *evicted = 0;
    if (x) {
        touch(xs, x, now_us);
        return x;
    }
    x = add(xs, from, version, id, hash, evicted);
    if (x)
        x->seen_us = now_us;
    return x;
}

/* What the agent holds is counted for each of its exporters: too much rather than too little. */
static void recount(struct exporters *xs, struct exporter *x)
{
    xs->memory -= x->memory;
    x->memory =
        sizeof(*x) + sizeof(*x->agent) + x->templates.memory + x->options.memory + x->agent->options.memory;
    xs->memory += x->memory;
}

/* One exporter may take this share of all memory: a flood from one sender then costs nobody else anything. */
enum { MEMORY_SHARE = 16 };

static void forget_all(struct exporters *xs, struct exporter *x)
{
    tmpl_table_free(&x->templates);
    options_free(&x->options);
    options_free(&x->agent->options);
    recount(xs, x);
}

bool exporters_settle(struct exporters *xs, struct exporter *x, unsigned *evicted)
{
    *evicted = 0;
    recount(xs, x);
    const bool fits = x->memory <= xs->limits.memory / MEMORY_SHARE;
    if (!fits)
        forget_all(xs, x);
    while (xs->memory > xs->limits.memory) {
        struct exporter *old = oldest(xs);
        if (old == x)
            old = x->newer ? x->newer : xs->proven.oldest;
        if (!old || old == x)
            break;
        forget(xs, old);
        xs->evicted++;
        (*evicted)++;
    }
    return fits;
}

const struct option *exporter_option(const struct exporter *x, enum option_kind kind, uint64_t key)
{
    const struct option *o = options_find(&x->options, kind, key);
    return o ? o : options_find(&x->agent->options, kind, key);
}

/* ---- sequence numbers */

/* A number that is further back than this is a restart, not a datagram that came late. */
enum { LATE_MAX = 10000 };

static enum seq_verdict judge(const struct exporter *x, uint32_t seq, uint32_t uptime, uint32_t step)
{
    if (step == 0)
        return SEQ_GOOD;
    if (step < UINT32_C(0x80000000))
        return SEQ_FORWARD;
    const uint32_t back = 0 - step;
    /* an uptime that goes back by more than datagrams overtake each other, unless it has wrapped; or the
     * second message in a row that goes on from behind */
    const bool rebooted = uptime && x->last_uptime > uptime && x->last_uptime - uptime > 60000 &&
                          x->last_uptime - uptime < UINT32_C(0xf0000000);
    return back > LATE_MAX || rebooted || (x->tail_seq && seq == x->after_last) ? SEQ_RESTART : SEQ_BACK;
}

enum seq_verdict exporter_sequence(struct exporter *x, uint32_t seq, uint32_t uptime, uint32_t *expected)
{
    *expected = x->expected;
    if (!x->known_seq) {
        x->seq_good++;
        x->last_uptime = uptime;
        return SEQ_GOOD;
    }
    const uint32_t step = seq - x->expected;
    const enum seq_verdict v = judge(x, seq, uptime, step);
    if (v == SEQ_GOOD) {
        x->seq_good++;
    } else if (v == SEQ_FORWARD) {
        x->seq_forward++;
        x->seq_lost += step;
    } else {
        x->seq_back++;
    }
    if (uptime && v != SEQ_BACK)
        x->last_uptime = uptime;
    return v;
}

void exporter_sequence_next(struct exporter *x, enum seq_verdict v, uint32_t seq, uint32_t units, bool known)
{
    x->after_last = seq + units;
    x->tail_seq = v == SEQ_BACK && known;
    if (v == SEQ_BACK) /* came late: what is expected stays */
        return;
    x->known_seq = known;
    x->expected = seq + units;
}
