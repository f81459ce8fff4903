/* SPDX-License-Identifier: BSD-2-Clause */
/* A worker for the tests of decoders: it keeps the flows that it is given, or only adds them up. Link
 * fake_worker.c in the place of the core's worker. */
#ifndef TESTS_FAKE_WORKER_H
#define TESTS_FAKE_WORKER_H

#include "core/datagram.h"
#include "core/input.h"
#include "core/worker.h"

/* A part of a datagram that travels alone, or a whole one. */
struct fake_part {
    uint16_t flags;
    uint32_t len;
    uint8_t *octets;
};

struct worker {
    bool looks_up;     /* flows to come are told beforehand; */
    uint64_t expected; /* the sum of the last octets of their addresses */
    struct fieldset needs;
    unsigned needs_version;
    const struct customs *customs;
    uint64_t custom;   /* of them, bits */
    uint32_t map_rate; /* what sampling_map says of every flow */
    struct config c;
    struct log log;
    int64_t now_us;
    unsigned flushes_full; /* so many times but one a flush finds no room */
    bool counts_flows;     /* a plugin shows the flows counter */
    bool keep;             /* keep flows, with copies of their variable data */
    struct flow *flow;     /* n of them */
    unsigned n, cap;
    bool splits; /* decoders are to take datagrams apart */
    struct fake_part *part;
    unsigned n_parts;
    uint64_t count, packets, bytes, flows; /* of all flows seen */
};

/* Everything off, nothing needed. */
void fake_worker_init(struct worker *w);
void fake_worker_free(struct worker *w);
/* Forgets the flows. */
void fake_worker_clear(struct worker *w);
/* Adds a comma list of primitives to what is needed; the counters are always there. Aborts on a name that
 * does not exist. */
void fake_worker_need(struct worker *w, const char *names);

#endif
