/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages that a daemon which stands by keeps for a while: oldest first out. Used by ha.c. */
#ifndef OUTPUT_HA_QUEUE_H
#define OUTPUT_HA_QUEUE_H

#include "output/msglog.h"

struct ha_queue;

/* age_us: longest time that a message is kept; max: most messages, -1: no limit. NULL: no memory. */
struct ha_queue *ha_queue_new(int64_t age_us, int64_t max);
void ha_queue_free(struct ha_queue *q); /* NULL is fine */

/* Copies topic and text. False: no memory, the message is lost and counted. */
bool ha_queue_put(struct ha_queue *q, const struct msglog_topic *t, const char *text, size_t len,
                  int64_t mono_us);
/* Lets go of what is too old. */
void ha_queue_expire(struct ha_queue *q, int64_t mono_us);

/* The oldest one; lives until ha_queue_drop or _put. False: none. */
bool ha_queue_peek(struct ha_queue *q, struct msglog_topic *t, const char **text, size_t *len);
void ha_queue_drop(struct ha_queue *q); /* that one: it was handed on */

struct ha_queue_counts {
    uint64_t waiting, octets;             /* now */
    uint64_t handed_on, expired, dropped; /* ever. dropped: too many of them, or no memory */
};
struct ha_queue_counts ha_queue_counts(const struct ha_queue *q);

#endif
