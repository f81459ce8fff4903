/* SPDX-License-Identifier: BSD-2-Clause */
/* A table of conversations: two hosts, two ports and a protocol, in either order. What is remembered of each
 * is 32 bits and when it was last heard of. For the stages of feed.c that look at more than one packet.
 *
 * Open addressing, 16 octets each, four to a cache line. What stands there of the key is a seeded hash of 64
 * bits; that two of a million conversations share one is less likely than an error of memory. Nothing runs in
 * the background: who has been silent for too long is found when it is met, and swept out when room is
 * needed. */
#ifndef PACKET_CONVERSATIONS_H
#define PACKET_CONVERSATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "base/err.h"
#include "base/hash.h"
#include "core/flow.h"

struct conversation {
    uint64_t print; /* 0: empty place */
    uint32_t seen_s;
    uint32_t value; /* the owner's */
};

struct conversations_conf {
    size_t bytes_max;   /* ceiling of the table; it grows by itself as far */
    uint64_t count_max; /* most conversations; 0: as many as have room */
    uint64_t seed;      /* unpredictable, so that nobody can choose packets that share a place */
    /* Is this one to be swept out at now_s? */
    bool (*is_over)(void *owner, const struct conversation *v, uint32_t now_s);
    /* Called for each that is swept out. May be NULL. */
    void (*gone)(void *owner, const struct conversation *v);
    void *owner;
};

struct conversations {
    struct conversations_conf c;
    struct conversation *slots;
    uint64_t mask; /* number of slots - 1 */
    uint64_t count;
    uint64_t limit; /* count at which room is made */
    uint64_t slots_max;
    uint32_t swept_s; /* when room was made last, at the ceiling */
    uint64_t refused; /* packets that the full table had no place for */
};

/* -1 without memory. */
int conversations_open(struct conversations *t, const struct conversations_conf *conf, struct err *e);
void conversations_close(struct conversations *t); /* also of one that is all zero; `gone` is not called */

/* A seed for conf. -1: the system gives no random numbers. */
int conversations_seed(uint64_t *seed, struct err *e);

/* Room for one more: sweeps, or doubles the table. False: it is full, which is counted as `refused`. */
bool conversations_make_room(struct conversations *t, uint32_t now_s);

size_t conversations_memory(const struct conversations *t); /* octets */

static inline uint64_t conversations_end(const struct conversations *t, const struct addr *a, uint16_t port,
                                         uint8_t proto)
{
    uint64_t words[3];
    memcpy(words, a->b, sizeof(a->b));
    words[2] = (uint64_t)proto << 16 | port;
    return XXH3_64bits_withSeed(words, sizeof(words), t->c.seed);
}

/* The same for both directions, without a branch that nobody can predict; *direction gets 1 or 2. */
static inline uint64_t conversations_print(const struct conversations *t, const struct flow *f,
                                           uint8_t *direction)
{
    uint64_t a = conversations_end(t, &f->src_host, f->src_port, f->proto);
    uint64_t b = conversations_end(t, &f->dst_host, f->dst_port, f->proto);
    *direction = a < b ? 1 : 2;
    uint64_t both = a + b;
    both ^= both >> 29;
    return both ? both : 1;
}

static inline struct conversation *conversations_find(const struct conversations *t, uint64_t print)
{
    uint64_t at = print & t->mask;
    while (t->slots[at].print && t->slots[at].print != print)
        at = (at + 1) & t->mask;
    return &t->slots[at];
}

/* The conversation of a packet that has addresses. *fresh: it was not there before, and value is 0; its time
 * and value are the caller's to set. NULL: the table is full. Valid until the next call. */
static inline struct conversation *conversations_get(struct conversations *t, uint64_t print, uint32_t now_s,
                                                     bool *fresh)
{
    struct conversation *v = conversations_find(t, print);
    *fresh = !v->print;
    if (v->print)
        return v;
    if (__builtin_expect(t->count >= t->limit, 0)) {
        if (!conversations_make_room(t, now_s))
            return NULL;
        v = conversations_find(t, print);
    }
    *v = (struct conversation){ .print = print };
    t->count++;
    return v;
}

/* Seconds since it was last heard of; captures of several interfaces may go back a little. */
static inline uint32_t conversation_idle_s(const struct conversation *v, uint32_t now_s)
{
    return now_s > v->seen_s ? now_s - v->seen_s : 0;
}

#endif
