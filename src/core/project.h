/* SPDX-License-Identifier: BSD-2-Clause */
/* From a flow to a plugin's record: a short list of copies, made once from the layout. worker.c runs it for
 * each flow. */
#ifndef CORE_PROJECT_H
#define CORE_PROJECT_H

#include "config/config.h"
#include "core/layout.h"
#include "core/ring.h"

struct projection_step {
    uint16_t from, to; /* offsets in struct flow and in the key */
};

/* Widths of copies. A copy never spans two members of struct flow: decoders have just written them, and what
 * is read across several stores waits until all of these, and those into the ring before them, have reached
 * the cache. */
enum copy_width { COPY_8, COPY_4, COPY_2, COPY_1, COPY_WIDTHS };
enum { COPIES_MAX = 4 * COLUMNS_MAX }; /* no member takes more than four */

/* What is done to a value after it was copied. */
enum fix_kind { FIX_SECONDS, FIX_DSCP, FIX_DSCP_LISTED, FIX_ICMP };
struct projection_fix {
    uint8_t kind; /* enum fix_kind */
    uint16_t at;  /* offset in the key */
};

struct projection {
    uint16_t n_fix, n_addr, n_var, fixed;
    uint16_t size_max;         /* octets of a record whose variable fields are empty, at most */
    uint16_t zero_from;        /* words from here to `fixed` are not, or not wholly, what copies write */
    uint16_t end[COPY_WIDTHS]; /* of the copies of a width: where they end in copy[] */
    bool has_bin;              /* records need their time */
    bool times;                /* start and end stand behind the key */
    uint8_t sum;               /* enum sum_kind */
    struct projection_step copy[COPIES_MAX]; /* by falling width */
    struct projection_fix fix[FIELD_MAX];
    struct projection_step addr[FIELD_MAX];  /* from: the address, to: its length in the key */
    struct projection_step var[COLUMNS_MAX]; /* from: the struct var, to: its length in the key */
};

/* Compiles the layout of a plugin with the value forms that its configuration asks for. */
void projection_make(struct projection *p, const struct layout *l, const struct aggregate_spec *spec,
                     const struct config *c);

/* Octets that the record of f takes at most, with header and padding. */
static inline uint32_t projection_size(const struct projection *p, const struct flow *f)
{
    uint32_t size = p->size_max;
    for (unsigned i = 0; __builtin_expect(i < p->n_var, 0); i++)
        size += ((const struct var *)((const char *)f + p->var[i].from))->len;
    return size;
}

/* Copies of one width, which the compiler knows: no calls of memcpy. The end is read before anything is
 * written, which might lie anywhere as far as the compiler knows. */
#define PROJECTION_COPY(n, width)                                                                            \
    for (const struct projection_step *const end = p->copy + p->end[width]; c < end; c++)                    \
    memcpy(key + c->to, from + c->from, n)

static inline void projection_copy(const struct projection *p, const uint8_t *from, uint8_t *key)
{
    const struct projection_step *c = p->copy;
    PROJECTION_COPY(8, COPY_8);
    PROJECTION_COPY(4, COPY_4);
    PROJECTION_COPY(2, COPY_2);
    PROJECTION_COPY(1, COPY_1);
}

/* What no column has is zero. */
static inline void projection_clear(const struct projection *p, uint8_t *key)
{
    for (unsigned i = p->zero_from, end = p->fixed; i < end; i += 8)
        memset(key + i, 0, 8);
}

/* Addresses into the tail; returns its end. */
static inline uint8_t *projection_addrs(const struct projection *p, const struct flow *f, uint8_t *key)
{
    uint8_t *d = key + p->fixed;
    for (const struct projection_step *a = p->addr, *const end = a + p->n_addr; a < end; a++) {
        uint32_t n = addr_compact((const struct addr *)((const char *)f + a->from), d);
        key[a->to] = (uint8_t)n;
        d += n;
    }
    return d;
}

/* Variable fields into the tail from d on; returns its end. */
uint8_t *projection_vars(const struct projection *p, const struct flow *f, uint8_t *key, uint8_t *d);
/* Values that take another form than in the flow. */
void projection_fix(const struct projection *p, const struct flow *f, uint8_t *key);

/* Start and end behind the key. */
void projection_times(const struct flow *f, struct record *rec);

/* Fills rec, which has room for as much as projection_size said and RING_SLACK more; record_size(rec) says
 * what it took. */
static inline void projection_run(const struct projection *p, const struct flow *f, struct record *rec)
{
    uint8_t *key = rec->key;
    projection_clear(p, key);
    projection_copy(p, (const uint8_t *)f, key);
    uint8_t *d = projection_addrs(p, f, key);
    if (__builtin_expect(p->n_var != 0, 0))
        d = projection_vars(p, f, key, d);
    memset(d, 0, 8); /* the padding */
    if (__builtin_expect(p->n_fix != 0, 0))
        projection_fix(p, f, key);
    *rec = (struct record){ .units = (uint32_t)(d - (uint8_t *)rec + 7) / RECORD_UNIT & 0xfff,
                            .kind = f->kind & 3,
                            .direction = f->sampling_direction & 3,
                            .tcpflags = f->tcpflags,
                            .tunnel_tcpflags = f->tunnel_tcpflags,
                            .flows = (uint32_t)f->flows,
                            .packets = f->packets,
                            .bytes = f->bytes,
                            .start_us = f->start_us };
    if (__builtin_expect(p->times, 0))
        projection_times(f, rec);
}

/* As projection_run, and behind the key the frame: `p` says what of it, which has to be in f->packet. rec has
 * room for projection_size and record_packet_room more. */
void projection_run_packet(const struct projection *p, const struct flow *f,
                           const struct record_packet *packet, struct record *rec);

/* For sums: puts the destination's value in the place of the source's, in a copy of f. */
void projection_swap(const struct projection *p, const struct flow *f, struct flow *swapped);

#endif
