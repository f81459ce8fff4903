/* SPDX-License-Identifier: BSD-2-Clause */
/* One data record while it is decoded: the flow that the core gets, and beside it what finishing it needs.
 * Scratch of the decoder, emptied once a set: a plan overwrites the same members for each record. */
#ifndef NETFLOW_RECORD_H
#define NETFLOW_RECORD_H

#include "core/flow.h"

/* Sources of times. Start and end are neighbours, so that one step can load both. */
enum time_slot {
    T_START_NS,
    T_END_NS,
    T_START_US,
    T_END_US,
    T_START_MS,
    T_END_MS,
    T_START_S,
    T_END_S,
    T_START_DELTA, /* from here on not absolute */
    T_END_DELTA,
    T_START_UP,
    T_END_UP,
    T_DURATION_MS,
    T_DURATION_US,
    T_OBS_NS,
    T_OBS_US,
    T_OBS_MS,
    T_OBS_S,
    T_SYSINIT,
    T_MAX
};

enum { MPLS_LABELS = 10 };

/* Elements about sampling, of an options record or in a data record itself. */
struct sampling {
    uint64_t sampler, selector; /* ids */
    uint32_t tmpl;              /* id of the template that options speak about */
    uint32_t rate, rate_random; /* 1 of N */
    uint32_t algorithm, interval, space, size, population;
    double probability;
};

/* The other direction of a biflow (RFC 5103, or initiator and responder counters). */
struct reverse {
    uint64_t bytes, packets;
    int64_t start, end;
    uint8_t tcpflags;
};

struct record {
    struct flow f;

    /* where a template has places for both families */
    struct addr src4, dst4, src6, dst6, hop6, next_hop6, nat_src6, nat_dst6;
    uint8_t src_mask4, dst_mask4, src_mask6, dst_mask6, ip_version;
    int64_t t[T_MAX]; /* absolute: µs since the epoch; uptimes, deltas and durations as they came */
    struct sampling sampling;
    struct reverse rev;
    struct addr exporter4, exporter6;
    uint64_t segment, delay_sum;
    uint32_t labels[MPLS_LABELS]; /* entries without their TTL: 24 bits */
    uint32_t frame_size;
    struct var label_stack, srv6, srv6_basic, app_id, app_name, app_descr, vrf_name, if_name, frame;
    uint32_t stack[MPLS_LABELS]; /* what f.mpls_label_stack points to */
};

#endif
