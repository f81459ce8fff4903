/* SPDX-License-Identifier: BSD-2-Clause */
/* Dumps of tables and of blackholes. Of each one at a time, neighbour after neighbour, some routes each turn
 * of the loop. Called by service.c. */
#include "bgp/dump.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/hash.h"
#include "bgp/blackhole.h"

enum { SLICE = 400 }; /* routes: well under a millisecond */

struct bgp_dump {
    struct bgp_service *b;
    enum bgp_dump_kind kind;
    const char *what, *name; /* in messages; the prefix of its keys */
    const char *file, *latest;
    int period_s;
    unsigned slots, slot;
    struct msglog *m;
    struct bgp_lines lines;
    uv_timer_t timer; /* until the next slot */
    uv_idle_t work;
    uv_async_t has_room;
    int64_t slot_us; /* when the last slot began */
    bool running, starved;
    uint64_t turn; /* number of the dump: neighbours that have been dumped carry it */
    int64_t at_us; /* its nominal time */
    int64_t began_us;
    struct bgp_peer *peer; /* whose routes are under way, NULL: none */
    struct rib_place place;
    uint64_t seq, entries, all_entries, dumped, skipped, lines_lost;
    uint64_t ever; /* entries of all dumps */
    unsigned all_tables;
    struct msglog_target *last; /* where the last line went, of a name that all share */
};

/* ---- configuration */

static struct msglog_conf conf_of(const struct config *c)
{
    return (struct msglog_conf){
        .name = "bgp_table_dump",
        .file = { .path = c->bgp_dump_file,
                  .utc = c->timestamps_utc,
                  .empty = true,
                  .modes = file_modes_of(c->files_umask, c->files_uid, c->files_gid) },
        .amqp = c->bgp_dump_amqp,
        .kafka = c->bgp_dump_kafka,
        .avro = msglog_avro_of(c, c->bgp_dump_output, c->bgp_dump_schema_file, false, true, c->bgp_tag_map)
    };
}

/* What is not its own is that of the tables' dumps. */
static struct msglog_conf blackholes_of(const struct config *c)
{
    struct msglog_conf mc = conf_of(c);
    mc.name = "bgp_blackhole_dump";
    mc.file.path = c->bgp_blackhole_dump_file;
    mc.amqp.routing_key = c->bgp_blackhole_dump_routing_key;
    mc.kafka.topic = c->bgp_blackhole_dump_topic;
    return mc;
}

static const struct {
    const char *what;
    struct msglog_conf (*conf)(const struct config *c);
    size_t latest; /* member of struct config */
} kinds[BGP_DUMPS] = {
    [BGP_DUMP_TABLES] = { "tables", conf_of, offsetof(struct config, bgp_dump_latest_file) },
    [BGP_DUMP_BLACKHOLES] = { "blackholes", blackholes_of,
                              offsetof(struct config, bgp_blackhole_dump_latest_file) },
};

static const char *latest_of(const struct config *c, enum bgp_dump_kind kind)
{
    const char *path;
    memcpy(&path, (const char *)c + kinds[kind].latest, sizeof(path));
    return path;
}

bool bgp_dump_wanted(const struct config *c, enum bgp_dump_kind kind)
{
    const struct msglog_conf mc = kinds[kind].conf(c);
    return msglog_wanted(&mc);
}

int bgp_dump_check(const struct service *s, struct err *e)
{
    for (unsigned i = 0; i < BGP_DUMPS; i++) {
        const struct msglog_conf mc = kinds[i].conf(s->c);
        const char *latest = latest_of(s->c, (enum bgp_dump_kind)i);
        if ((latest && msglog_check_name(latest, e) == -1) || bgp_check_stream(s, &mc, e) == -1)
            return -1;
    }
    return 0;
}

/* ---- lines */

static void put_line(struct bgp_dump *d, struct bgp_peer *p)
{
    if (d->lines.line.failed)
        d->lines_lost++;
    else
        (void)msglog_put(d->m, p->dump[d->kind].target, d->lines.line.p, d->lines.line.len);
}

static bool on_route(void *arg, const struct rib_key *k, const struct rib_route *r)
{
    struct bgp_dump *d = arg;
    if (d->kind == BGP_DUMP_BLACKHOLES && !bgp_blackholes_has(d->b->blackholes, r->attrs))
        return true;
    bgp_lines_dump_route(&d->lines, d->peer, d->seq, k, r);
    put_line(d, d->peer);
    d->entries++;
    return true;
}

static void begin_peer(struct bgp_dump *d, struct bgp_peer *p)
{
    const struct msglog_topic topic = { .peer_src_ip = &p->s.addr,
                                        .peer_src_port = p->s.port,
                                        .peer_as = p->s.as };
    d->peer = p;
    d->place = (struct rib_place){ 0 };
    d->entries = 0;
    d->seq = d->b->lines.seq++;
    p->dump[d->kind].turn = d->turn;
    if (!p->dump[d->kind].target)
        p->dump[d->kind].target = msglog_target_new(d->m, &topic);
    if (!p->head.len)
        bgp_lines_head(&d->lines, p);
    bgp_lines_dump_init(&d->lines, p, d->seq, d->period_s);
    put_line(d, p);
}

static void end_peer(struct bgp_dump *d)
{
    struct bgp_peer *p = d->peer;
    const unsigned tables = rib_peer_tables(d->b->rib, p->rib);
    bgp_lines_dump_close(&d->lines, p, d->seq, d->entries, tables);
    put_line(d, p);
    if (d->file && strchr(d->file, '$'))
        msglog_finish(d->m, p->dump[d->kind].target, d->latest);
    d->all_entries += d->entries;
    d->ever += d->entries;
    d->all_tables += tables;
    d->dumped++;
    d->peer = NULL;
}

/* ---- a dump */

static unsigned slot_of(const struct bgp_dump *d, const struct bgp_peer *p)
{
    return (unsigned)(hash_bytes(&p->s.addr, sizeof(p->s.addr)) % d->slots);
}

static struct bgp_peer *next_peer(const struct bgp_dump *d)
{
    struct bgp_peer *p = d->b->peers.first;
    while (p && (!p->rib || p->dump[d->kind].turn == d->turn || slot_of(d, p) != d->slot))
        p = p->next;
    return p;
}

/* A file that all share is complete when the last of them is. */
static void finish_file(struct bgp_dump *d)
{
    if (d->file && !strchr(d->file, '$'))
        msglog_finish(d->m, d->last, d->latest);
}

static void end_dump(struct bgp_dump *d)
{
    const long long us = clock_mono_us() - d->began_us;
    finish_file(d);
    for (struct bgp_peer *p = d->b->peers.first; p; p = p->next) {
        msglog_target_free(d->m, p->dump[d->kind].target);
        p->dump[d->kind].target = NULL;
    }
    msglog_target_free(d->m, d->last);
    d->last = NULL;
    msglog_flush(d->m);
    d->running = false;
    uv_idle_stop(&d->work);
    log_info(d->b->log,
             "*** Dumping BGP %s - END (PID: %d RID: 1 TABLES: %u ENTRIES: %" PRIu64 " ET: %lld) ***",
             d->what, (int)getpid(), d->all_tables, d->all_entries, us / US_PER_S);
}

static bool has_room(struct bgp_dump *d)
{
    if (msglog_room(d->m))
        return true;
    d->starved = true;
    uv_idle_stop(&d->work);
    return false;
}

static void on_work(uv_idle_t *i)
{
    struct bgp_dump *d = i->data;
    if (!has_room(d))
        return;
    bgp_lines_time(&d->lines, d->at_us, false);
    bgp_blackholes_begin(d->b->blackholes);
    if (!d->peer) {
        struct bgp_peer *p = next_peer(d);
        if (!p) {
            end_dump(d);
            return;
        }
        begin_peer(d, p);
    }
    if (!rib_walk(d->b->rib, d->peer->rib, &d->place, SLICE, on_route, d))
        end_peer(d);
    msglog_flush(d->m);
}

static void begin_dump(struct bgp_dump *d, int64_t at_us)
{
    if (d->running) {
        d->skipped++;
        log_warn(d->b->log,
                 "bgp_table_dump_refresh_time: a dump is still under way: the next one is left out");
        return;
    }
    d->running = true;
    d->turn++;
    d->at_us = at_us;
    d->began_us = clock_mono_us();
    d->all_entries = 0;
    d->all_tables = 0;
    msglog_set_time(d->m, at_us);
    d->last = msglog_target_new(d->m, &(struct msglog_topic){ 0 });
    if (d->slots > 1)
        log_info(d->b->log, "*** Dumping BGP %s - SLOT %u / %u ***", d->what, d->slot + 1, d->slots);
    log_info(d->b->log, "*** Dumping BGP %s - START (PID: %d RID: 1) ***", d->what, (int)getpid());
    uv_idle_start(&d->work, on_work);
}

/* ---- the clock */

static void on_timer(uv_timer_t *t);

/* Slots begin at multiples of their length since 1970. */
static void wait_for_slot(struct bgp_dump *d)
{
    const int64_t length = (int64_t)d->period_s * US_PER_S / d->slots, now = clock_wall_us();
    uv_timer_start(&d->timer, on_timer, (uint64_t)((length - now % length) / 1000 + 1), 0);
}

static void on_timer(uv_timer_t *t)
{
    struct bgp_dump *d = t->data;
    const int64_t length = (int64_t)d->period_s * US_PER_S / d->slots, at = clock_wall_us() / length * length;
    d->slot = (unsigned)(at / length % d->slots);
    if (at != d->slot_us) { /* the timer's clock may be a moment ahead: then this is the slot that was */
        d->slot_us = at;
        begin_dump(d, at - at % US_PER_S);
    }
    wait_for_slot(d);
}

static void go_on(struct bgp_dump *d)
{
    if (!d->starved || !msglog_room(d->m))
        return;
    d->starved = false;
    if (d->running)
        uv_idle_start(&d->work, on_work);
}

static void on_has_room(uv_async_t *a) { go_on(a->data); }

static void notify_room(void *arg)
{
    struct bgp_dump *d = arg;
    uv_async_send(&d->has_room);
}

void bgp_dump_tick(struct bgp_dump *d)
{
    if (!d)
        return;
    msglog_tick(d->m, clock_mono_us());
    go_on(d);
}

/* ---- life */

static int open_all(struct bgp_dump *d, struct err *e)
{
    const struct config *c = d->b->c;
    struct msglog_conf mc = kinds[d->kind].conf(c);
    mc.has_room = notify_room;
    mc.room_arg = d;
    uv_timer_init(d->b->io.loop, &d->timer);
    uv_idle_init(d->b->io.loop, &d->work);
    uv_async_init(d->b->io.loop, &d->has_room, on_has_room);
    d->timer.data = d->work.data = d->has_room.data = d;
    if (bgp_lines_init(&d->lines, c, rib_pool(d->b->rib), d->b->tags, mc.kafka.topic || mc.amqp.routing_key,
                       e) == -1)
        return -1;
    bgp_lines_roas(&d->lines, bgp_service_roas(d->b), d->b->rib);
    d->m = msglog_open(&mc, d->b->log, e);
    return d->m ? 0 : -1;
}

int bgp_dump_start(struct bgp_service *b, enum bgp_dump_kind kind, struct bgp_dump **out, struct err *e)
{
    const struct config *c = b->c;
    const struct msglog_conf mc = kinds[kind].conf(c);
    if (!msglog_wanted(&mc))
        return 0;
    if (!c->bgp_dump_refresh_time) {
        log_warn(b->log, "bgp_table_dump_refresh_time is not set: there are no dumps of the BGP %s",
                 kinds[kind].what);
        return 0;
    }
    struct bgp_dump *d = *out = calloc(1, sizeof(*d));
    if (!d)
        return err_sys(e, "no memory for dumps");
    d->b = b;
    d->kind = kind;
    d->what = kinds[kind].what;
    d->name = mc.name;
    d->file = mc.file.path;
    d->latest = latest_of(c, kind);
    d->period_s = c->bgp_dump_refresh_time;
    d->slots =
        c->bgp_dump_time_slots < d->period_s ? (unsigned)c->bgp_dump_time_slots : (unsigned)d->period_s;
    if (open_all(d, e) == -1)
        return -1;
    const int64_t length = (int64_t)d->period_s * US_PER_S / d->slots;
    d->slot_us = clock_wall_us() / length * length;
    wait_for_slot(d);
    return 0;
}

void bgp_dump_forget(struct bgp_dump *d, struct bgp_peer *p)
{
    if (!d)
        return;
    if (d->peer == p) {
        bgp_lines_time(&d->lines, d->at_us, false);
        end_peer(d);
    }
    msglog_target_free(d->m, p->dump[d->kind].target);
    p->dump[d->kind].target = NULL;
}

void bgp_dump_stats(const struct bgp_dump *d)
{
    if (!d)
        return;
    log_notice(d->b->log,
               "stats [BGP] %s dumps=%" PRIu64 " skipped=%" PRIu64 " neighbours=%" PRIu64
               " running=%d lines_lost=%" PRIu64,
               d->name, d->turn, d->skipped, d->dumped, d->running, d->lines_lost);
    msglog_stats(d->m, "BGP");
}

void bgp_dump_figures(const struct bgp_dump *d, struct figures *f)
{
    if (!d)
        return;
    figures_label(f, "dump", d->name);
    figures_put_of(f, FIG_DUMPS, "what", "done", d->turn - d->running);
    figures_put_of(f, FIG_DUMPS, "what", "left_out", d->skipped);
    figures_put(f, FIG_DUMP_RUNNING, d->running);
    figures_put(f, FIG_DUMP_PEERS, d->dumped);
    figures_put(f, FIG_DUMP_ENTRIES, d->ever);
    figures_put(f, FIG_DUMP_LOST, d->lines_lost);
    figures_unlabel(f, 1);
    msglog_figures(d->m, f);
}

void bgp_dump_reopen(struct bgp_dump *d)
{
    if (d)
        msglog_reopen(d->m);
}

void bgp_dump_stop(struct bgp_dump *d)
{
    if (!d)
        return;
    uv_close((uv_handle_t *)&d->timer, NULL);
    uv_close((uv_handle_t *)&d->work, NULL);
    uv_close((uv_handle_t *)&d->has_room, NULL);
}

void bgp_dump_free(struct bgp_dump *d)
{
    if (!d)
        return;
    if (d->m)
        msglog_target_free(d->m, d->last);
    msglog_close(d->m);
    bgp_lines_free(&d->lines);
    free(d);
}
