/* SPDX-License-Identifier: BSD-2-Clause */
/* Lookups in MaxMind databases through libmaxminddb. */
#include "core/geo.h"

#include <maxminddb.h>
#include <stdlib.h>
#include <string.h>

static void *load(const struct map_spec *s, struct err *e)
{
    MMDB_s *db = malloc(sizeof(*db));
    if (!db) {
        err_sys(e, "no memory for a GeoIP database");
        return NULL;
    }
    const int rc = MMDB_open(s->path, MMDB_MODE_MMAP, db);
    if (rc == MMDB_SUCCESS)
        return db;
    if (rc == MMDB_IO_ERROR)
        err_sys(e, "[%s] cannot open the GeoIP database", s->path);
    else
        err_set(e, ERR_FORMAT, "[%s] is no MaxMind database: %s", s->path, MMDB_strerror(rc));
    free(db);
    return NULL;
}

static void unload(void *map)
{
    MMDB_close(map);
    free(map);
}

static uint64_t entries(const void *map) { return ((const MMDB_s *)map)->metadata.node_count; }

const struct map_ops geo_ops = { "geoipv2_file", load, unload, entries, NULL };

static void get_text(MMDB_entry_s *entry, const char *const *path, char *out, size_t size)
{
    MMDB_entry_data_s d;
    if (MMDB_aget_value(entry, &d, path) == MMDB_SUCCESS && d.has_data &&
        d.type == MMDB_DATA_TYPE_UTF8_STRING)
        memcpy(out, d.utf8_string, d.data_size < size ? d.data_size : size);
}

static void get_degrees(MMDB_entry_s *entry, const char *const *path, double *out)
{
    MMDB_entry_data_s d;
    if (MMDB_aget_value(entry, &d, path) == MMDB_SUCCESS && d.has_data && d.type == MMDB_DATA_TYPE_DOUBLE)
        *out = d.double_value;
}

void geo_find(const void *map, const struct addr *a, struct geo_place *out)
{
    static const char *const country[] = { "country", "iso_code", NULL };
    static const char *const pocode[] = { "postal", "code", NULL };
    static const char *const lat[] = { "location", "latitude", NULL };
    static const char *const lon[] = { "location", "longitude", NULL };
    const MMDB_s *db = map;
    struct sockaddr_storage ss;
    int rc;
    memset(out, 0, sizeof(*out));
    if (!addr_is_set(a) || (!addr_is_v4(a) && db->metadata.ip_version == 4))
        return;
    addr_to_sockaddr(a, 0, false, &ss);
    MMDB_lookup_result_s hit = MMDB_lookup_sockaddr(db, (const struct sockaddr *)&ss, &rc);
    if (rc != MMDB_SUCCESS || !hit.found_entry)
        return;
    get_text(&hit.entry, country, out->country.b, sizeof(out->country.b));
    get_text(&hit.entry, pocode, out->pocode.b, sizeof(out->pocode.b));
    get_degrees(&hit.entry, lat, &out->coords.lat);
    get_degrees(&hit.entry, lon, &out->coords.lon);
}
