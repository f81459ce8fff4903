/* SPDX-License-Identifier: BSD-2-Clause */
/* Small pieces of memory by the million, for nodes of tries and sets of attributes: packed to 16 octets,
 * counted to the octet, and given back to the system when they are gone. Pieces of one size share chunks of
 * 64 KiB. For one thread. */
#ifndef RIB_SLAB_H
#define RIB_SLAB_H

#include <stddef.h>
#include <stdint.h>

enum { SLAB_CLASSES = 120, SLAB_LARGEST = 8192 };

struct slab_chunk;

struct slab {
    struct slab_chunk *open[SLAB_CLASSES]; /* chunks with room, one list a size */
    struct slab_chunk *idle;               /* empty, with memory */
    struct slab_chunk *away;               /* empty, memory given back */
    struct slab_region *regions;
    unsigned idle_count, region_count;
    uint64_t used; /* octets asked for, rounded up to 16 */
    uint64_t held; /* octets from the system */
};

void slab_init(struct slab *s);
/* Frees everything. */
void slab_clear(struct slab *s);
/* size octets, aligned to 16, not zeroed. NULL: no memory. */
void *slab_alloc(struct slab *s, size_t size);
/* `size` is what it was asked with. */
void slab_free(struct slab *s, void *p, size_t size);

#endif
