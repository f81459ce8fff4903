/* SPDX-License-Identifier: BSD-2-Clause */
/* sampling_map and flow_to_rd_map in the worker. */
#include "core/coremaps.h"

#include <stdlib.h>
#include <string.h>
#include "base/hash.h"
#include "core/geo.h"

enum { PLACES = 4096 }; /* remembered, a power of two */

struct geo_memory {
    struct {
        struct addr addr; /* not set: free */
        struct geo_place place;
    } seen[PLACES];
};

static void specs_of(const struct config *c, char daemon, struct map_spec spec[CORE_MAPS])
{
    spec[CORE_SAMPLING] =
        (struct map_spec){ .ops = &valuemap_sampling.ops, .path = c->sampling_map, .daemon = daemon };
    spec[CORE_RD] = (struct map_spec){ .ops = &valuemap_rd.ops, .path = c->flow_to_rd_map, .daemon = daemon };
    spec[CORE_GEO] = (struct map_spec){ .ops = &geo_ops, .path = c->geoipv2_file, .daemon = daemon };
}

int coremaps_load(struct maps *m, const struct config *c, char daemon, struct err *e)
{
    struct map_spec spec[CORE_MAPS];
    specs_of(c, daemon, spec);
    for (unsigned i = 0; i < CORE_MAPS; i++) {
        struct err why = { 0 };
        if (spec[i].path && maps_add(m, &spec[i], &why) == -1)
            return err_set(e, why.code, "%s: %s", spec[i].ops->key, why.text);
    }
    return 0;
}

bool coremaps_of(struct coremaps *k, const struct maps *m, const struct config *c, char daemon)
{
    struct map_spec spec[CORE_MAPS];
    bool any = false;
    memset(k, 0, sizeof(*k));
    specs_of(c, daemon, spec);
    for (unsigned i = 0; i < CORE_MAPS; i++) {
        k->part[i].number = spec[i].path ? maps_find(m, &spec[i]) : -1;
        any |= k->part[i].number != -1;
    }
    return any;
}

int coremaps_take(struct coremaps *k, struct maps *m)
{
    struct match_memory *memory = match_memory_new();
    struct geo_memory *places = k->part[CORE_GEO].number != -1 ? calloc(1, sizeof(*places)) : NULL;
    if (!memory || (k->part[CORE_GEO].number != -1 && !places)) {
        match_memory_free(memory);
        free(places);
        return -1;
    }
    coremaps_drop(k);
    k->memory = memory;
    k->places = places;
    for (unsigned i = 0; i < CORE_MAPS; i++)
        if (k->part[i].number != -1) {
            k->part[i].ref = maps_take(m, k->part[i].number);
            k->part[i].map = map_of(k->part[i].ref);
        }
    return 0;
}

void coremaps_drop(struct coremaps *k)
{
    for (unsigned i = 0; i < CORE_MAPS; i++) {
        map_drop(k->part[i].ref);
        k->part[i].ref = NULL;
        k->part[i].map = NULL;
    }
    match_memory_free(k->memory);
    k->memory = NULL;
    free(k->places);
    k->places = NULL;
}

void coremaps_needs(struct coremaps *k, struct fieldset *needs)
{
    static const enum field_id of_places[] = { FIELD_src_host_country, FIELD_dst_host_country,
                                               FIELD_src_host_pocode,  FIELD_dst_host_pocode,
                                               FIELD_src_host_coords,  FIELD_dst_host_coords };
    k->geo = false;
    for (unsigned i = 0; k->places && i < sizeof(of_places) / sizeof(of_places[0]); i++)
        k->geo |= fieldset_has(needs, of_places[i]);
    if (k->geo) {
        fieldset_add(needs, FIELD_src_host);
        fieldset_add(needs, FIELD_dst_host);
    }
    if (k->part[CORE_SAMPLING].map)
        fieldset_or(needs, valuemap_sampling.ops.needs(k->part[CORE_SAMPLING].map));
    if (k->part[CORE_RD].map && fieldset_has(needs, FIELD_mpls_vpn_rd))
        fieldset_or(needs, valuemap_rd.ops.needs(k->part[CORE_RD].map));
}

uint32_t coremaps_rate(const struct coremaps *k, const struct flow *f)
{
    uint64_t rate;
    const struct valuemap *m = k->part[CORE_SAMPLING].map;
    return m && valuemap_find(m, f, k->memory, &rate) ? (uint32_t)rate : 0;
}

void coremaps_rd(const struct coremaps *k, struct flow *f)
{
    uint64_t value;
    if (!valuemap_find(k->part[CORE_RD].map, f, k->memory, &value))
        return;
    memcpy(&f->mpls_vpn_rd, &value, sizeof(f->mpls_vpn_rd));
    f->mpls_vpn_rd_origin = RD_ORIGIN_MAP;
}

static const struct geo_place *place_of(const struct coremaps *k, const struct addr *a)
{
    const unsigned at = (unsigned)hash_bytes(a, sizeof(*a)) & (PLACES - 1);
    if (!addr_equal(&k->places->seen[at].addr, a) || !addr_is_set(a)) {
        k->places->seen[at].addr = *a;
        geo_find(k->part[CORE_GEO].map, a, &k->places->seen[at].place);
    }
    return &k->places->seen[at].place;
}

void coremaps_places(const struct coremaps *k, struct flow *f)
{
    const struct geo_place *p = place_of(k, &f->src_host);
    f->src_host_country = p->country;
    f->src_host_pocode = p->pocode;
    f->src_host_coords = p->coords;
    p = place_of(k, &f->dst_host);
    f->dst_host_country = p->country;
    f->dst_host_pocode = p->pocode;
    f->dst_host_coords = p->coords;
}
