/* SPDX-License-Identifier: BSD-2-Clause */
/* sampling_map and flow_to_rd_map in the worker. */
#include "core/coremaps.h"

#include <string.h>

static void specs_of(const struct config *c, char daemon, struct map_spec spec[CORE_MAPS])
{
    spec[CORE_SAMPLING] =
        (struct map_spec){ .ops = &valuemap_sampling.ops, .path = c->sampling_map, .daemon = daemon };
    spec[CORE_RD] = (struct map_spec){ .ops = &valuemap_rd.ops, .path = c->flow_to_rd_map, .daemon = daemon };
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
    if (!memory)
        return -1;
    coremaps_drop(k);
    k->memory = memory;
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
}

void coremaps_needs(const struct coremaps *k, struct fieldset *needs)
{
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
