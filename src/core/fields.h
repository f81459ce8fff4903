/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of aggregation primitives, from fields.def: what can be asked for, where it stands in struct
 * flow, how every output calls it. Outputs switch on the kind, never on the field. */
#ifndef CORE_FIELDS_H
#define CORE_FIELDS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "core/flow.h"

enum field_kind {
    FK_U8,
    FK_U16,
    FK_U32,
    FK_U64, /* written as numbers */
    FK_ASN,
    FK_ETYPE, /* hex without prefix or padding */
    FK_MAC,
    FK_ADDR,     /* unset: nothing in csv and JSON, `::` in formatted */
    FK_NET,      /* as FK_ADDR, unset: 0.0.0.0 */
    FK_PROTO,    /* a name, or a number */
    FK_TCPFLAGS, /* uint8_t beside the counters, ORed */
    FK_RD,
    FK_ROA,       /* u unknown, i invalid, v valid; V, U: invalid, inside a valid or unknown route */
    FK_DIRECTION, /* u, i, e */
    FK_FWDSTATUS,
    FK_CLASS,
    FK_COUNTRY,
    FK_POCODE,
    FK_COORDS,
    FK_TIME, /* int64_t, µs since the epoch */
    /* from here on of variable length (struct var) */
    FK_TEXT,
    FK_MAP,
    FK_COMMS,
    FK_ASPATH,
    FK_LABELS,
    FK_SEGMENTS,
    FK_C_UINT, /* primitives of the site (custom.h): octets as they came, of fixed or variable length */
    FK_C_HEX,
    FK_C_IP,
    FK_C_MAC,
    FK_C_STR,
    FK_C_RAW,
    FK_MAX
};

enum field_group { FG_L2, FG_L3, FG_L4, FG_BGP, FG_NAT, FG_TUNNEL, FG_MPLS, FG_MISC, FG_TIME, FG_MAX };

enum {
    F_OR = 1,
    F_STITCH = 2,
    F_CUSTOM = 4,
    F_ROUTES_P = 8, /* packets do not bring it, only routes do (pmacctd, uacctd) */
    F_ROUTES_N = 16,
    F_ROUTES_S = 32,
    R_PN = F_ROUTES_P | F_ROUTES_N,
    R_PNS = R_PN | F_ROUTES_S,
};

enum field_id {
#define FIELD(name, ...) FIELD_##name,
#include "core/fields.def"
#undef FIELD
    FIELD_MAX
};

struct field {
    const char *name;
    const char *daemons, *title, *json, *json_client, *sql, *text;
    uint16_t off;  /* of the member in struct flow */
    uint16_t size; /* octets of the member in struct flow (struct var for variable ones) */
    uint8_t kind;  /* enum field_kind */
    uint8_t group; /* enum field_group */
    uint8_t width, flags;
    uint8_t json_rank, client_rank, sql_rank, list_rank;
};

extern const struct field fields[FIELD_MAX];

static inline bool field_is_var(const struct field *f) { return f->kind >= FK_TEXT; }

/* Members of struct flow that are no primitives but that maps read: decoders fill them in where they are in
 * the set of what is needed. */
enum {
    EXTRA_next_hop = FIELD_MAX,
    EXTRA_vrf_in,
    EXTRA_vrf_out,
    EXTRA_engine_type,
    EXTRA_set_id,
    FIELDSET_MAX
};

/* A set of fields, and of extras. */
struct fieldset {
    uint64_t w[(FIELDSET_MAX + 63) / 64];
};
static inline void fieldset_add(struct fieldset *s, unsigned f) { s->w[f / 64] |= UINT64_C(1) << (f % 64); }
static inline void fieldset_del(struct fieldset *s, unsigned f)
{
    s->w[f / 64] &= ~(UINT64_C(1) << (f % 64));
}
static inline bool fieldset_has(const struct fieldset *s, unsigned f) { return s->w[f / 64] >> (f % 64) & 1; }
void fieldset_or(struct fieldset *s, const struct fieldset *more);
bool fieldset_empty(const struct fieldset *s);
/* Is everything in s in `in` too? */
bool fieldset_within(const struct fieldset *s, const struct fieldset *in);

/* What a sum_* primitive does: each record is entered twice, the second time with the destination's value in
 * the source's place. */
enum sum_kind { SUM_NONE, SUM_MAC, SUM_HOST, SUM_NET, SUM_AS, SUM_PORT };

/* The most columns that a plugin can have. */
enum { COLUMNS_MAX = FIELD_MAX + CUSTOM_MAX };

struct customs; /* core/custom.h */

/* A parsed `aggregate`. */
/* *_peer_as: whose AS numbers stand where. */
enum peer_as {
    PEER_AS_OWN,
    PEER_AS_TAKES, /* collectors: those of flows are the neighbours', peer_src_as and peer_dst_as have them */
    PEER_AS_GIVES  /* probes: src_as and dst_as have the neighbours' */
};

struct aggregate_spec {
    struct fieldset set; /* for sums: the source field only */
    const struct customs *customs;
    uint64_t custom;      /* bits: those of the site's own that are in it */
    bool flows;           /* the `flows` counter is shown */
    bool none;            /* `none`: one grand total */
    uint8_t sum;          /* enum sum_kind */
    bool times;           /* records bring start and end behind the key (record_times) */
    bool whole_addresses; /* addresses stand in the key with all 16 octets, at fixed places */
    uint16_t headers;     /* octets of each frame that go with its record (struct record_packet); 0: none */
    bool datagrams;       /* no fields: records are what was received (datagram.h) */
    uint8_t peer_as;      /* enum peer_as */
    bool icmp_as_port;    /* ICMP type and code stand in dst_port, as exporters of flows have it */
};

/* The field of the flow that a column of this plugin is filled from: its own, but for peer_as. */
enum field_id aggregate_source(const struct aggregate_spec *spec, enum field_id column);

/* Finds a field by its word (any case); NULL if there is none. */
const struct field *field_find(const char *name, size_t len);

/* Parses a comma list of primitives for a daemon (letter P, U, N or S; each takes every word). Blanks are
 * ignored, words compared without case. sum_* words reset the rest of the key but tag, tag2, class and flows,
 * and set *dropped (may be NULL) if there was more. An empty list is `none`, which in turn is nothing beside
 * other words. Returns 0, or -1 with "Unknown primitive 'x'" and the nearest name in e. */
int aggregate_parse(const char *list, char daemon, struct aggregate_spec *out, bool *dropped, struct err *e);

/* The same with primitives of the site; NULL: none. They stay the caller's and have to outlive *out. */
int aggregate_parse_custom(const char *list, char daemon, const struct customs *customs,
                           struct aggregate_spec *out, bool *dropped, struct err *e);

/* Writes what -a shows for a daemon to stdout: groups, names, descriptions. */
void fields_print(char daemon);

/* The IP protocol's lower-case name from the fixed table, or NULL. */
const char *proto_name(uint8_t proto);
/* The number of a protocol given by name or number, or -1. */
int proto_number(const char *text);

#endif
