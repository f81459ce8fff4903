/* SPDX-License-Identifier: BSD-2-Clause */
/* Entries by hash and by place. */
#include "rib/opaque.h"
#include <stdlib.h>
#include <string.h>
#include "base/hash.h"

struct opaque_entry {
    uint32_t hash, place, attrs, path_id;
    uint16_t len;
    bool has_path_id;
    uint8_t labels_len;
    uint8_t octets[]; /* of the NLRI, then of the labels */
};

static size_t entry_size(uint32_t len, uint32_t labels_len)
{
    return sizeof(struct opaque_entry) + len + labels_len;
}

static void tell(const struct opaque_entry *e, struct rib_route *route)
{
    route->attrs = e->attrs;
    route->labels_len = e->labels_len;
    memcpy(route->labels, e->octets + e->len, e->labels_len);
}

static uint32_t hash_of(const struct rib_key *key)
{
    return (uint32_t)XXH3_64bits_withSeed(key->nlri.p, key->nlri.len,
                                          key->has_path_id ? key->path_id + 1ull : 0);
}

static bool same(const struct opaque_entry *e, const struct rib_key *key, uint32_t hash)
{
    return e->hash == hash && e->len == key->nlri.len && e->has_path_id == key->has_path_id &&
           (!e->has_path_id || e->path_id == key->path_id) && !memcmp(e->octets, key->nlri.p, e->len);
}

/* The slot of a key, or the empty one where its search ends. */
static uint32_t slot_of(const struct opaque *o, const struct rib_key *key, uint32_t hash)
{
    uint32_t i = hash & o->mask;
    while (o->slots[i] && !same(o->entries[o->slots[i] - 1], key, hash))
        i = (i + 1) & o->mask;
    return i;
}

bool opaque_find(const struct opaque *o, const struct rib_key *key, struct rib_route *route)
{
    uint32_t i = o->slots ? slot_of(o, key, hash_of(key)) : 0;
    if (!o->slots || !o->slots[i])
        return false;
    tell(o->entries[o->slots[i] - 1], route);
    return true;
}

static int grow_slots(struct opaque *o)
{
    uint32_t slots = o->slots ? o->mask + 1 : 0;
    if (o->count + 1 <= slots / 4 * 3)
        return 0;
    uint32_t want = slots ? slots * 2 : 16;
    uint32_t *fresh = calloc(want, sizeof(*fresh));
    if (!fresh)
        return -1;
    for (uint32_t i = 0; i < o->end; i++)
        if (o->entries[i]) {
            uint32_t k = o->entries[i]->hash & (want - 1);
            while (fresh[k])
                k = (k + 1) & (want - 1);
            fresh[k] = i + 1;
        }
    free(o->slots);
    o->slots = fresh;
    o->mask = want - 1;
    return 0;
}

static int grow_places(struct opaque *o)
{
    if (o->end < o->room || o->count < o->end)
        return 0;
    uint32_t room = o->room ? o->room * 2 : 16;
    struct opaque_entry **entries = realloc(o->entries, room * sizeof(struct opaque_entry *));
    if (entries)
        o->entries = entries;
    uint32_t *places = entries ? realloc(o->free, room * sizeof(*places)) : NULL;
    if (!places)
        return -1;
    o->free = places;
    o->room = room;
    return 0;
}

static struct opaque_entry *make_entry(struct slab *slab, const struct rib_key *key, struct rib_octets labels,
                                       uint32_t attrs)
{
    struct opaque_entry *e = slab_alloc(slab, entry_size(key->nlri.len, labels.len));
    if (!e)
        return NULL;
    *e = (struct opaque_entry){ .attrs = attrs,
                                .path_id = key->path_id,
                                .len = (uint16_t)key->nlri.len,
                                .labels_len = (uint8_t)labels.len,
                                .has_path_id = key->has_path_id };
    memcpy(e->octets, key->nlri.p, e->len);
    if (labels.len)
        memcpy(e->octets + e->len, labels.p, labels.len);
    return e;
}

int opaque_put(struct opaque *o, struct slab *slab, const struct rib_key *key, struct rib_octets labels,
               uint32_t attrs, struct rib_route *was)
{
    was->attrs = 0;
    if (key->nlri.len > UINT16_MAX || grow_slots(o) || grow_places(o))
        return -1;
    struct opaque_entry *e = make_entry(slab, key, labels, attrs), *old = NULL;
    uint32_t hash = hash_of(key), i = slot_of(o, key, hash);
    if (!e)
        return -1;
    if (o->slots[i]) {
        old = o->entries[o->slots[i] - 1];
        tell(old, was);
    }
    e->hash = hash;
    e->place = old ? old->place : o->count < o->end ? o->free[o->end - o->count - 1] : o->end++;
    o->entries[e->place] = e;
    o->slots[i] = e->place + 1;
    if (old)
        slab_free(slab, old, entry_size(old->len, old->labels_len));
    else
        o->count++;
    return 0;
}

void opaque_take(struct opaque *o, struct slab *slab, const struct rib_key *key, struct rib_route *was)
{
    uint32_t i = o->slots ? slot_of(o, key, hash_of(key)) : 0;
    was->attrs = 0;
    if (!o->slots || !o->slots[i])
        return;
    struct opaque_entry *e = o->entries[o->slots[i] - 1];
    tell(e, was);
    for (uint32_t k = (i + 1) & o->mask; o->slots[k]; k = (k + 1) & o->mask) {
        uint32_t home = o->entries[o->slots[k] - 1]->hash;
        if (((k - home) & o->mask) >= ((k - i) & o->mask)) {
            o->slots[i] = o->slots[k];
            i = k;
        }
    }
    o->slots[i] = 0;
    o->entries[e->place] = NULL;
    o->count--;
    o->free[o->end - o->count - 1] = e->place;
    slab_free(slab, e, entry_size(e->len, e->labels_len));
}

bool opaque_next(const struct opaque *o, uint32_t *place, struct rib_key *key, struct rib_route *route)
{
    while (*place < o->end && !o->entries[*place])
        ++*place;
    if (*place >= o->end)
        return false;
    const struct opaque_entry *e = o->entries[(*place)++];
    key->has_path_id = e->has_path_id;
    key->path_id = e->path_id;
    key->nlri = (struct rib_octets){ e->octets, e->len };
    tell(e, route);
    return true;
}

void opaque_clear(struct opaque *o, struct slab *slab)
{
    for (uint32_t i = 0; i < o->end; i++)
        if (o->entries[i])
            slab_free(slab, o->entries[i], entry_size(o->entries[i]->len, o->entries[i]->labels_len));
    free(o->entries);
    free(o->slots);
    free(o->free);
    memset(o, 0, sizeof(*o));
}

uint64_t opaque_octets(const struct opaque *o)
{
    uint64_t slots = o->slots ? o->mask + 1ull : 0;
    return slots * sizeof(*o->slots) + o->room * (sizeof(struct opaque_entry *) + sizeof(*o->free));
}
