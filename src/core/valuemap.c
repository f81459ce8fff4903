/* SPDX-License-Identifier: BSD-2-Clause */
/* One value a row: which keys such maps know, and reading them. */
#include "core/valuemap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config/mapfile.h"

struct valuemap {
    struct rowmap rows;
    uint64_t *value;
    uint32_t cap;
};

/* ---- kinds */

static int rate_of(const char *text, uint64_t *out, struct err *e)
{
    return map_number("id", text, 1, UINT32_MAX, out, e);
}

/* A route distinguisher, or a number: that of a VRF. */
static int rd_of(const char *text, uint64_t *out, struct err *e)
{
    struct rd rd = { { 0 } };
    uint64_t vrf;
    if (strchr(text, ':')) {
        if (map_rd("id", text, rd.b, e) == -1)
            return -1;
    } else {
        if (map_number("id", text, 0, UINT32_MAX, &vrf, e) == -1)
            return -1;
        rd.b[0] = RD_TYPE_VRFID >> 8;
        rd.b[1] = RD_TYPE_VRFID & 0xff;
        for (unsigned i = 0; i < 4; i++)
            rd.b[7 - i] = (uint8_t)(vrf >> 8 * i);
    }
    memcpy(out, &rd, sizeof(rd));
    return 0;
}

static void *load_sampling(const struct map_spec *s, struct err *e)
{
    return valuemap_load(&valuemap_sampling, s->path, s->daemon, e);
}
static void *load_rd(const struct map_spec *s, struct err *e)
{
    return valuemap_load(&valuemap_rd, s->path, s->daemon, e);
}
static void free_map(void *map) { valuemap_free(map); }
static uint64_t entries(const void *map) { return ((const struct valuemap *)map)->rows.n_rows; }
static const struct fieldset *needs(const void *map) { return &((const struct valuemap *)map)->rows.needs; }

static const char *const sampling_keys[] = { "ip", "in", "out", NULL };
static const char *const sampling_required[] = { "ip", NULL };
static const char *const rd_keys[] = { "ip", "in", "out", "bgp_nexthop", "mpls_vpn_id", "mpls_label_bottom",
                                       NULL };
static const char *const rd_required[] = { NULL };

const struct valuemap_kind valuemap_sampling = {
    .ops = { .key = "sampling_map",
             .load = load_sampling,
             .free = free_map,
             .entries = entries,
             .needs = needs },
    .keys = sampling_keys,
    .required = sampling_required,
    .value = rate_of,
};
const struct valuemap_kind valuemap_rd = {
    .ops = { .key = "flow_to_rd_map", .load = load_rd, .free = free_map, .entries = entries, .needs = needs },
    .keys = rd_keys,
    .required = rd_required,
    .value = rd_of,
};

/* ---- reading */

struct loader {
    struct valuemap *m;
    const struct valuemap_kind *kind;
    char daemon;
    uint16_t id; /* of the key `id` */
};

static int check_required(const struct loader *l, const struct mapfile_row *row, struct err *e)
{
    bool all = mapfile_value(row, l->id) != NULL;
    char list[128] = "'id'";
    for (unsigned i = 0; l->kind->required[i]; i++) {
        bool there = false;
        for (unsigned j = 0; j < row->n; j++)
            there |= !strcmp(row->pair[j].key, l->kind->required[i]);
        all &= there;
        const size_t len = strlen(list);
        snprintf(list + len, sizeof(list) - len, ", '%s'", l->kind->required[i]);
    }
    return all ? 0 : err_set(e, ERR_CONFIG, "required key missing. Required keys are: %s", list);
}

static int on_row(void *ctx, const struct mapfile_row *row, struct err *e)
{
    struct loader *l = ctx;
    struct valuemap *m = l->m;
    const uint32_t at = m->rows.n_rows;
    if (at == m->cap) {
        uint64_t *more = realloc(m->value, (m->cap * 2 + 64) * sizeof(*more));
        if (!more)
            return err_sys(e, "no memory for a map");
        m->value = more;
        m->cap = m->cap * 2 + 64;
    }
    if (check_required(l, row, e) == -1 || rowmap_row(&m->rows, e) == -1)
        return -1;
    for (unsigned i = 0; i < row->n; i++) {
        const struct mapfile_pair *p = &row->pair[i];
        if (p->id == l->id ? l->kind->value(p->value, &m->value[at], e) == -1
                           : rowmap_add(&m->rows, p->id, p->value, l->daemon, e) == -1)
            return -1;
    }
    return 0;
}

static bool knows(const struct valuemap_kind *kind, const char *name)
{
    unsigned i = 0;
    while (kind->keys[i] && strcmp(kind->keys[i], name) != 0)
        i++;
    return kind->keys[i] != NULL;
}

static int read_rows(struct loader *l, const char *path, struct err *e)
{
    struct mapfile_key *known = calloc(match_keys() + 2, sizeof(*known));
    unsigned n = 0;
    if (!known)
        return err_sys(e, "no memory for a map");
    for (unsigned i = 0; i < match_keys(); i++)
        if (knows(l->kind, match_key_name(i)))
            known[n++] = (struct mapfile_key){ .name = match_key_name(i), .id = (uint16_t)i };
    l->id = (uint16_t)match_keys();
    known[n] = (struct mapfile_key){ .name = "id", .id = l->id };
    const struct mapfile_spec spec = { known, on_row };
    const int status = mapfile_read(path, &spec, l, e);
    free(known);
    return status == 0 ? rowmap_compile(&l->m->rows, e) : -1;
}

struct valuemap *valuemap_load(const struct valuemap_kind *kind, const char *path, char daemon, struct err *e)
{
    struct loader l = { .m = calloc(1, sizeof(*l.m)), .kind = kind, .daemon = daemon };
    if (!l.m) {
        err_sys(e, "no memory for a map");
        return NULL;
    }
    rowmap_init(&l.m->rows);
    if (read_rows(&l, path, e) == 0)
        return l.m;
    valuemap_free(l.m);
    return NULL;
}

void valuemap_free(struct valuemap *m)
{
    if (!m)
        return;
    rowmap_free(&m->rows);
    free(m->value);
    free(m);
}

bool valuemap_find(const struct valuemap *m, const struct flow *f, struct match_memory *mem, uint64_t *value)
{
    const uint32_t row = rowmap_find(&m->rows, f, 0, mem);
    if (row == ROWMAP_NONE)
        return false;
    *value = m->value[row];
    return true;
}
