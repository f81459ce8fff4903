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

/* Fills rec, which has room for `size` octets as projection_size said and 16 more. */
void projection_run(const struct projection *p, const struct flow *f, struct record *rec, uint32_t size);

/* For sums: puts the destination's value in the place of the source's, in a copy of f. */
void projection_swap(const struct projection *p, const struct flow *f, struct flow *swapped);

#endif
