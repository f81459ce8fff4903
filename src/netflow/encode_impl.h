/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the encoder share: its state, octets, sets. encode.c has the flows, encode_options.c what
 * the exporter tells of itself. */
#ifndef NETFLOW_ENCODE_IMPL_H
#define NETFLOW_ENCODE_IMPL_H

#include <string.h>
#include "base/cursor.h"
#include "core/flow.h"
#include "netflow/encode.h"

enum {
    STEPS_MAX = 48 + CUSTOM_MAX,
    TEMPLATE_OPTIONS = 4096 /* first id; each instance has four of its own */
};

struct put_step {
    uint8_t put;
    uint16_t len, from; /* from: in the key; of what stands in its tail: number of the column */
};

struct template_field {
    uint32_t pen;
    uint16_t id, len;
};

struct template
{
    uint16_t id, record_len;
    unsigned n;
    struct put_step step[STEPS_MAX];
    struct template_field field[STEPS_MAX];
};

/* What options data say of applications or interfaces: entries in the order in which they were met, and slots
 * that lead to them. An application's key is its name, an interface's its number. */
enum { ENCODE_NAMES_MAX = 2048, ENCODE_NAME = sizeof(struct class_name) };
struct encode_name {
    uint8_t key[ENCODE_NAME];
    struct encode_text text;
};
struct encode_names {
    struct encode_name *e; /* NULL: none are told */
    uint32_t n, told;      /* entries; how many of them have been told since the templates were */
    uint16_t *slot;        /* place + 1, 0: empty */
};

enum { TEMPLATES = 4 }; /* IPv4, IPv4 leaving, IPv6, IPv6 leaving */

struct encoder {
    struct encoder_conf c;
    int64_t now_us, boot_us;
    uint32_t sequence;
    uint32_t since_templates; /* datagrams */
    int64_t templates_at_us;  /* 0: never told yet */
    struct template template[TEMPLATES];
    uint16_t off[FIELD_MAX]; /* of each field in the key, or NO_COLUMN */
    uint32_t uptime_ms;      /* what the header of the datagram in the making will say */
    int64_t header_ms;       /* and the time that belongs to it */
    uint32_t len;            /* octets made; 0: no datagram begun */
    uint32_t set;            /* where the open data set begins, 0: none */
    uint16_t set_id;
    uint32_t flows, records; /* flows; all records, templates too */
    uint32_t data_records;   /* what an IPFIX sequence number counts */
    struct encode_names apps, ifaces;
    uint32_t last_in, last_out; /* interfaces of the last flow: known already */
    uint64_t names_refused;
    bool texts; /* records have fields of variable length */
    uint8_t buf[ENCODE_DATAGRAM_MAX];
};

static inline uint16_t key16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, 2);
    return v;
}

static inline uint32_t key32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

static inline uint64_t key64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static inline bool encode_is_ipfix(const struct encoder *en) { return en->c.version == 10; }

/* encode.c: closes the open set and begins one; closes it. */
void encode_open_set(struct encoder *en, uint16_t id);
void encode_close_set(struct encoder *en);
/* Emits the datagram in the making and begins another if it has no room for n octets and a set's header. */
void encode_make_room(struct encoder *en, uint32_t n);

/* encode_options.c: memory for the names that this encoder tells. -1: none left. */
int encode_names_open(struct encoder *en);
void encode_names_close(struct encoder *en);
/* All that is known, with the templates of it. */
void encode_tell_options(struct encoder *en);
/* Enters the names that a flow brings. True: encode_tell_names has something to tell before the flow. */
bool encode_note_names(struct encoder *en, const struct export_flow *f);
/* Tells the names that have not been told yet. */
void encode_tell_names(struct encoder *en);
/* The number that stands for the class of a flow; 0: none. */
uint32_t encode_app_of(const struct encoder *en, const struct export_flow *f);

#endif
