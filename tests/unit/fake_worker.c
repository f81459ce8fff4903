/* SPDX-License-Identifier: BSD-2-Clause */
/* The functions of core/worker.h for tests of decoders. */
#include "fake_worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fake_worker_init(struct worker *w)
{
    memset(w, 0, sizeof(*w));
    log_init(&w->log, NULL, "default", "core", false);
    w->c.collector_port = 2100;
    w->keep = true;
    w->looks_up = true;
}

void fake_worker_clear(struct worker *w)
{
    for (unsigned i = 0; i < w->n; i++)
        for (unsigned f = 0; f < FIELD_MAX; f++)
            if (field_is_var(&fields[f])) {
                const struct var *v = (const struct var *)((const char *)&w->flow[i] + fields[f].off);
                free((void *)v->p);
            }
    w->n = 0;
    for (unsigned i = 0; i < w->n_parts; i++)
        free(w->part[i].octets);
    free(w->part);
    w->part = NULL;
    w->n_parts = 0;
    w->count = w->packets = w->bytes = w->flows = 0;
}

void fake_worker_free(struct worker *w)
{
    fake_worker_clear(w);
    free(w->flow);
    w->flow = NULL;
    w->cap = 0;
}

void fake_worker_need(struct worker *w, const char *names)
{
    while (*names) {
        const size_t len = strcspn(names, ", ");
        const struct field *f = len ? field_find(names, len) : NULL;
        if (len && !f) {
            fprintf(stderr, "no primitive %.*s\n", (int)len, names);
            abort();
        }
        if (f)
            fieldset_add(&w->needs, (enum field_id)(f - fields));
        names += len + (names[len] != '\0');
    }
}

const struct fieldset *worker_needs(const struct worker *w) { return &w->needs; }
bool worker_counts_flows(const struct worker *w) { return w->counts_flows; }
bool worker_looks_up(const struct worker *w) { return w->looks_up; }
void worker_expect(struct worker *w, const struct addr *exporter, unsigned octets, const struct expected *e,
                   unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        w->expected += e[i].addr[octets - 1] + exporter->b[0]; /* reads them, for the sanitizers */
}
const struct config *worker_config(const struct worker *w) { return &w->c; }
const struct log *worker_log(const struct worker *w) { return &w->log; }
uint32_t worker_sampling_rate(const struct worker *w, const struct flow *f)
{
    (void)f;
    return w->map_rate;
}
const struct customs *worker_customs(const struct worker *w, uint64_t *used)
{
    *used = w->custom;
    return w->custom ? w->customs : NULL;
}
void worker_brings_customs(struct worker *w) { (void)w; }
unsigned worker_needs_version(const struct worker *w) { return w->needs_version; }
int64_t worker_now(const struct worker *w) { return w->now_us; }
void worker_set_now(struct worker *w, int64_t now_us) { w->now_us = now_us; }
bool worker_flush(struct worker *w)
{
    w->flushes_full -= w->flushes_full != 0;
    return w->flushes_full;
}
bool worker_wait_room(struct worker *w)
{
    w->flushes_full = 0;
    return true;
}

static void keep_vars(struct flow *f)
{
    for (unsigned i = 0; i < FIELD_MAX; i++) {
        if (!field_is_var(&fields[i]))
            continue;
        struct var *v = (struct var *)((char *)f + fields[i].off);
        void *copy = v->len ? malloc(v->len) : NULL;
        if (copy)
            memcpy(copy, v->p, v->len);
        v->p = copy;
    }
}

void worker_flow(struct worker *w, struct flow *f)
{
    w->count++;
    w->packets += f->packets;
    w->bytes += f->bytes;
    w->flows += f->flows;
    if (f->split)
        worker_split(w, f->split);
    f->split = NULL;
    if (!w->keep)
        return;
    if (w->n == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 16;
        w->flow = realloc(w->flow, w->cap * sizeof(*w->flow));
        if (!w->flow)
            abort();
    }
    w->flow[w->n] = *f;
    keep_vars(&w->flow[w->n++]);
}

bool worker_splits(const struct worker *w) { return w->splits; }

/* Keeps it, in memory of just its size, so that reading too much of the datagram is found. */
void worker_split(struct worker *w, const struct split *s)
{
    struct fake_part p = { .flags = s->flags };
    for (unsigned i = 0; i < s->n; i++)
        p.len += s->part[i].len;
    p.octets = malloc(p.len ? p.len : 1);
    w->part = realloc(w->part, (w->n_parts + 1) * sizeof(*w->part));
    if (!p.octets || !w->part)
        abort();
    uint8_t *at = p.octets;
    for (unsigned i = 0; i < s->n; at += s->part[i++].len)
        memcpy(at, s->part[i].p, s->part[i].len);
    w->part[w->n_parts++] = p;
}

void worker_datagram(struct worker *w, const struct datagram *d)
{
    const struct split s = { .of = d, .part = { { d->p, d->len } }, .n = 1 };
    worker_split(w, &s);
}
