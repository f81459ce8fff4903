/* SPDX-License-Identifier: BSD-2-Clause */
/* A table of templates by exporter, domain and id. */
#include "plugins/tee_templates.h"

#include <stdlib.h>
#include <string.h>
#include "base/cursor.h"
#include "base/hash.h"

enum { MOST = 1 << 16, BUCKETS = 1 << 14, NONE = -1 };

/* What tells templates apart; octets of it are compared, so there is no padding. */
struct key {
    struct addr from;
    uint32_t domain;
    uint16_t port, version, set, id;
};
_Static_assert(sizeof(struct key) == 28, "no padding in keys");

struct kept {
    struct key key;
    int next; /* in its bucket */
    struct datagram_record *d;
};

struct tee_templates {
    unsigned n, oldest; /* `oldest` goes next, once there are MOST */
    struct kept *kept;
    unsigned cap;
    int bucket[BUCKETS];
};

struct tee_templates *tee_templates_new(void)
{
    struct tee_templates *ts = calloc(1, sizeof(*ts));
    for (unsigned i = 0; ts && i < BUCKETS; i++)
        ts->bucket[i] = NONE;
    return ts;
}

void tee_templates_free(struct tee_templates *ts)
{
    if (!ts)
        return;
    for (unsigned i = 0; i < ts->n; i++)
        free(ts->kept[i].d);
    free(ts->kept);
    free(ts);
}

/* The core made the datagram: header, set header, template record. */
static bool read_key(const struct datagram_record *d, struct key *k)
{
    struct cursor c = cursor_of(d->payload, d->len);
    memset(k, 0, sizeof(*k));
    k->from = d->from;
    k->port = d->port;
    k->version = cursor_u16(&c);
    cursor_skip(&c, k->version == 9 ? 14 : 10);
    k->domain = cursor_u32(&c);
    k->set = cursor_u16(&c);
    cursor_skip(&c, 2);
    k->id = cursor_u16(&c);
    return !c.bad;
}

static int *bucket_of(struct tee_templates *ts, const struct key *k)
{
    return &ts->bucket[hash_bytes(k, sizeof(*k)) % BUCKETS];
}

static struct kept *find(struct tee_templates *ts, const struct key *k)
{
    for (int i = *bucket_of(ts, k); i != NONE; i = ts->kept[i].next)
        if (!memcmp(&ts->kept[i].key, k, sizeof(*k)))
            return &ts->kept[i];
    return NULL;
}

static void unlink_kept(struct tee_templates *ts, int i)
{
    int *at = bucket_of(ts, &ts->kept[i].key);
    while (*at != i)
        at = &ts->kept[*at].next;
    *at = ts->kept[i].next;
}

/* A place for one more: a new one, or that of the oldest. */
static struct kept *place(struct tee_templates *ts)
{
    if (ts->n == MOST) {
        struct kept *k = &ts->kept[ts->oldest];
        unlink_kept(ts, (int)ts->oldest);
        ts->oldest = (ts->oldest + 1) % MOST;
        return k;
    }
    if (ts->n == ts->cap) {
        unsigned cap = ts->cap ? ts->cap * 2 : 64;
        struct kept *more = realloc(ts->kept, cap * sizeof(*more));
        if (!more)
            return NULL;
        ts->kept = more;
        ts->cap = cap;
    }
    ts->kept[ts->n] = (struct kept){ .next = NONE };
    return &ts->kept[ts->n++];
}

static struct kept *add(struct tee_templates *ts, const struct key *k)
{
    struct kept *e = place(ts);
    if (!e)
        return NULL;
    int *b = bucket_of(ts, k);
    e->key = *k;
    e->next = *b;
    *b = (int)(e - ts->kept);
    return e;
}

void tee_templates_keep(struct tee_templates *ts, const struct datagram_record *d)
{
    struct key k;
    if (!read_key(d, &k))
        return;
    struct datagram_record *copy = malloc(d->size);
    struct kept *e = copy ? find(ts, &k) : NULL;
    if (copy && !e)
        e = add(ts, &k);
    if (!e) {
        free(copy);
        return;
    }
    memcpy(copy, d, d->size);
    free(e->d);
    e->d = copy;
}

unsigned tee_templates_count(const struct tee_templates *ts) { return ts->n; }
struct datagram_record *tee_templates_at(struct tee_templates *ts, unsigned i) { return ts->kept[i].d; }
