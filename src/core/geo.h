/* SPDX-License-Identifier: BSD-2-Clause */
/* geoipv2_file: country, postal code and coordinates of addresses out of a MaxMind database. Loaded by
 * maps.c, asked by coremaps.c; a build without libmaxminddb has geo_none.c. */
#ifndef CORE_GEO_H
#define CORE_GEO_H

#include "core/maps.h"

struct geo_place {
    struct country country; /* ISO 3166, NUL-padded; all zero: not known */
    struct pocode pocode;
    struct coords coords;
};

extern const struct map_ops geo_ops; /* its map is for geo_find */

/* What the database says of an address; zeros where it says nothing. */
void geo_find(const void *map, const struct addr *a, struct geo_place *out);

#endif
