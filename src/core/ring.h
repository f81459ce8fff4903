/* SPDX-License-Identifier: BSD-2-Clause */
/* The ring that a core worker and one plugin process share: a single producer, a single consumer,
 * power-of-two bytes in MAP_SHARED memory that is mapped twice in a row, so that a record never wraps. The
 * core makes it before it forks; a plugin that is started anew goes on with the same ring.
 *
 * The header also holds the ledger: sums handed over by the core, taken by the plugin, and confirmed by its
 * last purge. After a kill -9 the difference between the last two is what was lost, exact. */
#ifndef CORE_RING_H
#define CORE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/* What travels: as small as can be, since each line of it moves from one core's cache to another's. The size,
 * in units of 8 octets, counts this header, the key, and padding. */
enum { RECORD_UNIT = 8, RECORD_SIZE_MAX = 4095 * RECORD_UNIT };
struct record {
    uint32_t units : 12;
    uint32_t kind : 2;      /* enum flow_kind */
    uint32_t direction : 2; /* enum flow_direction, for the probes */
    uint32_t tcpflags : 8, tunnel_tcpflags : 8;
    uint32_t flows;
    uint64_t packets, bytes;
    int64_t start_us; /* decides the time bin; 0: now. For packets: their time */
    uint8_t key[];    /* its length is a multiple of 8 */
};
_Static_assert(sizeof(struct record) == 32, "no padding in records");

static inline uint32_t record_size(const struct record *r) { return r->units * RECORD_UNIT; }
static inline uint32_t record_key_len(const struct record *r)
{
    return record_size(r) - (uint32_t)sizeof(*r);
}
/* Sets the size from the length of the key (octets, a multiple of 8). */
static inline void record_set_key_len(struct record *r, uint32_t key_len)
{
    r->units = ((uint32_t)sizeof(*r) + key_len) / RECORD_UNIT & 0xfff;
}

/* The last octets of a record of a plugin that asked for frames (aggregate_spec.headers): what makes the
 * record a sample. Before it stand the frame's first octets, padded to a multiple of 8. */
struct record_packet {
    uint32_t seen;   /* packets that passed the plugin's filters since its last record, this one included */
    uint32_t lost;   /* samples among those that found no room */
    uint32_t len;    /* octets of the frame on the wire */
    uint16_t caplen; /* octets of it that are here */
    uint16_t dlt;    /* its link type */
    uint32_t class_pair, reserved; /* as in struct flow */
};
_Static_assert(sizeof(struct record_packet) == 24, "no padding in records");

static inline uint32_t record_packet_room(uint32_t caplen)
{
    return (caplen + 7u) / RECORD_UNIT * RECORD_UNIT + (uint32_t)sizeof(struct record_packet);
}
static inline const struct record_packet *record_packet(const struct record *r)
{
    return (const struct record_packet *)((const uint8_t *)r + record_size(r)) - 1;
}
/* Start and end, µs since the epoch, behind the key of records whose plugin asked for them
 * (aggregate_spec.times); 0: not known. */
struct record_times {
    int64_t start_us, end_us;
};
static inline struct record_times *record_times(struct record *r)
{
    return (struct record_times *)((uint8_t *)r + record_size(r)) - 1;
}

static inline const uint8_t *record_frame(const struct record *r)
{
    return (const uint8_t *)r + record_size(r) - record_packet_room(record_packet(r)->caplen);
}

struct sums {
    uint64_t records, packets, bytes, flows;
};
static inline void sums_add(struct sums *s, const struct sums *more)
{
    s->records += more->records;
    s->packets += more->packets;
    s->bytes += more->bytes;
    s->flows += more->flows;
}

struct ring_shared; /* the part in shared memory (ring.c) */

/* This process's handle. Touched by nothing but the functions below. */
struct ring {
    struct ring_shared *sh;
    uint8_t *data; /* mapped twice: data[i] and data[i + size] are one octet */
    size_t size, mapped;
    int efd;
    /* producer */
    uint64_t head, tail_seen;
    uint64_t published;
    struct sums batch;
    /* consumer */
    bool attached;
    uint64_t tail;
};

enum {
    RING_SLACK = 16,  /* octets that a projection may write past its record */
    RING_AHEAD = 640, /* octets that are fetched before they are written */
};

/* Fetches a line to be written, from whoever has it. Compilers make a fetch for reading of
 * __builtin_prefetch(p, 1) where they build for every x86-64 processor, since the oldest do nothing for this
 * instruction; the line then has to be asked for once more when it is written. */
static inline void prefetch_to_write(const void *p)
{
#ifdef __x86_64__
    __asm__ volatile("prefetchw %0" : : "m"(*(const char *)p));
#else
    __builtin_prefetch(p, 1);
#endif
}

/* Makes a ring of at least `bytes` octets. Returns NULL with e set. Free with ring_free. */
struct ring *ring_new(size_t bytes, struct err *e);
void ring_free(struct ring *r);
size_t ring_size(const struct ring *r);

/* ---- producer (core) */

/* Reads the consumer's tail anew. */
bool ring_has_room(struct ring *r, uint32_t size);

/* Room for a record of `size` octets (a multiple of 8, at most RECORD_SIZE_MAX), or NULL when the ring is
 * full. Records of another form (datagram.h) may be larger, up to the ring's size. The record becomes the
 * consumer's with the publish after its commit. Inline, as ring_commit: once a record and plugin. */
static inline void *ring_reserve(struct ring *r, uint32_t size)
{
    if (__builtin_expect(r->head + size + RING_SLACK - r->tail_seen > r->size, 0) && !ring_has_room(r, size))
        return NULL;
    uint8_t *at = r->data + (r->head & (r->size - 1));
    /* The consumer's core has read these lines a lap ago: ask for them before they are written. */
    prefetch_to_write(at + RING_AHEAD);
    prefetch_to_write(at + RING_AHEAD + 64);
    return at;
}

static inline void ring_commit(struct ring *r, const struct record *rec)
{
    r->head += record_size(rec);
    r->batch.records++;
    r->batch.packets += rec->packets;
    r->batch.bytes += rec->bytes;
    r->batch.flows += rec->flows;
}

/* As ring_commit, for records of another form: `size` octets, which count as s. */
static inline void ring_commit_sized(struct ring *r, uint32_t size, const struct sums *s)
{
    r->head += size;
    sums_add(&r->batch, s);
}

/* Hands over what was committed since the last call; wakes the consumer if it sleeps. Once a batch. */
void ring_publish(struct ring *r);
/* Octets free, as far as the producer knows now (reads the consumer's tail). */
size_t ring_room(struct ring *r);
/* Octets handed over and not yet taken. */
size_t ring_backlog(struct ring *r);

/* ---- consumer (plugin) */

/* Records that are there: their address, *bytes gets their total; 0 when none. */
uint8_t *ring_peek(struct ring *r, size_t *bytes);
/* Gives back the first `bytes` octets of what ring_peek showed, whose sums are `taken`. */
void ring_release(struct ring *r, size_t bytes, const struct sums *taken);
/* Says that the consumer does something else, and what ring_fd shall wake it for. With RING_WAKE_ANY: true:
 * nothing arrived meanwhile, sleep; false: go on reading, no wake-up comes. */
enum ring_wake { RING_WAKE_ANY = 1, RING_WAKE_FILLING = 2 /* half of the ring is full */ };
bool ring_sleep(struct ring *r, enum ring_wake when);
/* The eventfd that becomes readable when something was published to a sleeping consumer; the consumer reads
 * it with ring_woken. */
int ring_fd(const struct ring *r);
void ring_woken(struct ring *r);
/* Sums that a sink confirmed (adds to what the header holds). Any thread of the plugin, one at a time. */
void ring_confirm(struct ring *r, const struct sums *done);

/* What the plugin's spool holds now, and what it or the sink gave up. As ring_confirm. */
void ring_set_spooled(struct ring *r, const struct sums *now);
void ring_add_dropped(struct ring *r, const struct sums *more);

/* ---- ledger, any side */
struct ring_ledger {
    struct sums handed, taken, confirmed, lost; /* lost: with killed plugins */
    struct sums spooled;                        /* of all that waits on disk, also from earlier runs */
    struct sums dropped; /* confirmed as safe in the spool, or never, and then given up */
};
void ring_ledger(const struct ring *r, struct ring_ledger *out);

/* Core, after a plugin ended and before it is started anew: counts what the dead one had taken and not
 * confirmed as lost; returns that. */
struct sums ring_plugin_died(struct ring *r);

/* The supervisor gives the plugin up: no process will read this ring again. Seen by all sides. */
void ring_abandon(struct ring *r);
bool ring_abandoned(const struct ring *r);

#endif
