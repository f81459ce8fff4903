/* SPDX-License-Identifier: BSD-2-Clause */
/* Values of wide tables: routes with labels, or several of one prefix told apart by path ids (ADD-PATH). A
 * value is one route with at most one label, in 64 bits, or leads to a list, which is replaced and never
 * changed. For rib.c. */
#ifndef RIB_PATHS_H
#define RIB_PATHS_H

#include "rib/epoch.h"
#include "rib/rib.h"
#include "rib/slab.h"

/* A route of a value. */
struct path {
    uint32_t id;
    struct rib_route route;
};

/* Goes through the routes of a value by path id: start with *at 0; false: there are no more. */
bool path_next(uint64_t value, uint32_t *at, struct path *p);

/* The value with this route in it, in place of that with the same id if there was one (*was: *there). The old
 * list is not freed. 0: no memory. */
uint64_t path_put(struct slab *slab, uint64_t value, const struct path *p, bool *there,
                  struct rib_route *was);

/* The value without the route of this id; 0 when it was the last one or there is no memory (*failed). */
uint64_t path_take(struct slab *slab, uint64_t value, uint32_t id, bool *there, struct rib_route *was,
                   bool *failed);

/* The memory of a value's list; NULL: it has none. */
void *path_memory(uint64_t value, size_t *size);

#endif
