/* SPDX-License-Identifier: BSD-2-Clause */
/* Which maps a plugin has, and taking them when they change. */
#include "core/view.h"

#include <stdlib.h>

enum { LABELS_ARE_MAP = 1 };

static void *load_tags(const struct map_spec *s, struct err *e)
{
    const struct tagmap_conf c = { .daemon = s->daemon, .labels_are_map = s->flags & LABELS_ARE_MAP };
    return tagmap_load(s->path, &c, e);
}
static void free_tags(void *map) { tagmap_free(map); }
static uint64_t count_tags(const void *map) { return tagmap_rows(map); }
static const struct fieldset *needs_of_tags(const void *map) { return tagmap_needs(map); }

static const struct map_ops tag_ops = {
    .key = "pre_tag_map", .load = load_tags, .free = free_tags, .entries = count_tags, .needs = needs_of_tags
};

/* The files that a configuration names, path NULL: none. */
static void specs_of(const struct config *c, char daemon, struct map_spec spec[VIEW_MAPS])
{
    spec[VIEW_TAGS] = (struct map_spec){ .ops = &tag_ops,
                                         .path = c->pre_tag_map,
                                         .daemon = daemon,
                                         .flags = c->pre_tag_label_encode_as_map ? LABELS_ARE_MAP : 0 };
}

int view_load(struct maps *m, const struct config *c, char daemon, struct err *e)
{
    struct map_spec spec[VIEW_MAPS];
    specs_of(c, daemon, spec);
    for (unsigned i = 0; i < VIEW_MAPS; i++) {
        struct err why = { 0 };
        if (spec[i].path && maps_add(m, &spec[i], &why) == -1)
            return err_set(e, why.code, "%s: %s", spec[i].ops->key, why.text);
    }
    return 0;
}

bool view_of(struct view *v, const struct maps *m, const struct config *c, char daemon)
{
    struct map_spec spec[VIEW_MAPS];
    bool any = false;
    *v = (struct view){ 0 };
    specs_of(c, daemon, spec);
    for (unsigned i = 0; i < VIEW_MAPS; i++) {
        v->part[i].number = spec[i].path ? maps_find(m, &spec[i]) : -1;
        any |= v->part[i].number != -1;
    }
    return any;
}

bool view_same(const struct view *a, const struct view *b)
{
    for (unsigned i = 0; i < VIEW_MAPS; i++)
        if (a->part[i].number != b->part[i].number)
            return false;
    return true;
}

int view_take(struct view *v, struct maps *m)
{
    struct view fresh = *v;
    for (unsigned i = 0; i < VIEW_MAPS; i++)
        fresh.part[i].ref = v->part[i].number == -1 ? NULL : maps_take(m, v->part[i].number);
    const struct map_ref *tags = fresh.part[VIEW_TAGS].ref;
    fresh.tags = tags ? map_of(tags) : NULL;
    fresh.run = tags ? tagmap_run_new(fresh.tags) : NULL;
    if (tags && !fresh.run) {
        view_drop(&fresh);
        return -1;
    }
    view_drop(v);
    *v = fresh;
    return 0;
}

void view_drop(struct view *v)
{
    for (unsigned i = 0; i < VIEW_MAPS; i++) {
        map_drop(v->part[i].ref);
        v->part[i].ref = NULL;
    }
    tagmap_run_free(v->run);
    v->run = NULL;
    v->tags = NULL;
}

void view_needs(const struct view *v, struct fieldset *needs)
{
    if (v->tags)
        fieldset_or(needs, tagmap_needs(v->tags));
}
