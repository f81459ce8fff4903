/* SPDX-License-Identifier: BSD-2-Clause */
/* pcap_interfaces_map, the default interface, interface numbers. */
#include "pmacctd/ifaces.h"

#include <net/if.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config/mapfile.h"

enum map_key { KEY_IFNAME, KEY_IFINDEX, KEY_DIRECTION };

static const struct mapfile_key map_keys[] = {
    { "ifname", KEY_IFNAME, false },
    { "ifindex", KEY_IFINDEX, false },
    { "direction", KEY_DIRECTION, false },
    { NULL, 0, false },
};

struct reading {
    struct iface_list *list;
    const struct config *c;
    unsigned cap;
};

static int read_name(struct iface_row *r, const struct mapfile_row *row, struct err *e)
{
    const char *name = mapfile_value(row, KEY_IFNAME);
    if (!name || !*name)
        return err_set(e, ERR_CONFIG, "ifname is missing: ifname=<interface>");
    if (strlen(name) >= IFNAMSIZ)
        return err_set(e, ERR_CONFIG, "ifname '%s': names of interfaces have at most %d characters", name,
                       IFNAMSIZ - 1);
    snprintf(r->name, sizeof(r->name), "%s", name);
    return 0;
}

static int read_number(struct iface_row *r, const struct mapfile_row *row, const struct config *c,
                       struct err *e)
{
    const char *text = mapfile_value(row, KEY_IFINDEX);
    uint64_t number = 0;
    if (text && map_number("ifindex", text, 1, UINT32_MAX, &number, e) == -1)
        return -1;
    if (!text && c->pcap_ifindex == IFINDEX_MAP)
        return err_set(e, ERR_CONFIG, "ifindex is missing, which pcap_ifindex: map takes from here");
    r->ifindex = (uint32_t)number;
    return 0;
}

static int read_direction(struct iface_row *r, const struct mapfile_row *row, const struct config *c,
                          struct err *e)
{
    const char *text = mapfile_value(row, KEY_DIRECTION);
    r->direction = (enum afpacket_direction)c->pcap_direction;
    if (!text)
        return 0;
    if (strcmp(text, "in") != 0 && strcmp(text, "out") != 0)
        return err_set(e, ERR_CONFIG, "direction: bad value '%s': allowed: in or out", text);
    r->direction = text[0] == 'i' ? AFPACKET_IN : AFPACKET_OUT;
    return 0;
}

/* The same packets must not come twice. */
static int check_unique(const struct iface_list *list, const struct iface_row *r, struct err *e)
{
    for (unsigned i = 0; i < list->n; i++) {
        const struct iface_row *o = &list->row[i];
        bool apart = r->direction && o->direction && r->direction != o->direction;
        if (!strcmp(o->name, r->name) && !apart)
            return err_set(e, ERR_CONFIG,
                           "interface '%s' stands in line %u already (twice it may stand with direction=in "
                           "and direction=out)",
                           r->name, o->line);
    }
    return 0;
}

static int add_row(struct reading *rd, const struct iface_row *r, struct err *e)
{
    struct iface_list *list = rd->list;
    if (list->n == IFACES_MAX)
        return err_set(e, ERR_LIMIT, "more than %d interfaces", IFACES_MAX);
    if (list->n == rd->cap) {
        unsigned cap = rd->cap ? rd->cap * 2 : 16;
        struct iface_row *more = realloc(list->row, cap * sizeof(*more));
        if (!more)
            return err_set(e, ERR_SYS, "out of memory");
        list->row = more;
        rd->cap = cap;
    }
    list->row[list->n++] = *r;
    return 0;
}

static int on_row(void *ctx, const struct mapfile_row *row, struct err *e)
{
    struct reading *rd = ctx;
    struct iface_row r = { .line = row->line };
    if (read_name(&r, row, e) == -1 || read_number(&r, row, rd->c, e) == -1 ||
        read_direction(&r, row, rd->c, e) == -1 || check_unique(rd->list, &r, e) == -1)
        return -1;
    return add_row(rd, &r, e);
}

static const struct mapfile_spec spec = { map_keys, on_row };

int iface_list_read(struct iface_list *list, const struct config *c, struct err *e)
{
    *list = (struct iface_list){ 0 };
    struct reading rd = { list, c, 0 };
    if (mapfile_read(c->pcap_interfaces_map, &spec, &rd, e) == 0)
        return 0;
    iface_list_free(list);
    return -1;
}

int iface_list_parse(struct iface_list *list, const struct config *c, const char *path, char *text,
                     size_t len, struct err *e)
{
    *list = (struct iface_list){ 0 };
    struct reading rd = { list, c, 0 };
    if (mapfile_parse(path, text, len, &spec, &rd, e) == 0)
        return 0;
    iface_list_free(list);
    return -1;
}

void iface_list_free(struct iface_list *list)
{
    free(list->row);
    *list = (struct iface_list){ 0 };
}

/* The first interface that is up and no loopback; the first one at all where there is none. */
static int default_interface(char *name, size_t size, struct err *e)
{
    char text[PCAP_ERRBUF_SIZE];
    pcap_if_t *all, *best = NULL;
    if (pcap_findalldevs(&all, text) == -1)
        return err_set(e, ERR_SYS, "cannot list the interfaces: %s", text);
    for (pcap_if_t *i = all; i && !best; i = i->next)
        if ((i->flags & PCAP_IF_UP) && !(i->flags & PCAP_IF_LOOPBACK) && strcmp(i->name, "any") != 0)
            best = i;
    if (!best)
        best = all;
    if (best)
        snprintf(name, size, "%s", best->name);
    pcap_freealldevs(all);
    return best ? 0 : err_set(e, ERR_CONFIG, "no interface to capture on: set pcap_interface");
}

int iface_list_single(struct iface_list *list, const struct config *c, struct err *e)
{
    *list = (struct iface_list){ .row = calloc(1, sizeof(*list->row)), .n = 1 };
    if (!list->row)
        return err_set(e, ERR_SYS, "out of memory");
    list->row->direction = (enum afpacket_direction)c->pcap_direction;
    if (c->pcap_interface)
        snprintf(list->row->name, sizeof(list->row->name), "%s", c->pcap_interface);
    else if (default_interface(list->row->name, sizeof(list->row->name), e) == -1) {
        iface_list_free(list);
        return -1;
    }
    return 0;
}

/* ---- numbers */

static void mix(uint32_t *a, uint32_t *b, uint32_t *c)
{
    *a = (*a - *b - *c) ^ *c >> 13;
    *b = (*b - *c - *a) ^ *a << 8;
    *c = (*c - *a - *b) ^ *b >> 13;
    *a = (*a - *b - *c) ^ *c >> 12;
    *b = (*b - *c - *a) ^ *a << 16;
    *c = (*c - *a - *b) ^ *b >> 5;
    *a = (*a - *b - *c) ^ *c >> 3;
    *b = (*b - *c - *a) ^ *a << 10;
    *c = (*c - *a - *b) ^ *b >> 15;
}

static uint32_t word(const uint8_t *p, size_t n)
{
    uint32_t v = 0;
    for (size_t i = 0; i < n && i < 4; i++)
        v |= (uint32_t)p[i] << 8 * i;
    return v;
}

uint32_t iface_hash(const char *name)
{
    const uint8_t *p = (const uint8_t *)name;
    size_t len = strlen(name), left = len;
    uint32_t a = 0x9e3779b9, b = 0x9e3779b9, c = 0;
    for (; left >= 12; p += 12, left -= 12) {
        a += word(p, 4);
        b += word(p + 4, 4);
        c += word(p + 8, 4);
        mix(&a, &b, &c);
    }
    a += word(p, left);
    b += left > 4 ? word(p + 4, left - 4) : 0;
    c += (uint32_t)len + (left > 8 ? word(p + 8, left - 8) << 8 : 0); /* the lowest octet is the length's */
    mix(&a, &b, &c);
    return c;
}

uint32_t iface_number(const struct iface_row *row, const struct config *c)
{
    switch (c->pcap_ifindex) {
    case IFINDEX_SYS:
        return if_nametoindex(row->name);
    case IFINDEX_HASH:
        return iface_hash(row->name);
    case IFINDEX_MAP:
        return row->ifindex;
    default:
        return 0;
    }
}
