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
    uint8_t octets[];
};

static size_t entry_size(uint32_t len) { return sizeof(struct opaque_entry) + len; }

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

uint32_t opaque_find(const struct opaque *o, const struct rib_key *key)
{
    if (!o->slots)
        return 0;
    uint32_t i = slot_of(o, key, hash_of(key));
    return o->slots[i] ? o->entries[o->slots[i] - 1]->attrs : 0;
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
    struct opaque_entry **entries = realloc(o->entries, room * sizeof(*entries));
    if (entries)
        o->entries = entries;
    uint32_t *places = entries ? realloc(o->free, room * sizeof(*places)) : NULL;
    if (!places)
        return -1;
    o->free = places;
    o->room = room;
    return 0;
}

int opaque_put(struct opaque *o, struct slab *slab, const struct rib_key *key, uint32_t attrs, uint32_t *was)
{
    *was = 0;
    if (key->nlri.len > UINT16_MAX || grow_slots(o) || grow_places(o))
        return -1;
    uint32_t hash = hash_of(key), i = slot_of(o, key, hash);
    if (o->slots[i]) {
        struct opaque_entry *e = o->entries[o->slots[i] - 1];
        *was = e->attrs;
        e->attrs = attrs;
        return 0;
    }
    struct opaque_entry *e = slab_alloc(slab, entry_size(key->nlri.len));
    if (!e)
        return -1;
    uint32_t place = o->count < o->end ? o->free[o->end - o->count - 1] : o->end++;
    *e = (struct opaque_entry){ .hash = hash,
                                .place = place,
                                .attrs = attrs,
                                .path_id = key->path_id,
                                .len = (uint16_t)key->nlri.len,
                                .has_path_id = key->has_path_id };
    memcpy(e->octets, key->nlri.p, e->len);
    o->entries[place] = e;
    o->slots[i] = place + 1;
    o->count++;
    return 0;
}

uint32_t opaque_take(struct opaque *o, struct slab *slab, const struct rib_key *key)
{
    uint32_t i = o->slots ? slot_of(o, key, hash_of(key)) : 0;
    if (!o->slots || !o->slots[i])
        return 0;
    struct opaque_entry *e = o->entries[o->slots[i] - 1];
    uint32_t attrs = e->attrs;
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
    slab_free(slab, e, entry_size(e->len));
    return attrs;
}

bool opaque_next(const struct opaque *o, uint32_t *place, struct rib_key *key, uint32_t *attrs)
{
    while (*place < o->end && !o->entries[*place])
        ++*place;
    if (*place >= o->end)
        return false;
    const struct opaque_entry *e = o->entries[(*place)++];
    key->has_path_id = e->has_path_id;
    key->path_id = e->path_id;
    key->nlri = (struct rib_octets){ e->octets, e->len };
    *attrs = e->attrs;
    return true;
}

void opaque_clear(struct opaque *o, struct slab *slab)
{
    for (uint32_t i = 0; i < o->end; i++)
        if (o->entries[i])
            slab_free(slab, o->entries[i], entry_size(o->entries[i]->len));
    free(o->entries);
    free(o->slots);
    free(o->free);
    memset(o, 0, sizeof(*o));
}

uint64_t opaque_octets(const struct opaque *o)
{
    uint64_t slots = o->slots ? o->mask + 1ull : 0;
    return slots * sizeof(*o->slots) + o->room * (sizeof(*o->entries) + sizeof(*o->free));
}
