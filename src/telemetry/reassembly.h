/* SPDX-License-Identifier: BSD-2-Clause */
/* Segments to messages, in bounded memory: so many octets of all senders, so many messages of one publisher,
 * for so long. notif.c uses it. */
#ifndef TELEMETRY_REASSEMBLY_H
#define TELEMETRY_REASSEMBLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/strbuf.h"

/* One segment as it came. */
struct segment {
    uint32_t message_id;
    uint16_t number; /* from 0 */
    bool last;
    uint8_t media; /* type and space */
    const uint8_t *p;
    size_t len;
};

struct unfinished;

/* Unfinished messages of one publisher, oldest first. Zeroed at first. */
struct reassembly {
    struct unfinished *oldest, *newest;
    unsigned n;
    struct {
        uint32_t message_id;
        int64_t at_us; /* 0: none */
    } done[16];        /* messages that were completed lately: what comes of them now came twice */
    unsigned next_done;
};

/* What all of them share; zeroed at first. Owner: the service. */
struct reassembly_pool {
    size_t octets;                      /* held, bookkeeping included */
    size_t max;                         /* octets that may be held */
    struct unfinished *oldest, *newest; /* of all publishers, by the time of their first segment */
    /* A message was given up: `lost` publisher's. May be NULL */
    void (*gave_up)(void *arg, struct reassembly *lost);
    void *arg;
};

/* How long one may take, from its first segment on. */
enum { REASSEMBLY_MESSAGES = 64 /* unfinished ones of a publisher */, REASSEMBLY_US = 5000000 };

enum reassembly_verdict {
    SEGMENT_KEPT,
    SEGMENT_AGAIN,    /* was there already: ignored */
    SEGMENT_COMPLETE, /* the message is in out */
    SEGMENT_CONFLICT, /* contradicts the others: the message is given up, without gave_up */
    SEGMENT_TOO_LONG, /* the message would be too long: given up, without gave_up */
    SEGMENT_NO_ROOM,  /* no memory */
};

/* Takes a segment; `out` is cleared. now_us: monotonic. May give up older messages to make room. */
enum reassembly_verdict reassembly_take(struct reassembly_pool *pool, struct reassembly *r,
                                        const struct segment *s, int64_t now_us, struct strbuf *out);

/* Gives up what is older than REASSEMBLY_US. */
void reassembly_expire(struct reassembly_pool *pool, int64_t now_us);

/* Gives up all of r; returns how many. gave_up is not called. */
unsigned reassembly_clear(struct reassembly_pool *pool, struct reassembly *r);

#endif
