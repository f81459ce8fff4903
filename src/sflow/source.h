/* SPDX-License-Identifier: BSD-2-Clause */
/* Data sources of an agent: what samples say about how they were taken. One entry for each interface (or
 * whatever the agent samples); from two samples of one follow the rate at which it really samples and what
 * was lost between them. samples.c calls this for every sample. */
#ifndef SFLOW_SOURCE_H
#define SFLOW_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An agent with more sources than this has some that are not followed. */
enum { SF_SOURCES_MAX = 1 << 16 };

struct sf_source {
    uint32_t type, index; /* enum of sFlow: 0 interface; 256 and more: discarded packets of type - 256 */
    uint32_t seq, pool, drops;
    bool used, known;
};

struct sf_sources {
    struct sf_source *slot; /* open addressing, cap is a power of two or 0 */
    struct sf_source *last; /* found last */
    uint32_t n, cap;
};

/* What a sample shows, compared with the one before it. */
struct sf_step {
    uint32_t rate;  /* packets that it stands for by the pool, 0: nothing can be told */
    uint32_t lost;  /* samples between the two that did not arrive */
    uint32_t drops; /* samples that the agent could not take meanwhile */
};

/* NULL: too many, or no memory. */
struct sf_source *sf_source_get(struct sf_sources *ss, uint32_t type, uint32_t index);

/* Takes the numbers of a sample. `pooled`: it has a pool (counter samples and discarded packets do not). */
struct sf_step sf_source_step(struct sf_source *s, uint32_t seq, uint32_t pool, uint32_t drops, bool pooled);

/* The agent has started anew. */
void sf_sources_restart(struct sf_sources *ss);
size_t sf_sources_memory(const struct sf_sources *ss);
void sf_sources_free(struct sf_sources *ss);

#endif
