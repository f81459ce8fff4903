/* SPDX-License-Identifier: BSD-2-Clause */
/* Brings together the figures of a whole daemon: the core's own, those of its services' threads and those of
 * its plugins' processes. A round begins when somebody asks, in the daemon's loop; whoever has figures puts
 * them together when he comes to it, and nobody waits for anybody: what is not there after a second is left
 * out, and told. Asked by the service that shows metrics, and by plugins that show a page. */
#ifndef CORE_GATHER_H
#define CORE_GATHER_H

#include <stdatomic.h>
#include <uv.h>
#include "core/figures.h"

/* What a round brought, as figures_next reads it; shared and never changed. */
struct gathered {
    atomic_uint users;
    struct strbuf octets;
};
void gathered_put(struct gathered *g); /* one user less */

struct gather;

/* In the daemon's loop: puts the core's figures into f, asks all others. Returns how many parts will come. */
typedef unsigned (*gather_begin_fn)(void *owner, struct figures *f, uint32_t round);

struct gather *gather_new(gather_begin_fn begin, void *owner); /* NULL: no memory */
void gather_free(struct gather *g);                            /* after the loop has been closed */
/* Hangs it into the daemon's loop. -1: e. */
int gather_start(struct gather *g, uv_loop_t *loop, struct err *e);

/* One who asks. The caller's, until done was called. */
struct gather_ask {
    /* In the daemon's loop. The receiver becomes a user of what it gets. */
    void (*done)(struct gather_ask *a, struct gathered *got);
    struct gather_ask *next;
};
/* Any thread. */
void gather_ask(struct gather *g, struct gather_ask *a);

/* Any thread: the round that is under way. */
uint32_t gather_round(const struct gather *g);
/* Any thread: a part of that round; it is emptied. One that comes too late is thrown away. */
void gather_post(struct gather *g, uint32_t round, struct figures *f);

#endif
