/* SPDX-License-Identifier: BSD-2-Clause */
/* The flow cache: an open-addressing table of {hash, index}, entries in chunks that never move, and a wheel
 * of doubly linked lists, a list an interval. An entry hangs in the list of the interval in which it would
 * expire if no packet came; a packet only notes the time. When the interval comes the entry is looked at, and
 * hung further on if it has lived since. */
#include "packet/flowcache.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/hash.h"
#include "base/pages.h"

enum {
    SPOKES = 1024,
    CHUNK = 16384, /* entries */
    SLOTS_MIN = 4096,
    GROUP = 32,   /* records whose memory is fetched together */
    AHEAD = 1024, /* octets of records that are fetched before they are looked at */
    LINE = 64,
    FETCH_MAX = 6 * LINE,
    SCRATCH = 1 << 16, /* octets: more than a record has */
    EVICT = 32,        /* flows that end when there is no room for one more */
    TCP_FIN = 1,
    TCP_SYN = 2,
    TCP_RST = 4,
    TCP_ACK = 16,
};
#define NIL UINT32_MAX

struct slot {
    uint32_t hash, index; /* NIL: empty */
};

struct flowcache {
    struct flowcache_conf c;
    struct slot *slots;
    uint32_t mask;  /* number of slots - 1 */
    uint32_t count; /* flows */
    uint32_t made;  /* entries that exist, used or free */
    uint32_t free;  /* first free one, linked by next */
    uint32_t n_chunks, cap_chunks;
    uint32_t moved;   /* how often slots have been moved: what was found before may be elsewhere */
    size_t stride;    /* octets of an entry */
    unsigned fetched; /* octets of it that an update reads, as a rule */
    uint8_t **chunks;
    int64_t now_us;
    uint32_t now_s;
    uint32_t turn; /* interval number that the wheel stands at: everything before it was looked at */
    uint64_t forced, too_long;
    struct flow_entry *scratch; /* for any record */
    int64_t life_us[FC_MAX];
    uint32_t spoke[SPOKES]; /* first entry of each list */
};

static inline struct flow_entry *entry(const struct flowcache *fc, uint32_t index)
{
    return (struct flow_entry *)(fc->chunks[index / CHUNK] + (size_t)(index % CHUNK) * fc->stride);
}

/* ---- table */

static bool table_resize(struct flowcache *fc, uint32_t n)
{
    struct slot *slots = pages_alloc((size_t)n * sizeof(*slots));
    if (!slots)
        return false;
    memset(slots, 0xff, (size_t)n * sizeof(*slots));
    for (uint32_t i = 0; fc->slots && i <= fc->mask; i++) {
        if (fc->slots[i].index == NIL)
            continue;
        uint32_t at = fc->slots[i].hash & (n - 1);
        while (slots[at].index != NIL)
            at = (at + 1) & (n - 1);
        slots[at] = fc->slots[i];
    }
    free(fc->slots);
    fc->slots = slots;
    fc->mask = n - 1;
    fc->moved++;
    return true;
}

static uint64_t hash_around_attr(const struct flowcache *fc, const uint8_t *key, uint32_t len)
{
    uint32_t behind = fc->c.attr_off + fc->c.attr_len;
    return hash_bytes(key, fc->c.attr_off) * UINT64_C(0x9E3779B97F4A7C15) +
           hash_bytes(key + behind, len - behind);
}

static inline uint32_t hash_of(const struct flowcache *fc, const uint8_t *key, uint32_t len,
                               uint8_t direction)
{
    uint64_t h = __builtin_expect(fc->c.attr_len, 0) ? hash_around_attr(fc, key, len) : hash_bytes(key, len);
    h += direction * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(h ^ h >> 32);
}

static bool same_around_attr(const struct flowcache *fc, const uint8_t *a, const uint8_t *b, uint32_t len)
{
    uint32_t behind = fc->c.attr_off + fc->c.attr_len;
    return !memcmp(a, b, fc->c.attr_off) && !memcmp(a + behind, b + behind, len - behind);
}

/* Keys are multiples of 8 octets. */
static inline bool same_key(const struct flowcache *fc, const struct flow_entry *e, const uint8_t *key,
                            uint32_t len, uint8_t direction)
{
    if (e->key_len != len || e->direction != direction)
        return false;
    if (__builtin_expect(fc->c.attr_len, 0))
        return same_around_attr(fc, e->key, key, len);
    uint64_t differ = 0;
    for (uint32_t i = 0; i < len; i += 8) {
        uint64_t a, b;
        memcpy(&a, e->key + i, 8);
        memcpy(&b, key + i, 8);
        differ |= a ^ b;
    }
    return differ == 0;
}

/* The slot of a key, or the empty one where it belongs; looked for from slot `at` on. */
static inline uint32_t table_find(const struct flowcache *fc, const struct record *r, uint32_t hash,
                                  uint32_t at)
{
    while (fc->slots[at].index != NIL) {
        if (fc->slots[at].hash == hash &&
            same_key(fc, entry(fc, fc->slots[at].index), r->key, record_key_len(r), r->direction))
            break;
        at = (at + 1) & fc->mask;
    }
    return at;
}

/* Takes a slot out and closes the gap, so that no search stops short (Knuth 6.4, algorithm R). */
static void table_remove(struct flowcache *fc, uint32_t index)
{
    const struct flow_entry *e = entry(fc, index);
    uint32_t at = hash_of(fc, e->key, e->key_len, e->direction) & fc->mask;
    while (fc->slots[at].index != index)
        at = (at + 1) & fc->mask;
    for (uint32_t next = (at + 1) & fc->mask; fc->slots[next].index != NIL; next = (next + 1) & fc->mask) {
        uint32_t home = fc->slots[next].hash & fc->mask;
        if (((next - home) & fc->mask) >= ((next - at) & fc->mask)) {
            fc->moved++;
            fc->slots[at] = fc->slots[next];
            at = next;
        }
    }
    fc->slots[at].index = NIL;
    fc->moved++;
}

/* ---- wheel */

static inline uint32_t interval(const struct flowcache *fc)
{
    return fc->c.interval_s ? fc->c.interval_s : 1;
}

/* By the cache's clock; past the end of the 32 bits: never. */
static uint64_t due_s(const struct flowcache *fc, const struct flow_entry *e)
{
    uint64_t idle = (uint64_t)e->seen_s + fc->c.idle_s[e->class];
    uint64_t active = (uint64_t)e->born_s + fc->c.maxlife_s;
    return idle < active ? idle : active;
}

static void wheel_unlink(struct flowcache *fc, uint32_t index)
{
    struct flow_entry *e = entry(fc, index);
    uint32_t *head = &fc->spoke[e->spoke];
    if (e->next == index) {
        *head = NIL;
        return;
    }
    entry(fc, e->prev)->next = e->next;
    entry(fc, e->next)->prev = e->prev;
    if (*head == index)
        *head = e->next;
}

/* Behind the others of its interval. Intervals further away than the wheel is round get its far end, where
 * the entry is looked at again. */
static void wheel_link(struct flowcache *fc, uint32_t index)
{
    struct flow_entry *e = entry(fc, index);
    uint64_t turn = (due_s(fc, e) + interval(fc) - 1) / interval(fc);
    if (turn <= fc->turn)
        turn = (uint64_t)fc->turn + 1;
    if (turn >= (uint64_t)fc->turn + SPOKES)
        turn = (uint64_t)fc->turn + SPOKES - 1;
    e->spoke = turn % SPOKES;
    uint32_t *head = &fc->spoke[e->spoke];
    if (*head == NIL) {
        *head = e->prev = e->next = index;
        return;
    }
    struct flow_entry *first = entry(fc, *head);
    e->prev = first->prev;
    e->next = *head;
    entry(fc, first->prev)->next = index;
    first->prev = index;
}

/* ---- entries */

static bool add_chunk(struct flowcache *fc)
{
    if (fc->n_chunks == fc->cap_chunks) {
        uint32_t cap = fc->cap_chunks ? fc->cap_chunks * 2 : 16;
        uint8_t **chunks = realloc(fc->chunks, cap * sizeof(*chunks));
        if (!chunks)
            return false;
        fc->chunks = chunks;
        fc->cap_chunks = cap;
    }
    uint8_t *chunk = pages_alloc(CHUNK * fc->stride);
    if (!chunk)
        return false;
    fc->chunks[fc->n_chunks++] = chunk;
    return true;
}

/* A free entry, or NIL: too many flows, or no memory. */
static uint32_t entry_new(struct flowcache *fc)
{
    if (fc->count >= fc->c.flows_max || fc->count >= fc->mask / 8 * 7) /* the latter: no memory for slots */
        return NIL;
    if (fc->free != NIL) {
        uint32_t index = fc->free;
        fc->free = entry(fc, index)->next;
        return index;
    }
    if (fc->made == fc->n_chunks * (uint32_t)CHUNK && !add_chunk(fc))
        return NIL;
    return fc->made++;
}

static void entry_end(struct flowcache *fc, uint32_t index, enum flow_end why)
{
    struct flow_entry *e = entry(fc, index);
    wheel_unlink(fc, index);
    table_remove(fc, index);
    fc->count--;
    fc->c.out(fc->c.arg, e, why);
    e->next = fc->free;
    fc->free = index;
}

/* Ends flows that would have ended first. */
static unsigned end_first(struct flowcache *fc, unsigned n, enum flow_end why)
{
    unsigned done = 0;
    for (uint32_t i = 0; i < SPOKES && done < n; i++) {
        uint32_t *head = &fc->spoke[(fc->turn + i) % SPOKES];
        while (*head != NIL && done < n) {
            entry_end(fc, *head, why);
            done++;
        }
    }
    return done;
}

static uint8_t class_of(const struct flow_entry *e)
{
    switch (e->proto) {
    case IPPROTO_TCP:
        return e->tcpflags & TCP_RST ? FC_TCP_RST : e->tcpflags & TCP_FIN ? FC_TCP_FIN : FC_TCP;
    case IPPROTO_UDP:
        return FC_UDP;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        return FC_ICMP;
    default:
        return FC_GENERAL;
    }
}

static void entry_init(const struct flowcache *fc, struct flow_entry *e, const struct record *r)
{
    e->packets = r->packets;
    e->bytes = r->bytes;
    e->first_us = e->last_us = r->start_us ? r->start_us : fc->now_us;
    e->records = 1;
    e->flows = r->flows;
    e->born_s = e->seen_s = fc->now_s;
    e->tcpflags = (uint8_t)r->tcpflags;
    e->direction = r->direction;
    e->proto = r->key[fc->c.proto_off];
    e->begun = 1;
    e->key_len = (uint16_t)record_key_len(r);
    memcpy(e->key, r->key, record_key_len(r));
    e->class = class_of(e) & 7;
}

static void pass(struct flowcache *fc, const struct record *r, enum flow_end why)
{
    entry_init(fc, fc->scratch, r);
    fc->c.out(fc->c.arg, fc->scratch, why);
}

/* ---- adding */

/* By the same rules as the core's `flows` counter (flowtrack.h). */
static inline bool begins_anew(const struct flowcache *fc, const struct flow_entry *e, const struct record *r,
                               int64_t at)
{
    if (__builtin_expect(at - e->last_us > fc->life_us[e->class], 0))
        return true;
    bool closed = e->class == FC_TCP_FIN || e->class == FC_TCP_RST;
    return __builtin_expect(closed, 0) && (r->tcpflags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

static void update(struct flowcache *fc, uint32_t index, const struct record *r)
{
    struct flow_entry *e = entry(fc, index);
    int64_t at = r->start_us ? r->start_us : fc->now_us;
    e->packets += r->packets;
    e->bytes += r->bytes;
    e->records++;
    e->begun = (uint16_t)(e->begun + (begins_anew(fc, e, r, at) && e->begun < UINT16_MAX));
    e->flows += r->flows;
    if (__builtin_expect(fc->c.attr_len, 0))
        memcpy(e->key + fc->c.attr_off, r->key + fc->c.attr_off, fc->c.attr_len);
    e->seen_s = fc->now_s;
    if (at > e->last_us)
        e->last_us = at;
    else if (at < e->first_us)
        e->first_us = at;
    if (__builtin_expect((e->tcpflags | r->tcpflags) != e->tcpflags, 0)) {
        e->tcpflags |= (uint8_t)r->tcpflags;
        uint8_t class = class_of(e);
        if (class != e->class) { /* a timeout that may come before the one it hangs for */
            wheel_unlink(fc, index);
            e->class = class & 7;
            wheel_link(fc, index);
        }
    }
    if (__builtin_expect(fc->c.bytes_max && e->bytes > fc->c.bytes_max, 0))
        entry_end(fc, index, FLOW_END_FORCED);
}

static void insert(struct flowcache *fc, const struct record *r, uint32_t hash, uint32_t at)
{
    uint32_t index = entry_new(fc);
    if (__builtin_expect(index == NIL, 0)) {
        fc->forced += end_first(fc, EVICT, FLOW_END_RESOURCES);
        index = entry_new(fc);
        if (index == NIL) {
            fc->forced++;
            pass(fc, r, FLOW_END_RESOURCES);
            return;
        }
        at = table_find(fc, r, hash, hash & fc->mask);
    }
    entry_init(fc, entry(fc, index), r);
    fc->slots[at] = (struct slot){ hash, index };
    fc->count++;
    wheel_link(fc, index);
}

static inline void advance(struct flowcache *fc, int64_t now_us)
{
    if (now_us <= fc->now_us)
        return;
    bool first = fc->now_us == 0;
    fc->now_us = now_us;
    fc->now_s = (uint32_t)(now_us / US_PER_S);
    if (first)
        fc->turn = fc->now_s / interval(fc);
}

/* `at`: where the search for it begins. */
static void add(struct flowcache *fc, const struct record *r, uint32_t hash, uint32_t at)
{
    if (fc->c.packet_clock)
        advance(fc, r->start_us);
    if (__builtin_expect(record_key_len(r) > fc->c.key_max, 0)) {
        fc->too_long++;
        pass(fc, r, FLOW_END_RESOURCES);
        return;
    }
    at = table_find(fc, r, hash, at);
    if (fc->slots[at].index == NIL)
        insert(fc, r, hash, at);
    else
        update(fc, fc->slots[at].index, r);
}

/* Three passes over a group: hashes, and the slots come; the first slot of that hash, or an empty one, and
 * the entry comes; add. Memory latency is paid once a group. Whoever is added meanwhile fills slots from the
 * found ones on, never before them; but when one ends, others move. */
static void add_group(struct flowcache *fc, const struct record *const *r, unsigned n)
{
    uint32_t hash[GROUP], at[GROUP];
    if (fc->count + n > fc->mask / 2)
        table_resize(fc, (fc->mask + 1) * 2);
    for (unsigned i = 0; i < n; i++) {
        hash[i] = hash_of(fc, r[i]->key, record_key_len(r[i]), r[i]->direction);
        at[i] = hash[i] & fc->mask;
        __builtin_prefetch(&fc->slots[at[i]]);
    }
    for (unsigned i = 0; i < n; i++) {
        while (fc->slots[at[i]].index != NIL && fc->slots[at[i]].hash != hash[i])
            at[i] = (at[i] + 1) & fc->mask;
        uint32_t index = fc->slots[at[i]].index;
        if (index != NIL) {
            const char *e = (const char *)entry(fc, index);
            for (unsigned line = 0; line < fc->fetched; line += LINE)
                __builtin_prefetch(e + line, 1);
        }
    }
    uint32_t moved = fc->moved;
    for (unsigned i = 0; i < n; i++)
        add(fc, r[i], hash[i], fc->moved == moved ? at[i] : hash[i] & fc->mask);
}

void flowcache_add(struct flowcache *fc, const uint8_t *recs, size_t bytes)
{
    const struct record *group[GROUP];
    unsigned n = 0;
    for (const uint8_t *p = recs, *end = recs + bytes; p < end;) {
        const struct record *r = (const struct record *)p;
        group[n++] = r;
        __builtin_prefetch(p + AHEAD); /* the producer's core has just written it: a long way off */
        __builtin_prefetch(p + AHEAD + 64);
        p += record_size(r);
        if (n == GROUP) {
            add_group(fc, group, n);
            n = 0;
        }
    }
    if (n)
        add_group(fc, group, n);
}

void flowcache_pass(struct flowcache *fc, const uint8_t *recs, size_t bytes)
{
    for (const uint8_t *end = recs + bytes; recs < end; recs += record_size((const struct record *)recs)) {
        const struct record *r = (const struct record *)recs;
        if (fc->c.packet_clock)
            advance(fc, r->start_us);
        pass(fc, r, FLOW_END_FORCED);
    }
}

/* ---- time */

void flowcache_clock(struct flowcache *fc, int64_t now_us)
{
    if (!fc->c.packet_clock)
        advance(fc, now_us);
}

int64_t flowcache_now(const struct flowcache *fc) { return fc->now_us; }

/* Looks at the list of the interval that the wheel stands at; false when the budget ran out before the list.
 */
static bool expire_list(struct flowcache *fc, unsigned *budget)
{
    uint32_t *head = &fc->spoke[fc->turn % SPOKES];
    while (*head != NIL) {
        if (!*budget)
            return false;
        --*budget;
        uint32_t index = *head;
        struct flow_entry *e = entry(fc, index);
        if (due_s(fc, e) <= fc->now_s) {
            bool active = (uint64_t)e->seen_s + fc->c.idle_s[e->class] > fc->now_s;
            entry_end(fc, index, active ? FLOW_END_ACTIVE : FLOW_END_IDLE);
        } else {
            wheel_unlink(fc, index);
            wheel_link(fc, index);
        }
    }
    return true;
}

bool flowcache_expire(struct flowcache *fc, unsigned budget)
{
    uint32_t goal = fc->now_s / interval(fc);
    if (goal - fc->turn > SPOKES) /* the clock jumped: once around is enough */
        fc->turn = goal - SPOKES;
    while (fc->turn < goal) {
        fc->turn++;
        if (!expire_list(fc, &budget)) {
            fc->turn--;
            return true;
        }
    }
    return false;
}

bool flowcache_end_all(struct flowcache *fc, unsigned budget)
{
    end_first(fc, budget, FLOW_END_FORCED);
    return fc->count > 0;
}

uint32_t flowcache_count(const struct flowcache *fc) { return fc->count; }
uint64_t flowcache_forced(const struct flowcache *fc) { return fc->forced; }
uint64_t flowcache_too_long(const struct flowcache *fc) { return fc->too_long; }

/* ---- life */

struct flowcache *flowcache_new(const struct flowcache_conf *conf)
{
    struct flowcache *fc = calloc(1, sizeof(*fc));
    if (!fc)
        return NULL;
    fc->c = *conf;
    fc->stride = (sizeof(struct flow_entry) + conf->key_max + 63) & ~(size_t)63;
    fc->fetched = fc->stride < FETCH_MAX ? (unsigned)fc->stride : (unsigned)FETCH_MAX;
    fc->free = NIL;
    memset(fc->spoke, 0xff, sizeof(fc->spoke));
    fc->scratch = aligned_alloc(64, SCRATCH);
    for (unsigned i = 0; i < FC_MAX; i++)
        fc->life_us[i] = conf->life_s[i] * (int64_t)US_PER_S;
    if (fc->scratch && table_resize(fc, SLOTS_MIN))
        return fc;
    flowcache_free(fc);
    return NULL;
}

void flowcache_free(struct flowcache *fc)
{
    if (!fc)
        return;
    for (uint32_t i = 0; i < fc->n_chunks; i++)
        free(fc->chunks[i]);
    free(fc->chunks);
    free(fc->slots);
    free(fc->scratch);
    free(fc);
}
