/* SPDX-License-Identifier: BSD-2-Clause */
/* Takes records out of a plugin's rings: in the loop of its process, or, with plugin_workers, in a thread for
 * each part of the keys. The plugin's process owns them. */
#ifndef CORE_CONSUMER_H
#define CORE_CONSUMER_H

#include "core/loopthread.h"
#include "core/plugin.h"

struct consumer_ring {
    uv_poll_t poll;
    struct consumer *x;
    struct ring *ring;
};

struct consumer {
    struct plugin *pl;
    unsigned shard;
    struct consumer_ring *rings; /* owned */
    unsigned n;
    uv_timer_t nap;
    bool idle_nap; /* the last look found nothing */
    bool ended;
    struct loop_thread thread;
};

/* Begins to take from every n_shards-th ring, from the shard's on; in `loop`, or, NULL, in a thread. -1: e.
 */
int consumer_start(struct consumer *x, struct plugin *pl, unsigned shard, struct ring *const *rings,
                   unsigned n_rings, uv_loop_t *loop, struct err *e);

/* Takes the rest, and no more; the thread ends. */
void consumer_finish(struct consumer *x);

/* After the loop that it hangs in has closed its handles. */
void consumer_free(struct consumer *x);

#endif
