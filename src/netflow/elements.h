/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of information elements, from elements.def: template plans, the dump of templates and the
 * templates that nfprobe sends are made from it. Looked up when a template arrives, never for a record. */
#ifndef NETFLOW_ELEMENTS_H
#define NETFLOW_ELEMENTS_H

#include <stdint.h>

/* Abstract types, as far as decoding differs (RFC 7011 §6.1). */
enum element_type {
    ET_U8,
    ET_U16,
    ET_U32,
    ET_U64,
    ET_S32,
    ET_F64,
    ET_BOOL,
    ET_MAC,
    ET_STRING,
    ET_OCTETS,
    ET_SECS,
    ET_MSECS,
    ET_USECS,
    ET_NSECS,
    ET_IPV4,
    ET_IPV6,
    ET_LIST,
};

enum {
    ELEMENT_VAR = 0xffff, /* length in a template: each value brings its own (RFC 7011 §7) */
    PEN_REVERSE = 29305,  /* the same element seen in the reverse direction (RFC 5103 §6.1) */
    PEN_PMACCT = 43874,   /* tag, tag2, label */
    PEN_CISCO = 9,
};
#define PEN_V9 UINT32_C(0xfffffffe) /* NetFlow v9 types that are no IANA elements; never on the wire */

/* Places that decoded values go to. */
enum slot_id {
    SLOT_none,
#define SLOT(name, ...) SLOT_##name,
#include "netflow/slots.def"
#undef SLOT
    SLOT_MAX
};

struct element {
    uint32_t pen;
    uint16_t id;
    uint16_t len; /* natural, or ELEMENT_VAR */
    uint8_t type; /* enum element_type */
    uint8_t slot; /* enum slot_id */
    uint8_t rank;
    const char *name;
};

extern const struct element elements[];
extern const unsigned n_elements;

/* The row of an element, or NULL. */
const struct element *element_find(uint32_t pen, uint16_t id);

/* The row of a NetFlow v9 field type: an IANA element, one of Cisco's (types from 32768 on are its enterprise
 * elements), or one that exists in v9 only. NULL if unknown. */
const struct element *element_find_v9(uint16_t type);

#endif
