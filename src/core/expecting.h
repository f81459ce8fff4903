/* SPDX-License-Identifier: BSD-2-Clause */
/* Gathers the addresses of flows to come and tells the worker (worker_expect) about them. For whatever has
 * several records, samples or packets in hand at once: src/netflow, src/sflow, src/packet. */
#ifndef CORE_EXPECTING_H
#define CORE_EXPECTING_H

#include "core/worker.h"

/* Flows that are told at once; of those behind them the addresses are gathered when these have gone. */
enum { EXPECTING_FLOWS = EXPECTED_MAX / 2 };

struct expecting {
    unsigned n4, n6;
    struct expected e4[EXPECTED_MAX], e6[EXPECTED_MAX];
};

static inline void expecting_begin(struct expecting *x) { x->n4 = x->n6 = 0; }

/* A flow: its source, in network order, right behind which stands its destination, as in IP headers; `octets`
 * each, 4 or 16. At most EXPECTING_FLOWS. */
static inline void expecting_add(struct expecting *x, const uint8_t *src, unsigned octets)
{
    unsigned *n = octets == 4 ? &x->n4 : &x->n6;
    struct expected *e = octets == 4 ? x->e4 : x->e6;
    e[(*n)++] = (struct expected){ src, false };
    e[(*n)++] = (struct expected){ src + octets, true };
}

/* IPv4 last: of networks (view_expect) what was found for the addresses told last is kept, of others memory
 * is only fetched. `exporter` as worker_expect has it. */
static inline void expecting_tell(const struct expecting *x, struct worker *w, const struct addr *exporter)
{
    if (x->n6)
        worker_expect(w, exporter, 16, x->e6, x->n6);
    if (x->n4)
        worker_expect(w, exporter, 4, x->e4, x->n4);
}

#endif
