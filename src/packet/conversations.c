/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory of the table of conversations: growing, sweeping, its end. Looking up is inline. */
#include "packet/conversations.h"

#include <stdlib.h>
#include <sys/random.h>
#include "base/pages.h"

enum { SLOTS_MIN = 64, SLOTS_FIRST = 4096 };

static struct conversation *slots_make(uint64_t n)
{
    size_t size = n * sizeof(struct conversation);
    struct conversation *s = pages_alloc(size);
    return s ? memset(s, 0, size) : NULL;
}

/* Room is made at 5/8: few slots are looked at then. What cannot grow is filled to 7/8. */
static uint64_t limit_of(const struct conversations *t)
{
    uint64_t n = t->mask + 1, most = n < t->slots_max ? n / 8 * 5 : n / 8 * 7;
    return t->c.count_max && most > t->c.count_max ? t->c.count_max : most;
}

/* Takes a slot out and closes the gap, so that no search stops short (Knuth 6.4, algorithm R). */
static void take_out(struct conversations *t, uint64_t at)
{
    struct conversation was = t->slots[at];
    for (uint64_t next = (at + 1) & t->mask; t->slots[next].print; next = (next + 1) & t->mask) {
        uint64_t home = t->slots[next].print & t->mask;
        if (((next - home) & t->mask) >= ((next - at) & t->mask)) {
            t->slots[at] = t->slots[next];
            at = next;
        }
    }
    t->slots[at].print = 0;
    t->count--;
    if (t->c.gone)
        t->c.gone(t->c.owner, &was);
}

/* Begins behind an empty slot: what closes a gap then always comes from further on and is looked at too. */
static void sweep(struct conversations *t, uint32_t now_s)
{
    uint64_t first = 0;
    while (t->slots[first].print)
        first++;
    for (uint64_t i = 1; i <= t->mask; i++) {
        uint64_t at = (first + i) & t->mask;
        while (t->slots[at].print && t->c.is_over(t->c.owner, &t->slots[at], now_s))
            take_out(t, at);
    }
}

static bool grow(struct conversations *t)
{
    struct conversation *old = t->slots;
    uint64_t n = t->mask + 1;
    struct conversation *slots = slots_make(n * 2);
    if (!slots)
        return false;
    t->slots = slots;
    t->mask = n * 2 - 1;
    for (uint64_t i = 0; i < n; i++)
        if (old[i].print)
            *conversations_find(t, old[i].print) = old[i];
    free(old);
    t->limit = limit_of(t);
    return true;
}

/* A sweep that frees a quarter is worth its time; otherwise the table doubles. At the ceiling it is swept
 * once a second at most. */
static bool make_room(struct conversations *t, uint32_t now_s)
{
    bool at_ceiling = t->mask + 1 >= t->slots_max || t->limit == t->c.count_max;
    if (at_ceiling && t->swept_s == now_s)
        return false;
    t->swept_s = now_s;
    sweep(t, now_s);
    if (at_ceiling || t->count < t->limit / 4 * 3)
        return t->count < t->limit;
    if (!grow(t)) { /* no memory: this is the ceiling then */
        t->slots_max = t->mask + 1;
        t->limit = limit_of(t);
    }
    return t->count < t->limit;
}

bool conversations_make_room(struct conversations *t, uint32_t now_s)
{
    if (make_room(t, now_s))
        return true;
    t->refused++;
    return false;
}

int conversations_open(struct conversations *t, const struct conversations_conf *conf, struct err *e)
{
    *t = (struct conversations){ .c = *conf, .slots_max = SLOTS_MIN };
    while (t->slots_max * 2 * sizeof(struct conversation) <= conf->bytes_max)
        t->slots_max *= 2;
    uint64_t n = t->slots_max < SLOTS_FIRST ? t->slots_max : SLOTS_FIRST;
    t->slots = slots_make(n);
    t->mask = n - 1;
    t->limit = limit_of(t);
    return t->slots ? 0 : err_set(e, ERR_SYS, "no memory for a table of flows");
}

void conversations_close(struct conversations *t)
{
    free(t->slots);
    t->slots = NULL;
}

int conversations_seed(uint64_t *seed, struct err *e)
{
    if (getrandom(seed, sizeof(*seed), 0) == sizeof(*seed))
        return 0;
    return err_set(e, ERR_SYS, "no random numbers from the system");
}

size_t conversations_memory(const struct conversations *t)
{
    return (t->mask + 1) * sizeof(struct conversation);
}
