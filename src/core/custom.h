/* SPDX-License-Identifier: BSD-2-Clause */
/* aggregate_primitives: fields that a site defines itself, out of information elements or octets of packets.
 * Read once at start by daemon.c; each has a struct field, so that layouts and outputs take it as any other.
 * Decoders put the octets into flow.custom at its number. */
#ifndef CORE_CUSTOM_H
#define CORE_CUSTOM_H

#include "core/fields.h"

enum custom_layer {
    LAYER_PACKET,
    LAYER_MAC,
    LAYER_VLAN,
    LAYER_MPLS,
    LAYER_L3,
    LAYER_L4,
    LAYER_PAYLOAD,
    LAYER_MAX
};

/* layer[:proto][+offset]: where in a packet. */
struct custom_place {
    uint8_t layer;  /* enum custom_layer */
    bool any_proto; /* no protocol asked for */
    uint16_t proto; /* EtherType of l3, IP protocol of l4 */
    uint16_t offset;
};

enum { CUSTOM_NAME = 64, CUSTOM_PLACES = 8 };

struct custom {
    struct field field; /* kind FK_C_*, a struct var of struct flow */
    char name[CUSTOM_NAME];
    bool from_element;
    uint32_t pen;
    uint16_t id;         /* element, without the enterprise bit */
    uint16_t occurrence; /* of the same element in a record: 0 is the first */
    uint16_t len;        /* octets; 0: of variable length */
    uint8_t n_places;
    struct custom_place place[CUSTOM_PLACES];
};

struct customs {
    unsigned n;
    struct custom c[CUSTOM_MAX];
};

/* Of a field that is one of these: octets, 0: of variable length. */
static inline uint16_t custom_len(const struct field *f)
{
    return ((const struct custom *)((const char *)f - offsetof(struct custom, field)))->len;
}

/* Reads the file as a whole. NULL: e names file, line and fault. Free with free(). */
struct customs *customs_load(const char *path, struct err *e);
/* The same from text, which is changed; text[len] has to be writable. */
struct customs *customs_parse(const char *path, char *text, size_t len, struct err *e);

/* The number of a primitive (any case), or -1. */
int customs_find(const struct customs *c, const char *name, size_t len);

/* What a flow has that brings nothing for those in `used` (bits): fixed ones are zeros, others empty. */
void customs_clear(const struct customs *c, uint64_t used, struct flow *f);

/* Those in `which` out of f->packet, by their packet_ptr. What is not in the packet, or was not captured, is
 * as customs_clear leaves it. */
void customs_from_packet(const struct customs *c, uint64_t which, struct flow *f);

/* Which of them have a packet_ptr (bits). */
uint64_t customs_of_packets(const struct customs *c);

/* Makes a struct field of custom kind over a name that outlives it; `number`: its place in flow.custom. */
void custom_field(struct field *f, const char *name, enum field_kind kind, unsigned number, uint16_t len);

#endif
