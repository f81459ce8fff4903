/* SPDX-License-Identifier: BSD-2-Clause */
/* Tags of peers: a tagmap, run over a flow that has nothing but the peer's address and communities. Called by
 * the message logs of BGP, BMP and telemetry. */
#include "core/peertags.h"

#include <stdlib.h>
#include "core/tagmap.h"

enum { LABELS_ARE_MAP = 1, EVENTS = 'B' }; /* one letter for all daemons: what rows may ask for is the same */

struct peertags {
    struct maps *maps;
    int number;
    uint32_t generation; /* of maps, when ref was taken */
    struct map_ref *ref;
    struct tagmap_run *run; /* NULL: no memory for one */
};

static void *load(const struct map_spec *s, struct err *e)
{
    const struct tagmap_conf c = { .daemon = s->daemon, .labels_are_map = s->flags & LABELS_ARE_MAP };
    return tagmap_load(s->path, &c, e);
}
static void free_tags(void *map) { tagmap_free(map); }
static uint64_t count(const void *map) { return tagmap_rows(map); }

static const struct map_ops kind = { "tag map of peers", load, free_tags, count, NULL };

static struct map_spec spec_of(const char *path, bool labels_are_map)
{
    return (struct map_spec){
        .ops = &kind, .path = path, .daemon = EVENTS, .flags = labels_are_map ? LABELS_ARE_MAP : 0
    };
}

int peertags_load(struct maps *m, const char *key, const char *path, bool labels_are_map, struct err *e)
{
    const struct map_spec s = spec_of(path, labels_are_map);
    struct err why = { 0 };
    if (maps_add(m, &s, &why) == -1)
        return err_set(e, why.code, "%s: %s", key, why.text);
    return 0;
}

static void drop(struct peertags *t)
{
    tagmap_run_free(t->run);
    map_drop(t->ref);
    t->run = NULL;
    t->ref = NULL;
}

static void take(struct peertags *t)
{
    t->generation = maps_generation(t->maps);
    drop(t);
    t->ref = maps_take(t->maps, t->number);
    t->run = tagmap_run_new(map_of(t->ref));
}

struct peertags *peertags_new(struct maps *m, const char *path, bool labels_are_map)
{
    if (!path)
        return NULL;
    const struct map_spec s = spec_of(path, labels_are_map);
    struct peertags *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->maps = m;
    t->number = maps_find(m, &s);
    if (t->number == -1) {
        free(t);
        return NULL;
    }
    take(t);
    return t;
}

bool peertags_follow(struct peertags *t)
{
    if (!t || maps_generation(t->maps) == t->generation)
        return false;
    take(t);
    return true;
}

void peertags_free(struct peertags *t)
{
    if (t)
        drop(t);
    free(t);
}

bool peertags_by_peer(const struct peertags *t) { return !t || tagmap_by_sender(map_of(t->ref)); }

struct peertag peertags_find(struct peertags *t, const struct addr *peer, const char *comms, size_t len)
{
    struct flow f = { .peer_src_ip = *peer };
    if (!t || !t->run)
        return (struct peertag){ 0 };
    if (comms)
        f.std_comm = (struct var){ .p = comms, .len = (uint32_t)len };
    for (uint32_t at = 0;;) { /* rows that would hand a flow over several times: the last one counts */
        at = tagmap_flow(map_of(t->ref), t->run, &f, at);
        if (!at)
            return (struct peertag){ .tag = f.tag, .label = f.label };
    }
}
