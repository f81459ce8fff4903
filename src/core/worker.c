/* SPDX-License-Identifier: BSD-2-Clause */
/* Takes decoded flows through enrichment and, for each plugin, filter, sampling, projection and ring. */
#include "core/worker.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "core/datagram.h"
#include "base/hash.h"
#include "core/coremaps.h"
#include "core/custom.h"
#include "core/enrich.h"
#include "core/input.h"
#include "core/outlet.h"
#include "core/routes.h"
#include "core/view.h"

enum {
    STALL_US = 200 * 1000,     /* a ring that is full for longer does not hold up the input any more */
    NAP_FIRST_NS = 100 * 1000, /* while a file input waits for room; each nap is twice the last */
    NAP_LAST_NS = 1600 * 1000,
    NAPS_NS = 20 * 1000 * 1000,
};

struct worker {
    const struct config *c;
    const struct log *log;
    struct fieldset needs;
    struct enrichment enrichment;
    struct outlet *outlets;
    unsigned n;
    int64_t now_us;
    struct maps *maps; /* NULL: no plugin has any */
    struct view *views;
    unsigned n_views;
    unsigned *view_of; /* by outlet: its view */
    struct coremaps core;
    uint32_t generation; /* of the maps that the views have */
    unsigned needs_version;
    bool splits;
    const struct customs *customs;
    uint64_t customs_of_packets;     /* those in use that are taken out of packets */
    bool customs_brought;            /* by the decoder, which empties what it does not bring */
    struct flow swapped;             /* scratch for sums */
    const struct routes_ops *routes; /* NULL: nobody asks for any */
    void *route_state;
    struct routed routed;
};

struct worker *worker_new(const struct config *c, const struct log *l, struct outlet *outlets, unsigned n)
{
    struct worker *w = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    *w = (struct worker){ .c = c, .log = l, .outlets = outlets, .n = n };
    for (unsigned i = 0; i < n; i++)
        outlet_needs(&outlets[i], &w->needs);
    enrich_make(&w->enrichment, &w->needs, c);
    w->customs = worker_customs(w, &w->customs_of_packets);
    w->customs_of_packets &= customs_of_packets(w->customs);
    return w;
}

void worker_free(struct worker *w)
{
    if (!w)
        return;
    for (unsigned i = 0; i < w->n_views; i++)
        view_drop(&w->views[i]);
    coremaps_drop(&w->core);
    if (w->routes)
        w->routes->close(w->route_state);
    free(w->views);
    free(w->view_of);
    free(w);
}

/* The view of an outlet; equal ones are one. */
static unsigned find_view(struct worker *w, const struct view *v)
{
    unsigned i = 0;
    while (i < w->n_views && !view_same(&w->views[i], v))
        i++;
    return i;
}

static bool maps_look_into_datagrams(const struct worker *w)
{
    for (unsigned i = 0; i < w->n; i++) {
        const struct tagmap *tags = w->views[w->view_of[i]].tags;
        if (w->outlets[i].spec.datagrams && tags && !tagmap_by_sender(tags))
            return true;
    }
    return false;
}

static int take_maps(struct worker *w)
{
    w->generation = maps_generation(w->maps);
    for (unsigned i = 0; i < w->n_views; i++)
        if (view_take(&w->views[i], w->maps) == -1)
            return -1;
    w->splits = maps_look_into_datagrams(w);
    if (w->routes && w->routes->take(w->route_state, w->maps) == -1)
        return -1;
    return coremaps_take(&w->core, w->maps);
}

static void needs_of_views(struct worker *w)
{
    coremaps_needs(&w->core, &w->needs);
    for (unsigned i = 0; i < w->n_views; i++) /* twice: what tags read may come from networks */
        view_needs(&w->views[i], &w->needs);
    for (unsigned i = 0; i < w->n_views; i++)
        view_needs(&w->views[i], &w->needs);
    if (w->routes) {
        w->routes->needs(w->route_state, &w->needs);
        coremaps_needs(&w->core, &w->needs); /* what flow_to_rd_map reads, whose RD routes are looked up by */
    }
    enrich_make(&w->enrichment, &w->needs, w->c);
}

int worker_use_maps(struct worker *w, struct maps *m, char daemon, struct err *e)
{
    w->views = calloc(w->n + 1, sizeof(*w->views));
    w->view_of = calloc(w->n + 1, sizeof(*w->view_of));
    if (!w->views || !w->view_of)
        return err_sys(e, "no memory for a worker");
    bool any = false;
    for (unsigned i = 0; i < w->n; i++) {
        struct view v;
        any |= view_of(&v, m, w->outlets[i].c, daemon);
        w->view_of[i] = find_view(w, &v);
        if (w->view_of[i] == w->n_views)
            w->views[w->n_views++] = v;
    }
    any |= coremaps_of(&w->core, m, w->c, daemon);
    if (!any) {
        w->n_views = 0;
        return 0;
    }
    for (unsigned i = 0; i < w->n; i++)
        outlet_use_lists(&w->outlets[i], &w->views[w->view_of[i]]);
    w->maps = m;
    if (take_maps(w) == -1)
        return err_sys(e, "no memory for a worker");
    needs_of_views(w);
    if (daemon == 'P' || daemon == 'U')
        maps_fix_needs(m, &w->needs);
    return 0;
}

int worker_use_routes(struct worker *w, const struct routes_ops *ops, struct maps *m, char daemon,
                      struct err *e)
{
    if (ops->open(&w->route_state, w->c, daemon, m, e) == -1)
        return -1;
    if (!w->route_state)
        return 0;
    w->routes = ops;
    w->maps = m;
    w->generation = maps_generation(m);
    if (ops->take(w->route_state, m) == -1)
        return err_sys(e, "no memory for a worker");
    needs_of_views(w);
    if (daemon == 'P' || daemon == 'U')
        maps_fix_needs(m, &w->needs);
    return 0;
}

int worker_connect_routes(struct worker *w, const struct services *ss, struct err *e)
{
    return w->routes ? w->routes->connect(w->route_state, ss, e) : 0;
}

void worker_disconnect_routes(struct worker *w)
{
    if (w && w->routes)
        w->routes->disconnect(w->route_state);
}

/* Maps have been loaded anew. Without memory those of before stay where they are. */
static void renew_maps(struct worker *w)
{
    const struct fieldset before = w->needs;
    const bool split = w->splits;
    take_maps(w);
    needs_of_views(w);
    w->needs_version += !fieldset_within(&w->needs, &before) || split != w->splits;
}

const struct fieldset *worker_needs(const struct worker *w) { return &w->needs; }

bool worker_counts_flows(const struct worker *w)
{
    for (unsigned i = 0; i < w->n; i++)
        if (w->outlets[i].spec.flows)
            return true;
    return false;
}

bool worker_wants_frames(const struct worker *w)
{
    for (unsigned i = 0; i < w->n; i++)
        if (w->outlets[i].spec.headers)
            return true;
    return w->customs_of_packets != 0;
}

void worker_brings_customs(struct worker *w) { w->customs_brought = true; }

const struct config *worker_config(const struct worker *w) { return w->c; }
const struct log *worker_log(const struct worker *w) { return w->log; }
int64_t worker_now(const struct worker *w) { return w->now_us; }
const struct customs *worker_customs(const struct worker *w, uint64_t *used)
{
    const struct customs *c = NULL;
    *used = 0;
    for (unsigned i = 0; i < w->n; i++) {
        *used |= w->outlets[i].spec.custom;
        if (w->outlets[i].spec.custom)
            c = w->outlets[i].spec.customs;
    }
    return c;
}

unsigned worker_needs_version(const struct worker *w) { return w->needs_version; }

void worker_set_now(struct worker *w, int64_t now_us)
{
    w->now_us = now_us;
    if (w->maps && maps_generation(w->maps) != w->generation)
        renew_maps(w);
}

static inline struct sums sums_of(const struct flow *f)
{
    return (struct sums){ .records = 1, .packets = f->packets, .bytes = f->bytes, .flows = f->flows };
}

static void lose(struct outlet *o, enum outlet_loss why, const struct flow *f)
{
    struct sums s = sums_of(f);
    sums_add(&o->loss[why], &s);
}

/* To the thread of the plugin whose the key is. Tables use the upper half of the same hash. */
static void put_by_key(struct outlet *o, const struct flow *f)
{
    struct record *rec = (struct record *)o->scratch;
    projection_run(&o->projection, f, rec);
    const uint32_t size = record_size(rec);
    const uint32_t hash = (uint32_t)hash_bytes(rec->key, record_key_len(rec) - o->key_less);
    struct ring *ring = o->rings[(uint64_t)hash * o->n_rings >> 32];
    void *at = ring_reserve(ring, size);
    if (__builtin_expect(!at, 0)) {
        lose(o, ring_abandoned(ring) ? LOSS_NO_PLUGIN : LOSS_RING_FULL, f);
        return;
    }
    memcpy(at, rec, size);
    ring_commit(ring, at);
}

static void put(struct outlet *o, const struct flow *f)
{
    uint32_t size = projection_size(&o->projection, f);
    if (__builtin_expect(size > RECORD_SIZE_MAX || f->flows > UINT32_MAX, 0)) {
        lose(o, LOSS_TOO_LONG, f);
        return;
    }
    if (__builtin_expect(o->n_rings > 1, 0)) {
        put_by_key(o, f);
        return;
    }
    struct record *rec = ring_reserve(o->ring, size);
    if (__builtin_expect(!rec, 0)) {
        lose(o, ring_abandoned(o->ring) ? LOSS_NO_PLUGIN : LOSS_RING_FULL, f);
        return;
    }
    projection_run(&o->projection, f, rec);
    ring_commit(o->ring, rec);
}

/* For plugins that ask for frames. */
static void put_packet(struct outlet *o, const struct flow *f)
{
    struct record_packet p = { .seen = o->seen,
                               .lost = o->unsent,
                               .len = f->packet_len,
                               .dlt = (uint16_t)f->packet_dlt,
                               .class_pair = f->class_pair };
    if (f->packet)
        p.caplen = f->packet_caplen < o->spec.headers ? (uint16_t)f->packet_caplen : o->spec.headers;
    uint32_t size = projection_size(&o->projection, f) + record_packet_room(p.caplen);
    struct record *rec = size > RECORD_SIZE_MAX ? NULL : ring_reserve(o->ring, size);
    if (!rec) {
        lose(o,
             size > RECORD_SIZE_MAX    ? LOSS_TOO_LONG
             : ring_abandoned(o->ring) ? LOSS_NO_PLUGIN
                                       : LOSS_RING_FULL,
             f);
        o->unsent++;
        return;
    }
    projection_run_packet(&o->projection, f, &p, rec);
    ring_commit(o->ring, rec);
    o->seen = o->unsent = 0;
}

/* Both halves of a sum_*: keyed by the source, then by the destination in the source's place. */
static void put_sum(struct worker *w, struct outlet *o, const struct flow *f)
{
    put(o, f);
    projection_swap(&o->projection, f, &w->swapped);
    struct sums s = sums_of(f);
    sums_add(&o->accounted, &s);
    put(o, &w->swapped);
}

static bool passes_filters(const struct outlet *o, const struct flow *f)
{
    return (!o->filter || filter_match(o->filter, f)) && (!o->tag || tag_filter_match(o->tag, f->tag)) &&
           (!o->tag2 || tag_filter_match(o->tag2, f->tag2)) &&
           (!o->label || label_filter_match(o->label, &f->label));
}

/* xorshift64*: the distance to the next sample is uniform over 1..2N-1, N in the mean. */
static uint32_t next_sample(struct outlet *o, uint32_t rate)
{
    o->random ^= o->random >> 12;
    o->random ^= o->random << 25;
    o->random ^= o->random >> 27;
    return 1 + (uint32_t)((o->random * UINT64_C(0x2545F4914F6CDD1D) >> 33) % (2 * (uint64_t)rate - 1));
}

static bool sampled(struct outlet *o, uint32_t rate)
{
    if (o->sample_skip == 0) /* the first one is as random as the others */
        o->sample_skip = next_sample(o, rate);
    if (--o->sample_skip)
        return false;
    o->sample_skip = next_sample(o, rate);
    return true;
}

/* What only some plugins ask for: filters, sampling, tags of their own, sums. */
static void put_specially(struct worker *w, struct outlet *o, struct flow *f)
{
    if (!passes_filters(o, f)) {
        lose(o, LOSS_FILTERED, f);
        return;
    }
    o->seen += f->packet ? 1 : (uint32_t)f->packets; /* without a frame: fragments that had to wait */
    if (o->c->sampling_rate > 1 && !sampled(o, (uint32_t)o->c->sampling_rate)) {
        lose(o, LOSS_SAMPLED_OUT, f);
        return;
    }
    const uint64_t tag = f->tag, tag2 = f->tag2;
    const uint16_t src_port = f->src_port, dst_port = f->dst_port;
    const uint8_t proto = f->proto, tos = f->tos;
    if (o->lists && o->lists->lists)
        view_lists(o->lists, f);
    if (o->c->post_tag)
        f->tag = o->c->post_tag;
    if (o->c->post_tag2)
        f->tag2 = o->c->post_tag2;
    if (o->spec.headers)
        put_packet(o, f);
    else if (o->spec.sum != SUM_NONE)
        put_sum(w, o, f);
    else
        put(o, f);
    f->tag = tag;
    f->tag2 = tag2;
    f->src_port = src_port;
    f->dst_port = dst_port;
    f->proto = proto;
    f->tos = tos;
}

struct tags {
    uint64_t tag, tag2;
};

/* Tags let it pass, and sampling. */
static enum outlet_loss datagram_verdict(struct outlet *o, const struct tags *t)
{
    if ((o->tag && !tag_filter_match(o->tag, t->tag)) || (o->tag2 && !tag_filter_match(o->tag2, t->tag2)))
        return LOSS_FILTERED;
    if (o->c->sampling_rate > 1 && !sampled(o, (uint32_t)o->c->sampling_rate))
        return LOSS_SAMPLED_OUT;
    return LOSS_MAX;
}

static enum outlet_loss copy_parts(struct outlet *o, const struct split *s, uint64_t tag,
                                   const struct sums *sums)
{
    const uint32_t len = (uint32_t)sums->bytes, size = datagram_record_size(len);
    struct datagram_record *rec = ring_reserve(o->ring, size);
    if (__builtin_expect(!rec, 0))
        return ring_abandoned(o->ring) ? LOSS_NO_PLUGIN : LOSS_RING_FULL;
    *rec = (struct datagram_record){ .size = size,
                                     .len = len,
                                     .tag = o->c->post_tag ? o->c->post_tag : tag,
                                     .from = s->of->from,
                                     .port = s->of->port,
                                     .flags = s->flags };
    uint8_t *at = rec->payload;
    for (unsigned i = 0; i < s->n; at += s->part[i++].len)
        memcpy(at, s->part[i].p, s->part[i].len);
    ring_commit_sized(o->ring, size, sums);
    return LOSS_MAX;
}

/* Hands a datagram, or a part of one, to a plugin; it counts as one packet of its octets. */
static void put_datagram(struct outlet *o, const struct split *s, const struct tags *t)
{
    struct sums sums = { .records = 1, .packets = 1 };
    for (unsigned i = 0; i < s->n; i++)
        sums.bytes += s->part[i].len;
    enum outlet_loss why = s->flags & DATAGRAM_FOR_ALL ? LOSS_MAX : datagram_verdict(o, t);
    if (why == LOSS_MAX)
        why = copy_parts(o, s, t->tag, &sums);
    sums_add(&o->accounted, &sums);
    if (why != LOSS_MAX)
        sums_add(&o->loss[why], &sums);
}

static inline void deliver(struct worker *w, struct outlet *o, struct flow *f)
{
    if (o->special && o->spec.datagrams) {
        if (f->split)
            put_datagram(o, f->split, &(struct tags){ f->tag, f->tag2 });
        return;
    }
    struct sums s = sums_of(f);
    sums_add(&o->accounted, &s);
    if (o->special)
        put_specially(w, o, f);
    else
        put(o, f);
}

/* Each view changes the flow for its plugins only. */
static void deliver_by_views(struct worker *w, struct flow *f)
{
    struct view_saved saved = { 0 };
    const struct rd rd = f->mpls_vpn_rd;
    const uint8_t rd_origin = f->mpls_vpn_rd_origin;
    if (w->core.part[CORE_RD].map)
        coremaps_rd(&w->core, f);
    if (w->core.geo)
        coremaps_places(&w->core, f);
    for (unsigned v = 0; v < w->n_views; v++) {
        struct view *view = &w->views[v];
        uint32_t from = 0;
        view_save(view, &saved, f);
        if (view->networked)
            view_networks(view, f);
        do {
            from = view_tag(view, f, from);
            for (unsigned i = 0; i < w->n; i++)
                if (w->view_of[i] == v)
                    deliver(w, &w->outlets[i], f);
        } while (from);
        view_restore(view, &saved, f);
    }
    f->mpls_vpn_rd = rd;
    f->mpls_vpn_rd_origin = rd_origin;
}

uint32_t worker_sampling_rate(const struct worker *w, const struct flow *f)
{
    return w->core.part[CORE_SAMPLING].map ? coremaps_rate(&w->core, f) : 0;
}

static void take_customs(struct worker *w, struct flow *f)
{
    if (f->packet)
        customs_from_packet(w->customs, w->customs_of_packets, f);
    else if (!w->customs_brought)
        customs_clear(w->customs, w->customs_of_packets, f); /* those of the packet before are gone with it */
}

bool worker_looks_up(const struct worker *w)
{
    bool looks = w->routes;
    for (unsigned i = 0; i < w->n_views; i++)
        looks |= view_looks_up(&w->views[i]);
    return looks;
}

void worker_expect(struct worker *w, const struct addr *exporter, unsigned octets, const struct expected *e,
                   unsigned n)
{
    if (w->routes)
        w->routes->expect(w->route_state, exporter, octets, e, n);
    for (unsigned i = 0; i < w->n_views; i++)
        if (view_looks_up(&w->views[i]))
            view_expect(&w->views[i], octets, e, n);
}

static inline void deliver_to_all(struct worker *w, struct flow *f)
{
    if (w->n_views)
        deliver_by_views(w, f);
    else
        for (unsigned i = 0; i < w->n; i++)
            deliver(w, &w->outlets[i], f);
}

/* Routes are looked up in the table of the flow's route distinguisher. */
static void deliver_routed(struct worker *w, struct flow *f)
{
    routed_save(&w->routed, f);
    if (w->core.part[CORE_RD].map)
        coremaps_rd(&w->core, f);
    w->routes->flow(w->route_state, f);
    deliver_to_all(w, f);
    routed_restore(&w->routed, f);
}

void worker_flow(struct worker *w, struct flow *f)
{
    if (__builtin_expect(w->customs_of_packets != 0, 0))
        take_customs(w, f);
    for (unsigned i = 0; i < w->enrichment.n; i++)
        w->enrichment.run[i](f);
    if (w->routes)
        deliver_routed(w, f);
    else
        deliver_to_all(w, f);
    f->split = NULL;
}

/* What the plugin's map says of the sender. */
static struct tags tags_of_sender(const struct worker *w, unsigned outlet, const struct addr *from)
{
    const struct view *v = w->n_views ? &w->views[w->view_of[outlet]] : NULL;
    struct tags t = { 0, 0 };
    if (v && v->tags)
        tagmap_sender(v->tags, v->run, from, &t.tag, &t.tag2);
    return t;
}

void worker_datagram(struct worker *w, const struct datagram *d)
{
    const struct split whole = { .of = d, .part = { { d->p, d->len } }, .n = 1 };
    for (unsigned i = 0; i < w->n; i++) {
        const struct tags t = tags_of_sender(w, i, &d->from);
        put_datagram(&w->outlets[i], &whole, &t);
    }
}

bool worker_splits(const struct worker *w) { return w->splits; }

void worker_split(struct worker *w, const struct split *s)
{
    struct split for_all = *s;
    for_all.flags |= DATAGRAM_FOR_ALL;
    for (unsigned i = 0; i < w->n; i++)
        if (w->outlets[i].spec.datagrams)
            put_datagram(&w->outlets[i], &for_all, &(struct tags){ 0, 0 });
}

/* Does this plugin ask the input to pause? It may for a while; then it is stalled, and its records are
 * dropped and counted until it has caught up by half. */
static bool wants_pause(struct worker *w, struct outlet *o)
{
    size_t room = outlet_room(o), size = outlet_ring_size(o);
    if (room >= size / 2 || (room >= size / 4 && !o->stalled)) {
        o->full_since_us = 0;
        o->stalled = false;
        return false;
    }
    if (o->stalled || ring_abandoned(o->ring))
        return false;
    int64_t now = clock_mono_us();
    if (!o->full_since_us)
        o->full_since_us = now;
    if (now - o->full_since_us < STALL_US)
        return true;
    o->stalled = true;
    log_limited(w->log, &o->full_limit, LOG_LV_WARN,
                "plugin '%s/%s' does not keep up: its buffer is full, what does not fit is dropped and "
                "counted (SIGUSR1 shows how much)",
                o->name, o->type);
    return false;
}

static void publish(struct outlet *o)
{
    for (unsigned i = 0; i < o->n_rings; i++)
        ring_publish(o->rings[i]);
}

bool worker_flush(struct worker *w)
{
    bool pause = false;
    if (w->routes)
        w->routes->rest(w->route_state);
    for (unsigned i = 0; i < w->n; i++) {
        publish(&w->outlets[i]);
        pause |= wants_pause(w, &w->outlets[i]);
    }
    return pause || worker_all_full(w);
}

bool worker_all_full(const struct worker *w)
{
    for (unsigned i = 0; i < w->n; i++) {
        const struct outlet *o = &w->outlets[i];
        if (!o->stalled && !o->full_since_us && !ring_abandoned(o->ring))
            return false;
    }
    return w->n > 0;
}

static bool has_room(const struct outlet *o)
{
    return ring_abandoned(o->ring) || outlet_room(o) >= outlet_ring_size(o) / 2;
}

static bool all_have_room(const struct worker *w)
{
    for (unsigned i = 0; i < w->n; i++)
        if (!has_room(&w->outlets[i]))
            return false;
    return true;
}

bool worker_wait_room(struct worker *w)
{
    if (w->routes)
        w->routes->rest(w->route_state);
    for (unsigned i = 0; i < w->n; i++)
        publish(&w->outlets[i]);
    long nap = NAP_FIRST_NS;
    for (long napped = 0; !all_have_room(w); napped += nap) {
        if (napped >= NAPS_NS)
            return false;
        nanosleep(&(struct timespec){ .tv_nsec = nap }, NULL);
        nap = nap < NAP_LAST_NS ? nap * 2 : nap;
    }
    for (unsigned i = 0; i < w->n; i++) {
        w->outlets[i].full_since_us = 0;
        w->outlets[i].stalled = false;
    }
    return true;
}
