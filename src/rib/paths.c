/* SPDX-License-Identifier: BSD-2-Clause */
/* One route: the set's number in the high half, the label's octets below, then two flags, of which the
 * lowest, set, says that it is no pointer. A list: records by path id, each as long as its labels need. */
#include "rib/paths.h"
#include <string.h>

enum { SINGLE = 1, LABEL = 2 };

struct list {
    uint32_t size; /* octets, this included */
    uint32_t count;
    uint8_t records[];
};

struct record {
    uint32_t id, attrs;
    uint8_t labels_len;
    uint8_t labels[3]; /* and more behind it */
};

static uint32_t record_size(unsigned labels_len)
{
    return (uint32_t)(offsetof(struct record, labels) + labels_len + 3) & ~3u;
}

static const struct list *list_of(uint64_t value)
{
    return value & SINGLE || !value ? NULL : (const struct list *)(uintptr_t)value;
}

static void read_record(const uint8_t *from, struct path *p)
{
    struct record r;
    memcpy(&r, from, offsetof(struct record, labels));
    p->id = r.id;
    p->route.attrs = r.attrs;
    p->route.labels_len = r.labels_len;
    memcpy(p->route.labels, from + offsetof(struct record, labels), r.labels_len);
}

bool path_next(uint64_t value, uint32_t *at, struct path *p)
{
    const struct list *l = list_of(value);
    if (l) {
        if (*at + sizeof(*l) >= l->size)
            return false;
        read_record(l->records + *at, p);
        *at += record_size(p->route.labels_len);
        return true;
    }
    if (!value || *at)
        return false;
    *at = 1;
    p->id = 0;
    p->route.attrs = (uint32_t)(value >> 32);
    p->route.labels_len = value & LABEL ? 3 : 0;
    for (unsigned i = 0; i < 3; i++)
        p->route.labels[i] = (uint8_t)(value >> (24 - 8 * i));
    return true;
}

static uint64_t single(const struct path *p)
{
    uint64_t v = (uint64_t)p->route.attrs << 32 | SINGLE;
    if (!p->route.labels_len)
        return v;
    return v | LABEL | (uint64_t)p->route.labels[0] << 24 | (uint64_t)p->route.labels[1] << 16 |
           (uint64_t)p->route.labels[2] << 8;
}

static bool is_single(const struct path *p)
{
    return !p->id && (p->route.labels_len == 0 || p->route.labels_len == 3);
}

static uint8_t *write_record(uint8_t *to, const struct path *p)
{
    struct record r = { .id = p->id, .attrs = p->route.attrs, .labels_len = p->route.labels_len };
    memcpy(to, &r, offsetof(struct record, labels));
    memcpy(to + offsetof(struct record, labels), p->route.labels, p->route.labels_len);
    return to + record_size(p->route.labels_len);
}

/* A list of the value's routes but for that of `without`, with `more` (or NULL) at its place. 0: no memory.
 */
static uint64_t make_list(struct slab *slab, uint64_t value, uint32_t without, const struct path *more)
{
    uint32_t size = sizeof(struct list), count = 0, at = 0;
    struct path p;
    while (path_next(value, &at, &p))
        size += p.id == without ? 0 : record_size(p.route.labels_len);
    size += more ? record_size(more->route.labels_len) : 0;
    struct list *l = slab_alloc(slab, size);
    if (!l)
        return 0;
    uint8_t *to = l->records;
    for (at = 0; path_next(value, &at, &p);) {
        if (more && p.id >= more->id) {
            to = write_record(to, more);
            more = NULL;
            count++;
        }
        if (p.id != without) {
            to = write_record(to, &p);
            count++;
        }
    }
    if (more) {
        write_record(to, more);
        count++;
    }
    l->size = size;
    l->count = count;
    return (uintptr_t)l;
}

static bool find(uint64_t value, uint32_t id, struct rib_route *was, unsigned *others)
{
    struct path p;
    bool there = false;
    *others = 0;
    for (uint32_t at = 0; path_next(value, &at, &p);)
        if (p.id == id) {
            there = true;
            *was = p.route;
        } else
            ++*others;
    return there;
}

uint64_t path_put(struct slab *slab, uint64_t value, const struct path *p, bool *there, struct rib_route *was)
{
    unsigned others;
    *there = find(value, p->id, was, &others);
    return !others && is_single(p) ? single(p) : make_list(slab, value, p->id, p);
}

uint64_t path_take(struct slab *slab, uint64_t value, uint32_t id, bool *there, struct rib_route *was,
                   bool *failed)
{
    unsigned others;
    *failed = false;
    *there = find(value, id, was, &others);
    if (!*there)
        return value;
    if (!others)
        return 0;
    uint64_t left = make_list(slab, value, id, NULL);
    *failed = !left;
    return left;
}

void *path_memory(uint64_t value, size_t *size)
{
    const struct list *l = list_of(value);
    *size = l ? l->size : 0;
    return (void *)(uintptr_t)l;
}
