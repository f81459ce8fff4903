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
    uint16_t len; /* octets, copied in blocks of 16: the next step or the padding overwrites the excess */
};

/* What is done to a value after it was copied. */
enum fix_kind { FIX_SECONDS, FIX_DSCP, FIX_ICMP };
struct projection_fix {
    uint8_t kind; /* enum fix_kind */
    uint16_t at;  /* offset in the key */
};

struct projection {
    uint16_t n, n_fix, n_var, fixed;
    uint16_t last_used; /* octets of the last word of the fixed part that hold columns, 1..8 */
    uint64_t last_mask; /* clears the rest of that word */
    uint16_t zero_from; /* whole words between the columns' last word and `fixed` */
    bool has_bin;       /* records need their time */
    uint8_t sum;        /* enum sum_kind */
    struct projection_step step[FIELD_MAX];
    struct projection_fix fix[FIELD_MAX];
    struct projection_step var[FIELD_MAX]; /* from: the struct var, to: its length in the key */
};

/* Compiles the layout of a plugin with the value forms that its configuration asks for. */
void projection_make(struct projection *p, const struct layout *l, const struct aggregate_spec *spec,
                     const struct config *c);

/* Octets that the record of f takes, with header and padding; a multiple of 8. */
static inline uint32_t projection_size(const struct projection *p, const struct flow *f)
{
    uint32_t size = (uint32_t)sizeof(struct record) + p->fixed;
    if (__builtin_expect(p->n_var != 0, 0)) {
        uint32_t more = 0;
        for (unsigned i = 0; i < p->n_var; i++)
            more += ((const struct var *)((const char *)f + p->var[i].from))->len;
        size += (more + 7) & ~7u;
    }
    return size;
}

/* Copies and the 16-octet excess: cheaper than calls of memcpy with a length that the compiler does not know.
 */
static inline void projection_copy(const struct projection *p, const uint8_t *from, uint8_t *key)
{
    for (unsigned i = 0; i < p->n; i++) {
        const uint8_t *s = from + p->step[i].from;
        uint8_t *d = key + p->step[i].to;
        for (int left = p->step[i].len; left > 0; left -= 16, s += 16, d += 16)
            memcpy(d, s, 16);
    }
}

/* Lengths into the fixed part, octets behind it, zeros up to the end of the record. */
void projection_vars(const struct projection *p, const struct flow *f, uint8_t *key, uint8_t *end);
/* Values that take another form than in the flow. */
void projection_fix(const struct projection *p, const struct flow *f, uint8_t *key);

/* Fills rec, which has room for `size` octets as projection_size said and RING_SLACK more. */
static inline void projection_run(const struct projection *p, const struct flow *f, struct record *rec,
                                  uint32_t size)
{
    *rec = (struct record){ .units = size / RECORD_UNIT & 0xfff,
                            .kind = f->kind & 3,
                            .direction = f->sampling_direction & 3,
                            .tcpflags = f->tcpflags,
                            .tunnel_tcpflags = f->tunnel_tcpflags,
                            .flows = (uint32_t)f->flows,
                            .packets = f->packets,
                            .bytes = f->bytes,
                            .start_us = f->start_us };
    uint8_t *key = rec->key;
    projection_copy(p, (const uint8_t *)f, key);
    if (__builtin_expect(p->n_var != 0, 0)) {
        memset(key + p->zero_from, 0,
               (size_t)(p->fixed - p->zero_from)); /* before the tail: copies may reach into it */
        projection_vars(p, f, key, (uint8_t *)rec + size);
    }
    if (p->last_mask) {
        uint64_t w;
        memcpy(&w, key + p->last_used, 8);
        w &= p->last_mask;
        memcpy(key + p->last_used, &w, 8);
    }
    for (unsigned i = p->zero_from; i < p->fixed; i += 8)
        memset(key + i, 0, 8);
    if (__builtin_expect(p->n_fix != 0, 0))
        projection_fix(p, f, key);
}

/* For sums: puts the destination's value in the place of the source's, in a copy of f. */
void projection_swap(const struct projection *p, const struct flow *f, struct flow *swapped);

#endif
