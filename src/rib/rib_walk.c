/* SPDX-License-Identifier: BSD-2-Clause */
/* Walks over the routes of a peer, a slice a call. Where a walk is, is said by the next key, so that it
 * stands any change. */
#include <string.h>
#include "rib/rib_impl.h"

bool each_path(const struct table *t, struct rib_key *key, uint64_t value, uint32_t from, rib_route_fn fn,
               void *arg, uint64_t *next)
{
    *next = 0;
    if (!t->trie.wide) {
        struct rib_route route = { .attrs = (uint32_t)value };
        return fn(arg, key, &route);
    }
    struct path p;
    for (uint32_t at = 0; path_next(value, &at, &p);) {
        if (p.id < from)
            continue;
        key->path_id = p.id;
        if (!fn(arg, key, &p.route)) {
            *next = p.id + 1ull;
            return false;
        }
    }
    return true;
}

struct slice {
    const struct table *t;
    struct rib_place *place;
    unsigned left;
    bool first; /* the next prefix may be that where the walk stopped among paths */
    rib_route_fn fn;
    void *arg;
};

static bool one_route(void *arg, const struct rib_key *key, const struct rib_route *route)
{
    struct slice *s = arg;
    return s->fn(s->arg, key, route) && --s->left;
}

static bool one_prefix(void *arg, const uint8_t *addr, unsigned bits, uint64_t value)
{
    struct slice *s = arg;
    struct rib_key key = s->t->shown, *at = &s->place->next;
    memcpy(key.addr, addr, sizeof(key.addr));
    key.bits = (uint8_t)bits;
    bool same = s->first && at->bits == bits && !memcmp(at->addr, addr, sizeof(key.addr));
    uint64_t next;
    s->first = false;
    bool on = each_path(s->t, &key, value, same ? at->path_id : 0, one_route, s, &next);
    memcpy(at->addr, addr, sizeof(at->addr));
    at->bits = (uint8_t)(next && next <= UINT32_MAX ? bits : bits + 1);
    at->path_id = (uint32_t)(next <= UINT32_MAX ? next : 0);
    return on;
}

/* Returns whether the table has been walked to its end. */
static bool walk_opaque(struct slice *s)
{
    struct rib_key key = s->t->shown;
    struct rib_route route = { 0 };
    bool on = true;
    while (on && opaque_next(&s->t->opaque, &s->place->index, &key, &route))
        on = one_route(s, &key, &route);
    return on;
}

bool rib_walk(const struct rib *rib, uint32_t peer, struct rib_place *place, unsigned n, rib_route_fn fn,
              void *arg)
{
    const struct view *v = view_of(rib, peer);
    struct slice s = { .place = place, .left = n ? n : 1, .fn = fn, .arg = arg };
    while (v && place->table < v->tables) {
        s.t = v->list[place->table];
        s.first = true;
        bool end = s.t->is_opaque ? walk_opaque(&s)
                                  : trie_walk(&s.t->trie, place->next.addr, place->next.bits, one_prefix, &s);
        if (!end)
            return true;
        *place = (struct rib_place){ .table = place->table + 1 };
    }
    return false;
}
