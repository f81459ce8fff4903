/* SPDX-License-Identifier: BSD-2-Clause */
/* The messages of a daemon that stands by: a list, one allocation each, with the topic as it was. */
#include "output/ha_queue.h"

#include <stdlib.h>
#include <string.h>

struct kept {
    struct kept *next;
    int64_t at_us;
    struct addr peer, router; /* what the topic's pointers point to */
    struct msglog_topic topic;
    size_t len;
    char text[];
};

struct ha_queue {
    int64_t age_us, max;
    struct kept *first, **last;
    struct ha_queue_counts n;
};

struct ha_queue *ha_queue_new(int64_t age_us, int64_t max)
{
    struct ha_queue *q = calloc(1, sizeof(*q));
    if (q)
        *q = (struct ha_queue){ .age_us = age_us, .max = max, .last = &q->first };
    return q;
}

static void pop(struct ha_queue *q)
{
    struct kept *k = q->first;
    q->first = k->next;
    if (!q->first)
        q->last = &q->first;
    q->n.waiting--;
    q->n.octets -= k->len;
    free(k);
}

void ha_queue_free(struct ha_queue *q)
{
    while (q && q->first)
        pop(q);
    free(q);
}

bool ha_queue_put(struct ha_queue *q, const struct msglog_topic *t, const char *text, size_t len,
                  int64_t mono_us)
{
    struct kept *k = malloc(sizeof(*k) + len);
    if (!k) {
        q->n.dropped++;
        return false;
    }
    *k = (struct kept){ .at_us = mono_us, .topic = *t, .len = len };
    if (t->peer_src_ip) {
        k->peer = *t->peer_src_ip;
        k->topic.peer_src_ip = &k->peer;
    }
    if (t->bmp_router) {
        k->router = *t->bmp_router;
        k->topic.bmp_router = &k->router;
    }
    memcpy(k->text, text, len);
    *q->last = k;
    q->last = &k->next;
    q->n.waiting++;
    q->n.octets += len;
    while (q->max >= 0 && q->n.waiting > (uint64_t)q->max) {
        pop(q);
        q->n.dropped++;
    }
    return true;
}

void ha_queue_expire(struct ha_queue *q, int64_t mono_us)
{
    while (q->first && mono_us - q->first->at_us > q->age_us) {
        pop(q);
        q->n.expired++;
    }
}

bool ha_queue_peek(struct ha_queue *q, struct msglog_topic *t, const char **text, size_t *len)
{
    const struct kept *k = q->first;
    if (!k)
        return false;
    *t = k->topic;
    *text = k->text;
    *len = k->len;
    return true;
}

void ha_queue_drop(struct ha_queue *q)
{
    pop(q);
    q->n.handed_on++;
}

struct ha_queue_counts ha_queue_counts(const struct ha_queue *q) { return q->n; }
