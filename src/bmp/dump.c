/* SPDX-License-Identifier: BSD-2-Clause */
/* Dumps of BMP: each router's routes, and what has happened to it since the last one (bmp_dump_*). Nothing is
 * forked: routes are walked in slices of the loop, as far as the log of dumps has room. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/hash.h"
#include "bmp/service_impl.h"

enum {
    SLICE = 1000,           /* routes between two looks at other work */
    BACKLOG_MAX = 16 << 20, /* octets of messages kept for a router */
    PERIOD_MIN = 60,
    RETRY_MS = 10,
};

struct bmp_dumper {
    struct bmp *b;
    struct msglog *msglog;
    struct bmp_log out;
    uv_timer_t timer, retry;
    uv_idle_t work;
    unsigned slots, slot;
    int64_t at_us, next_us;  /* time of the dump, and of the next one */
    struct bmp_session *now; /* NULL: none is being dumped */
    uint64_t seq;
    unsigned view, flushes;
    struct bmp_view at;
    bool in_view;
    struct rib_place place;
    uint64_t dumps, late, routes, routers;
    uint64_t serial;
};

bool bmp_dump_wanted(const struct bmp_keys *k)
{
    return k->dump_file || k->dump_amqp.routing_key || k->dump_kafka.topic;
}

static void on_room(void *arg) { (void)arg; /* the dump's own loop looks again each turn */ }

static struct msglog_conf log_of(const struct config *c)
{
    return (
        struct msglog_conf){ .name = "bmp_dump",
                             .has_room = on_room,
                             .file = { .path = c->bmp.dump_file,
                                       .utc = c->timestamps_utc,
                                       .empty = true,
                                       .modes = file_modes_of(c->files_umask, c->files_uid, c->files_gid) },
                             .amqp = c->bmp.dump_amqp,
                             .kafka = c->bmp.dump_kafka,
                             .avro = bmp_avro_of(c, c->bmp.dump_output, c->bmp.dump_schema_file, true) };
}

int bmp_dump_check(const struct config *c, struct err *e)
{
    const struct msglog_conf mc = log_of(c);
    const char *key;
    struct err why;
    if (!bmp_dump_wanted(&c->bmp))
        return 0;
    if (c->bmp.dump_refresh_time < PERIOD_MIN)
        return err_set(e, ERR_CONFIG, "bmp_dump_refresh_time: dumps need one, of %d seconds at least",
                       PERIOD_MIN);
    if (c->bmp.dump_refresh_time % c->bmp.dump_time_slots)
        return err_set(e, ERR_CONFIG, "bmp_dump_time_slots: %d parts of %d seconds are not whole seconds",
                       c->bmp.dump_time_slots, c->bmp.dump_refresh_time);
    if (msglog_check(&mc, &key, &why) == -1)
        return err_set(e, ERR_CONFIG, "bmp_dump%s: %s", key, why.text);
    return 0;
}

int bmp_dump_open(struct bmp *b, struct err *e)
{
    const struct config *c = b->s->c;
    const struct msglog_conf mc = log_of(c);
    if (!bmp_dump_wanted(b->k))
        return 0;
    struct bmp_dumper *d = calloc(1, sizeof(*d));
    if (!d)
        return err_sys(e, "no memory for dumps");
    d->msglog = msglog_open(&mc, b->log, e);
    if (!d->msglog) {
        free(d);
        return -1;
    }
    d->b = b;
    d->slots = (unsigned)b->k->dump_time_slots;
    const struct bmp_log_conf lc = bmp_log_conf_of(b, &mc, d->msglog);
    bmp_log_init(&d->out, &lc);
    b->dumper = d;
    return 0;
}

/* ---- what happens between dumps */

void bmp_dump_message(struct bmp *b, struct bmp_session *x, const struct bmp_msg *m)
{
    struct bmp_backlog *k = &x->backlog;
    char text[ADDR_TEXT];
    if (!b->dumper || (m->type == BMP_STATS && b->k->dump_exclude_stats) || m->type == BMP_ROUTE_MIRRORING)
        return;
    const size_t head = BMP_HEADER + (m->type == BMP_INIT || m->type == BMP_TERM ? 0 : BMP_PEER_HEADER);
    const size_t len = head + m->body.len;
    if (k->len + len > k->cap) {
        size_t cap = k->cap ? 2 * k->cap : 4096;
        while (cap < k->len + len)
            cap *= 2;
        uint8_t *p = cap <= BACKLOG_MAX ? realloc(k->p, cap) : NULL;
        if (!p) {
            b->backlog_lost++;
            log_limited(
                b->log, &b->say_backlog, LOG_LV_WARN,
                "[%s] more than %d octets of events since the last dump: further ones are left out of it",
                addr_str(&x->addr, text), BACKLOG_MAX);
            return;
        }
        k->p = p;
        k->cap = cap;
    }
    memcpy(k->p + k->len, m->body.p - head, len); /* headers stand right before the body */
    k->len += len;
}

static void dump_backlog(struct bmp_dumper *d)
{
    struct bmp_backlog *k = &d->now->backlog;
    const struct bmp_telling t = { .seq = d->seq, .at_us = d->at_us, .dump = true };
    enum bmp_fault f;
    for (size_t at = 0; at < k->len;) {
        struct bmp_msg m;
        const long n = bmp_frame(k->p + at, k->len - at, &f);
        if (n <= 0)
            break;
        if (bmp_parse(k->p + at, (size_t)n, &m) == BMP_FAULT_NONE)
            (void)bmp_log_message(&d->out, &d->now->dump, &t, &m);
        at += (size_t)n;
    }
    free(k->p);
    *k = (struct bmp_backlog){ 0 };
}

/* ---- one router */

static void write_session(struct bmp_dumper *d, const char *event, unsigned period_s)
{
    const struct bmp_telling t = { .seq = d->seq, .at_us = d->at_us, .dump = true };
    bmp_log_session(&d->out, &d->now->dump, &t, event, period_s);
}

static bool on_route(void *arg, const struct rib_key *k, const struct rib_route *route)
{
    struct bmp_dumper *d = arg;
    struct rib_attrs a;
    rib_attrs_get(rib_pool(d->b->rib), route->attrs, &a);
    const struct bmp_telling t = { .seq = d->seq, .at_us = d->at_us, .dump = true };
    const struct bmp_told told = { .type = BMP_LOG_DUMP,
                                   .peer = &d->at.peer,
                                   .key = k,
                                   .labels = { route->labels, route->labels_len },
                                   .attrs = &a,
                                   .message_serial = d->serial,
                                   .rib_peer = d->at.rib_peer };
    bmp_log_route(&d->out, &d->now->dump, &t, &told);
    d->routes++;
    return true;
}

static unsigned slot_of(const struct bmp_dumper *d, const struct bmp_session *x)
{
    return d->slots > 1 ? (unsigned)(hash_bytes(x->addr.b, sizeof(x->addr.b)) % d->slots) : 0;
}

static bool due(const struct bmp_dumper *d, const struct bmp_session *x)
{
    return x->router && !x->leaving && slot_of(d, x) == d->slot;
}

static void begin_router(struct bmp_dumper *d, struct bmp_session *x)
{
    while (x && !due(d, x))
        x = x->next;
    d->now = x;
    d->view = 0;
    d->in_view = false;
    if (!x)
        return;
    d->seq = d->b->seq++;
    write_session(d, "dump_init", (unsigned)d->b->k->dump_refresh_time);
}

static void end_router(struct bmp_dumper *d)
{
    dump_backlog(d);
    write_session(d, "dump_close", 0);
    d->routers++;
    msglog_finish(d->msglog, d->now->dump.target, d->b->k->dump_latest_file);
    begin_router(d, d->now->next);
}

/* Is the view that is being walked still there? Its number may be another one's by now. */
static bool view_stays(struct bmp_dumper *d)
{
    const unsigned flushes = bmp_router_flushes(d->now->router);
    struct bmp_view v;
    if (flushes == d->flushes)
        return true;
    d->flushes = flushes;
    for (unsigned at = 0; bmp_router_view(d->now->router, &at, &v);)
        if (v.rib_peer == d->at.rib_peer && !memcmp(&v.peer.addr, &d->at.peer.addr, sizeof(v.peer.addr)))
            return true;
    return false;
}

/* A slice of the dump; false when all is done. */
static bool step(struct bmp_dumper *d)
{
    if (!d->now)
        return false;
    if (!d->in_view) {
        d->in_view = bmp_router_view(d->now->router, &d->view, &d->at);
        d->place = (struct rib_place){ 0 };
        d->flushes = bmp_router_flushes(d->now->router);
        d->serial++;
        if (!d->in_view)
            end_router(d);
        return d->now != NULL;
    }
    d->in_view = view_stays(d) && rib_walk(d->b->rib, d->at.rib_peer, &d->place, SLICE, on_route, d);
    return true;
}

static void on_work(uv_idle_t *h);

static void on_retry(uv_timer_t *t)
{
    struct bmp_dumper *d = t->data;
    uv_idle_start(&d->work, on_work);
}

static void on_work(uv_idle_t *h)
{
    struct bmp_dumper *d = h->data;
    if (!msglog_room(d->msglog)) {
        uv_idle_stop(h);
        uv_timer_start(&d->retry, on_retry, RETRY_MS, 0);
        return;
    }
    if (step(d))
        return;
    uv_idle_stop(h);
    msglog_flush(d->msglog);
    d->dumps++;
}

/* ---- when */

static void on_timer(uv_timer_t *t);

static int64_t part_us(const struct bmp_dumper *d)
{
    return (int64_t)d->b->k->dump_refresh_time * US_PER_S / d->slots;
}

/* Dumps begin at whole multiples of the period, by the clock. */
static void wait_for_next(struct bmp_dumper *d)
{
    const int64_t part = part_us(d), now = clock_wall_us();
    const int64_t next = (now / part + 1) * part;
    d->next_us = next;
    uv_timer_start(&d->timer, on_timer, (uint64_t)((next - now) / 1000 + 1), 0);
}

static void on_timer(uv_timer_t *t)
{
    struct bmp_dumper *d = t->data;
    if (d->now) {
        d->late++;
        log_warn(d->b->log, "the BMP dump before this one has not been written so far: this one is left out");
    } else if (clock_wall_us() >= d->next_us) {
        d->at_us = d->next_us;
        d->slot = (unsigned)(d->at_us / part_us(d) % d->slots);
        msglog_set_time(d->msglog, d->at_us);
        d->out.head_serial = 0;
        d->serial++;
        begin_router(d, d->b->sessions);
        uv_idle_start(&d->work, on_work);
    }
    wait_for_next(d);
}

void bmp_dump_start(struct bmp *b)
{
    struct bmp_dumper *d = b->dumper;
    if (!d)
        return;
    uv_timer_init(b->s->loop, &d->timer);
    uv_timer_init(b->s->loop, &d->retry);
    uv_idle_init(b->s->loop, &d->work);
    d->timer.data = d->retry.data = d->work.data = d;
    wait_for_next(d);
}

bool bmp_dump_router(struct bmp *b, struct bmp_session *x)
{
    return !b->dumper || bmp_log_router_init(&b->dumper->out, &x->dump, &x->addr, x->port);
}

void bmp_dump_leave(struct bmp *b, struct bmp_session *x)
{
    struct bmp_dumper *d = b->dumper;
    if (!d)
        return;
    if (d->now == x)
        begin_router(d, x->next);
    bmp_log_router_free(&d->out, &x->dump);
}

void bmp_dump_stats(struct bmp *b, const char *where)
{
    const struct bmp_dumper *d = b->dumper;
    if (!d)
        return;
    log_notice(b->log,
               "stats [%s] bmp_dump dumps=%" PRIu64 " late=%" PRIu64 " routes=%" PRIu64
               " events_left_out=%" PRIu64,
               where, d->dumps, d->late, d->routes, b->backlog_lost);
    msglog_stats(d->msglog, where);
}

void bmp_dump_figures(struct bmp *b, struct figures *f)
{
    const struct bmp_dumper *d = b->dumper;
    uint64_t kept = 0;
    if (!d)
        return;
    for (const struct bmp_session *x = b->sessions; x; x = x->next)
        kept += x->backlog.len;
    figures_label(f, "dump", "bmp_dump");
    figures_put_of(f, FIG_DUMPS, "what", "done", d->dumps);
    figures_put_of(f, FIG_DUMPS, "what", "left_out", d->late);
    figures_put(f, FIG_DUMP_RUNNING, d->now != NULL);
    figures_put(f, FIG_DUMP_PEERS, d->routers);
    figures_put(f, FIG_DUMP_ENTRIES, d->routes);
    figures_put(f, FIG_DUMP_LOST, b->backlog_lost);
    figures_put(f, FIG_DUMP_KEPT, kept);
    figures_unlabel(f, 1);
    msglog_figures(d->msglog, f);
}

void bmp_dump_stop(struct bmp *b)
{
    if (!b->dumper)
        return;
    b->dumper->now = NULL;
    uv_close((uv_handle_t *)&b->dumper->timer, NULL);
    uv_close((uv_handle_t *)&b->dumper->retry, NULL);
    uv_close((uv_handle_t *)&b->dumper->work, NULL);
}

void bmp_dump_close(struct bmp *b)
{
    struct bmp_dumper *d = b->dumper;
    if (!d)
        return;
    for (struct bmp_session *x = b->sessions; x; x = x->next)
        bmp_log_router_free(&d->out, &x->dump);
    b->dumper = NULL;
    msglog_close(d->msglog);
    bmp_log_free(&d->out);
    free(d);
}
