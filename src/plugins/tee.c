/* SPDX-License-Identifier: BSD-2-Clause */
/* tee: copies every datagram to receivers, in pools that filter by tag and share load. Batches go from the
 * ring to the receivers' sockets without another copy. */
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "plugins/plugins.h"
#include "plugins/tee_balance.h"
#include "plugins/tee_name.h"
#include "plugins/tee_receiver.h"
#include "plugins/tee_templates.h"

enum {
    PATIENCE_MS = 50,   /* for receivers whose buffers are full; then they are not waited for any more */
    FILE_BATCH = 8,     /* datagrams of a capture file that leave at once: receivers have to follow */
    FILE_NAP_US = 2000, /* and then: 4,000 a second, as nfprobe has it */
};

struct tee {
    const struct plugin *pl;
    struct tee_out out;
    struct tee_pools pools;
    struct tee_receiver **receiver; /* all of them */
    unsigned n;
    struct tee_pools next; /* after SIGUSR2, until its names are known */
    unsigned next_names;   /* that are still looked up */
    bool reloading, closing;
    struct tee_receiver *leaving;    /* not in the file any more, with datagrams on their way */
    struct tee_templates *templates; /* that have passed, where datagrams come taken apart; else NULL */
};

/* ---- a batch */

/* Waits a little for those whose buffers are full; what they cannot take then is lost. */
static void wait_for(struct tee *s, struct tee_receiver **r, unsigned n)
{
    const int64_t until = clock_mono_us() + PATIENCE_MS * 1000;
    while (n) {
        int64_t left_ms = (until - clock_mono_us()) / 1000;
        struct pollfd *fds = calloc(n, sizeof(*fds));
        if (!fds || left_ms <= 0) {
            free(fds);
            break;
        }
        for (unsigned i = 0; i < n; i++)
            fds[i] = (struct pollfd){ .fd = r[i]->full_fd, .events = POLLOUT };
        poll(fds, n, (int)left_ms);
        free(fds);
        unsigned still = 0;
        for (unsigned i = 0; i < n; i++)
            if (r[i]->way->send(r[i]))
                r[i]->n = r[i]->done = 0;
            else
                r[still++] = r[i];
        n = still;
    }
    for (unsigned i = 0; i < n; i++) {
        log_limited(s->out.log, &r[i]->limit, LOG_LV_WARN,
                    "pool %u: %s: the send buffer is full for more than %d ms: datagrams are lost",
                    r[i]->pool, r[i]->name, PATIENCE_MS);
        r[i]->stalled = true;
        tee_receiver_lose(r[i], TEE_BLOCKED);
    }
}

/* Everything that waits leaves, or is counted as lost. */
static void flush(struct tee *s)
{
    struct tee_receiver *blocked[64];
    unsigned n = 0;
    for (unsigned i = 0; i < s->n; i++) {
        struct tee_receiver *r = s->receiver[i];
        if (r->n == 0)
            continue;
        if (*r->host && !addr_is_set(&r->at)) {
            tee_receiver_lose(r, TEE_NO_ADDRESS);
        } else if (r->way->send(r)) {
            r->n = r->done = 0;
            r->stalled = false;
        } else if (r->stalled || n == sizeof(blocked) / sizeof(blocked[0])) {
            tee_receiver_lose(r, TEE_BLOCKED);
        } else {
            blocked[n++] = r;
        }
    }
    if (n)
        wait_for(s, blocked, n);
}

/* Receivers that came later, or came back, get the templates that they have missed. */
static void greet(struct tee *s)
{
    for (unsigned i = 0; i < s->n; i++) {
        struct tee_receiver *r = s->receiver[i];
        if (r->greeted || r->quiet || (*r->host && !addr_is_set(&r->at)))
            continue;
        r->greeted = true;
        for (unsigned k = 0; k < tee_templates_count(s->templates); k++) {
            if (tee_receiver_full(r))
                flush(s);
            tee_receiver_put(r, tee_templates_at(s->templates, k));
        }
    }
    flush(s);
}

/* Those that are there get it as it comes. */
static void keep_template(struct tee *s, const struct datagram_record *d)
{
    if (!s->templates)
        s->templates = tee_templates_new();
    if (!s->templates)
        return;
    if (tee_templates_count(s->templates) == 0)
        for (unsigned i = 0; i < s->n; i++)
            s->receiver[i]->greeted = !s->receiver[i]->quiet;
    tee_templates_keep(s->templates, d);
}

static void hand_out(struct tee *s, struct datagram_record *d)
{
    if (d->flags & DATAGRAM_TEMPLATE)
        keep_template(s, d);
    for (unsigned i = 0; i < s->pools.n; i++) {
        struct tee_pool *p = &s->pools.pool[i];
        if (!tee_pool_takes(p, d))
            continue;
        if (p->balance == TEE_TO_ALL || (d->flags & DATAGRAM_FOR_ALL))
            for (unsigned k = 0; k < p->n; k++)
                tee_receiver_put(p->target[k].at_work, d);
        else
            tee_receiver_put(p->target[tee_balance(p, d)].at_work, d);
    }
}

static struct sums take(struct plugin *pl, uint8_t *recs, size_t bytes)
{
    struct tee *s = pl->state;
    struct sums sum = { 0 };
    unsigned n = 0;
    const unsigned most = pl->file_input ? FILE_BATCH : TEE_BATCH;
    for (const uint8_t *end = recs + bytes; recs < end;) {
        struct datagram_record *d = (struct datagram_record *)recs;
        hand_out(s, d);
        sums_add(&sum, &(struct sums){ .records = 1, .packets = 1, .bytes = d->len });
        recs += d->size;
        if (++n % most == 0) {
            flush(s);
            if (pl->file_input)
                nanosleep(&(struct timespec){ .tv_nsec = FILE_NAP_US * 1000L }, NULL);
        }
    }
    flush(s);
    ring_confirm(pl->ring, &sum);
    return sum;
}

/* ---- receivers: at start, and anew */

static struct tee_target *find_target(const struct tee_pools *in, const struct tee_target *t)
{
    for (unsigned i = 0; i < in->n; i++)
        for (unsigned k = 0; in->pool[i].id == t->pool && k < in->pool[i].n; k++) {
            struct tee_target *o = &in->pool[i].target[k];
            if (o->kind == t->kind && o->identity == t->identity && o->src_port == t->src_port &&
                !strcmp(o->name, t->name) && !strcmp(o->topic ? o->topic : "", t->topic ? t->topic : ""))
                return o;
        }
    return NULL;
}

static unsigned count_targets(const struct tee_pools *ps)
{
    unsigned n = 0;
    for (unsigned i = 0; i < ps->n; i++)
        n += ps->pool[i].n;
    return n;
}

/* Calls `each` for every target; stops at -1. */
static int each_target(struct tee *s, struct tee_pools *ps,
                       int (*each)(struct tee *, struct tee_target *, struct err *), struct err *e)
{
    for (unsigned i = 0; i < ps->n; i++)
        for (unsigned k = 0; k < ps->pool[i].n; k++)
            if (each(s, &ps->pool[i].target[k], e) == -1)
                return -1;
    return 0;
}

/* Goes, at once or when what is on its way has arrived; tells what it had got. */
static int dismiss(struct tee *s, struct tee_target *t, struct err *e)
{
    struct tee_receiver *r = t->at_work;
    (void)e;
    t->at_work = NULL;
    if (!r)
        return 0;
    if (r->way->unsent && r->queue && r->way->unsent(r)) {
        r->next = s->leaving;
        s->leaving = r;
    } else {
        if (r->count[TEE_SENT] && !s->closing)
            tee_receiver_stats(r);
        tee_receiver_free(r);
    }
    return 0;
}

static void attend_leaving(struct tee *s, int64_t mono_us)
{
    for (struct tee_receiver **at = &s->leaving; *at;) {
        struct tee_receiver *r = *at;
        r->way->tick(r, mono_us);
        if (r->way->unsent(r)) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        tee_receiver_stats(r);
        tee_receiver_free(r);
    }
}

static void forget(struct tee *s, struct tee_pools *ps)
{
    each_target(s, ps, dismiss, NULL);
    tee_conf_free(ps);
}

static int list_receivers(struct tee *s, struct tee_pools *ps)
{
    struct tee_receiver **all = calloc(count_targets(ps) + 1, sizeof(struct tee_receiver *));
    if (!all)
        return -1;
    free(s->receiver);
    s->receiver = all;
    s->n = 0;
    for (unsigned i = 0; i < ps->n; i++)
        for (unsigned k = 0; k < ps->pool[i].n; k++)
            s->receiver[s->n++] = ps->pool[i].target[k].at_work;
    return 0;
}

/* A name that is not known yet does not keep the others from starting. */
static int start_one(struct tee *s, struct tee_target *t, struct err *e)
{
    struct err why;
    struct tee_receiver *r = t->at_work = tee_receiver_new(&s->out, t, e);
    if (!r)
        return -1;
    if (t->kind != TEE_UDP)
        return r->way->open(r, e);
    if (tee_name_now(r, &why) == 0)
        return 0;
    if (r->literal)
        return err_set(e, why.code, "pool %u: %s", r->pool, why.text);
    log_warn(s->out.log, "pool %u: %s: datagrams for it are lost until it can be reached", r->pool, why.text);
    return 0;
}

/* The new file is in force: what it shares with the old one goes on, sockets and counters. */
static void commit(struct tee *s)
{
    struct tee_pools old = s->pools;
    for (unsigned i = 0; i < s->next.n; i++)
        for (unsigned k = 0; k < s->next.pool[i].n; k++) {
            struct tee_target *t = &s->next.pool[i].target[k], *was = find_target(&old, t);
            if (!was)
                continue;
            t->at_work = was->at_work;
            was->at_work = NULL;
        }
    s->pools = s->next;
    s->next = (struct tee_pools){ 0 };
    s->reloading = false;
    if (list_receivers(s, &s->pools) == -1)
        abort(); /* a few octets, and nothing works without them */
    forget(s, &old);
    if (s->templates)
        greet(s);
    log_info(s->out.log, "[%s] map successfully (re)loaded.", s->pl->c->tee_receivers);
}

static void on_name(void *arg)
{
    struct tee *s = arg;
    if (s->reloading && --s->next_names == 0)
        commit(s);
}

/* As start_one, without waiting for names; those that the old file had already are there. */
static int renew_one(struct tee *s, struct tee_target *t, struct err *e)
{
    struct addr a;
    if (find_target(&s->pools, t))
        return 0;
    if (t->kind != TEE_UDP || addr_parse(t->host, &a) == 0)
        return start_one(s, t, e);
    t->at_work = tee_receiver_new(&s->out, t, e);
    if (!t->at_work)
        return -1;
    s->next_names++;
    tee_name_start(t->at_work, on_name, s);
    return 0;
}

static void reload(struct plugin *pl)
{
    struct tee *s = pl->state;
    const char *path = pl->c->tee_receivers;
    struct err e;
    forget(s, &s->next); /* of a reload that is not done yet */
    s->reloading = false;
    log_info(&pl->log, "[%s] (re)loading map.", path);
    if (tee_conf_load(path, pl->c->tee_transparent, &s->next, &e) == 0) {
        s->next_names = 1;
        s->reloading = true;
        if (each_target(s, &s->next, renew_one, &e) == 0) {
            on_name(s);
            return;
        }
        forget(s, &s->next);
        s->reloading = false;
    }
    log_warn(&pl->log, "%s. Rolling back the old map: its receivers stay in force", e.text);
}

/* ---- life */

static int check_ways(const struct tee_pools *ps, const struct config *c, struct err *e)
{
    for (unsigned i = 0; i < ps->n; i++) {
        const struct tee_way *way = tee_way_of(c, ps->pool[i].target[0].kind);
        if (way->absent)
            return err_set(e, ERR_UNSUPPORTED, "[%s] pool %u: this build has no %s", c->tee_receivers,
                           ps->pool[i].id, way->name);
    }
    return 0;
}

static int check(const struct config_set *set, const struct plugin_conf *pc, struct aggregate_spec *spec,
                 struct err *e)
{
    struct tee_pools ps;
    const struct config *c = &pc->c;
    char where[256];
    *spec = (struct aggregate_spec){ .datagrams = true };
    if (!c->tee_receivers)
        return err_set(e, ERR_CONFIG,
                       "plugin '%s-tee': 'tee_receivers' is missing: the file that names whom to send to",
                       pc->name);
    if (c->aggregate_filter)
        return err_set(
            e, ERR_CONFIG,
            "%s: tee does not look into datagrams: use a 'pre_tag_map' and tags in 'tee_receivers'",
            config_where(set, "aggregate_filter", pc->name, where, sizeof(where)));
    if (tee_conf_load(c->tee_receivers, c->tee_transparent, &ps, e) == -1)
        return -1;
    int rc = check_ways(&ps, c, e);
    tee_conf_free(&ps);
    return rc;
}

/* Sockets with the addresses of exporters are opened as these appear. */
static unsigned kept(const struct config *c)
{
    return c->tee_transparent ? PRIVS_CAPTURE | PRIVS_LOW_PORTS : PRIVS_NONE;
}

static int open_tee(struct plugin *pl, struct err *e)
{
    struct tee *s = pl->state;
    const char *path = pl->c->tee_receivers;
    s->pl = pl;
    log_info(&pl->log, "[%s] (re)loading map.", path);
    if (tee_out_open(&s->out, pl->c, &pl->log, pl->loop, e) == -1 ||
        tee_conf_load(path, pl->c->tee_transparent, &s->pools, e) == -1 ||
        each_target(s, &s->pools, start_one, e) == -1)
        return -1;
    if (list_receivers(s, &s->pools) == -1)
        return err_sys(e, "no memory for receivers");
    log_info(&pl->log, "[%s] map successfully (re)loaded.", path);
    return 0;
}

static void tick(struct plugin *pl, int64_t now_us)
{
    struct tee *s = pl->state;
    const int64_t mono = clock_mono_us();
    (void)now_us;
    for (unsigned i = 0; i < s->n; i++) {
        struct tee_receiver *r = s->receiver[i];
        tee_name_tick(r, mono);
        if (r->way->tick)
            r->way->tick(r, mono);
    }
    if (s->templates)
        greet(s);
    attend_leaving(s, mono);
}

static void stats(struct plugin *pl)
{
    const struct tee *s = pl->state;
    for (unsigned i = 0; i < s->n; i++)
        tee_receiver_stats(s->receiver[i]);
}

static void put_figures(struct plugin *pl, struct figures *f)
{
    const struct tee *s = pl->state;
    for (unsigned i = 0; i < s->n; i++)
        tee_receiver_figures(s->receiver[i], f);
}

static void finish(struct plugin *pl)
{
    struct tee *s = pl->state;
    for (unsigned i = 0; i < s->n; i++)
        if (s->receiver[i]->way->finish)
            s->receiver[i]->way->finish(s->receiver[i]);
    for (struct tee_receiver *r = s->leaving; r; r = r->next)
        r->way->finish(r);
}

static void close_tee(struct plugin *pl)
{
    struct tee *s = pl->state;
    s->closing = true;
    forget(s, &s->next);
    forget(s, &s->pools);
    while (s->leaving) {
        struct tee_receiver *r = s->leaving;
        s->leaving = r->next;
        tee_receiver_free(r);
    }
    free(s->receiver);
    tee_templates_free(s->templates);
    tee_out_close(&s->out);
}

const struct plugin_ops plugin_tee = {
    .name = "tee",
    .title = "Tee Plugin",
    .state_size = sizeof(struct tee),
    .datagrams = true,
    .kept = kept,
    .check = check,
    .open = open_tee,
    .take = take,
    .tick = tick,
    .finish = finish,
    .reload = reload,
    .stats = stats,
    .figures = put_figures,
    .close = close_tee,
};
