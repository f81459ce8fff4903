/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps whose rows stand for one value each: sampling_map (a rate), flow_to_rd_map (a route distinguisher).
 * The first row that fits a flow counts. Loaded by maps.c, asked by worker.c. */
#ifndef CORE_VALUEMAP_H
#define CORE_VALUEMAP_H

#include "core/maps.h"
#include "core/rowmap.h"

/* What the rows of a map may say. */
struct valuemap_kind {
    struct map_ops ops;
    const char *const *keys;     /* conditions that it knows, ended by NULL */
    const char *const *required; /* those that each row must have, besides `id` */
    /* The value of `id`. -1: e. */
    int (*value)(const char *text, uint64_t *out, struct err *e);
};

extern const struct valuemap_kind valuemap_sampling; /* value: the rate */
extern const struct valuemap_kind valuemap_rd;       /* value: the octets of struct rd */

struct valuemap;

struct valuemap *valuemap_load(const struct valuemap_kind *kind, const char *path, char daemon,
                               struct err *e);
void valuemap_free(struct valuemap *m);

/* The value of the first row that fits, or false. */
bool valuemap_find(const struct valuemap *m, const struct flow *f, struct match_memory *mem, uint64_t *value);

#endif
