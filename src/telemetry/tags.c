/* SPDX-License-Identifier: BSD-2-Clause */
/* Tags of senders: looked up once, when one comes or when the map is new. */
#include "telemetry/tags.h"

#include <stdlib.h>
#include <string.h>
#include "core/peertags.h"
#include "output/json.h"

int tele_tags_check(const struct service *s, struct err *e)
{
    const char *path = s->c->telemetry.tag_map;
    return !path || peertags_load(s->maps, "telemetry_daemon_tag_map", path,
                                  s->c->pre_tag_label_encode_as_map, e) == 0
               ? 0
               : -1;
}

int tele_tags_open(struct telemetry *t, struct err *e)
{
    if (!t->k->tag_map)
        return 0;
    t->tags = peertags_new(t->s->maps, t->k->tag_map, t->c->pre_tag_label_encode_as_map);
    return t->tags ? 0 : err_sys(e, "no memory for a map");
}

void tele_tags_close(struct telemetry *t)
{
    if (t->tags)
        peertags_free(t->tags);
    t->tags = NULL;
}

void tele_tags_follow(struct telemetry *t)
{
    if (peertags_follow(t->tags))
        tele_peers_retag(t);
}

void tele_tags_set(struct telemetry *t, struct tele_peer *p)
{
    free(p->label);
    p->label = NULL;
    p->tag = 0;
    if (!t->tags)
        return;
    const struct peertag tag = peertags_find(t->tags, &p->addr, NULL, 0);
    p->tag = tag.tag;
    if (tag.label.len)
        p->label = strndup((const char *)tag.label.p, tag.label.len);
}

void tele_tags_members(struct strbuf *out, const struct tele_peer *p)
{
    if (p->tag)
        json_uint(out, "tag", p->tag);
    if (p->label)
        json_text(out, "label", p->label, strlen(p->label));
}
