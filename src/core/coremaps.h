/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps of the core: what they say holds for all plugins. sampling_map: rates, asked by decoders.
 * flow_to_rd_map: route distinguishers, set by the worker. geoipv2_file: countries and places. One of these
 * for each worker. */
#ifndef CORE_COREMAPS_H
#define CORE_COREMAPS_H

#include "config/config.h"
#include "core/valuemap.h"

enum core_map { CORE_SAMPLING, CORE_RD, CORE_GEO, CORE_MAPS };

struct geo_memory; /* places of addresses seen lately */

struct coremaps {
    struct {
        int number; /* in struct maps, -1: none */
        struct map_ref *ref;
        const void *map; /* NULL: none */
    } part[CORE_MAPS];
    struct match_memory *memory;
    struct geo_memory *places; /* NULL: no database, or nobody asks for it */
    bool geo;                  /* somebody asks for it */
};

/* Loads what the core's configuration names. -1: e. */
int coremaps_load(struct maps *m, const struct config *c, char daemon, struct err *e);

/* Finds what was loaded; true when there is any. coremaps_take takes the maps as they are now. */
bool coremaps_of(struct coremaps *k, const struct maps *m, const struct config *c, char daemon);
int coremaps_take(struct coremaps *k, struct maps *m);
void coremaps_drop(struct coremaps *k);
void coremaps_needs(struct coremaps *k, struct fieldset *needs);

/* The rate that sampling_map has for a flow, 0: none. */
uint32_t coremaps_rate(const struct coremaps *k, const struct flow *f);

/* Sets mpls_vpn_rd and where it is from, if flow_to_rd_map knows it. */
void coremaps_rd(const struct coremaps *k, struct flow *f);

/* Fills in countries, postal codes and coordinates of both hosts. */
void coremaps_places(const struct coremaps *k, struct flow *f);

#endif
