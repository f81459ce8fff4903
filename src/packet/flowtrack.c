/* SPDX-License-Identifier: BSD-2-Clause */
/* A table of conversations: open addressing, 16 octets each, four to a cache line. What stands there of the
 * key is a seeded hash of 64 bits; that two of a billion conversations share one is less likely than an error
 * of memory. Nothing runs in the background: silent conversations are found when they are met, and swept out
 * when their room is needed. */
#include "packet/flowtrack.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "base/clock.h"
#include "base/hash.h"

enum {
    SLOTS_MIN = 64,
    SLOTS_FIRST = 4096,
    HUGE_PAGE = 2 << 20,
    TCP_FIN = 1,
    TCP_SYN = 2,
    TCP_RST = 4,
    TCP_ACK = 16,
};

/* What decides the lifetime. */
enum state { FT_OTHER, FT_SYN, FT_OPEN, FT_FIN, FT_RST, FT_MAX };

struct slot {
    uint64_t print; /* of the conversation; 0: empty */
    uint32_t seen_s;
    uint8_t state;
    uint8_t begun; /* directions that have been counted: bits 1 and 2 */
};

struct flowtrack {
    struct slot *slots;
    uint64_t mask; /* number of slots - 1 */
    uint64_t count;
    uint64_t limit; /* count at which room is made */
    uint64_t slots_max;
    uint32_t swept_s; /* when silent ones were looked for, at the ceiling */
    uint32_t life_s[FT_MAX];
    uint64_t seed;
    uint64_t refused;
};

/* ---- memory */

/* Tables are read at random: with huge pages the address costs no second miss. */
static struct slot *slots_make(uint64_t n)
{
    size_t size = n * sizeof(struct slot);
    struct slot *s = aligned_alloc(size >= HUGE_PAGE ? HUGE_PAGE : 64, size);
    if (!s)
        return NULL;
    if (size >= HUGE_PAGE)
        madvise(s, size, MADV_HUGEPAGE);
    memset(s, 0, size);
    return s;
}

/* Room is made at 5/8: few slots are looked at then. What cannot grow is filled to 7/8. */
static uint64_t limit_of(const struct flowtrack *t)
{
    uint64_t n = t->mask + 1;
    return n < t->slots_max ? n / 8 * 5 : n / 8 * 7;
}

/* ---- the table */

static inline uint32_t idle_s(const struct slot *s, uint32_t now_s)
{
    return now_s > s->seen_s ? now_s - s->seen_s
                             : 0; /* captures of several interfaces may go back a little */
}

static inline bool is_over(const struct flowtrack *t, const struct slot *s, uint32_t now_s)
{
    return idle_s(s, now_s) > t->life_s[s->state];
}

static void put(struct flowtrack *t, const struct slot *s)
{
    uint64_t at = s->print & t->mask;
    while (t->slots[at].print)
        at = (at + 1) & t->mask;
    t->slots[at] = *s;
}

/* Takes a slot out and closes the gap, so that no search stops short (Knuth 6.4, algorithm R). */
static void take_out(struct flowtrack *t, uint64_t at)
{
    for (uint64_t next = (at + 1) & t->mask; t->slots[next].print; next = (next + 1) & t->mask) {
        uint64_t home = t->slots[next].print & t->mask;
        if (((next - home) & t->mask) >= ((next - at) & t->mask)) {
            t->slots[at] = t->slots[next];
            at = next;
        }
    }
    t->slots[at].print = 0;
    t->count--;
}

/* Begins behind an empty slot: what closes a gap then always comes from further on and is looked at too. */
static void sweep(struct flowtrack *t, uint32_t now_s)
{
    uint64_t first = 0;
    while (t->slots[first].print)
        first++;
    for (uint64_t i = 1; i <= t->mask; i++) {
        uint64_t at = (first + i) & t->mask;
        while (t->slots[at].print && is_over(t, &t->slots[at], now_s))
            take_out(t, at);
    }
}

static bool grow(struct flowtrack *t)
{
    struct slot *old = t->slots;
    uint64_t n = t->mask + 1;
    struct slot *slots = slots_make(n * 2);
    if (!slots)
        return false;
    t->slots = slots;
    t->mask = n * 2 - 1;
    for (uint64_t i = 0; i < n; i++)
        if (old[i].print)
            put(t, &old[i]);
    free(old);
    t->limit = limit_of(t);
    return true;
}

/* Room for one more. A sweep that frees a quarter is worth its time; otherwise the table doubles. At the
 * ceiling it is swept once a second at most. */
static bool make_room(struct flowtrack *t, uint32_t now_s)
{
    bool at_ceiling = t->mask + 1 >= t->slots_max;
    if (at_ceiling && t->swept_s == now_s)
        return false;
    t->swept_s = now_s;
    sweep(t, now_s);
    if (t->count < t->limit / 4 * 3 || at_ceiling)
        return t->count < t->limit;
    if (!grow(t))
        t->slots_max = t->mask + 1; /* no memory: this is the ceiling then */
    return t->count < t->limit;
}

/* ---- packets */

static inline uint64_t end_print(const struct flowtrack *t, const struct addr *a, uint16_t port,
                                 uint8_t proto)
{
    uint64_t words[3];
    memcpy(words, a->b, sizeof(a->b));
    words[2] = (uint64_t)proto << 16 | port;
    return XXH3_64bits_withSeed(words, sizeof(words), t->seed);
}

/* The same for both directions; *direction gets the bit of this one. */
static inline uint64_t print_of(const struct flowtrack *t, const struct flow *f, uint8_t *direction)
{
    uint64_t a = end_print(t, &f->src_host, f->src_port, f->proto);
    uint64_t b = end_print(t, &f->dst_host, f->dst_port, f->proto);
    *direction = a < b ? 1 : 2;
    uint64_t both = a + b;
    both ^= both >> 29;
    return both ? both : 1;
}

static inline enum state state_of(enum state was, uint8_t proto, uint8_t flags)
{
    if (proto != IPPROTO_TCP)
        return FT_OTHER;
    if (flags & TCP_RST)
        return FT_RST;
    if (was == FT_RST)
        return FT_RST;
    if ((flags & TCP_FIN) || was == FT_FIN)
        return FT_FIN;
    bool opening = was == FT_OTHER || was == FT_SYN; /* OTHER: nothing was seen yet */
    return opening && (flags & TCP_SYN) ? FT_SYN : FT_OPEN;
}

static inline bool begins_anew(const struct flowtrack *t, const struct slot *s, uint8_t flags, uint32_t now_s)
{
    bool closed = s->state == FT_FIN || s->state == FT_RST;
    return is_over(t, s, now_s) || (closed && (flags & (TCP_SYN | TCP_ACK)) == TCP_SYN);
}

static inline unsigned first_packet(struct slot *s, const struct flow *f, uint8_t direction, uint32_t now_s)
{
    s->state = (uint8_t)state_of(FT_OTHER, f->proto, f->tcpflags);
    s->begun = direction;
    s->seen_s = now_s;
    return 1;
}

static unsigned next_packet(struct flowtrack *t, struct slot *s, const struct flow *f, uint8_t direction,
                            uint32_t now_s)
{
    if (__builtin_expect(begins_anew(t, s, f->tcpflags, now_s), 0))
        return first_packet(s, f, direction, now_s);
    unsigned begins = !(s->begun & direction);
    s->begun |= direction;
    s->state = (uint8_t)state_of(s->state, f->proto, f->tcpflags);
    if (now_s > s->seen_s)
        s->seen_s = now_s;
    return begins;
}

unsigned flowtrack_packet(struct flowtrack *t, const struct flow *f, int64_t at_us)
{
    if (__builtin_expect(!addr_is_set(&f->src_host), 0))
        return 0;
    uint32_t now_s = (uint32_t)(at_us / US_PER_S);
    uint8_t direction;
    uint64_t print = print_of(t, f, &direction), at = print & t->mask;
    for (; t->slots[at].print; at = (at + 1) & t->mask)
        if (t->slots[at].print == print)
            return next_packet(t, &t->slots[at], f, direction, now_s);
    if (__builtin_expect(t->count >= t->limit, 0)) {
        if (!make_room(t, now_s)) {
            t->refused++;
            return 0;
        }
        for (at = print & t->mask; t->slots[at].print;)
            at = (at + 1) & t->mask;
    }
    t->slots[at].print = print;
    t->count++;
    return first_packet(&t->slots[at], f, direction, now_s);
}

/* ---- life */

struct flowtrack *flowtrack_new(const struct flowtrack_conf *conf)
{
    struct flowtrack *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->seed = conf->seed;
    t->slots_max = SLOTS_MIN;
    while (t->slots_max * 2 * sizeof(struct slot) <= conf->bytes_max)
        t->slots_max *= 2;
    uint64_t n = t->slots_max < SLOTS_FIRST ? t->slots_max : SLOTS_FIRST;
    t->slots = slots_make(n);
    t->mask = n - 1;
    t->limit = limit_of(t);
    t->life_s[FT_OTHER] = conf->lifetime_s;
    t->life_s[FT_SYN] = FLOWTRACK_SYN_S;
    t->life_s[FT_OPEN] = conf->tcp_lifetime_s;
    t->life_s[FT_FIN] = FLOWTRACK_FIN_S;
    t->life_s[FT_RST] = FLOWTRACK_RST_S;
    if (t->slots)
        return t;
    free(t);
    return NULL;
}

void flowtrack_free(struct flowtrack *t)
{
    if (!t)
        return;
    free(t->slots);
    free(t);
}

uint64_t flowtrack_count(const struct flowtrack *t) { return t->count; }
uint64_t flowtrack_refused(const struct flowtrack *t) { return t->refused; }
size_t flowtrack_memory(const struct flowtrack *t) { return (t->mask + 1) * sizeof(struct slot); }
