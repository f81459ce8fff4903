/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of senders, its bounds, and sequence numbers. Called by the decoders of collectors for each
 * datagram. */
#include "core/senders.h"

#include <assert.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/hash.h"

/* An entry moves to the front of its list when a second has passed since it last did, or when so many others
 * have come that they could push it out: lists are touched seldom, and what sends is never last in them. */
enum { TOUCH_US = 1000000, TOUCH_SHARE = 16 };

struct sender_key {
    struct addr from;
    uint32_t id, version;
};

static uint32_t hash_of(const struct sender_id *id)
{
    const struct sender_key k = { *id->from, id->id, id->version | id->session << 8 };
    return (uint32_t)hash_bytes(&k, sizeof(k));
}

/* ---- lists */

static struct sender_list *list_of(struct senders *ss, const struct sender *s)
{
    return s->proven ? &ss->proven : &ss->unproven;
}

static void list_add(struct sender_list *l, struct sender *s)
{
    s->newer = NULL;
    s->older = l->newest;
    if (l->newest)
        l->newest->newer = s;
    else
        l->oldest = s;
    l->newest = s;
}

static void list_remove(struct sender_list *l, struct sender *s)
{
    if (s->newer)
        s->newer->older = s->older;
    else
        l->newest = s->older;
    if (s->older)
        s->older->newer = s->newer;
    else
        l->oldest = s->newer;
}

static void touch(struct senders *ss, struct sender *s, int64_t now_us)
{
    if (now_us - s->seen_us < TOUCH_US && ss->added - s->seen_added < ss->limits.senders / TOUCH_SHARE)
        return;
    struct sender_list *l = list_of(ss, s);
    s->seen_us = now_us;
    s->seen_added = ss->added;
    if (l->newest == s)
        return;
    list_remove(l, s);
    list_add(l, s);
}

void senders_prove(struct senders *ss, struct sender *s)
{
    if (s->proven)
        return;
    list_remove(&ss->unproven, s);
    s->proven = true;
    list_add(&ss->proven, s);
}

/* ---- the table */

static uint32_t place(const struct senders *ss, const struct sender_id *id, uint32_t hash)
{
    uint32_t i = hash & (ss->cap - 1);
    for (const struct sender *s; (s = ss->slot[i]); i = (i + 1) & (ss->cap - 1))
        if (s->hash == hash && s->id == id->id && s->version == id->version && s->session == id->session &&
            addr_equal(&s->from, id->from))
            break;
    return i;
}

static struct sender_id id_of(const struct sender *s)
{
    return (struct sender_id){ .from = &s->from, .session = s->session, .id = s->id, .version = s->version };
}

static void take_out(struct senders *ss, uint32_t i)
{
    const uint32_t mask = ss->cap - 1;
    ss->slot[i] = NULL;
    ss->n--;
    for (uint32_t j = (i + 1) & mask; ss->slot[j]; j = (j + 1) & mask) {
        const uint32_t home = ss->slot[j]->hash & mask;
        if (((j - home) & mask) >= ((j - i) & mask)) {
            ss->slot[i] = ss->slot[j];
            ss->slot[j] = NULL;
            i = j;
        }
    }
}

static void forget(struct senders *ss, struct sender *s)
{
    const struct sender_id id = id_of(s);
    take_out(ss, place(ss, &id, s->hash));
    list_remove(list_of(ss, s), s);
    ss->memory -= s->memory;
    if (ss->ops->free)
        ss->ops->free(s, ss->owner);
    assert(ss->unproven.oldest != s && ss->proven.oldest != s);
    free(s);
}

static struct sender *oldest(const struct senders *ss)
{
    return ss->unproven.oldest ? ss->unproven.oldest : ss->proven.oldest;
}

static int grow(struct senders *ss)
{
    struct senders more = *ss;
    more.cap = ss->cap * 2;
    more.slot = calloc(more.cap, sizeof(struct sender *));
    if (!more.slot)
        return -1;
    for (uint32_t i = 0; i < ss->cap; i++) {
        struct sender *s = ss->slot[i];
        const struct sender_id id = s ? id_of(s) : (struct sender_id){ 0 };
        if (s)
            more.slot[place(&more, &id, s->hash)] = s;
    }
    free(ss->slot);
    ss->slot = more.slot;
    ss->cap = more.cap;
    return 0;
}

struct sender_limits sender_limits_of(const struct config *c)
{
    return (struct sender_limits){
        .senders = c->exporters_max > 0 ? (uint32_t)c->exporters_max : 1 << 17,
        .memory = c->exporters_memory > 0 ? (size_t)c->exporters_memory : (size_t)256 << 20,
    };
}

int senders_init(struct senders *ss, const struct sender_ops *ops, void *owner,
                 const struct sender_limits *limits, struct err *e)
{
    *ss = (struct senders){ .ops = ops, .owner = owner, .limits = *limits, .cap = 64 };
    ss->slot = calloc(ss->cap, sizeof(struct sender *));
    return ss->slot ? 0 : err_set(e, ERR_LIMIT, "out of memory");
}

void senders_share(struct senders *ss, unsigned n)
{
    ss->limits.senders = (ss->limits.senders + n - 1) / n;
    ss->limits.memory /= n;
}

void senders_free(struct senders *ss)
{
    while (ss->n)
        forget(ss, oldest(ss));
    free(ss->slot);
    *ss = (struct senders){ 0 };
}

static size_t memory_of(const struct senders *ss, const struct sender *s)
{
    return ss->ops->memory ? ss->ops->memory(s) : ss->ops->size;
}

static struct sender *add(struct senders *ss, const struct sender_id *id, uint32_t hash, unsigned *evicted)
{
    while (ss->n >= ss->limits.senders) {
        forget(ss, oldest(ss));
        ss->evicted++;
        (*evicted)++;
    }
    if ((ss->n + 1) * 2 > ss->cap && grow(ss) < 0)
        return NULL;
    struct sender *s = calloc(1, ss->ops->size);
    if (!s)
        return NULL;
    s->from = *id->from;
    s->version = id->version;
    s->session = id->session;
    s->id = id->id;
    s->hash = hash;
    if (ss->ops->init && ss->ops->init(s, ss->owner) < 0) {
        free(s);
        return NULL;
    }
    s->memory = memory_of(ss, s);
    ss->memory += s->memory;
    ss->slot[place(ss, id, hash)] = s;
    ss->n++;
    s->seen_added = ++ss->added;
    list_add(&ss->unproven, s);
    return s;
}

const struct sender *senders_peek(const struct senders *ss, const struct sender_id *id)
{
    return ss->slot[place(ss, id, hash_of(id))];
}

struct sender *senders_find(struct senders *ss, const struct sender_id *id, int64_t now_us, unsigned *evicted)
{
    const uint32_t hash = hash_of(id);
    struct sender *s = ss->slot[place(ss, id, hash)];
    *evicted = 0;
    if (s) {
        touch(ss, s, now_us);
        return s;
    }
    s = add(ss, id, hash, evicted);
    if (s)
        s->seen_us = now_us;
    return s;
}

struct sender *senders_get(struct senders *ss, const struct addr *from, uint8_t version, uint32_t id,
                           int64_t now_us, unsigned *evicted)
{
    const struct sender_id what = { .from = from, .id = id, .version = version };
    return senders_find(ss, &what, now_us, evicted);
}

static void forget_of(struct senders *ss, struct sender_list *l, const struct addr *from, uint32_t session)
{
    for (struct sender *s = l->newest, *older; s; s = older) {
        older = s->older;
        if (s->session == session && addr_equal(&s->from, from))
            forget(ss, s);
    }
}

void senders_end_session(struct senders *ss, const struct addr *from, uint32_t session)
{
    forget_of(ss, &ss->unproven, from, session);
    forget_of(ss, &ss->proven, from, session);
}

void senders_settle(struct senders *ss, struct sender *s, unsigned *evicted)
{
    *evicted = 0;
    ss->memory -= s->memory;
    s->memory = memory_of(ss, s);
    ss->memory += s->memory;
    while (ss->memory > ss->limits.memory) {
        struct sender *old = oldest(ss);
        if (old == s)
            old = s->newer ? s->newer : ss->proven.oldest;
        if (!old || old == s)
            break;
        forget(ss, old);
        ss->evicted++;
        (*evicted)++;
    }
}

/* ---- sequence numbers */

/* A number that is further back than this is a restart, not a datagram that came late. */
enum { LATE_MAX = 10000 };

static enum seq_verdict judge(const struct sender *s, uint32_t seq, uint32_t uptime, uint32_t step)
{
    if (step == 0)
        return SEQ_GOOD;
    if (step < UINT32_C(0x80000000))
        return SEQ_FORWARD;
    const uint32_t back = 0 - step;
    /* an uptime that goes back by more than datagrams overtake each other, unless it has wrapped; or the
     * second message in a row that goes on from behind */
    const bool rebooted = uptime && s->last_uptime > uptime && s->last_uptime - uptime > 60000 &&
                          s->last_uptime - uptime < UINT32_C(0xf0000000);
    return back > LATE_MAX || rebooted || (s->tail_seq && seq == s->after_last) ? SEQ_RESTART : SEQ_BACK;
}

enum seq_verdict sender_sequence(struct sender *s, uint32_t seq, uint32_t uptime, uint32_t *expected)
{
    *expected = s->expected;
    if (!s->known_seq) {
        s->seq_good++;
        s->last_uptime = uptime;
        return SEQ_GOOD;
    }
    const uint32_t step = seq - s->expected;
    const enum seq_verdict v = judge(s, seq, uptime, step);
    if (v == SEQ_GOOD) {
        s->seq_good++;
    } else if (v == SEQ_FORWARD) {
        s->seq_forward++;
        s->seq_lost += step;
    } else {
        s->seq_back++;
    }
    if (uptime && v != SEQ_BACK)
        s->last_uptime = uptime;
    return v;
}

void sender_sequence_next(struct sender *s, enum seq_verdict v, uint32_t seq, uint32_t units, bool known)
{
    s->after_last = seq + units;
    s->tail_seq = v == SEQ_BACK && known;
    if (v == SEQ_BACK) /* came late: what is expected stays */
        return;
    s->known_seq = known;
    s->expected = seq + units;
}

/* ---- statistics */

void sender_stats(const struct sender *s, const struct log *l, const char *where)
{
    char agent[ADDR_TEXT];
    log_notice(l,
               "stats [%s] agent=%s:%u time=%lld packets=%llu bytes=%llu seq_good=%llu seq_jmp_fwd=%llu "
               "seq_jmp_bck=%llu",
               where, addr_str(&s->from, agent), s->id, (long long)(clock_wall_us() / US_PER_S),
               (unsigned long long)s->packets, (unsigned long long)s->bytes, (unsigned long long)s->seq_good,
               (unsigned long long)s->seq_forward, (unsigned long long)s->seq_back);
}

static void figures_of(const struct sender *s, struct figures *f,
                       void (*put)(const struct sender *s, struct figures *f))
{
    char agent[ADDR_TEXT];
    figures_label(f, "exporter", addr_str(&s->from, agent));
    figures_label_number(f, "id", s->id);
    figures_label_number(f, "version", s->version);
    figures_put(f, FIG_EXP_DATAGRAMS, s->packets);
    figures_put(f, FIG_EXP_BYTES, s->bytes);
    figures_put(f, FIG_EXP_SEQ_LOST, s->seq_lost);
    figures_put(f, FIG_EXP_SEQ_BACK, s->seq_back);
    put(s, f);
    figures_unlabel(f, 3);
}

void senders_figures(const struct senders *ss, struct figures *f,
                     void (*put)(const struct sender *s, struct figures *f))
{
    const struct sender_list *const lists[] = { &ss->unproven, &ss->proven };
    figures_put(f, FIG_EXPORTERS, ss->n);
    figures_put(f, FIG_EXPORTERS_EVICTED, ss->evicted);
    for (unsigned i = 0; i < 2; i++)
        for (const struct sender *s = lists[i]->oldest; s; s = s->newer)
            figures_of(s, f, put);
}
