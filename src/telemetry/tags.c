/* SPDX-License-Identifier: BSD-2-Clause */
/* Tags of senders: looked up once, when one comes or when the map is new. */
#include "telemetry/tags.h"

#include <stdlib.h>
#include <string.h>
#include "core/tagmap.h"
#include "output/json.h"

enum { LABELS_ARE_MAP = 1 };

struct tele_tags {
    int number; /* in the daemon's maps */
    struct map_ref *ref;
    struct tagmap_run *run;
};

/* Rows may look at the sender alone, whatever daemon the thread is in. */
static void *load(const struct map_spec *s, struct err *e)
{
    const struct tagmap_conf c = { .daemon = 'T', .labels_are_map = s->flags & LABELS_ARE_MAP };
    return tagmap_load(s->path, &c, e);
}
static void free_map(void *map) { tagmap_free(map); }
static uint64_t entries(const void *map) { return tagmap_rows(map); }

static const struct map_ops ops = {
    .key = "telemetry_daemon_tag_map", .load = load, .free = free_map, .entries = entries
};

static struct map_spec spec_of(const struct config *c)
{
    return (struct map_spec){ .ops = &ops,
                              .path = c->telemetry.tag_map,
                              .daemon = 'T',
                              .flags = c->pre_tag_label_encode_as_map ? LABELS_ARE_MAP : 0 };
}

int tele_tags_check(const struct service *s, struct err *e)
{
    const struct map_spec spec = spec_of(s->c);
    return !spec.path || maps_add(s->maps, &spec, e) != -1 ? 0 : -1;
}

static int take(struct telemetry *t, struct tele_tags *tags)
{
    struct map_ref *ref = maps_take(t->s->maps, tags->number);
    struct tagmap_run *run = ref ? tagmap_run_new(map_of(ref)) : NULL;
    if (!run) {
        if (ref)
            map_drop(ref);
        return -1;
    }
    if (tags->ref)
        map_drop(tags->ref);
    tagmap_run_free(tags->run);
    tags->ref = ref;
    tags->run = run;
    return 0;
}

int tele_tags_open(struct telemetry *t, struct err *e)
{
    const struct map_spec spec = spec_of(t->c);
    if (!spec.path)
        return 0;
    t->tags = calloc(1, sizeof(*t->tags));
    if (!t->tags)
        return err_sys(e, "no memory for a map");
    t->tags->number = maps_find(t->s->maps, &spec);
    return take(t, t->tags) == 0 ? 0 : err_sys(e, "no memory for a map");
}

void tele_tags_close(struct telemetry *t)
{
    if (!t->tags)
        return;
    tagmap_run_free(t->tags->run);
    if (t->tags->ref)
        map_drop(t->tags->ref);
    free(t->tags);
    t->tags = NULL;
}

void tele_tags_reload(struct telemetry *t)
{
    if (t->tags && take(t, t->tags) == 0)
        tele_peers_retag(t);
}

void tele_tags_set(struct telemetry *t, struct tele_peer *p)
{
    struct flow f;
    free(p->label);
    p->label = NULL;
    p->tag = p->tag2 = 0;
    if (!t->tags)
        return;
    memset(&f, 0, sizeof(f));
    f.peer_src_ip = p->addr;
    for (uint32_t at = 0;;) {
        at = tagmap_flow(map_of(t->tags->ref), t->tags->run, &f, at);
        if (!at)
            break;
    }
    p->tag = f.tag;
    p->tag2 = f.tag2;
    if (f.label.len)
        p->label = strndup((const char *)f.label.p, f.label.len);
}

void tele_tags_members(struct strbuf *out, const struct tele_peer *p)
{
    if (p->tag)
        json_uint(out, "tag", p->tag);
    if (p->tag2)
        json_uint(out, "tag2", p->tag2);
    if (p->label)
        json_text(out, "label", p->label, strlen(p->label));
}
