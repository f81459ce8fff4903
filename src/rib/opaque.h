/* SPDX-License-Identifier: BSD-2-Clause */
/* Routes of families that are no prefixes, known by the octets of their NLRI (and a path id): a hash table
 * over entries that keep a place each, so that a walk can go on where it was. For rib.c; readers do not look
 * here. */
#ifndef RIB_OPAQUE_H
#define RIB_OPAQUE_H

#include "rib/rib.h"
#include "rib/slab.h"

struct opaque_entry;

struct opaque {
    struct opaque_entry **entries; /* by place; NULL: free */
    uint32_t *slots;               /* place + 1; 0: empty */
    uint32_t mask;                 /* slots - 1, where there are some */
    uint32_t count, room, end;     /* routes; places there are, and in use up to */
    uint32_t *free;                /* free places below `end`; as many as end - count, room for `room` */
};

/* As rib_announce and rib_withdraw; what was there in *was (attrs 0: nothing). Returns -1: no memory. */
int opaque_put(struct opaque *o, struct slab *slab, const struct rib_key *key, struct rib_octets labels,
               uint32_t attrs, struct rib_route *was);
void opaque_take(struct opaque *o, struct slab *slab, const struct rib_key *key, struct rib_route *was);
bool opaque_find(const struct opaque *o, const struct rib_key *key, struct rib_route *route);

/* The entry at *place or the next one behind, and moves *place past it. false: there is none. */
bool opaque_next(const struct opaque *o, uint32_t *place, struct rib_key *key, struct rib_route *route);

/* Frees everything. */
void opaque_clear(struct opaque *o, struct slab *slab);

uint64_t opaque_octets(const struct opaque *o);

#endif
