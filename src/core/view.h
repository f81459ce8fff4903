/* SPDX-License-Identifier: BSD-2-Clause */
/* What the maps of plugins make of a flow: tags, labels and whatever else map files say. Plugins with the
 * same maps share a view; what it changes in the flow is put back when they have been served. Each worker has
 * views of its own; worker.c runs them. */
#ifndef CORE_VIEW_H
#define CORE_VIEW_H

#include "config/config.h"
#include "core/maps.h"
#include "core/tagmap.h"

enum view_map { VIEW_TAGS, VIEW_MAPS };

/* A map of a view, and what running it takes. */
struct view_part {
    int number; /* in struct maps, -1: none */
    struct map_ref *ref;
};

struct view {
    struct view_part part[VIEW_MAPS];
    const struct tagmap *tags;
    struct tagmap_run *run;
};

/* What a view may change. */
struct view_saved {
    uint64_t tag, tag2;
    struct var label;
    uint8_t tos;
};

/* Loads the maps that a plugin's configuration names. -1: e. */
int view_load(struct maps *m, const struct config *c, char daemon, struct err *e);

/* The view of a configuration, its maps not yet taken. False: it has none, flows stay as they are. */
bool view_of(struct view *v, const struct maps *m, const struct config *c, char daemon);
bool view_same(const struct view *a, const struct view *b);

/* Takes the maps as they are now, in the place of those that it has. -1 without memory: the old ones stay. */
int view_take(struct view *v, struct maps *m);
void view_drop(struct view *v);
void view_needs(const struct view *v, struct fieldset *needs);

static inline void view_save(struct view_saved *s, const struct flow *f)
{
    *s = (struct view_saved){ f->tag, f->tag2, f->label, f->tos };
}

static inline void view_restore(const struct view_saved *s, struct flow *f)
{
    f->tag = s->tag;
    f->tag2 = s->tag2;
    f->label = s->label;
    f->tos = s->tos;
}

/* Tags the flow, from a row on: see tagmap_flow. */
static inline uint32_t view_tag(const struct view *v, struct flow *f, uint32_t from)
{
    return v->tags ? tagmap_flow(v->tags, v->run, f, from) : 0;
}

#endif
