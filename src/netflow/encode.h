/* SPDX-License-Identifier: BSD-2-Clause */
/* Flows to NetFlow v5, v9 and IPFIX datagrams. The templates are compiled once, from a table of fields
 * (encode.c) and the lengths in elements.def, into short lists of steps; a flow runs the list of its family
 * and direction. nfprobe calls this. */
#ifndef NETFLOW_ENCODE_H
#define NETFLOW_ENCODE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/err.h"
#include "core/layout.h"

enum { ENCODE_DATAGRAM_MAX = 1464 }; /* fits an Ethernet frame without fragments */

/* Applications are numbered by the encoder itself: engine 6 (user defined) of RFC 6759 and a number that
 * options data give a name to. */
enum { ENCODE_APP_ENGINE = 6, ENCODE_APP_LEN = 5 };

/* Name and description of an interface or application; NUL-padded. */
struct encode_text {
    char name[32], description[64];
};

struct encoder_conf {
    uint8_t version;                /* 5, 9, 10 */
    uint32_t domain;                /* v9 source id, IPFIX observation domain */
    uint8_t engine_type, engine_id; /* v5 */
    uint32_t sampling_rate;         /* told in the header (v5) or in options data; 0: not sampled */
    struct addr source;             /* told in options data where set */
    bool uptimes;                   /* v9: times as sysUpTime (21, 22) in place of 152, 153 */
    bool usec;                      /* times as 154, 155 */
    bool flows;                     /* the count of flows is exported */
    uint64_t custom;                /* which of the site's primitives are exported (bits) */
    const struct customs *customs;  /* NULL: none */
    bool end_reasons;               /* why flows ended (136) is exported */
    uint8_t instance; /* sets template ids apart from those of other instances in the same domain */
    const struct layout *layout; /* of the keys; outlives the encoder */
    struct fieldset fields;      /* which of its columns are exported; others are ignored */
    /* A finished datagram; the octets are the encoder's. */
    void (*emit)(void *arg, const uint8_t *p, uint32_t len);
    /* The name of an interface, told in options data; false: it has none. NULL: none are told. */
    bool (*iface)(void *arg, uint32_t index, struct encode_text *out);
    void *arg;
};

struct export_flow {
    const uint8_t *key; /* laid out by the layout */
    uint64_t packets, bytes, flows;
    int64_t first_us, last_us; /* µs since the epoch */
    uint32_t in_iface, out_iface;
    uint8_t tcpflags;
    uint8_t direction; /* enum flow_direction */
    uint8_t end;       /* flowEndReason (136) */
};

struct encoder;

/* Those of the site's primitives that can be exported: they say which element they are. */
uint64_t encoder_customs(const struct customs *customs, uint64_t asked);

/* Can a field be exported in templates? */
bool encoder_knows(enum field_id id);

/* NULL, e: version or memory. */
struct encoder *encoder_new(const struct encoder_conf *c, struct err *e);
void encoder_free(struct encoder *en); /* what was not flushed is lost */

/* The time that headers bear, µs since the epoch. */
void encoder_clock(struct encoder *en, int64_t now_us);
/* The moment that uptimes (v5, and v9 with `uptimes`) count from. Flows that began before begin then. */
void encoder_boot(struct encoder *en, int64_t boot_us);

/* Adds a flow; a full datagram is emitted before that. False: this version has no form for it (IPv6 in v5),
 * or it is too long for a datagram. */
bool encoder_add(struct encoder *en, const struct export_flow *f);

/* Applications and interfaces that got no name, since too many are known. */
uint64_t encoder_names_refused(const struct encoder *en);

/* Emits the datagram in the making, if it holds a flow. */
void encoder_flush(struct encoder *en);

#endif
