/* SPDX-License-Identifier: BSD-2-Clause */
/* One decoded flow or packet. Scratch of a worker: reused, never allocated per record. Integers in host
 * order, addresses, MACs and route distinguishers as on the wire. Members are ordered so that what is often
 * asked for together lies together and is copied at once (project.c). The name of a member is the name of its
 * row in fields.def. */
#ifndef CORE_FLOW_H
#define CORE_FLOW_H

#include <stdbool.h>
#include <stdint.h>
#include "base/addr.h"

/* Data of variable length: points into storage of the decoder that lives until the flow has been handed over.
 */
struct var {
    const void *p;
    uint32_t len; /* octets */
};

struct mac {
    uint8_t b[6];
};
struct rd {
    uint8_t b[8]; /* RFC 4364 §4.2: type, administrator, assigned number; all zero: none */
};
struct country {
    char b[4];
};
struct pocode {
    char b[12];
};
struct coords {
    double lat, lon;
};
struct class_name {
    char b[32]; /* padded with NUL */
};

enum flow_kind {
    FLOW_TRAFFIC, /* has counters */
    FLOW_EVENT,   /* NAT or firewall event: counters are not shown */
    FLOW_OPTION,  /* options data accounted for (nfacctd_account_options) */
};

/* What the template of a flow has (bits). */
enum flow_trait { FLOW_BIFLOW = 1, FLOW_NSEL = 2, FLOW_NEL = 4 };

enum flow_direction { DIRECTION_UNKNOWN, DIRECTION_IN, DIRECTION_OUT };

/* A route distinguisher of this type (first two octets) is no RD of RFC 4364 but a VRF id out of the flow, in
 * the last four octets; shown as vrfid:<n>. */
enum { RD_TYPE_VRFID = 0xffff };

/* Where an mpls_vpn_rd came from; JSON shows it. */
enum rd_origin { RD_ORIGIN_UNKNOWN, RD_ORIGIN_MAP, RD_ORIGIN_BGP, RD_ORIGIN_BMP, RD_ORIGIN_FLOW };

enum { CUSTOM_MAX = 64 }; /* primitives that a site may define (aggregate_primitives) */

struct flow {
    struct addr src_host, dst_host;
    uint16_t src_port, dst_port;
    uint8_t proto, tos;
    uint8_t src_mask, dst_mask;
    uint32_t in_iface, out_iface;
    uint32_t src_as, dst_as;
    struct addr src_net, dst_net;
    struct addr peer_src_ip, peer_dst_ip;
    uint32_t peer_src_as, peer_dst_as;
    struct mac src_mac, dst_mac;
    uint16_t vlan, etype;
    uint16_t in_vlan, out_vlan, in_cvlan, out_cvlan;
    uint8_t cos, sampling_direction, src_roa, dst_roa; /* sampling_direction: enum flow_direction */
    uint32_t flow_label;
    uint64_t tag, tag2;
    uint32_t sampling_rate;
    uint32_t local_pref, med, src_local_pref, src_med;
    uint8_t fw_event, nat_event, fwd_status, mpls_stack_depth;
    uint16_t post_nat_src_port, post_nat_dst_port;
    struct addr post_nat_src_host, post_nat_dst_host;
    uint32_t vxlan, nvgre;
    struct addr tunnel_src_host, tunnel_dst_host;
    struct mac tunnel_src_mac, tunnel_dst_mac;
    uint16_t tunnel_src_port, tunnel_dst_port;
    uint8_t tunnel_proto, tunnel_tos;
    uint32_t tunnel_flow_label;
    uint32_t mpls_label_top, mpls_label_bottom, mpls_pw_id;
    struct rd mpls_vpn_rd;
    uint8_t mpls_vpn_rd_origin; /* enum rd_origin; copied whenever mpls_vpn_rd is */
    uint8_t export_proto_version;
    uint32_t export_proto_seqno, export_proto_sysid;
    uint32_t path_delay_avg_usec, path_delay_min_usec, path_delay_max_usec;
    int64_t timestamp_start, timestamp_end, timestamp_arrival,
        timestamp_export; /* µs since the epoch, 0: unknown */
    int64_t timestamp_min, timestamp_max;
    struct class_name class;
    struct country src_host_country, dst_host_country;
    struct pocode src_host_pocode, dst_host_pocode;
    struct coords src_host_coords, dst_host_coords;
    struct var std_comm, ext_comm, lrg_comm, src_std_comm, src_ext_comm, src_lrg_comm;            /* text */
    struct var as_path, src_as_path;                                                              /* text */
    struct var label, vrf_name, ingress_vrf_name, egress_vrf_name, in_iface_name, out_iface_name; /* text */
    struct var mpls_label_stack;   /* uint32_t labels in host order, top first */
    struct var srv6_seg_ipv6_list; /* 16 octets a segment */

    /* Not primitives of the key. */
    uint64_t packets, bytes, flows;    /* flows: 32 bits of it travel */
    uint8_t tcpflags, tunnel_tcpflags; /* ORed over the aggregate */
    uint8_t kind;                      /* enum flow_kind */
    uint16_t icmp_type;   /* ICMP type * 256 + code, as probes export it; 0 for other protocols */
    struct addr next_hop; /* of the IP route; from here on what only maps read (EXTRA_* of fields.h) */
    uint32_t vrf_in, vrf_out;
    uint32_t sample_type; /* sFlow: enterprise << 12 | format of the sample */
    uint16_t set_id;      /* of the data set */
    uint8_t engine_type;  /* NetFlow v5 */
    uint8_t traits;       /* enum flow_trait */
    uint32_t class_pair;  /* numbers that `class` stands for: master << 16 | application; 0: unknown */
    bool renormalized;    /* counters were multiplied already */
    int64_t start_us;     /* what decides the time bin; 0: bin of the moment it is taken in */
    int64_t end_us;
    const struct split *split; /* the record as a datagram of its own, or NULL; worker_flow takes it */
    const uint8_t *packet;     /* the frame as captured (filters run on it), or NULL: a flow */
    uint32_t packet_len, packet_caplen;
    int packet_dlt;                /* its link type, DLT_* */
    struct var custom[CUSTOM_MAX]; /* octets of the site's own primitives; only those in use are set */
};

#endif
