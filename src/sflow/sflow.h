/* SPDX-License-Identifier: BSD-2-Clause */
/* The numbers of sFlow (RFC 3176; sFlow version 5 memo and the structures published beside it) that decoder
 * and encoder share. All is XDR: big-endian words of 32 bits; strings and opaque data are a length, their
 * octets, and padding to a multiple of four. */
#ifndef SFLOW_SFLOW_H
#define SFLOW_SFLOW_H

#include <stddef.h>
#include <stdint.h>

/* A v5 tag: enterprise (20 bits) and format (12 bits). */
#define SFLOW_TAG(enterprise, format) ((uint32_t)(enterprise) << 12 | (format))

enum {
    SFLOW_PORT = 6343,
    SFLOW_ENTERPRISE_BROCADE = 1991,
    SFLOW_ENTERPRISE_PMACCT = 43874,
    SFLOW_ENTERPRISE_NVIDIA = 5703,
};

enum sflow_version { SFLOW_V2 = 2, SFLOW_V4 = 4, SFLOW_V5 = 5 };

enum sflow_address { SFLOW_ADDR_UNKNOWN = 0, SFLOW_ADDR_IP4 = 1, SFLOW_ADDR_IP6 = 2 };

/* Samples: tags of v5; the first two are the types of v2 and v4 as well. */
enum sflow_sample {
    SFLOW_FLOW = 1,
    SFLOW_COUNTERS = 2,
    SFLOW_FLOW_EXPANDED = 3,
    SFLOW_COUNTERS_EXPANDED = 4,
    SFLOW_DISCARDED = 5,
    SFLOW_BROCADE_ACL = 1991 << 12 | 1, /* three words, then a sample of its own */
};

/* Flow records of enterprise 0. */
enum sflow_record {
    SFLOW_RAW_HEADER = 1,
    SFLOW_ETHERNET = 2,
    SFLOW_IP4 = 3,
    SFLOW_IP6 = 4,
    SFLOW_SWITCH = 1001,
    SFLOW_ROUTER = 1002,
    SFLOW_GATEWAY = 1003,
    SFLOW_USER = 1004,
    SFLOW_URL = 1005,
    SFLOW_MPLS = 1006,
    SFLOW_NAT = 1007,
    SFLOW_MPLS_TUNNEL = 1008,
    SFLOW_MPLS_VC = 1009,
    SFLOW_MPLS_FTN = 1010,
    SFLOW_MPLS_LDP_FEC = 1011,
    SFLOW_VLAN_TUNNEL = 1012,
    SFLOW_NAT_PORT = 1020,
    SFLOW_L2_TUNNEL_OUT = 1021,
    SFLOW_L2_TUNNEL_IN = 1022,
    SFLOW_IP4_TUNNEL_OUT = 1023,
    SFLOW_IP4_TUNNEL_IN = 1024,
    SFLOW_IP6_TUNNEL_OUT = 1025,
    SFLOW_IP6_TUNNEL_IN = 1026,
    SFLOW_VNI_OUT = 1029,
    SFLOW_VNI_IN = 1030,
};

/* Flow records of enterprise 43874: what probes of this suite add. */
enum sflow_own_record { SFLOW_OWN_CLASS_OLD = 1, SFLOW_OWN_TAG = 2, SFLOW_OWN_CLASS = 3 };

/* header_protocol of a raw packet header. */
enum sflow_protocol {
    SFLOW_PROTO_ETHERNET = 1,
    SFLOW_PROTO_TOKEN_RING = 3,
    SFLOW_PROTO_FDDI = 4,
    SFLOW_PROTO_FRAME_RELAY = 5,
    SFLOW_PROTO_PPP = 7,
    SFLOW_PROTO_AAL5_IP = 10,
    SFLOW_PROTO_IP4 = 11,
    SFLOW_PROTO_IP6 = 12,
    SFLOW_PROTO_MPLS = 13,
    SFLOW_PROTO_POS = 14,
    SFLOW_PROTO_802_11 = 15,
    SFLOW_PROTO_MAX = 19, /* one more than the last one */
};

/* Counter records of enterprise 0 that every agent has. */
enum sflow_counters {
    SFLOW_CNT_GENERIC = 1,
    SFLOW_CNT_ETHERNET = 2,
    SFLOW_CNT_TOKEN_RING = 3,
    SFLOW_CNT_100VG = 4,
    SFLOW_CNT_VLAN = 5,
    SFLOW_CNT_PROCESSOR = 1001,
};

/* An interface in a compact sample: two bits of format, 30 of value. */
enum sflow_iface_format { SFLOW_IFACE_SINGLE = 0, SFLOW_IFACE_DISCARDED = 1, SFLOW_IFACE_MULTIPLE = 2 };
enum { SFLOW_IFACE_INTERNAL = 0x3fffffff };

/* Octets that an opaque value or string of n octets takes behind its length. */
static inline size_t sflow_padded(size_t n) { return (n + 3) & ~(size_t)3; }

#endif
