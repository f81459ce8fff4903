/* SPDX-License-Identifier: BSD-2-Clause */
/* A dump takes what was kept of each sender and writes it in slices of the event loop, as fast as the stream
 * has room. What has been kept meanwhile is for the next one. */
#include "telemetry/dump.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/hash.h"
#include "output/json.h"
#include "telemetry/layout.h"

enum {
    CHUNK = 64 << 10,
    SLICE = 4096, /* lines */
    SLICE_MS = 1,
};
#define KEPT_MAX ((size_t)1 << 30) /* octets of all senders; more is lost, and counted */

struct record {
    const char *serialization;
    size_t len;
};

struct chunk {
    struct chunk *next;
    size_t used, size;
    char octets[];
};

/* What is kept of one sender. */
struct tele_part {
    struct chunk *first, *last;
    uint64_t n;
};

/* One sender's share of a dump. */
struct job {
    struct job *next;
    struct tele_peer like; /* name, head and tags as they were */
    struct tele_part part;
    struct chunk *at;
    size_t off;
    bool begun;
};

struct tele_dump {
    struct msglog *msglog;
    struct strbuf tail;
    size_t kept;                  /* octets */
    struct job *left, **left_end; /* of senders that have gone: for the next dump */
    int64_t period_us, next_us;   /* next_us: wall clock */
    uint64_t lost;                /* messages for which there was no room */
    uint64_t done, late;          /* dumps */
    uint64_t all_entries, all_peers;
    struct log_limit say_lost, say_late;

    /* the one that runs */
    bool running;
    struct job *jobs, **jobs_end;
    uint64_t seq, entries, peers;
    int64_t at_us, begun_us;
    uv_timer_t slice;
};

/* ---- keeping */

static struct chunk *chunk_for(struct tele_dump *d, struct tele_part *part, size_t need)
{
    struct chunk *c = part->last;
    if (c && c->size - c->used >= need)
        return c;
    const size_t size = need > CHUNK ? need : CHUNK;
    if (d->kept + size > KEPT_MAX || !(c = malloc(sizeof(*c) + size)))
        return NULL;
    *c = (struct chunk){ .size = size };
    d->kept += size;
    *(part->last ? &part->last->next : &part->first) = c;
    part->last = c;
    return c;
}

void tele_dump_keep(struct telemetry *t, struct tele_peer *p, const char *payload, size_t len,
                    const char *serialization)
{
    struct tele_dump *d = t->dump;
    const struct record r = { serialization, len };
    if (!p->part)
        p->part = calloc(1, sizeof(*p->part));
    struct chunk *c = p->part ? chunk_for(d, p->part, sizeof(r) + len) : NULL;
    if (!c) {
        d->lost++;
        log_limited(t->log, &d->say_lost, LOG_LV_WARN,
                    "telemetry_dump: more than can be kept until the next dump (%" PRIu64
                    " messages lost so far)",
                    d->lost);
        return;
    }
    memcpy(c->octets + c->used, &r, sizeof(r));
    memcpy(c->octets + c->used + sizeof(r), payload, len);
    c->used += sizeof(r) + len;
    p->part->n++;
}

static void free_chunks(struct tele_dump *d, struct chunk *c)
{
    for (struct chunk *next; c; c = next) {
        next = c->next;
        d->kept -= c->size;
        free(c);
    }
}

static void free_job(struct tele_dump *d, struct job *j)
{
    free_chunks(d, j->part.first);
    msglog_target_free(d->msglog, j->like.target);
    strbuf_free(&j->like.head);
    free(j->like.label);
    free(j);
}

/* Takes what is kept of p. NULL: no memory; it is lost. */
static struct job *new_job(struct tele_dump *d, struct tele_peer *p)
{
    struct job *j = calloc(1, sizeof(*j));
    if (!j)
        return NULL;
    j->like = *p;
    strbuf_init(&j->like.head, p->head.max);
    strbuf_add(&j->like.head, p->head.p, p->head.len);
    j->like.label = p->label ? strdup(p->label) : NULL;
    const struct msglog_topic topic = { .peer_src_ip = &j->like.addr, .peer_src_port = p->port };
    j->like.target = msglog_target_new(d->msglog, &topic);
    if (p->part) {
        j->part = *p->part;
        *p->part = (struct tele_part){ 0 };
    }
    j->at = j->part.first;
    if (j->like.target && !j->like.head.failed)
        return j;
    d->lost += j->part.n;
    free_job(d, j);
    return NULL;
}

void tele_dump_forget(struct telemetry *t, struct tele_peer *p)
{
    struct tele_dump *d = t->dump;
    if (!d || !p->part)
        return;
    struct job *j = p->part->n ? new_job(d, p) : NULL;
    if (j) {
        *d->left_end = j;
        d->left_end = &j->next;
    }
    free_chunks(d, p->part->first);
    free(p->part);
    p->part = NULL;
}

/* ---- writing */

static void put_line(struct telemetry *t, struct job *j)
{
    if (!t->line.failed)
        (void)msglog_put(t->dump->msglog, j->like.target, t->line.p, t->line.len);
}

static void put_event(struct telemetry *t, struct job *j, const char *event)
{
    const struct tele_dump *d = t->dump;
    struct strbuf *s = &t->line;
    char text[TIME_TEXT];
    strbuf_clear(s);
    json_first(s, "timestamp");
    json_string(s, text, time_text(d->at_us, &t->style, false, &t->times, text));
    json_addr(s, "telemetry_node", &j->like.addr);
    json_uint(s, "telemetry_node_port", j->like.port);
    json_word(s, "event_type", event);
    if (!strcmp(event, "dump_init"))
        json_uint(s, "dump_period", (uint64_t)t->k->dump_refresh);
    json_uint(s, "seq", d->seq);
    strbuf_add(s, d->tail.p, d->tail.len);
    put_line(t, j);
}

/* The next message of a job; false: there are no more. */
static bool put_next(struct telemetry *t, struct job *j)
{
    struct tele_dump *d = t->dump;
    struct record r;
    while (j->at && j->off == j->at->used) {
        j->at = j->at->next;
        j->off = 0;
    }
    if (!j->at)
        return false;
    memcpy(&r, j->at->octets + j->off, sizeof(r));
    const struct tele_line l = { .event = "dump",
                                 .tail = &d->tail,
                                 .seq = d->seq,
                                 .at_us = d->at_us,
                                 .peer = &j->like,
                                 .serialization = r.serialization };
    strbuf_clear(&t->line);
    tele_line_begin(t, &l, &t->line);
    strbuf_add(&t->line, j->at->octets + j->off + sizeof(r), r.len);
    tele_line_end(t, &l, &t->line);
    put_line(t, j);
    j->off += sizeof(r) + r.len;
    d->entries++;
    return true;
}

static void end_run(struct telemetry *t)
{
    struct tele_dump *d = t->dump;
    d->running = false;
    d->done++;
    d->all_entries += d->entries;
    d->all_peers += d->peers;
    uv_timer_stop(&d->slice);
    msglog_flush(d->msglog);
    log_info(t->log,
             "*** Dumping telemetry data - END (PID: %d RID: 1 PEERS: %" PRIu64 " ENTRIES: %" PRIu64
             " ET: %" PRId64 ") ***",
             (int)getpid(), d->peers, d->entries, (clock_mono_us() - d->begun_us) / US_PER_S);
}

/* One line more of the dump; false: it is complete. */
static bool step(struct telemetry *t)
{
    struct tele_dump *d = t->dump;
    struct job *j = d->jobs;
    if (!j)
        return false;
    if (!j->begun) {
        put_event(t, j, "dump_init");
        j->begun = true;
    } else if (!put_next(t, j)) {
        put_event(t, j, "dump_close");
        msglog_finish(d->msglog, j->like.target, t->k->dump_latest_file);
        d->jobs = j->next;
        d->peers++;
        free_job(d, j);
    }
    return true;
}

static void on_slice(uv_timer_t *h)
{
    struct telemetry *t = h->data;
    if (!msglog_room(t->dump->msglog))
        return;
    for (unsigned i = 0; i < SLICE; i++)
        if (!step(t)) {
            end_run(t);
            return;
        }
}

static unsigned slot_of(const struct telemetry *t, const struct tele_peer *p)
{
    return (unsigned)(hash_bytes(p->addr.b, sizeof(p->addr.b)) % (unsigned)t->k->dump_slots);
}

/* By the clock, so that a sender stays in its slot when the clock jumps. */
static unsigned slot_at(const struct telemetry *t, int64_t at_us)
{
    return (unsigned)(at_us / t->dump->period_us % t->k->dump_slots);
}

static void begin_run(struct telemetry *t)
{
    struct tele_dump *d = t->dump;
    const unsigned slot = slot_at(t, d->next_us);
    d->running = true;
    d->at_us = d->next_us;
    d->begun_us = clock_mono_us();
    d->seq = t->seq++;
    d->entries = d->peers = 0;
    d->jobs = d->left;
    d->jobs_end = d->left ? d->left_end : &d->jobs;
    d->left = NULL;
    d->left_end = &d->left;
    msglog_set_time(d->msglog, d->at_us);
    log_info(t->log, "*** Dumping telemetry data - START (PID: %d RID: 1) ***", (int)getpid());
    for (struct tele_peer *p = t->peers; p; p = p->next) {
        struct job *j = slot_of(t, p) == slot ? new_job(d, p) : NULL;
        if (!j)
            continue;
        *d->jobs_end = j;
        d->jobs_end = &j->next;
    }
    uv_timer_start(&d->slice, on_slice, 0, SLICE_MS);
}

/* The first multiple of the period that is not past. */
static int64_t next_time(const struct tele_dump *d, int64_t now_us)
{
    return now_us - now_us % d->period_us + d->period_us;
}

void tele_dump_tick(struct telemetry *t)
{
    struct tele_dump *d = t->dump;
    const int64_t now_us = clock_wall_us();
    if (!d)
        return;
    msglog_tick(d->msglog, clock_mono_us());
    if (now_us < d->next_us)
        return;
    if (d->running) {
        d->late++;
        log_limited(
            t->log, &d->say_late, LOG_LV_WARN,
            "the telemetry dump before this one has not been written yet: this one is part of the next");
    } else {
        begin_run(t);
    }
    d->next_us = next_time(d, now_us);
}

/* ---- the stream */

static struct msglog_conf conf_of(const struct config *c)
{
    return (struct msglog_conf){
        .name = "telemetry_dump",
        .file = { .path = c->telemetry.dump_file,
                  .utc = c->timestamps_utc,
                  .empty = true,
                  .modes = file_modes_of(c->files_umask, c->files_uid, c->files_gid) },
        .amqp = c->telemetry.dump_amqp,
        .kafka = c->telemetry.dump_kafka,
    };
}

int tele_dump_check(const struct service *s, struct err *e)
{
    const struct telemetry_keys *k = &s->c->telemetry;
    const struct msglog_conf conf = conf_of(s->c);
    const char *end;
    struct err why = { 0 };
    char key[64], where[256];
    if (msglog_check(&conf, &end, &why) == -1) {
        snprintf(key, sizeof(key), "telemetry_dump%s", end);
        return err_set(e, ERR_CONFIG, "%s: %s: %s", config_where(s->set, key, NULL, where, sizeof(where)),
                       key, why.text);
    }
    if (msglog_wanted(&conf) && !k->dump_refresh)
        return err_set(e, ERR_CONFIG,
                       "telemetry dumps need 'telemetry_dump_refresh_time' (60 to 86400 seconds)");
    if (k->dump_refresh && k->dump_refresh % k->dump_slots)
        return err_set(e, ERR_CONFIG,
                       "%s: telemetry_dump_time_slots: %d does not divide telemetry_dump_refresh_time (%d)",
                       config_where(s->set, "telemetry_dump_time_slots", NULL, where, sizeof(where)),
                       k->dump_slots, k->dump_refresh);
    return 0;
}

int tele_dump_open(struct telemetry *t, struct err *e)
{
    const struct msglog_conf conf = conf_of(t->c);
    if (!msglog_wanted(&conf))
        return 0;
    struct tele_dump *d = calloc(1, sizeof(*d));
    if (!d)
        return err_sys(e, "no memory for telemetry dumps");
    strbuf_init(&d->tail, 4096);
    tele_line_tail(&d->tail, t->c, &conf);
    d->left_end = &d->left;
    d->period_us = t->k->dump_refresh / t->k->dump_slots * US_PER_S;
    d->msglog = msglog_open(&conf, t->log, e);
    if (!d->msglog) {
        strbuf_free(&d->tail);
        free(d);
        return -1;
    }
    t->dump = d;
    return 0;
}

int tele_dump_start(struct telemetry *t, struct err *e)
{
    struct tele_dump *d = t->dump;
    (void)e;
    if (!d)
        return 0;
    uv_timer_init(t->s->loop, &d->slice);
    d->slice.data = t;
    d->next_us = next_time(d, clock_wall_us());
    return 0;
}

void tele_dump_stats(struct telemetry *t)
{
    if (!t->dump)
        return;
    msglog_stats(t->dump->msglog, "telemetry");
    log_notice(t->log,
               "stats [telemetry] telemetry_dump dumps=%" PRIu64 " late=%" PRIu64
               " kept=%zu octets lost=%" PRIu64,
               t->dump->done, t->dump->late, t->dump->kept, t->dump->lost);
}

void tele_dump_figures(const struct telemetry *t, struct figures *f)
{
    const struct tele_dump *d = t->dump;
    if (!d)
        return;
    figures_label(f, "dump", "telemetry_dump");
    figures_put_of(f, FIG_DUMPS, "what", "done", d->done);
    figures_put_of(f, FIG_DUMPS, "what", "left_out", d->late);
    figures_put(f, FIG_DUMP_RUNNING, d->running);
    figures_put(f, FIG_DUMP_PEERS, d->all_peers);
    figures_put(f, FIG_DUMP_ENTRIES, d->all_entries);
    figures_put(f, FIG_DUMP_LOST, d->lost);
    figures_put(f, FIG_DUMP_KEPT, d->kept);
    figures_unlabel(f, 1);
    msglog_figures(d->msglog, f);
}

void tele_dump_reopen(struct telemetry *t)
{
    if (t->dump)
        msglog_reopen(t->dump->msglog);
}

/* A dump that runs is written to its end, as far as the stream takes it. Senders have gone already: what is
 * left of them waits for a dump that will not be. */
void tele_dump_stop(struct telemetry *t)
{
    struct tele_dump *d = t->dump;
    uint64_t n = 0;
    if (!d)
        return;
    while (d->running && step(t))
        ;
    if (d->running)
        end_run(t);
    for (const struct job *j = d->left; j; j = j->next)
        n += j->part.n;
    if (n)
        log_info(t->log, "%" PRIu64 " telemetry messages came after the last dump and are in none", n);
    uv_close((uv_handle_t *)&d->slice, NULL);
}

void tele_dump_close(struct telemetry *t)
{
    struct tele_dump *d = t->dump;
    if (!d)
        return;
    for (struct job *j = d->left, *next; j; j = next) {
        next = j->next;
        free_job(d, j);
    }
    for (struct job *j = d->jobs, *next; j; j = next) {
        next = j->next;
        free_job(d, j);
    }
    msglog_close(d->msglog);
    strbuf_free(&d->tail);
    free(d);
    t->dump = NULL;
}
