/* SPDX-License-Identifier: BSD-2-Clause */
/* BMP messages as they come from the wire: RFC 7854, with Adj-RIB-Out (RFC 8671), Loc-RIB (RFC 9069), Peer Up
 * TLVs (RFC 9736) and the TLVs of version 4 (draft-ietf-grow-bmp-tlv). Nothing here knows of sessions:
 * station.c keeps those. */
#ifndef BMP_MSG_H
#define BMP_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/cursor.h"

enum {
    BMP_HEADER = 6,         /* octets of the common header */
    BMP_PEER_HEADER = 42,   /* octets of the per-peer header behind it */
    BMP_MAX = 1 << 20,      /* octets a message may have; a BGP message has 65535 at most */
    BMP_ENTERPRISE = 0x8000 /* bit of a TLV's type: an enterprise number comes first in its value */
};

enum bmp_type {
    BMP_ROUTE_MONITORING,
    BMP_STATS,
    BMP_PEER_DOWN,
    BMP_PEER_UP,
    BMP_INIT,
    BMP_TERM,
    BMP_ROUTE_MIRRORING,
    BMP_TYPES /* what lies above is skipped by its length */
};

enum bmp_peer_type { BMP_PEER_GLOBAL, BMP_PEER_RD, BMP_PEER_LOCAL, BMP_PEER_LOC_RIB };

/* The view of a router's routes that a message speaks of. */
enum bmp_rib {
    BMP_RIB_UNKNOWN, /* a peer type that nobody has defined */
    BMP_RIB_IN_PRE,
    BMP_RIB_IN_POST,
    BMP_RIB_LOC,
    BMP_RIB_OUT_PRE,
    BMP_RIB_OUT_POST,
    BMP_RIBS
};

/* Why a message could not be read: a column of the ledger and the text for the log (faults.def). */
enum bmp_fault {
#define BMP_FAULT(name, word, text) BMP_FAULT_##name,
#include "bmp/faults.def"
    BMP_FAULTS
};

const char *bmp_fault_word(enum bmp_fault f);
const char *bmp_fault_text(enum bmp_fault f);

/* RFC 7854 §4.2, RFC 9069 §4.1. */
struct bmp_peer {
    uint8_t type; /* enum bmp_peer_type, or another */
    enum bmp_rib rib;
    bool filtered;    /* Loc-RIB: not all routes of it */
    bool as2;         /* AS paths of its UPDATEs have numbers of 2 octets */
    bool v6;          /* addresses are IPv6; Loc-RIB has none */
    uint8_t rd[8];    /* the distinguisher */
    struct addr addr; /* 0.0.0.0 or :: for a Loc-RIB */
    uint32_t as;
    uint8_t bgp_id[4];
    int64_t at_us; /* since 1970; 0: the router does not say */
};

struct bmp_octets {
    const uint8_t *p;
    size_t len;
};

struct bmp_msg {
    uint8_t version, type;
    struct bmp_peer peer;   /* all but INIT and TERM */
    struct bmp_octets body; /* the whole of it, behind the headers */
    struct cursor tlvs;     /* INIT, TERM, ROUTE_MIRRORING; PEER_UP and PEER_DOWN: what comes last.
                               ROUTE_MONITORING of version 4: all */
    union {
        struct bmp_octets update; /* ROUTE_MONITORING of version 3: one BGP message with its header */
        struct {
            uint32_t n; /* as the router counts */
            struct cursor counters;
        } stats;
        struct {
            struct addr local;
            uint16_t local_port, remote_port;
            struct bmp_octets sent, received; /* OPEN messages with their headers */
        } up;
        struct {
            uint8_t reason;
            uint16_t fsm;                   /* reason 2: event of RFC 4271 §8.1 */
            struct bmp_octets notification; /* reasons 1 and 3: a BGP message with its header */
        } down;
    };
};

/* Looks for a whole message in the `n` octets at p that have come over a stream: its length in octets, or 0
 * when there is more to come, or -1 and *f when this cannot be BMP. */
long bmp_frame(const uint8_t *p, size_t n, enum bmp_fault *f);

/* Reads one message, whole as bmp_frame has found it. Pointers in `m` lead into it. BMP_FAULT_NONE, or why it
 * cannot be read; the stream is in step all the same. */
enum bmp_fault bmp_parse(const uint8_t *p, size_t n, struct bmp_msg *m);

struct bmp_tlv {
    uint16_t type; /* without BMP_ENTERPRISE */
    uint32_t pen;  /* private enterprise number; 0: registered with IANA */
    uint16_t index;
    struct bmp_octets value;
};

/* The next TLV, `indexed` as Route Monitoring of version 4 has them. False at the end, or where what is left
 * is no TLV: then c->bad. */
bool bmp_tlv_next(struct cursor *c, bool indexed, bool enterprise, struct bmp_tlv *t);

/* RFC 7854 §4.8. What a counter is, its length tells: so it is known for types that nobody has defined yet.
 */
struct bmp_counter {
    uint16_t type;
    bool has_value;  /* its length is that of a number */
    bool has_family; /* afi and safi stand before it */
    uint16_t afi;
    uint8_t safi;
    uint64_t value;
    struct bmp_octets raw; /* all octets of its value */
};

/* The next counter; false at the end, or c->bad. */
bool bmp_counter_next(struct cursor *c, struct bmp_counter *n);

/* ---- version 4 */

/* What the TLVs of Route Monitoring are called by number differs between revisions of the draft; the numbers
 * that a session uses are found by looking at the first of its messages (protocols differ in where a BGP
 * message stands). */
enum bmp_rm_tlv {
    BMP_RM_OTHER,
    BMP_RM_STATELESS,
    BMP_RM_GROUP,
    BMP_RM_VRF,
    BMP_RM_UPDATE,
    BMP_RM_PATH_STATUS,
    BMP_RM_SEQUENCE,
    BMP_RM_FLAGS,
    BMP_RM_TIME
};

enum bmp_rm_numbers { BMP_NUMBERS_UNKNOWN, BMP_NUMBERS_DEPLOYED, BMP_NUMBERS_REV20, BMP_NUMBERS_REV21 };

/* Which numbers a message uses; *update is its BGP message. BMP_NUMBERS_UNKNOWN: there is none in it. */
enum bmp_rm_numbers bmp_rm_numbers(struct cursor tlvs, struct bmp_octets *update);
enum bmp_rm_tlv bmp_rm_tlv(enum bmp_rm_numbers numbers, uint16_t type);

/* ---- names, as logs show them */

const char *bmp_type_name(uint8_t type);               /* "route_monitor", "peer_up" ... */
const char *bmp_peer_type_name(uint8_t type);          /* "Global Instance Peer"; "Unknown" */
const char *bmp_rib_name(enum bmp_rib r);              /* "Adj-Rib-In Pre-Policy" */
const char *bmp_counter_name(uint16_t type);           /* "Unknown" */
const char *bmp_down_reason(uint8_t reason);           /* "Unknown" */
const char *bmp_term_reason(uint16_t reason);          /* NULL: not defined */
const char *bmp_path_status_name(unsigned bit);        /* NULL: not defined */
const char *bmp_info_name(uint8_t msg, uint16_t type); /* of a TLV: "sysdescr"; NULL: by its number */

#endif
