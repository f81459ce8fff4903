/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the sFlow decoder share: its state, the datagram and the sample in hand. Nothing outside
 * src/sflow includes this. */
#ifndef SFLOW_DECODE_H
#define SFLOW_DECODE_H

#include "core/allow.h"
#include "core/datagram.h"
#include "core/senders.h"
#include "packet/classify.h"
#include "packet/link.h"
#include "sflow/collector.h"
#include "sflow/records.h"
#include "sflow/sflow.h"
#include "sflow/source.h"

/* Why a datagram, or what was left of it, was refused. */
enum sf_drop {
#define SF_DROP(name, ...) SF_DROP_##name,
#include "sflow/drops.def"
#undef SF_DROP
    SF_DROP_MAX
};

/* What happened to what was read. */
enum sf_count {
#define SF_COUNT(name, text) SF_COUNT_##name,
#include "sflow/drops.def"
#undef SF_COUNT
    SF_COUNT_MAX
};

struct sf_agent {
    struct sender s; /* from: the agent's address; id: its sub-agent */
    uint64_t refused[SF_DROP_MAX], count[SF_COUNT_MAX];
    struct sf_sources sources;
    bool counters_begun; /* counters have come */
    struct log_limit say_unknown, say_fault[SF_DROP_MAX];
};

/* The datagram in hand. */
struct sf_datagram {
    const struct datagram *d;
    uint32_t head_len; /* octets in front of its samples */
    struct sf_agent *a;
    uint8_t version;
    struct addr agent; /* as it is shown */
    uint32_t sub, seq;
    int64_t now_us;
};

/* The flow sample in hand. */
struct sf_sample {
    uint32_t tag; /* of the sample, as version 5 has it */
    uint32_t seq, ds_type, ds_index, rate, pool, drops;
    uint32_t in, out; /* with two bits of format, as in compact samples */
    uint32_t reason;  /* of a discarded packet */
    bool discarded;
    uint8_t direction;                /* enum flow_direction */
    uint32_t frame_len;               /* by the header or the Ethernet record, 0: not told */
    uint32_t ip_len;                  /* by an IP record */
    uint64_t present;                 /* rows of records that are there */
    struct cursor record[SF_ROW_MAX]; /* those */
};

enum { SF_TEXT_MAX = 4096, SF_PATH_MAX = 1024 };

struct sflow {
    struct worker *w;
    const struct config *c;
    const struct log *log;
    struct sf_wants wants;
    unsigned needs_version; /* of the worker, that it was made for */
    bool renormalize;
    uint32_t ext_rate;
    bool discards; /* discarded packets are flows too: somebody asks for fwd_status */
    char collector[ADDR_TEXT];
    struct senders agents;
    struct allow *allow;           /* NULL: everybody */
    bool allow_of_first;           /* it is the first worker's */
    uint64_t refused[SF_DROP_MAX]; /* datagrams that belong to no agent */
    struct log_limit say_refused[SF_DROP_MAX], say_evicted;
    int64_t clock_us; /* monotonic, as of the last tick */
    struct sf_datagram m;
    struct sf_sample s;
    struct split split; /* the sample as a datagram of its own; n 0: not wanted, or given away */
    uint8_t split_head[40];
    uint64_t left;                                 /* rows that have left something in f */
    struct packet_decoder header[SFLOW_PROTO_MAX]; /* by header protocol; link NULL: not decoded */
    struct classifier *classifier;                 /* NULL: nobody wants the class, or no nDPI */
    struct flow f;
    uint32_t labels[PACKET_LABELS_MAX];
    char as_path[SF_TEXT_MAX], comms[SF_TEXT_MAX];
    struct sflow_counter_log counter_log; /* write NULL: nobody wants them */
    bool counters_written;                /* by the datagram in hand */
};

/* Flow and counter samples of each version; the cursor stands behind type and length. */
enum sf_drop sf_samples_v5(struct sflow *sf, struct cursor *c, uint32_t n);
enum sf_drop sf_samples_v24(struct sflow *sf, struct cursor *c, uint32_t n);

/* Empties the flow of all that samples fill. */
void sf_clear(struct sflow *sf);

/* The memory of the agent in hand has grown: others may have to go. */
void sf_settle(struct sflow *sf);

/* Counter records. v5: n records with tags and lengths in c, which is the sample's. */
enum sf_drop sf_counters_v5(struct sflow *sf, struct cursor *c, bool expanded);
enum sf_drop sf_counters_v24(struct sflow *sf, struct cursor *c);

static inline void sf_count(struct sflow *sf, enum sf_count what) { sf->m.a->count[what]++; }

/* An address as XDR has it: a type and as many octets. Type 0 is none; others than IPv4 and IPv6 make the
 * cursor bad. */
static inline void sf_address(struct cursor *c, struct addr *a)
{
    const uint8_t *p;
    memset(a, 0, sizeof(*a));
    switch (cursor_u32(c)) {
    case SFLOW_ADDR_UNKNOWN:
        return;
    case SFLOW_ADDR_IP4:
        if ((p = cursor_take(c, 4)))
            addr_set_v4(a, p);
        return;
    case SFLOW_ADDR_IP6:
        if ((p = cursor_take(c, 16)))
            addr_set_v6(a, p);
        return;
    default:
        c->p = c->end;
        c->bad = true;
    }
}

/* The octets of a string or of opaque data, and the padding behind them. */
static inline struct cursor sf_opaque(struct cursor *c)
{
    const uint32_t n = cursor_u32(c);
    struct cursor in = cursor_sub(c, n);
    if (n % 4)
        cursor_skip(c, 4 - n % 4);
    return in;
}

#endif
