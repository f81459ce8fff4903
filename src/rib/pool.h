/* SPDX-License-Identifier: BSD-2-Clause */
/* The pool of attribute sets, for rib.c: who makes it and when it may free. */
#ifndef RIB_POOL_H
#define RIB_POOL_H

#include "rib/attrs.h"
#include "rib/epoch.h"
#include "rib/slab.h"

/* Memory comes from `slab`, which is the pool's alone; `e` tells who reads. NULL: no memory. */
struct rib_pool *pool_new(struct slab *slab, struct epoch *e);
void pool_free(struct rib_pool *p);

/* Frees up to n sets that nobody has or sees (`safe`: epoch_safe). Returns whether some wait still. */
bool pool_tend(struct rib_pool *p, uint64_t safe, unsigned n);

uint64_t pool_sets(const struct rib_pool *p);
uint64_t pool_waiting(const struct rib_pool *p);
uint64_t pool_index_octets(struct rib_pool *p); /* and notes */

#endif
