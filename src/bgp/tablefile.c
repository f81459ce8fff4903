/* SPDX-License-Identifier: BSD-2-Clause */
/* MRT files of the tables. Two jobs with a clock each; both write neighbour after neighbour, some routes each
 * turn of the loop. Called by service.c. */
#include "bgp/tablefile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "bgp/mrt.h"

enum { SLICE = 400, BUFFERED = 512 << 10, BUFFER_MAX = 4 << 20, PEERS_MAX = UINT16_MAX };

struct source {
    const struct bgp_peer *peer; /* NULL: its routes have gone meanwhile */
    uint32_t rib;
};

struct job {
    struct bgp_tablefiles *t;
    const char *key, *pattern; /* pattern NULL: not asked for */
    int period_s;
    uv_timer_t timer;
    uv_idle_t work;
    bool running, failed;
    int fd;
    char path[4096], tmp[4096 + 8];
    struct strbuf buf;
    struct source *sources;
    unsigned n, at; /* sources; the one under way */
    struct rib_place place;
    int64_t at_s, began_us;
    uint32_t seq;
    uint64_t routes, left_out, written, failures; /* of this file; of all: routes too long, files */
};

struct bgp_tablefiles {
    struct bgp_service *b;
    struct job snapshot, dump;
    unsigned handles;
};

/* ---- the file */

static void fail(struct job *j, const char *what)
{
    log_warn(j->t->b->log, "%s: %s '%s': %s", j->key, what, j->tmp, strerror(errno));
    j->failed = true;
}

static void write_out(struct job *j)
{
    for (size_t at = 0; at < j->buf.len && !j->failed;) {
        const ssize_t n = write(j->fd, j->buf.p + at, j->buf.len - at);
        if (n > 0)
            at += (size_t)n;
        else if (errno != EINTR)
            fail(j, "cannot write");
    }
    if (j->buf.failed && !j->failed) {
        errno = ENOMEM;
        fail(j, "cannot gather records for");
    }
    strbuf_clear(&j->buf);
}

static int open_file(struct job *j, struct err *e)
{
    const struct config *c = j->t->b->c;
    const struct file_modes modes = file_modes_of(c->files_umask, c->files_uid, c->files_gid);
    if (!time_strftime(j->path, sizeof(j->path), j->pattern, j->at_s * US_PER_S, c->timestamps_utc))
        return err_set(e, ERR_CONFIG, "%s: the name becomes too long", j->key);
    snprintf(j->tmp, sizeof(j->tmp), "%s.tmp", j->path);
    j->fd = file_open_output(j->tmp, false, &modes, NULL, e);
    return j->fd == -1 ? -1 : 0;
}

static void close_file(struct job *j)
{
    write_out(j);
    if (close(j->fd) == -1 && !j->failed)
        fail(j, "cannot write");
    if (!j->failed && rename(j->tmp, j->path) == -1)
        fail(j, "cannot move");
    if (j->failed)
        unlink(j->tmp);
    j->fd = -1;
    j->failures += j->failed;
    j->written += !j->failed;
}

/* ---- what is written */

static bool on_route(void *arg, const struct rib_key *k, const struct rib_route *r)
{
    struct job *j = arg;
    struct rib_attrs a;
    rib_attrs_get(rib_pool(j->t->b->rib), r->attrs, &a);
    if (mrt_write_route(&j->buf, j->at_s, j->seq, j->at, j->at_s, k,
                        (struct rib_octets){ r->labels, r->labels_len }, &a)) {
        j->seq++;
        j->routes++;
    } else {
        j->left_out++;
    }
    if (j->buf.len > BUFFERED)
        write_out(j);
    return !j->failed;
}

static void add_source(struct job *j, const struct bgp_peer *p)
{
    if (p->rib && j->n < PEERS_MAX)
        j->sources[j->n++] = (struct source){ p, p->rib };
}

static void write_peers(struct job *j)
{
    struct mrt_peer *peers = calloc(j->n ? j->n : 1, sizeof(*peers));
    if (!peers) {
        fail(j, "no memory to begin");
        return;
    }
    for (unsigned i = 0; i < j->n; i++) {
        const struct bgp_session *s = &j->sources[i].peer->s;
        peers[i] = (struct mrt_peer){ .addr = s->addr, .as = s->as };
        memcpy(peers[i].id, s->id, 4);
    }
    mrt_write_peers(&j->buf, j->at_s, j->t->b->id, j->t->b->s->daemon, peers, j->n);
    free(peers);
}

/* Stale ones first: where a neighbour is there twice, what it has told lately counts. */
static int begin(struct job *j, int64_t at_s, struct err *e)
{
    struct bgp_service *b = j->t->b;
    unsigned n = b->peers.n;
    for (const struct bgp_peer *p = b->stale; p; p = p->next_stale)
        n++;
    free(j->sources);
    j->at_s = at_s;
    j->began_us = clock_mono_us();
    j->n = j->at = j->seq = 0;
    j->routes = 0;
    j->place = (struct rib_place){ 0 };
    j->failed = false;
    j->sources = calloc(n ? n : 1, sizeof(*j->sources));
    if (!j->sources)
        return err_sys(e, "no memory");
    if (open_file(j, e) == -1)
        return -1;
    for (const struct bgp_peer *p = b->stale; p; p = p->next_stale)
        add_source(j, p);
    for (const struct bgp_peer *p = b->peers.first; p; p = p->next)
        add_source(j, p);
    write_peers(j);
    j->running = true;
    return 0;
}

static void finish(struct job *j)
{
    close_file(j);
    j->running = false;
    if (!j->failed)
        log_info(j->t->b->log, "%s: %" PRIu64 " routes of %u neighbours in '%s' (%" PRId64 " ms)", j->key,
                 j->routes, j->n, j->path, (clock_mono_us() - j->began_us) / 1000);
}

/* Some routes; false: the file is done. */
static bool go_on(struct job *j, unsigned n)
{
    const struct source *s = j->at < j->n ? &j->sources[j->at] : NULL;
    if (!s || j->failed)
        return false;
    if (!s->peer || !rib_walk(j->t->b->rib, s->rib, &j->place, n, on_route, j)) {
        j->at++;
        j->place = (struct rib_place){ 0 };
    }
    return true;
}

static void on_work(uv_idle_t *i)
{
    struct job *j = i->data;
    if (go_on(j, SLICE))
        return;
    uv_idle_stop(&j->work);
    finish(j);
}

/* ---- clocks: at multiples of the period since 1970 */

static void on_timer(uv_timer_t *t);

static void wait_for_period(struct job *j)
{
    const int64_t length = (int64_t)j->period_s * US_PER_S, now = clock_wall_us();
    uv_timer_start(&j->timer, on_timer, (uint64_t)((length - now % length) / 1000 + 1), 0);
}

static void on_timer(uv_timer_t *t)
{
    struct job *j = t->data;
    struct err e = { 0 };
    const int64_t now_s = clock_wall_us() / US_PER_S;
    if (j->running) {
        log_warn(j->t->b->log, "%s: the one before is still being written: this one is left out", j->key);
    } else if (begin(j, now_s - now_s % j->period_s, &e) == -1) {
        j->failures++;
        log_warn(j->t->b->log, "%s: %s", j->key, e.text);
    } else {
        uv_idle_start(&j->work, on_work);
    }
    wait_for_period(j);
}

/* ---- life */

int bgp_tablefiles_check(const struct service *s, struct err *e)
{
    const struct config *c = s->c;
    const char *bad = c->bgp_dump_mrt_file && strchr(c->bgp_dump_mrt_file, '$') ? "bgp_table_dump_mrt_file"
                      : c->bgp_snapshot_file && strpbrk(c->bgp_snapshot_file, "$%")
                          ? "bgp_daemon_snapshot_file"
                          : NULL;
    char where[256];
    if (bad)
        return err_set(
            e, ERR_CONFIG, "%s: %s: %s", config_where(s->set, bad, NULL, where, sizeof(where)), bad,
            c->bgp_snapshot_file && strpbrk(c->bgp_snapshot_file, "$%")
                ? "one file is written again and again: its name has no variables and no conversions"
                : "all neighbours are in one file: its name has conversions of strftime, no variables");
    return 0;
}

static void start_job(struct bgp_tablefiles *t, struct job *j, const char *key, const char *pattern,
                      int period_s)
{
    j->t = t;
    j->key = key;
    j->fd = -1;
    if (!pattern || period_s <= 0)
        return;
    j->pattern = pattern;
    j->period_s = period_s;
    strbuf_init(&j->buf, BUFFER_MAX);
    uv_timer_init(t->b->io.loop, &j->timer);
    uv_idle_init(t->b->io.loop, &j->work);
    j->timer.data = j->work.data = j;
    wait_for_period(j);
}

int bgp_tablefiles_start(struct bgp_service *b, struct bgp_tablefiles **out, struct err *e)
{
    const struct config *c = b->c;
    if (!c->bgp_snapshot_file && !c->bgp_dump_mrt_file)
        return 0;
    struct bgp_tablefiles *t = *out = calloc(1, sizeof(*t));
    if (!t)
        return err_sys(e, "no memory for files of the BGP tables");
    t->b = b;
    if (c->bgp_dump_mrt_file && !c->bgp_dump_refresh_time)
        log_warn(b->log, "bgp_table_dump_refresh_time is not set: bgp_table_dump_mrt_file is not written");
    start_job(t, &t->snapshot, "bgp_daemon_snapshot_file", c->bgp_snapshot_file, c->bgp_snapshot_interval);
    start_job(t, &t->dump, "bgp_table_dump_mrt_file", c->bgp_dump_mrt_file, c->bgp_dump_refresh_time);
    return 0;
}

static void forget(struct job *j, const struct bgp_peer *p)
{
    for (unsigned i = 0; j->running && i < j->n; i++)
        if (j->sources[i].peer == p)
            j->sources[i].peer = NULL;
}

void bgp_tablefiles_forget(struct bgp_tablefiles *t, const struct bgp_peer *p)
{
    if (!t)
        return;
    forget(&t->snapshot, p);
    forget(&t->dump, p);
}

static void job_stats(const struct job *j)
{
    if (j->pattern)
        log_notice(j->t->b->log,
                   "stats [BGP] %s written=%" PRIu64 " failed=%" PRIu64 " routes=%" PRIu64
                   " left_out=%" PRIu64,
                   j->key, j->written, j->failures, j->routes, j->left_out);
}

void bgp_tablefiles_stats(const struct bgp_tablefiles *t)
{
    if (!t)
        return;
    job_stats(&t->snapshot);
    job_stats(&t->dump);
}

static void put_job(const struct job *j, struct figures *f)
{
    if (!j->pattern)
        return;
    figures_label(f, "dump", j->key);
    figures_put_of(f, FIG_DUMPS, "what", "done", j->written);
    figures_put_of(f, FIG_DUMPS, "what", "failed", j->failures);
    figures_put(f, FIG_DUMP_RUNNING, j->running);
    figures_put(f, FIG_DUMP_LOST, j->left_out);
    figures_unlabel(f, 1);
}

void bgp_tablefiles_figures(const struct bgp_tablefiles *t, struct figures *f)
{
    if (!t)
        return;
    put_job(&t->snapshot, f);
    put_job(&t->dump, f);
}

/* What is half written is not moved into place. */
static void give_up(struct job *j)
{
    if (!j->running)
        return;
    close(j->fd);
    unlink(j->tmp);
    j->running = false;
}

static void close_job(struct job *j)
{
    if (!j->pattern)
        return;
    uv_close((uv_handle_t *)&j->timer, NULL);
    uv_close((uv_handle_t *)&j->work, NULL);
}

void bgp_tablefiles_stop(struct bgp_tablefiles *t)
{
    struct err e = { 0 };
    if (!t)
        return;
    give_up(&t->snapshot);
    give_up(&t->dump);
    if (t->snapshot.pattern) {
        if (begin(&t->snapshot, clock_wall_us() / US_PER_S, &e) == -1)
            log_warn(t->b->log, "bgp_daemon_snapshot_file: %s", e.text);
        else {
            while (go_on(&t->snapshot, 1 << 20)) {
            }
            finish(&t->snapshot);
        }
    }
    close_job(&t->snapshot);
    close_job(&t->dump);
}

void bgp_tablefiles_free(struct bgp_tablefiles *t)
{
    if (!t)
        return;
    strbuf_free(&t->snapshot.buf);
    strbuf_free(&t->dump.buf);
    free(t->snapshot.sources);
    free(t->dump.sources);
    free(t);
}
