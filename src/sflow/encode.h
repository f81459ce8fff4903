/* SPDX-License-Identifier: BSD-2-Clause */
/* Samples to sFlow version 5 datagrams. Which records a flow sample has is a table in encode.c. sfprobe calls
 * this; what the numbers mean is in sflow.h. */
#ifndef SFLOW_ENCODE_H
#define SFLOW_ENCODE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/addr.h"
#include "sflow/sflow.h"

enum {
    SFLOW_ENCODE_MAX = 1400,        /* octets of a datagram */
    SFLOW_ENCODE_HEADER_MAX = 1024, /* octets of a frame that fit with everything else */
};

struct sflow_encoder_conf {
    struct addr agent; /* unset: sent as IPv4 0.0.0.0 */
    uint32_t sub_agent;
    /* A finished datagram; the octets are the encoder's. */
    void (*emit)(void *arg, const uint8_t *p, uint32_t len);
    void *arg;
};

/* Records of a flow sample beside the header. */
enum sflow_with {
    SFLOW_WITH_CLASS = 1,
    SFLOW_WITH_TAG = 2,
    SFLOW_WITH_GATEWAY = 4,
    SFLOW_WITH_ROUTER = 8,
    SFLOW_WITH_SWITCH = 16,
};

struct sflow_flow_sample {
    uint32_t sequence, source; /* of the data source, an ifIndex or whatever the agent numbers */
    uint32_t rate, pool, drops;
    uint32_t input, output; /* interface numbers; SFLOW_IFACE_INTERNAL: not known */
    bool expanded;          /* numbers of 32 bits: for sources where 24, interfaces where 30 are too few */
    /* the frame */
    uint32_t protocol, frame_len,
        stripped; /* enum sflow_protocol; octets on the wire, those that are left out */
    const uint8_t *header;
    uint32_t header_len; /* at most SFLOW_ENCODE_HEADER_MAX */
    /* the others */
    unsigned with; /* enum sflow_with */
    uint32_t class_master, class_app;
    uint64_t tag, tag2;
    struct addr next_hop; /* gateway and router */
    uint32_t src_as, dst_as;
    uint32_t src_mask, dst_mask;
    uint32_t src_vlan, src_priority, dst_vlan, dst_priority;
};

#define SFLOW_NO_COUNTER                                                                                     \
    UINT32_MAX /* a counter that the agent does not have; in 64 bits: all ones as well                       \
                */

/* Generic interface counters (0:1), in the order of the wire. */
struct sflow_if_counters {
    uint32_t index, type; /* IANA ifType */
    uint64_t speed;       /* bit/s */
    uint32_t direction;   /* 0 unknown, 1 full, 2 half duplex */
    uint32_t status;      /* 1: admin up, 2: oper up */
    uint64_t in_octets;
    uint32_t in_ucast, in_multicast, in_broadcast, in_discards, in_errors, in_unknown;
    uint64_t out_octets;
    uint32_t out_ucast, out_multicast, out_broadcast, out_discards, out_errors;
    uint32_t promiscuous;
};

struct sflow_encoder;

/* NULL without memory. The configuration is copied; uptimes count from now_us. */
struct sflow_encoder *sflow_encoder_new(const struct sflow_encoder_conf *c, int64_t now_us);
void sflow_encoder_free(struct sflow_encoder *en); /* what was not flushed is lost */

/* The agent's address, from the next datagram on. */
void sflow_encoder_agent(struct sflow_encoder *en, const struct addr *agent);

/* Any clock in µs that does not go back. */
void sflow_encoder_clock(struct sflow_encoder *en, int64_t now_us);

/* Adds a sample; a datagram that has no room for it is emitted before that. */
void sflow_encode_flow(struct sflow_encoder *en, const struct sflow_flow_sample *s);
void sflow_encode_counters(struct sflow_encoder *en, uint32_t sequence, bool expanded,
                           const struct sflow_if_counters *c);

/* Emits the datagram in the making, if it holds a sample. */
void sflow_encoder_flush(struct sflow_encoder *en);

/* When the datagram in the making got its first sample, by that clock; INT64_MAX: there is none. */
int64_t sflow_encoder_since(const struct sflow_encoder *en);

#endif
