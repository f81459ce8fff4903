/* SPDX-License-Identifier: BSD-2-Clause */
/* Batches to and from the spool. A file's octets are the table's entries, one after the other; its meta tells
 * sums, times, and with which fields it was made. */
#include "output/spooled.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include "base/hash.h"
#include "base/spool.h"

#define DEFAULT_DIR "/var/spool/pmacct"
#define DEFAULT_MAX ((uint64_t)1 << 30)

struct meta {
    uint64_t made_with; /* fingerprint of the layout */
    uint8_t id[BATCH_ID];
    struct sums sums;
    uint64_t rows;
    int64_t purge_us, base_s;
    uint8_t reserved[16];
};
_Static_assert(sizeof(struct meta) == SPOOL_META, "meta fits");

struct spooled {
    struct plugin *pl;
    struct spool *spool;
    uint64_t max, made_with;
    uint64_t held;    /* the batch that a sink has refused for now, and may have sent already; 0: none */
    unsigned foreign; /* the first so many files were made with other fields: they stay where they are */
    char dir[512];

    /* What metrics show. Relaxed: each stands for itself; the writer's thread stores, the plugin's reads. */
    atomic_uint_fast64_t purges, octets, damaged;
};

/* Two layouts with this number equal have the same keys. */
static uint64_t fingerprint(const struct layout *l)
{
    uint64_t h = hash_bytes(&l->fixed, sizeof(l->fixed));
    for (unsigned i = 0; i < l->n; i++) {
        const struct column *c = &l->col[i];
        uint64_t part[4] = { h, hash_bytes(c->field->name, strlen(c->field->name)),
                             ((uint64_t)c->off << 32) | c->len, c->place };
        h = hash_bytes(part, sizeof(part));
    }
    uint64_t end[3] = { h, l->bin_off, l->rd_origin_off };
    return hash_bytes(end, sizeof(end));
}

static struct meta meta_of(const struct spool_item *it)
{
    struct meta m;
    memcpy(&m, it->meta, sizeof(m));
    return m;
}

/* ---- opening */

/* What an instance is called may be anything. */
static void add_word(char *to, size_t size, const char *word)
{
    size_t at = strlen(to);
    for (; *word && at + 1 < size; word++)
        to[at++] = *word == '/' || *word == '.' ? '_' : *word;
    to[at] = '\0';
}

static bool directory_of(struct spooled *s)
{
    const char *base = s->pl->c->spool_dir;
    if (!base && access(DEFAULT_DIR, W_OK | X_OK) != 0)
        return false;
    snprintf(s->dir, sizeof(s->dir), "%s/%s-%s-", base ? base : DEFAULT_DIR, s->pl->progname,
             s->pl->ops->name);
    add_word(s->dir, sizeof(s->dir), s->pl->name);
    return true;
}

static struct sums sums_in(const struct spooled *s)
{
    struct sums all = { 0 };
    for (size_t i = 0; i < spool_count(s->spool); i++) {
        struct meta m = meta_of(spool_at(s->spool, i));
        sums_add(&all, &m.sums);
    }
    return all;
}

/* What the spool holds now, to those who show it. */
static void tell(struct spooled *s)
{
    struct sums in = sums_in(s);
    if (s->pl->ring)
        ring_set_spooled(s->pl->ring, &in);
    atomic_store_explicit(&s->purges, spool_count(s->spool), memory_order_relaxed);
    atomic_store_explicit(&s->octets, spool_octets(s->spool), memory_order_relaxed);
    atomic_store_explicit(&s->damaged, spool_damaged(s->spool), memory_order_relaxed);
}

void spooled_figures(const struct spooled *s, struct figures *f)
{
    if (!s)
        return;
    figures_put(f, FIG_SPOOL_PURGES, atomic_load_explicit(&s->purges, memory_order_relaxed));
    figures_put(f, FIG_SPOOL_DISK, atomic_load_explicit(&s->octets, memory_order_relaxed));
    figures_put(f, FIG_SPOOL_DAMAGED, atomic_load_explicit(&s->damaged, memory_order_relaxed));
    figures_put(f, FIG_SPOOL_LIMIT, s->max);
}

static void log_found(const struct spooled *s)
{
    struct sums in = sums_in(s);
    if (spool_damaged(s->spool))
        log_error(&s->pl->log, "%u damaged files in the spool '%s': set aside as .damaged",
                  spool_damaged(s->spool), s->dir);
    if (spool_count(s->spool))
        log_info(&s->pl->log, "%zu purges wait in the spool '%s' (%" PRIu64 " packets, %" PRIu64 " bytes)",
                 spool_count(s->spool), s->dir, in.packets, in.bytes);
}

int spooled_open(struct spooled **out, struct plugin *pl, struct err *e)
{
    struct file_modes modes = file_modes_of(pl->c->files_umask, pl->c->files_uid, pl->c->files_gid);
    struct spooled *s = calloc(1, sizeof(*s));
    *out = NULL;
    if (!s)
        return err_sys(e, "no memory for the spool");
    s->pl = pl;
    s->max = pl->c->spool_max_size > 0 ? (uint64_t)pl->c->spool_max_size : DEFAULT_MAX;
    s->made_with = fingerprint(pl->layout);
    if (!directory_of(s)) {
        free(s);
        return 0;
    }
    s->spool = spool_open(s->dir, &modes, e);
    if (!s->spool) {
        free(s);
        return -1;
    }
    log_found(s);
    tell(s);
    *out = s;
    return 0;
}

void spooled_close(struct spooled *s)
{
    if (!s)
        return;
    spool_close(s->spool);
    free(s);
}

/* ---- storing */

static void drop(struct spooled *s, const struct spool_item *it, const char *why)
{
    struct meta m = meta_of(it);
    log_error(&s->pl->log,
              "%s: %" PRIu64 " rows dropped (%" PRIu64 " packets, %" PRIu64 " bytes, %" PRIu64 " flows)", why,
              m.rows, m.sums.packets, m.sums.bytes, m.sums.flows);
    if (s->pl->ring)
        ring_add_dropped(s->pl->ring, &m.sums);
    spool_remove(s->spool, it->seq);
}

/* The oldest goes, but for one that may be on its way (it would be counted as lost, and arrive), and the
 * newest. */
static void keep_below_max(struct spooled *s)
{
    while (spool_octets(s->spool) > s->max) {
        const size_t i = spool_at(s->spool, 0)->seq == s->held;
        if (i + 1 >= spool_count(s->spool))
            return;
        drop(s, spool_at(s->spool, i), "the spool is full, its oldest purge makes room (spool_max_size)");
        if (i < s->foreign)
            s->foreign--;
    }
}

void spooled_hold(struct spooled *s, uint64_t seq) { s->held = seq; }

static int add_entries(struct spooled *s, const struct batch *b, struct err *e)
{
    struct agg_entry *x;
    uint64_t at = 0;
    while ((x = batch_next(b, &at)))
        if (spool_add(s->spool, x, agg_entry_octets(x), e) == -1)
            return -1;
    return 0;
}

/* What is to be written of b, as a file; *seq: its number. */
static int store(struct spooled *s, const struct batch *b, const struct sums *sums, uint64_t *seq,
                 struct err *e)
{
    struct meta m = { .made_with = s->made_with,
                      .sums = *sums,
                      .rows = b->rows,
                      .purge_us = b->purge_us,
                      .base_s = b->base_s };
    uint8_t meta[SPOOL_META];
    memcpy(m.id, b->id, sizeof(m.id));
    memcpy(meta, &m, sizeof(meta));
    if (spool_begin(s->spool, meta, e) == -1 || add_entries(s, b, e) == -1)
        return -1;
    return spool_commit(s->spool, seq, e);
}

int spooled_store(struct spooled *s, struct batch *b, const struct sums *sums, struct err *e)
{
    uint8_t id[BATCH_ID];
    if (getrandom(id, sizeof(id), 0) != (ssize_t)sizeof(id))
        return err_sys(e, "no random octets for the name of a purge");
    memcpy(b->id, id, sizeof(b->id));
    if (store(s, b, sums, &b->spool_seq, e) == -1)
        return -1;
    keep_below_max(s);
    tell(s);
    return 0;
}

/* ---- reading back */

/* A checksum says that the file is what was written; this, that it was written by the like of us. */
static bool entry_sound(const struct layout *l, const struct agg_entry *x, size_t left)
{
    uint32_t tail = 0;
    if (left < sizeof(*x) || x->key_len % 8 || x->key_len < l->fixed || x->key_len > RECORD_SIZE_MAX ||
        (x->times_len && x->times_len != sizeof(struct agg_times)) ||
        left - sizeof(*x) < (size_t)x->key_len + x->times_len)
        return false;
    for (unsigned i = 0; i < l->n_tail; i++)
        tail += column_tail_len(&l->col[i], x->key);
    return tail + l->fixed <= x->key_len;
}

static struct agg *table_of(const struct layout *l, const uint8_t *p, size_t n)
{
    const bool stitching = layout_find(l, FIELD_timestamp_min) != NULL;
    struct agg *t = stitching ? agg_new_stitching() : agg_new();
    for (size_t at = 0; at < n;) {
        const struct agg_entry *x = (const struct agg_entry *)(p + at);
        if (!entry_sound(l, x, n - at)) {
            agg_free(t);
            return NULL;
        }
        agg_merge(t, x);
        if (x->mark == MARK_ASIDE)
            agg_find(t, x->key, x->key_len)->mark = MARK_ASIDE;
        at += agg_entry_octets(x);
    }
    return t;
}

static int load(struct spooled *s, const struct spool_item *it, struct batch *b, struct err *e)
{
    const uint8_t *p;
    size_t n;
    if (spool_map(s->spool, it->seq, &p, &n, e) == -1)
        return -1;
    b->table = table_of(s->pl->layout, p, n);
    spool_unmap(p, n);
    return b->table ? 0 : err_set(e, ERR_FORMAT, "a file in the spool '%s' has no sound rows", s->dir);
}

/* Passes over what was made with other fields, once. */
static void pass_foreign(struct spooled *s)
{
    const struct spool_item *it;
    unsigned before = s->foreign;
    while ((it = spool_at(s->spool, s->foreign)) && meta_of(it).made_with != s->made_with)
        s->foreign++;
    if (s->foreign > before)
        log_error(
            &s->pl->log,
            "%u purges in the spool '%s' were made with another 'aggregate' or other bins: they stay there; "
            "run once with the configuration of then to have them written",
            s->foreign, s->dir);
}

uint64_t spooled_next(struct spooled *s)
{
    const struct spool_item *it;
    pass_foreign(s);
    for (size_t i = s->foreign; (it = spool_at(s->spool, i)); i++)
        if (!it->later)
            return it->seq;
    return 0;
}

static const struct spool_item *item(const struct spooled *s, uint64_t seq)
{
    const struct spool_item *it;
    for (size_t i = 0; (it = spool_at(s->spool, i)); i++)
        if (it->seq == seq)
            return it;
    return NULL;
}

bool spooled_load(struct spooled *s, uint64_t seq, struct batch *b, struct sums *sums)
{
    struct err e = { 0 };
    const struct spool_item *it = item(s, seq);
    if (!it)
        return false;
    const struct meta m = meta_of(it);
    *b = (struct batch){
        .layout = s->pl->layout, .purge_us = m.purge_us, .base_s = m.base_s, .spool_seq = seq
    };
    memcpy(b->id, m.id, sizeof(b->id));
    *sums = m.sums;
    if (load(s, it, b, &e) == 0) {
        b->rows = agg_count(b->table);
        return true;
    }
    log_error(&s->pl->log, "%s: %" PRIu64 " rows lost (%" PRIu64 " packets, %" PRIu64 " bytes)", e.text,
              m.rows, m.sums.packets, m.sums.bytes);
    if (s->pl->ring)
        ring_add_dropped(s->pl->ring, &m.sums);
    spool_remove(s->spool, seq);
    tell(s);
    return false;
}

/* ---- what goes later */

static struct sums sums_left(const struct batch *b)
{
    struct sums left = { 0 };
    const struct agg_entry *x;
    uint64_t at = 0;
    while ((x = batch_next(b, &at)))
        sums_add(&left, &(struct sums){ 1, x->packets, x->bytes, x->flows });
    return left;
}

void spooled_put_off(struct spooled *s, const struct batch *b)
{
    struct err e;
    uint64_t seq = b->spool_seq;
    const struct sums left = sums_left(b);
    if (left.records && left.records < agg_count(b->table)) {
        if (store(s, b, &left, &seq, &e) == 0)
            spool_remove(s->spool, b->spool_seq);
        else
            log_error(&s->pl->log, "%s: rows of a purge may be written twice", e.text);
    }
    spool_put_off(s->spool, seq);
    tell(s);
}

uint64_t spooled_put_off_after(const struct spooled *s, uint64_t after)
{
    const struct spool_item *it;
    uint64_t first = 0;
    for (size_t i = s->foreign; (it = spool_at(s->spool, i)); i++) {
        if (!it->later)
            continue;
        if (it->seq > after)
            return it->seq;
        if (!first)
            first = it->seq;
    }
    return first;
}

void spooled_done(struct spooled *s, uint64_t seq)
{
    spool_remove(s->spool, seq);
    tell(s);
}

void spooled_log_rest(const struct spooled *s)
{
    struct sums in = sums_in(s);
    if (spool_count(s->spool))
        log_warn(&s->pl->log,
                 "%zu purges stay in the spool '%s' (%" PRIu64 " packets, %" PRIu64
                 " bytes): they are written when the daemon runs again",
                 spool_count(s->spool), s->dir, in.packets, in.bytes);
}
