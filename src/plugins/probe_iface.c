/* SPDX-License-Identifier: BSD-2-Clause */
/* Directions and interface numbers of probes. */
#include "plugins/probe_iface.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool parse_tag(const char *text, uint8_t *from)
{
    bool tag = !strcasecmp(text, "tag"), tag2 = !strcasecmp(text, "tag2");
    if (tag || tag2)
        *from = tag ? FROM_TAG : FROM_TAG2;
    return tag || tag2;
}

static int parse_direction(const char *text, const char *prefix, struct probe_iface *out, struct err *e)
{
    if (!text || parse_tag(text, &out->direction_from))
        return 0;
    if (strcasecmp(text, "in") != 0 && strcasecmp(text, "out") != 0)
        return err_set(e, ERR_CONFIG, "%s_direction: '%s': allowed are in, out, tag and tag2", prefix, text);
    out->direction_from = FROM_NUMBER;
    out->direction = strcasecmp(text, "in") == 0 ? DIRECTION_IN : DIRECTION_OUT;
    return 0;
}

static int parse_ifindex(const char *text, const char *prefix, struct probe_iface *out, struct err *e)
{
    char *end;
    if (!text || parse_tag(text, &out->ifindex_from))
        return 0;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || v == 0 || v > UINT32_MAX)
        return err_set(e, ERR_CONFIG,
                       "%s_ifindex: '%s': allowed are tag, tag2 and a number from 1 to 4294967295", prefix,
                       text);
    out->ifindex = (uint32_t)v;
    out->ifindex_from = FROM_NUMBER;
    return 0;
}

int probe_iface_parse(const struct config *c, const char *prefix, struct probe_iface *out, struct err *e)
{
    *out = (struct probe_iface){ .first = c->nfprobe_ifindex_override };
    if (parse_direction(c->nfprobe_direction, prefix, out, e) == -1)
        return -1;
    return parse_ifindex(c->nfprobe_ifindex, prefix, out, e);
}

bool probe_numbers_are_kernels(const struct plugin *pl)
{
    return !pl->file_input && (pl->daemon == 'U' || pl->c->pcap_ifindex == IFINDEX_SYS);
}

void probe_iface_needs(const struct probe_iface *pi, struct fieldset *set)
{
    fieldset_add(set, FIELD_in_iface);
    fieldset_add(set, FIELD_out_iface);
    if (pi->direction_from == FROM_TAG || pi->ifindex_from == FROM_TAG)
        fieldset_add(set, FIELD_tag);
    if (pi->direction_from == FROM_TAG2 || pi->ifindex_from == FROM_TAG2)
        fieldset_add(set, FIELD_tag2);
}

static uint16_t place(const struct layout *l, enum field_id id)
{
    const struct column *col = layout_find(l, id);
    return col ? col->off : 0;
}

void probe_iface_attach(struct probe_iface *pi, const struct layout *l)
{
    pi->in_iface = place(l, FIELD_in_iface);
    pi->out_iface = place(l, FIELD_out_iface);
    pi->tag = place(l, FIELD_tag);
    pi->tag2 = place(l, FIELD_tag2);
}

static uint64_t tag_of(const struct probe_iface *pi, const uint8_t *key, uint8_t from)
{
    uint64_t v;
    memcpy(&v, key + (from == FROM_TAG ? pi->tag : pi->tag2), sizeof(v));
    return v;
}

uint8_t probe_direction(const struct probe_iface *pi, const uint8_t *key, uint8_t captured)
{
    switch ((enum probe_source)pi->direction_from) {
    case FROM_NUMBER:
        return pi->direction;
    case FROM_TAG:
    case FROM_TAG2: {
        uint64_t tag = tag_of(pi, key, pi->direction_from);
        return tag == 1 ? DIRECTION_IN : tag == 2 ? DIRECTION_OUT : DIRECTION_UNKNOWN;
    }
    case FROM_CAPTURE:
        break;
    }
    return captured;
}

struct probe_ifaces probe_ifaces(const struct probe_iface *pi, const uint8_t *key, uint8_t direction)
{
    struct probe_ifaces i;
    memcpy(&i.in, key + pi->in_iface, sizeof(i.in));
    memcpy(&i.out, key + pi->out_iface, sizeof(i.out));
    uint32_t given = pi->ifindex;
    if (pi->ifindex_from == FROM_TAG || pi->ifindex_from == FROM_TAG2)
        given = (uint32_t)tag_of(pi, key, pi->ifindex_from);
    uint32_t *side = direction == DIRECTION_OUT ? &i.out : &i.in;
    if (given && (*side == 0 || pi->first))
        *side = given;
    return i;
}
