/* SPDX-License-Identifier: BSD-2-Clause */
/* One worker's way to one plugin: filters, projection, ring, and the counters of what did not get through.
 * daemon.c makes them, worker.c runs them, host.c keeps the process behind them alive. Nothing of it is
 * shared between workers. */
#ifndef CORE_OUTLET_H
#define CORE_OUTLET_H

#include "base/log.h"
#include "config/config.h"
#include "core/figures.h"
#include "core/filter.h"
#include "core/layout.h"
#include "core/project.h"
#include "core/ring.h"
#include "core/worker.h"

/* Why a record did not reach a plugin; each is one column of the ledger. */
enum outlet_loss { LOSS_FILTERED, LOSS_SAMPLED_OUT, LOSS_RING_FULL, LOSS_NO_PLUGIN, LOSS_TOO_LONG, LOSS_MAX };

struct outlet {
    const char *name, *type;
    const struct config *c;
    struct aggregate_spec spec;
    struct layout layout;
    struct projection projection;
    struct filter *filter;         /* aggregate_filter, or NULL */
    struct tag_filter *tag, *tag2; /* pre_tag_filter, pre_tag2_filter, or NULL */
    struct label_filter *label;    /* pre_tag_label_filter, or NULL */
    const struct view *lists;      /* has ports_file and its kin, or NULL; the worker's */
    struct ring *ring;             /* the only one, or rings[0] */
    struct ring **rings;           /* one for each thread of the plugin, by the hash of the key; owned */
    unsigned n_rings;
    uint32_t key_less;     /* octets of a record's key that do not belong to what is hashed */
    uint8_t *scratch;      /* of more than one: where records are made */
    bool special;          /* filters, sampling, post_tag or sums: not the straight way */
    bool stalled;          /* was full for too long: it does not hold up the input any more */
    int64_t full_since_us; /* monotonic; 0: it has room */
    uint32_t sample_skip;  /* the next that is taken is so many records ahead; 0: not known yet */
    uint64_t random;
    uint32_t seen, unsent;      /* plugins that ask for frames: what struct record_packet tells next */
    struct sums accounted;      /* records that came here */
    struct sums loss[LOSS_MAX]; /* and what became of those that were not handed over */
    struct log_limit full_limit;
};

/* Compiles layout, projection and filters of one plugin instance and makes its rings, n of them. -1: e. */
int outlet_open(struct outlet *o, const struct plugin_conf *pc, const struct aggregate_spec *spec, unsigned n,
                struct err *e);
void outlet_close(struct outlet *o);

/* From now on flows have their ports, protocols and types of service looked up in the view's lists, if it has
 * any. */
struct view;
void outlet_use_lists(struct outlet *o, const struct view *v);

/* Adds what the outlet's filters and projection read to *needs. */
void outlet_needs(const struct outlet *o, struct fieldset *needs);

/* The least room in any of its rings, octets; and what is asked of that, the size of one. */
size_t outlet_room(const struct outlet *o);
static inline size_t outlet_ring_size(const struct outlet *o) { return ring_size(o->ring); }

/* Sums over its rings. */
void outlet_ledger(const struct outlet *o, struct ring_ledger *out);

/* Logs a plugin's ledger at NOTICE: the sums over the outlets that `workers` workers have to it, o[0],
 * o[stride], o[2 * stride] ... */
void outlet_log_ledger(const struct outlet *o, unsigned workers, unsigned stride, const struct log *l);

/* The same sums as figures. */
void outlet_figures(const struct outlet *o, unsigned workers, unsigned stride, struct figures *f);

/* A worker over n outlets, which stay the caller's. */
struct worker *worker_new(const struct config *c, const struct log *l, struct outlet *outlets, unsigned n);
void worker_free(struct worker *w);

/* Gives the worker the maps that its outlets' configurations name; they were loaded (view_load). Before
 * decoders are opened. -1: e. */
struct maps;
int worker_use_maps(struct worker *w, struct maps *m, char daemon, struct err *e);

#endif
