/* SPDX-License-Identifier: BSD-2-Clause */
/* The purge engine. The event loop's thread (with plugin_workers several, each its own) fills a table and,
 * when the refresh time has come, puts it into a queue; one writer thread takes tables from there, has the
 * sink write them, and confirms them to the ledger. The queue is short: a table that finds it full is added
 * to the one that came before it, so that a slow sink costs memory for keys, never data. */
#include "output/purge.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output/bins.h"
#include "output/prorate.h"
#include "output/preprocess.h"
#include "output/spooled.h"
#include "output/trigger.h"

enum {
    QUEUE_DEFAULT = 10,
    LAST_TRIES = 3, /* of a batch that the sink refuses while the daemon ends */
    LAST_PAUSE_US = 500 * 1000,
    RETRY_FIRST_S = 1, /* after a sink refused what is in the spool; doubles */
    RETRY_MAX_S = 60,
};
#define WAITING_MAX ((size_t)1 << 30) /* octets of tables that a failing sink may pile up */

struct job {
    struct batch batch;
    struct sums sums;
    bool trigger_only; /* nothing to write: the trigger's own time has come */
    struct job *next;
};

/* What a thread that takes records works on. */
struct shard {
    _Alignas(64) struct agg *table;
    struct sums sums; /* of what is in the table */
    struct bins bins;
    struct prorate prorate;
};

struct purger {
    struct plugin *pl;
    const struct sink_ops *sink;
    void *sink_state;
    bool wants_empty;

    struct shard *shard;
    unsigned n_shards;

    /* of the event loop's thread */
    bool stitching, prorating; /* records bring their times: for that */
    int64_t delay_bins_s;
    int64_t due_us, trigger_due_us;
    struct preprocess *preprocess; /* NULL: none */

    /* between the two */
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct job *head, *tail; /* what waits; the job that is being written is not among them */
    unsigned waiting, waiting_max;
    bool quit;
    bool started;
    pthread_t writer;

    /* what became of purges: the writer's, read by figures */
    atomic_uint_fast64_t written_ok, refused, rows, took_us, done_us;

    /* of the writer */
    struct triggers triggers;
    struct spooled *spooled; /* NULL: none */
    struct job *held;   /* the oldest batch of the spool, which the sink has refused, as it is in memory */
    bool away;          /* the sink has refused it, and others would fare no better */
    uint64_t tried_seq; /* of what was put off: the last one that was tried again */
    int retry_s;        /* how long until the sink is asked again; 0: nothing to ask it for */
    int64_t retry_us;   /* monotonic: when */
};

int64_t writer_id(void) { return gettid(); }

static struct agg *new_table(const struct purger *p)
{
    return p->stitching ? agg_new_stitching() : agg_new();
}

/* Adds what is to be written of b to the table `to`. */
static void carry_batch(struct agg *to, const struct batch *b)
{
    struct agg_entry *e;
    uint64_t at = 0;
    while ((e = batch_next(b, &at)))
        agg_merge(to, e);
}

static void sums_take_off(struct sums *s, const struct sums *less)
{
    s->records -= less->records;
    s->packets -= less->packets;
    s->bytes -= less->bytes;
    s->flows -= less->flows;
}

/* ---- the queue; called with the lock held */

static void job_free(struct job *j)
{
    if (j->batch.table)
        agg_free(j->batch.table);
    free(j);
}

static void queue_put(struct purger *p, struct job *j)
{
    j->next = NULL;
    if (p->tail)
        p->tail->next = j;
    else
        p->head = j;
    p->tail = j;
    p->waiting++;
}

static struct job *queue_get(struct purger *p)
{
    struct job *j = p->head;
    if (!j)
        return NULL;
    p->head = j->next;
    if (!p->head)
        p->tail = NULL;
    p->waiting--;
    return j;
}

static void queue_put_first(struct purger *p, struct job *j)
{
    j->next = p->head;
    p->head = j;
    if (!p->tail)
        p->tail = j;
    p->waiting++;
}

/* Adds the rows of j to the last job that waits, and frees j. An entry that is marked as kept or done must
 * not grow: a table that has such entries is made anew without them. */
static void queue_merge(struct purger *p, struct job *j)
{
    struct job *last = p->tail;
    if (!last || !last->batch.table) {
        queue_put(p, j);
        return;
    }
    if (agg_count(last->batch.table) != last->batch.rows) {
        struct agg *clean = agg_is_stitching(j->batch.table) ? agg_new_stitching() : agg_new();
        carry_batch(clean, &last->batch);
        agg_free(last->batch.table);
        last->batch.table = clean;
    }
    carry_batch(last->batch.table, &j->batch);
    last->batch.rows = agg_count(last->batch.table);
    last->batch.purge_us = j->batch.purge_us;
    last->batch.base_s = j->batch.base_s;
    last->batch.last |= j->batch.last;
    sums_add(&last->sums, &j->sums);
    job_free(j);
}

static size_t queue_memory(const struct purger *p)
{
    size_t n = 0;
    for (const struct job *j = p->head; j; j = j->next)
        n += j->batch.table ? agg_memory(j->batch.table) : 0;
    return n;
}

/* ---- the writer's thread */

static void log_start(const struct plugin *pl, int64_t id)
{
    log_info(&pl->log, "*** Purging cache - START (PID: %" PRId64 ") ***", id);
}

static void log_end(const struct plugin *pl, const struct batch *b, uint64_t written, uint64_t rows,
                    int64_t took_s)
{
    char et[24] = "X";
    if (took_s >= 0)
        snprintf(et, sizeof(et), "%" PRId64, took_s);
    log_info(&pl->log, "*** Purging cache - END (PID: %" PRId64 ", QN: %" PRIu64 "/%" PRIu64 ", ET: %s) ***",
             b->writer, written, rows, et);
}

static void job_drop(struct purger *p, struct job *j, const char *why)
{
    if (p->pl->ring)
        ring_add_dropped(p->pl->ring, &j->sums);
    log_error(&p->pl->log,
              "%s: %" PRIu64 " rows dropped (%" PRIu64 " packets, %" PRIu64 " bytes, %" PRIu64 " flows)", why,
              j->batch.rows, j->sums.packets, j->sums.bytes, j->sums.flows);
    job_free(j);
}

static void remember(struct purger *p, int rc, uint64_t rows, int64_t began_us)
{
    atomic_fetch_add_explicit(&p->rows, rows, memory_order_relaxed);
    atomic_fetch_add_explicit(rc == 0 ? &p->written_ok : &p->refused, 1, memory_order_relaxed);
    if (rc == -1)
        return;
    atomic_store_explicit(&p->took_us, (uint64_t)(clock_mono_us() - began_us), memory_order_relaxed);
    atomic_store_explicit(&p->done_us, (uint64_t)clock_wall_us(), memory_order_relaxed);
}

/* The sink's part. -1: what it does not have yet stays in the batch. */
static int sink_write(struct purger *p, struct batch *b)
{
    struct err e = { 0 };
    int64_t began_us = clock_mono_us();
    int rc = p->sink->write(p->sink_state, p->pl, b, &e);
    if (rc == -1)
        log_error(&p->pl->log, "%s; %s", e.text,
                  b->spool_seq ? "what is not written waits in the spool"
                  : b->last    ? "the daemon ends"
                               : "what is not written is kept for the next purge");
    b->took_s = (clock_mono_us() - began_us) / US_PER_S;
    log_end(p->pl, b, b->written, b->rows, b->took_s);
    remember(p, rc, b->written, began_us);
    if (rc == -1)
        b->rows -= b->written;
    return rc;
}

/* -1: the job stays. */
static int job_write(struct purger *p, struct job *j)
{
    struct batch *b = &j->batch;
    b->writer = writer_id();
    b->written = b->inserted = b->updated = b->refused = 0;
    b->partly = false;
    log_start(p->pl, b->writer);
    if (!b->rows && !p->wants_empty)
        log_end(p->pl, b, 0, 0, -1);
    else if (sink_write(p, b) == -1)
        return -1;
    if (p->pl->ring && !b->spool_seq)
        ring_confirm(p->pl->ring, &j->sums);
    if (!p->pl->c->trigger_time.n)
        trigger_run(&p->triggers, p->sink, p->sink_state, p->pl, b);
    return 0;
}

static int job_do(struct purger *p, struct job *j)
{
    if (!j->trigger_only)
        return job_write(p, j);
    trigger_run(&p->triggers, p->sink, p->sink_state, p->pl, NULL);
    return 0;
}

/* ---- the spool */

static struct job *job_from_spool(struct purger *p, uint64_t seq)
{
    struct job *j = calloc(1, sizeof(*j));
    if (j && spooled_load(p->spooled, seq, &j->batch, &j->sums))
        return j;
    free(j);
    return NULL;
}

/* The batch of that number: the one that is held in memory, or anew. */
static struct job *spool_get(struct purger *p, uint64_t seq)
{
    struct job *j = p->held;
    p->held = NULL;
    spooled_hold(p->spooled, 0);
    if (j && j->batch.spool_seq == seq)
        return j;
    if (j) /* it made room for others */
        job_free(j);
    return job_from_spool(p, seq);
}

/* Writes a batch of the spool. One that the sink refuses stays in memory too, since the sink may have marked
 * what it has of it; one that it has in part is put off. */
enum wrote { WROTE, SOME_LEFT, SINK_AWAY };

static enum wrote spool_write_one(struct purger *p, uint64_t seq)
{
    struct job *j = spool_get(p, seq);
    if (!j)
        return WROTE; /* it was damaged */
    const int rc = job_write(p, j);
    if (rc == -1 && !j->batch.partly) {
        p->held = j;
        spooled_hold(p->spooled, seq);
        return SINK_AWAY;
    }
    if (rc == 0)
        spooled_done(p->spooled, seq);
    else
        spooled_put_off(p->spooled, &j->batch);
    job_free(j);
    return rc == 0 ? WROTE : SOME_LEFT;
}

/* Writes what the spool holds, the oldest first, up to the first one that the sink refuses. -1: it is away.
 */
static int write_spooled(struct purger *p)
{
    uint64_t seq;
    while ((seq = spooled_next(p->spooled)))
        if (spool_write_one(p, seq) == SINK_AWAY)
            return -1;
    return 0;
}

/* The same with what was put off, in turn, up to the first one of which something is left again. */
static int write_put_off(struct purger *p)
{
    enum wrote w = WROTE;
    uint64_t seq;
    while (w == WROTE && (seq = spooled_put_off_after(p->spooled, p->tried_seq))) {
        p->tried_seq = seq;
        w = spool_write_one(p, seq);
    }
    return w == SINK_AWAY ? -1 : 0;
}

static void retry_later(struct purger *p)
{
    const int most_s = p->sink->retry_max_s ? p->sink->retry_max_s : RETRY_MAX_S;
    if (p->retry_s)
        p->retry_s = p->retry_s * 2 < most_s ? p->retry_s * 2 : most_s;
    else
        p->retry_s = RETRY_FIRST_S;
    p->retry_us = clock_mono_us() + p->retry_s * US_PER_S;
}

static bool retry_is_due(const struct purger *p) { return !p->retry_s || clock_mono_us() >= p->retry_us; }

static void spool_write(struct purger *p)
{
    const bool due = retry_is_due(p), again = due && p->retry_s;
    int rc = write_spooled(p);
    if (rc == 0 && again)
        rc = write_put_off(p);
    p->away = rc == -1;
    if (rc == 0 && !spooled_put_off_after(p->spooled, 0))
        p->retry_s = 0;
    else if (due)
        retry_later(p);
}

/* Puts a batch on disk; then it is safe, whatever becomes of sink and plugin. False: it has to stay in
 * memory.
 */
static bool job_store(struct purger *p, struct job *j)
{
    struct err e = { 0 };
    if (spooled_store(p->spooled, &j->batch, &j->sums, &e) == -1) {
        log_error(&p->pl->log, "%s: the purge is kept in memory", e.text);
        return false;
    }
    if (p->pl->ring)
        ring_confirm(p->pl->ring, &j->sums);
    if (!p->held && spooled_next(p->spooled) == j->batch.spool_seq)
        p->held = j;
    else
        job_free(j);
    return true;
}

/* A job with rows, where there is a spool: to disk, and from there, in order, to the sink. Where the disk is
 * full, straight to the sink, once all that came before it is written. -1: the job stays. */
static int job_spool(struct purger *p, struct job *j)
{
    bool stored = job_store(p, j);
    if (!p->away || retry_is_due(p))
        spool_write(p);
    if (stored)
        return 0;
    if (p->away || job_do(p, j) == -1)
        return -1;
    job_free(j);
    return 0;
}

/* -1: the job stays. */
static int job_pass(struct purger *p, struct job *j)
{
    if (p->spooled && j->batch.rows)
        return job_spool(p, j);
    if (job_do(p, j) == -1 && !p->spooled)
        return -1;
    job_free(j);
    return 0;
}

/* When the daemon ends: what the sink refuses stays on disk. */
static void spool_finish(struct purger *p)
{
    for (int i = 0; i < LAST_TRIES && p->retry_s; i++) {
        usleep(LAST_PAUSE_US);
        p->retry_us = 0;
        spool_write(p);
    }
    spooled_log_rest(p->spooled);
}

/* Writes what is left when the daemon ends; what the sink refuses even now, and no spool holds, is lost, and
 * said so. */
static void drain(struct purger *p)
{
    struct job *j;
    while ((j = queue_get(p))) {
        pthread_mutex_unlock(&p->lock);
        int rc = -1;
        for (int i = 0; i < LAST_TRIES && (rc = job_pass(p, j)) == -1; i++)
            usleep(LAST_PAUSE_US);
        if (rc == -1)
            job_drop(p, j, "the sink refuses them and the daemon ends");
        pthread_mutex_lock(&p->lock);
    }
    if (!p->spooled)
        return;
    pthread_mutex_unlock(&p->lock);
    spool_finish(p);
    pthread_mutex_lock(&p->lock);
}

/* One turn: everything that waits, or up to the first job that fails (the ones behind it would fail too, and
 * order matters). One that fails in part goes behind them. */
static void write_waiting(struct purger *p)
{
    struct job *j;
    const struct job *put_off = NULL; /* the first such */
    while (!p->quit && (!put_off || p->head != put_off) && (j = queue_get(p))) {
        pthread_mutex_unlock(&p->lock);
        int rc = job_pass(p, j);
        pthread_mutex_lock(&p->lock);
        if (rc == 0)
            continue;
        if (!j->batch.partly) {
            queue_put_first(p, j);
            return;
        }
        put_off = put_off ? put_off : j;
        queue_put(p, j);
    }
}

/* Until there is work; or the sink is to be asked again, which it is then. */
static void wait_for_work(struct purger *p)
{
    if (!p->retry_s) {
        pthread_cond_wait(&p->work, &p->lock);
        return;
    }
    struct timespec until = { .tv_sec = p->retry_us / US_PER_S, .tv_nsec = p->retry_us % US_PER_S * 1000 };
    if (pthread_cond_timedwait(&p->work, &p->lock, &until) != ETIMEDOUT)
        return;
    pthread_mutex_unlock(&p->lock);
    spool_write(p);
    pthread_mutex_lock(&p->lock);
}

static void *writer_main(void *arg)
{
    struct purger *p = arg;
    if (p->spooled)
        spool_write(p);
    pthread_mutex_lock(&p->lock);
    for (;;) {
        unsigned before = p->waiting;
        if (!p->quit)
            write_waiting(p);
        if (p->quit)
            break;
        /* A failed job waits for the next purge; one that came meanwhile is the next purge. */
        if (p->waiting <= before || !p->waiting)
            wait_for_work(p);
    }
    drain(p);
    pthread_mutex_unlock(&p->lock);
    trigger_finish(&p->triggers, p->pl);
    return NULL;
}

/* Signals are the event loop's. */
static int writer_start(struct purger *p, struct err *e)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    int rc = pthread_create(&p->writer, NULL, writer_main, p);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc)
        return err_set(e, ERR_SYS, "cannot start the writer: %s", strerror(rc));
    pthread_setname_np(p->writer, "writer");
    p->started = true;
    return 0;
}

/* ---- before anything starts */

static int check_preprocess(const struct config_set *set, const struct plugin_conf *pc, const char *prefix,
                            struct err *e)
{
    char key[64], at[256];
    struct err why;
    if (!pc->c.preprocess)
        return 0;
    struct preprocess *p = preprocess_new(pc->c.preprocess, false, !strcmp(prefix, "sql"), &why);
    bool good = p != NULL;
    if (good && preprocess_recovers(p) && (!pc->c.sql_backup_host || !strcmp(pc->type, "sqlite3"))) {
        err_set(&why, ERR_CONFIG,
                "preprocess: 'recover' needs sql_backup_host, and a database with hosts (pgsql, mysql)");
        good = false;
    }
    preprocess_free(p);
    snprintf(key, sizeof(key), "%s_preprocess", prefix);
    return good
               ? 0
               : err_set(e, ERR_CONFIG, "%s: %s", config_where(set, key, pc->name, at, sizeof(at)), why.text);
}

int purger_check(const struct config_set *set, const struct plugin_conf *pc, const char *prefix,
                 struct err *e)
{
    const struct config *c = &pc->c;
    char key[64], at[256];
    if (check_preprocess(set, pc, prefix, e) == -1)
        return -1;
    if (!c->history_offset)
        return 0;
    snprintf(key, sizeof(key), "%s_history_offset", prefix);
    config_where(set, key, pc->name, at, sizeof(at));
    if (!c->history.n)
        return err_set(e, ERR_CONFIG, "%s: %s has no meaning without %s_history", at, key, prefix);
    if (c->history_offset >= span_seconds(c->history))
        return err_set(e, ERR_CONFIG, "%s: History offset (ie. %s) must be < history (ie. %s_history).", at,
                       key, prefix);
    return 0;
}

/* ---- the event loop's thread */

static void hand_over(struct purger *p, struct job *j)
{
    struct job *dropped = NULL;
    pthread_mutex_lock(&p->lock);
    if (p->waiting >= p->waiting_max && !j->trigger_only) {
        queue_merge(p, j);
        if (queue_memory(p) > WAITING_MAX && p->head != p->tail)
            dropped = queue_get(p);
    } else {
        queue_put(p, j);
    }
    pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->lock);
    if (dropped)
        job_drop(p, dropped, "too much waits for a sink that does not take it");
}

/* A shard's part of a purge. */
struct part {
    struct purger *p;
    struct shard *s;
    int64_t now_us, commit_s;
    bool last;
    struct agg *table; /* NULL: it had nothing */
    uint64_t rows;
    struct sums sums;
};

/* Moves entries of bins after limit_s to the new table; they are no part of the batch. */
static void keep_ahead(struct part *x, int64_t limit_s)
{
    struct sums moved = { 0 };
    struct agg_entry *e;
    uint64_t at = 0;
    while ((e = agg_next(x->table, &at))) {
        int64_t bin;
        memcpy(&bin, e->key + x->p->pl->layout->bin_off, sizeof(bin));
        if (bin <= limit_s)
            continue;
        agg_merge(x->s->table, e);
        sums_add(&moved, &(struct sums){ 1, e->packets, e->bytes, e->flows });
        e->mark = MARK_KEPT;
        x->rows--;
    }
    /* How many records made an entry is not known: one each stays with the entry, the rest goes with the
     * batch. */
    sums_take_off(&x->sums, &moved);
    x->s->sums = moved;
}

/* In the shard's thread: its table is swapped. */
static void swap_table(void *arg)
{
    struct part *x = arg;
    struct shard *s = x->s;
    const bool ahead = !x->last && s->bins.history.n && (s->bins.ahead || x->p->delay_bins_s);
    if (agg_count(s->table)) {
        x->table = s->table;
        x->rows = agg_count(s->table);
        x->sums = s->sums;
        s->table = new_table(x->p);
        s->sums = (struct sums){ 0 };
        if (ahead)
            keep_ahead(x, x->commit_s - x->p->delay_bins_s);
    }
    const bool still_ahead = agg_count(s->table) != 0;
    bins_limit(&s->bins, x->now_us);
    s->bins.ahead = still_ahead;
}

static void add_part(struct job *j, const struct part *x)
{
    if (j->batch.table && x->table)
        agg_absorb(j->batch.table, x->table);
    else if (x->table)
        j->batch.table = x->table;
    j->batch.rows += x->rows;
    sums_add(&j->sums, &x->sums);
}

/* What is left out stays in the sums: it was written as far as the ledger is concerned, and the log tells it.
 */
static void preprocess(struct purger *p, struct job *j)
{
    struct sums out;
    if (!p->preprocess || !j->batch.rows)
        return;
    uint64_t rows = j->batch.rows;
    preprocess_run(p->preprocess, &j->batch, &out);
    if (out.records)
        log_info(&p->pl->log,
                 "preprocess %s %" PRIu64 " of %" PRIu64 " rows (%" PRIu64 " packets, %" PRIu64 " bytes)",
                 preprocess_recovers(p->preprocess) ? "has for the backup host" : "leaves out", out.records,
                 rows, out.packets, out.bytes);
}

static void purge(struct purger *p, int64_t now_us, bool last)
{
    struct job *j = calloc(1, sizeof(*j));
    if (!j)
        return; /* at the next tick again */
    /* The limit of the first shard's bins is that of all: they are set together, here. */
    const int64_t commit_s = bins_commit(&p->shard[0].bins, now_us);
    j->batch =
        (struct batch){ .layout = p->pl->layout, .purge_us = now_us, .last = last, .base_s = commit_s };
    for (unsigned i = 0; i < p->n_shards; i++) {
        struct part x = { .p = p, .s = &p->shard[i], .now_us = now_us, .commit_s = commit_s, .last = last };
        plugin_shard_call(p->pl, i, swap_table, &x);
        add_part(j, &x);
    }
    preprocess(p, j);
    hand_over(p, j);
}

static void trigger_tick(struct purger *p, int64_t now_us)
{
    const struct span every = p->pl->c->trigger_time;
    if (!every.n || !p->pl->c->trigger_exec || now_us < p->trigger_due_us)
        return;
    p->trigger_due_us = deadline_next(p->trigger_due_us, now_us, (int)span_seconds(every));
    struct job *j = calloc(1, sizeof(*j));
    if (!j)
        return;
    j->trigger_only = true;
    hand_over(p, j);
}

void purger_tick(struct purger *p, int64_t now_us)
{
    const struct config *c = p->pl->c;
    if (p->due_us - now_us > (c->refresh_time + c->startup_delay) * US_PER_S)
        p->due_us = deadline_next(p->due_us, now_us, c->refresh_time); /* the clock was set back */
    if (now_us >= p->due_us) {
        p->due_us = deadline_next(p->due_us, now_us, c->refresh_time);
        purge(p, now_us, false);
    }
    trigger_tick(p, now_us);
}

/* Records without times of their own are of now. */
static void fill_times(uint8_t *recs, size_t bytes, int64_t now_us)
{
    for (uint8_t *at = recs, *end = recs + bytes; at < end; at += record_size((struct record *)at)) {
        struct record_times *t = record_times((struct record *)at);
        if (!t->start_us)
            t->start_us = now_us;
        if (!t->end_us)
            t->end_us = t->start_us > now_us ? t->start_us : now_us;
    }
}

static struct sums take_prorated(struct purger *p, struct shard *s, uint8_t *recs, size_t bytes)
{
    if (prorate_run(&s->prorate, &s->bins, recs, bytes, p->pl->layout->bin_off, clock_wall_us()) == -1)
        abort(); /* as the table does without memory */
    agg_add(s->table, s->prorate.recs, s->prorate.len);
    sums_add(&s->sums, &s->prorate.sums);
    return s->prorate.sums;
}

struct sums purger_take_shard(struct purger *p, unsigned shard, uint8_t *recs, size_t bytes)
{
    struct shard *s = &p->shard[shard];
    if (p->prorating)
        return take_prorated(p, s, recs, bytes);
    if (p->stitching)
        fill_times(recs, bytes, clock_wall_us());
    if (s->bins.history.n)
        bins_stamp(&s->bins, recs, bytes, p->pl->layout->bin_off, clock_wall_us());
    const struct sums sums = agg_add(s->table, recs, bytes);
    sums_add(&s->sums, &sums);
    return sums;
}

struct sums purger_take(struct purger *p, uint8_t *recs, size_t bytes)
{
    return purger_take_shard(p, 0, recs, bytes);
}

static void timers_init(struct purger *p, int64_t now_us)
{
    const struct config *c = p->pl->c;
    int64_t history_s = c->history.n ? span_seconds(c->history) : 0;
    for (unsigned i = 0; i < p->n_shards && p->pl->layout->bin_off != LAYOUT_NO_BIN; i++)
        bins_init(&p->shard[i].bins, c->history, c->history_roundoff, c->history_offset, c->timestamps_utc,
                  now_us / US_PER_S);
    p->delay_bins_s = history_s ? c->startup_delay / history_s * history_s : 0;
    p->due_us =
        deadline_first(now_us, c->refresh_time, c->startup_delay, c->history_roundoff, c->timestamps_utc);
    if (c->trigger_time.n)
        p->trigger_due_us =
            deadline_first(now_us, (int)span_seconds(c->trigger_time), 0, "", c->timestamps_utc);
}

/* The waiting for a retry is not to follow a wall clock that is set. */
static void cond_init(pthread_cond_t *c)
{
    pthread_condattr_t a;
    pthread_condattr_init(&a);
    pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    pthread_cond_init(c, &a);
    pthread_condattr_destroy(&a);
}

/* A plugin without the spool that it was to have works on, but with less safety: it says so. */
static void open_spool(struct purger *p)
{
    struct err e = { 0 };
    if (p->sink->spools && spooled_open(&p->spooled, p->pl, &e) == -1)
        log_warn(&p->pl->log, "%s: purges that are refused wait in memory only", e.text);
}

int purger_open_at(struct purger **out, struct plugin *pl, const struct sink_ops *sink, int64_t now_us,
                   struct err *e)
{
    const unsigned n = pl->n_shards ? pl->n_shards : 1;
    struct purger *p = calloc(1, sizeof(*p));
    void *state = calloc(1, sink->state_size ? sink->state_size : 1);
    struct shard *shard = aligned_alloc(_Alignof(struct shard), n * sizeof(*shard));
    if (!p || !state || !shard) {
        free(p);
        free(state);
        free(shard);
        return err_set(e, ERR_SYS, "out of memory");
    }
    memset(shard, 0, n * sizeof(*shard));
    *p = (struct purger){ .pl = pl, .sink = sink, .sink_state = state, .shard = shard, .n_shards = n };
    pthread_mutex_init(&p->lock, NULL);
    cond_init(&p->work);
    p->waiting_max = pl->c->max_writers > 0 ? (unsigned)pl->c->max_writers : QUEUE_DEFAULT;
    const bool times = pl->spec && pl->spec->times;
    p->stitching = times && pl->c->stitching;
    p->prorating = times && !pl->c->stitching;
    for (unsigned i = 0; i < p->n_shards; i++)
        p->shard[i].table = new_table(p);
    timers_init(p, now_us);
    if (sink->open && sink->open(state, pl, e) == -1) {
        p->sink = NULL;
        purger_close(p);
        return -1;
    }
    open_spool(p);
    if (pl->c->preprocess)
        p->preprocess = preprocess_new(pl->c->preprocess, pl->c->preprocess_type, sink->sql, e);
    p->wants_empty = sink->wants_empty ? sink->wants_empty(state, pl) : sink->empty_batches;
    if (writer_start(p, e) == -1) {
        purger_close(p);
        return -1;
    }
    *out = p;
    return 0;
}

int purger_open(struct purger **out, struct plugin *pl, const struct sink_ops *sink, struct err *e)
{
    return purger_open_at(out, pl, sink, clock_wall_us(), e);
}

static void writer_join(struct purger *p)
{
    if (!p->started)
        return;
    pthread_mutex_lock(&p->lock);
    p->quit = true;
    pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->writer, NULL);
    p->started = false;
}

void purger_stats(const struct purger *p)
{
    if (p->sink->stats)
        p->sink->stats(p->sink_state, p->pl);
}

static uint64_t load(atomic_uint_fast64_t *v) { return atomic_load_explicit(v, memory_order_relaxed); }

struct table_size {
    const struct shard *s;
    uint64_t entries, octets; /* of this shard and those before it */
};

static void add_table_size(void *arg)
{
    struct table_size *x = arg;
    x->entries += agg_count(x->s->table);
    x->octets += agg_memory(x->s->table);
}

void purger_figures(struct purger *p, struct figures *f)
{
    struct table_size size = { .s = p->shard };
    for (unsigned i = 0; i < p->n_shards; i++, size.s++)
        plugin_shard_call(p->pl, i, add_table_size, &size);
    figures_put(f, FIG_TABLE_ENTRIES, size.entries);
    figures_put(f, FIG_TABLE_BYTES, size.octets);
    figures_put_of(f, FIG_PURGES, "result", "ok", load(&p->written_ok));
    figures_put_of(f, FIG_PURGES, "result", "refused", load(&p->refused));
    figures_put(f, FIG_PURGE_ROWS, load(&p->rows));
    if (load(&p->done_us)) {
        figures_put(f, FIG_PURGE_TIME, load(&p->took_us));
        figures_put(f, FIG_PURGE_LAST, load(&p->done_us));
    }
    pthread_mutex_lock(&p->lock);
    const unsigned waiting = p->waiting;
    pthread_mutex_unlock(&p->lock);
    figures_put(f, FIG_PURGES_WAITING, waiting);
    spooled_figures(p->spooled, f);
    if (p->sink->figures)
        p->sink->figures(p->sink_state, f);
}

void purger_finish(struct purger *p)
{
    purge(p, clock_wall_us(), true);
    writer_join(p);
}

void purger_close(struct purger *p)
{
    if (!p)
        return;
    writer_join(p);
    struct job *j;
    while ((j = queue_get(p)))
        job_free(j);
    if (p->held)
        job_free(p->held);
    spooled_close(p->spooled);
    preprocess_free(p->preprocess);
    if (p->sink && p->sink->close)
        p->sink->close(p->sink_state);
    for (unsigned i = 0; i < p->n_shards; i++) {
        agg_free(p->shard[i].table);
        prorate_free(&p->shard[i].prorate);
    }
    free(p->shard);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    free(p->sink_state);
    free(p);
}
