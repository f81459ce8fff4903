/* SPDX-License-Identifier: BSD-2-Clause */
/* What a plugin is to the host (host.c), and what it gets. A plugin instance runs in a process of its own,
 * forked by the spawner; nothing in it can stop the core or another plugin. */
#ifndef CORE_PLUGIN_H
#define CORE_PLUGIN_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "base/err.h"
#include "base/log.h"
#include "config/config.h"
#include "core/figures.h"
#include "core/layout.h"
#include "core/privs.h"
#include "core/ring.h"

/* One instance, as its own process sees it. The host owns all of it. */
struct plugin {
    const struct plugin_ops *ops;
    const char *name;       /* instance name */
    char daemon;            /* letter of the daemon: P N S U */
    const char *progname;   /* "nfacctd" */
    const struct config *c; /* values of this instance */
    const struct aggregate_spec *spec;
    const struct layout *layout; /* of the keys in its records */
    struct log log;
    struct ring *ring; /* only to confirm sums; the host reads it, and those of further workers */
    uv_loop_t *loop;   /* of this process */
    unsigned instance; /* which one of its type, in the order of the configuration: 0, 1 ... */
    unsigned
        n_shards; /* threads that take records, each those of its part of the keys; 0 and 1: the loop's */
    struct consumer *consumers; /* for plugin_shard_call; NULL: there are none yet */
    bool file_input;            /* the daemon reads a capture file: records come as fast as they are taken */
    void *state;                /* ops->state_size octets, zeroed */
    int control;                /* socket to the core; the host's */
};

/* Asks the core for the figures of the whole daemon; ops->all_figures gets them within a second or so, if at
 * all. */
void plugin_ask_figures(struct plugin *pl);

struct plugin_ops {
    const char *name;  /* word in the `plugins` key, type in the log */
    const char *title; /* process title: "Print Plugin" */
    size_t state_size;
    bool datagrams; /* wants what was received, undecoded (tee): takes struct datagram_record (datagram.h),
                       and is woken for each batch. No other kind of plugin may stand beside it */
    bool stitches;  /* its rows can have times: records bring them for stitching, pro-rating (record_times) */
    bool packets;   /* wants each packet by itself, in order (probes): key then holds what need() says */
    /* enum privs_kept: what its process needs after it has become another user. NULL: nothing. */
    unsigned (*kept)(const struct config *c);

    /* In the main process before anything starts, for each instance: checks the rules over several keys and
     * may change the fields that the instance gets (a probe adds what its cache needs). Must not allocate for
     * itself. -1: e says what is wrong and what would be right. May be NULL. */
    int (*check)(const struct config_set *set, const struct plugin_conf *pc, struct aggregate_spec *spec,
                 struct err *e);

    /* All below run in the plugin's process, on its one event loop thread. */

    /* Opens what it needs. -1: the plugin counts as dead and is not started again at once. */
    int (*open)(struct plugin *pl, struct err *e);
    /* Takes n octets of whole records; returns their sums, which tells the ledger that they were taken. */
    struct sums (*take)(struct plugin *pl, uint8_t *recs, size_t bytes);
    /* The same in a thread of its own for each of pl->n_shards, at once. NULL: the plugin takes all in one
     * (plugin_workers). */
    struct sums (*take_shard)(struct plugin *pl, unsigned shard, uint8_t *recs, size_t bytes);
    /* Between two batches and at least each 100 ms: timers of its own can use it. now_us: wall clock. May be
     * NULL. */
    void (*tick)(struct plugin *pl, int64_t now_us);
    /* The last record has been taken: write out everything and wait for it. May take its time. May be NULL.
     */
    void (*finish)(struct plugin *pl);
    /* SIGUSR2 / MSG_RELOAD. May be NULL. */
    void (*reload)(struct plugin *pl);
    /* SIGUSR1: logs its own counters at NOTICE, those of what it lost first of all. The ledger of the ring is
     * the core's. May be NULL. */
    void (*stats)(struct plugin *pl);
    /* Metrics: puts what its counters stand at into f, which has the labels of the plugin. Seldom, and cheap.
     * May be NULL. */
    void (*figures)(struct plugin *pl, struct figures *f);
    /* The daemon's figures, as plugin_ask_figures asked for them. May be NULL. */
    void (*all_figures)(struct plugin *pl, const struct strbuf *octets);
    /* Frees all. Never fails. May be NULL. */
    void (*close)(struct plugin *pl);
};

/* Runs fn(arg) where shard's records are taken, between two batches, and returns then. From the event loop's
 * thread (consumer.c). */
void plugin_shard_call(struct plugin *pl, unsigned shard, void (*fn)(void *arg), void *arg);

#endif
