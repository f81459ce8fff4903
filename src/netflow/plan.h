/* SPDX-License-Identifier: BSD-2-Clause */
/* A template compiled: which octets of a data record go where, as a flat list of steps, and what is done once
 * they are there, as a short list of finishing steps. plan_compile makes it when a template arrives,
 * plan_load runs the steps for a record, finish.c the rest. Only what somebody needs is compiled in. */
#ifndef NETFLOW_PLAN_H
#define NETFLOW_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include "base/cursor.h"
#include "base/err.h"
#include "config/config.h"
#include "core/fields.h"
#include "netflow/elements.h"
#include "netflow/record.h"

/* Needs beyond single primitives. */
enum need {
    NEED_ALWAYS = 1 << 0,
    NEED_FAMILY = 1 << 1,
    NEED_VLAN = 1 << 2,
    NEED_IFACE = 1 << 3,
    NEED_VRF = 1 << 4,
    NEED_MPLS = 1 << 5,
    NEED_SEGMENT = 1 << 6,
    NEED_TIMES = 1 << 7,
    NEED_SAMPLING = 1 << 8,
    NEED_OPTION = 1 << 9,
};

/* What plans are compiled for: made once from what the worker needs and from the configuration. */
struct wants {
    struct fieldset fields;
    unsigned classes;              /* enum need */
    bool next_hop;                 /* use_ip_next_hop */
    bool exporter;                 /* peer_src_ip may come out of the data */
    bool asa_biflow;               /* tmp_asa_bi_flow */
    const struct customs *customs; /* primitives of the site, NULL: none */
    uint64_t custom;               /* those that somebody counts by */
};
void wants_make(struct wants *w, const struct fieldset *needs, const struct config *c);

/* One field of a template as it arrived. */
struct tmpl_field {
    const struct element *el; /* NULL: unknown, skipped by its length */
    uint32_t pen;
    uint16_t id;  /* without the enterprise bit */
    uint16_t len; /* ELEMENT_VAR: each value brings its own */
    bool scope;   /* of an options template */
};

/* What a step does. The first ones take any length; the others are chosen where length and member allow it.
 */
enum step_op {
    OP_UINT8,
    OP_UINT16,
    OP_UINT32,
    OP_UINT64, /* unsigned of any length into a member of so many bits */
    OP_LOW8,
    OP_LOW20,
    OP_FWD,
    OP_DIR,
    OP_LABEL,
    OP_RD,
    OP_VAR,
    OP_STRING,
    OP_F64,
    OP_V4,
    OP_V6,
    OP_MAC,
    OP_SECS,
    OP_MSECS,
    OP_USECS,
    OP_NSECS,
    OP_SEC_USEC,
    OP_COPY8,
    OP_COPY16,
    OP_COPY32,
    OP_COPY64,
    OP_16_32,
    OP_32_64,
    /* two neighbours at once, in the record and in struct record */
    OP_V4_V4,
    OP_COPY8_8,
    OP_COPY16_16,
    OP_COPY32_32,
    OP_COPY64_64,
    OP_32_64_TWICE,
    OP_MSECS_TWICE,
    OP_MAX
};

struct step {
    uint16_t from; /* in the record, or, behind the first field of variable length, in its field */
    uint16_t to;   /* in struct record */
    uint16_t len;
    uint8_t op; /* enum step_op */
};

/* A field behind the first one of variable length, or several of them that nobody wants. */
struct tail {
    uint16_t len; /* ELEMENT_VAR: see there */
    uint16_t n;   /* steps that read it */
};

enum finish_op {
    FIN_FAMILY,   /* both families have a place: which one is it */
    FIN_HOP,      /* the same for the next hop, */
    FIN_NEXT_HOP, /* that of the IP route, */
    FIN_NAT_SRC,  /* and for translated addresses */
    FIN_NAT_DST,
    FIN_VLAN,    /* vlan by direction */
    FIN_LABELS,  /* labels out of elements 70 to 79 */
    FIN_STACK,   /* labels out of element 316 */
    FIN_RD,      /* where a route distinguisher came from */
    FIN_VRF,     /* route distinguisher and names by VRF id */
    FIN_IFACE,   /* names by interface */
    FIN_CLASS,   /* name by application id */
    FIN_SEGMENT, /* vxlan, nvgre */
    FIN_SRV6,
    FIN_SRV6_BASIC,
    FIN_DELAY,    /* mean out of the sum */
    FIN_EXPORTER, /* exporter's address in the record */
    FIN_FRAME,    /* counters of a record that brings the frame itself */
    FIN_TIME_ABS, /* start and end are absolute times */
    FIN_TIME_UP,  /* start and end are uptimes, and the header has one */
    FIN_TIME_ANY,
    FIN_ASA,      /* responder octets are the packets */
    FIN_SAMPLING, /* rate, and counters times the rate */
    FIN_MAX
};

enum { PLAN_TIMES = 12 };

struct plan {
    uint16_t n_steps, n_head; /* steps in all, and those at fixed offsets */
    uint16_t n_tail;
    uint8_t n_finish;
    uint8_t kind;   /* enum flow_kind */
    uint8_t traits; /* enum flow_trait */
    uint32_t fixed; /* octets in front of the first field of variable length: the record, if there is none */
    uint32_t min_len; /* of a record (RFC 7011 §3.4.1: padding is shorter) */
    uint16_t
        etype;   /* EtherType by the family of the (outer) addresses, where the template decides it; else 0 */
    bool flows;  /* the flows counter is in the template */
    bool biflow; /* has the reverse direction in it */
    bool sampled; /* says itself how it was sampled, or who did */
    bool times;
    uint8_t start[PLAN_TIMES], end[PLAN_TIMES]; /* enum time_slot, in order of preference, ended by T_MAX */
    uint8_t finish[FIN_MAX];
    uint64_t has[(SLOT_MAX + 63) / 64]; /* slots that are filled */
    struct tail *tail;
    struct step step[]; /* n_steps */
};

static inline bool plan_has(const struct plan *p, enum slot_id s) { return p->has[s / 64] >> (s % 64) & 1; }

/* Compiles n fields for version (9 or 10). Returns NULL with e set: ERR_FORMAT for a record without length or
 * one that no message can hold, ERR_LIMIT without memory. Free with plan_free. */
struct plan *plan_compile(const struct tmpl_field *fields, unsigned n, uint8_t version, const struct wants *w,
                          struct err *e);
void plan_free(struct plan *p);
size_t plan_size(const struct plan *p); /* octets of memory */

/* Steps of a record's part at fixed offsets, for which plan->fixed octets are known to be there. */
void plan_head(const struct plan *plan, const uint8_t *p, struct record *r);

/* The rest of a record of variable length: fields from p on, which end before `end`. Returns the octet behind
 * the record, or NULL when it runs past the end. */
const uint8_t *plan_tail(const struct plan *plan, const uint8_t *p, const uint8_t *end, struct record *r);

#endif
