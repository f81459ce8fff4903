/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading such maps: a row of `kinds` says what a map's rows may have. */
#include "routing/rowvalues.h"

#include <stdlib.h>
#include <string.h>
#include "config/mapfile.h"

struct rowvalues {
    struct rowmap rows;
    struct rowvalue *value;
    uint32_t cap;
};

enum value_key { VALUE_ID = 1, VALUE_BGP_IP, VALUE_BMP_IP, VALUE_PORT, VALUE_KEYS };

static const char *const value_names[VALUE_KEYS] = { NULL, "id", "bgp_ip", "bmp_ip", "bgp_port" };

struct kind {
    const char *conditions; /* blank-separated */
    const char *values;
    const char *required;
    bool is_addr; /* the value is an address, else a number or `bgp` */
    bool needs_ip;
};

#define OF_SOURCE "ip in out bgp_nexthop peer_dst_as src_mac vlan src_net dst_net filter"
static const struct kind kinds[ROUTE_MAPS] = {
    [MAP_AGENT] = { "ip in out filter", "id bgp_ip bmp_ip bgp_port", "'bgp_ip' (or 'bmp_ip', 'id'), 'ip'",
                    true, true },
    [MAP_PEER_SRC_AS] = { OF_SOURCE, "id", "'id', 'ip'", false, true },
    [MAP_SRC_LOCAL_PREF] = { OF_SOURCE, "id", "'id', 'ip'", false, true },
    [MAP_SRC_MED] = { OF_SOURCE, "id", "'id', 'ip'", false, true },
    [MAP_PEER_DST_IP] = { "ip bgp_nexthop", "id", "'id', 'ip'", true, true },
};

struct loader {
    struct rowvalues *m;
    const struct kind *kind;
    char daemon;
};

static bool among(const char *list, const char *word)
{
    const size_t len = strlen(word);
    for (const char *at = list; (at = strstr(at, word)); at += len)
        if ((at == list || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
            return true;
    return false;
}

static int read_value(const struct loader *l, unsigned key, const char *text, struct rowvalue *v,
                      struct err *e)
{
    uint64_t n;
    if (key == VALUE_PORT) {
        if (map_number(value_names[key], text, 1, UINT16_MAX, &n, e) == -1)
            return -1;
        v->port = (uint16_t)n;
        return 0;
    }
    if (l->kind->is_addr)
        return map_addr(value_names[key], text, &v->addr, e);
    if (!strcmp(text, "bgp")) {
        v->from_bgp = true;
        return 0;
    }
    if (map_number(value_names[key], text, 0, UINT32_MAX, &n, e) == -1)
        return err_set(e, ERR_CONFIG, "id: '%s': a number, or 'bgp'", text);
    v->number = (uint32_t)n;
    return 0;
}

/* Packets have no exporter: `ip`, which rows must have, says nothing of them. */
static bool is_left_out(const struct loader *l, const char *key)
{
    return (l->daemon == 'P' || l->daemon == 'U') && !strcmp(key, "ip");
}

static int on_pair(const struct loader *l, const struct mapfile_pair *p, struct rowvalue *v, bool *has_value,
                   struct err *e)
{
    if (p->id >= match_keys()) {
        const unsigned key = p->id - match_keys();
        *has_value |= key != VALUE_PORT;
        return read_value(l, key, p->value, v, e);
    }
    return is_left_out(l, p->key) ? 0 : rowmap_add(&l->m->rows, p->id, p->value, l->daemon, e);
}

static int on_row(void *ctx, const struct mapfile_row *row, struct err *e)
{
    struct loader *l = ctx;
    struct rowvalues *m = l->m;
    const uint32_t at = m->rows.n_rows;
    bool has_value = false, has_ip = false;
    if (at == m->cap) {
        struct rowvalue *more = realloc(m->value, (m->cap * 2 + 64) * sizeof(*more));
        if (!more)
            return err_sys(e, "no memory for a map");
        m->value = more;
        m->cap = m->cap * 2 + 64;
    }
    m->value[at] = (struct rowvalue){ 0 };
    if (rowmap_row(&m->rows, e) == -1)
        return -1;
    for (unsigned i = 0; i < row->n; i++) {
        has_ip |= !strcmp(row->pair[i].key, "ip");
        if (on_pair(l, &row->pair[i], &m->value[at], &has_value, e) == -1)
            return -1;
    }
    return has_value && (has_ip || !l->kind->needs_ip)
               ? 0
               : err_set(e, ERR_CONFIG, "required key missing. Required keys are: %s", l->kind->required);
}

static int read_rows(struct loader *l, const char *path, struct err *e)
{
    struct mapfile_key *known = calloc(match_keys() + VALUE_KEYS + 1, sizeof(*known));
    unsigned n = 0;
    if (!known)
        return err_sys(e, "no memory for a map");
    for (unsigned i = 0; i < match_keys(); i++)
        if (among(l->kind->conditions, match_key_name(i)))
            known[n++] = (struct mapfile_key){ .name = match_key_name(i), .id = (uint16_t)i };
    for (unsigned i = VALUE_ID; i < VALUE_KEYS; i++)
        if (among(l->kind->values, value_names[i]))
            known[n++] = (struct mapfile_key){ .name = value_names[i], .id = (uint16_t)(match_keys() + i) };
    const struct mapfile_spec spec = { known, on_row };
    const int status = mapfile_read(path, &spec, l, e);
    free(known);
    return status == 0 ? rowmap_compile(&l->m->rows, e) : -1;
}

static void free_map(void *map)
{
    struct rowvalues *m = map;
    if (!m)
        return;
    rowmap_free(&m->rows);
    free(m->value);
    free(m);
}

static void *load(const struct map_spec *s, struct err *e)
{
    struct loader l = { .m = calloc(1, sizeof(*l.m)), .daemon = s->daemon };
    l.kind = &kinds[s->ops - route_map_ops];
    if (!l.m) {
        err_sys(e, "no memory for a map");
        return NULL;
    }
    rowmap_init(&l.m->rows);
    if (read_rows(&l, s->path, e) == 0)
        return l.m;
    free_map(l.m);
    return NULL;
}

static uint64_t entries(const void *map) { return ((const struct rowvalues *)map)->rows.n_rows; }
static const struct fieldset *needs(const void *map) { return &((const struct rowvalues *)map)->rows.needs; }

#define ROUTE_MAP(name)                                                                                      \
    {                                                                                                        \
        .key = name, .load = load, .free = free_map, .entries = entries, .needs = needs                      \
    }
const struct map_ops route_map_ops[ROUTE_MAPS] = {
    [MAP_AGENT] = ROUTE_MAP("bgp_agent_map"),
    [MAP_PEER_SRC_AS] = ROUTE_MAP("bgp_peer_src_as_map"),
    [MAP_SRC_LOCAL_PREF] = ROUTE_MAP("bgp_src_local_pref_map"),
    [MAP_SRC_MED] = ROUTE_MAP("bgp_src_med_map"),
    [MAP_PEER_DST_IP] = ROUTE_MAP("bgp_peer_dst_ip_map"),
};

const struct rowvalue *rowvalues_find(const struct rowvalues *v, const struct flow *f,
                                      struct match_memory *mem)
{
    const uint32_t row = rowmap_find(&v->rows, f, 0, mem);
    return row == ROWMAP_NONE ? NULL : &v->value[row];
}

bool rowvalues_by_sender(const struct rowvalues *v) { return v->rows.of_sender; }
