/* SPDX-License-Identifier: BSD-2-Clause */
/* Conditions on a flow, as the rows of maps have them: made from a key and the text of its value (rows of
 * maps.def), tested by rowmap.c for each flow. */
#ifndef CORE_MATCH_H
#define CORE_MATCH_H

#include <sys/types.h>
#include <regex.h>
#include "core/fields.h"
#include "core/filter.h"

/* How a condition is tested. Those up to MATCH_PREFIX compare octets of struct flow with fixed ones, so that
 * rows can be found by hash. */
enum match_op {
    MATCH_8,
    MATCH_16,
    MATCH_32,
    MATCH_64,
    MATCH_MAC,
    MATCH_ADDR,
    MATCH_PREFIX,
    MATCH_CVLAN, /* from here on by a function of their own */
    MATCH_VRF,
    MATCH_MULTICAST,
    MATCH_FWD,
    MATCH_TRAIT,
    MATCH_KIND,
    MATCH_SAMPLE,
    MATCH_REGEX,
    MATCH_FILTER,
    MATCH_COMMS,
};

static inline bool match_hashable(enum match_op op) { return op <= MATCH_PREFIX; }

struct match {
    uint8_t op;   /* enum match_op */
    uint8_t bits; /* MATCH_PREFIX: of 128 */
    bool negated;
    bool last;     /* of its row (rowmap.c) */
    uint16_t off;  /* of the member in struct flow */
    uint16_t key;  /* row of maps.def */
    uint64_t v[2]; /* the value, in the order of octets that struct flow has */
    union {        /* owned: match_free */
        regex_t *regex;
        struct filter *filter;
        char *comms; /* patterns, each ended by NUL, the last one by two */
    };
};

/* What testing needs to remember, one a thread and map: expensive answers about names. */
struct match_memory;
struct match_memory *match_memory_new(void);
void match_memory_free(struct match_memory *m);

/* Makes a condition. `key` is a number that match_key_name knows. -1: e says what is wrong with the value, or
 * that flows of this daemon (letter) have no such thing. Free with match_free. */
int match_make(struct match *m, unsigned key, const char *value, char daemon, struct err *e);
void match_free(struct match *m);

/* Keys of conditions are numbered from 0 to match_keys() - 1. */
unsigned match_keys(void);
const char *match_key_name(unsigned key);
/* Two names of the same condition have one number here. */
unsigned match_key_first(unsigned key);
/* Does the key speak only of the exporter (`ip`)? */
bool match_key_of_sender(unsigned key);

/* Adds what the key reads. */
void match_key_reads(unsigned key, struct fieldset *needs);

/* For those that cannot be compared at once; use match_test. */
bool match_slowly(const struct match *m, const struct flow *f, struct match_memory *mem);

static inline void match_mask(uint8_t bits, uint64_t mask[2])
{
    mask[0] = bits >= 64 ? ~UINT64_C(0) : bits ? ~UINT64_C(0) << (64 - bits) : 0;
    mask[1] = bits <= 64 ? 0 : bits >= 128 ? ~UINT64_C(0) : ~UINT64_C(0) << (128 - bits);
    mask[0] = __builtin_bswap64(mask[0]); /* little endian hosts only, as the rest of the core */
    mask[1] = __builtin_bswap64(mask[1]);
}

/* The octets of the flow that a hashable condition looks at, as it compares them. False: there are none of
 * the kind (an IPv4 address and a network of IPv6, no address at all). */
static inline bool match_load_at(enum match_op op, uint8_t bits, const uint8_t *p, uint64_t v[2])
{
    uint64_t mask[2];
    uint16_t half;
    uint32_t word;
    v[0] = v[1] = 0;
    switch (op) {
    case MATCH_8:
        v[0] = *p;
        return true;
    case MATCH_16:
        memcpy(&half, p, 2);
        v[0] = half;
        return true;
    case MATCH_32:
        memcpy(&word, p, 4);
        v[0] = word;
        return true;
    case MATCH_64:
        memcpy(&v[0], p, 8);
        return true;
    case MATCH_MAC:
        memcpy(&v[0], p, 6);
        return true;
    case MATCH_ADDR:
        memcpy(v, p, 16);
        return true;
    case MATCH_PREFIX:
        if (bits < 96 && (addr_is_v4((const struct addr *)p) || !addr_is_set((const struct addr *)p)))
            return false;
        memcpy(v, p, 16);
        match_mask(bits, mask);
        v[0] &= mask[0];
        v[1] &= mask[1];
        return true;
    default:
        return false;
    }
}

static inline bool match_load(enum match_op op, uint16_t off, uint8_t bits, const struct flow *f,
                              uint64_t v[2])
{
    return match_load_at(op, bits, (const uint8_t *)f + off, v);
}

static inline bool match_test(const struct match *m, const struct flow *f, struct match_memory *mem)
{
    uint64_t v[2];
    if (!match_hashable((enum match_op)m->op))
        return match_slowly(m, f, mem) != m->negated;
    const bool there = match_load((enum match_op)m->op, m->off, m->bits, f, v);
    return (there && v[0] == m->v[0] && v[1] == m->v[1]) != m->negated;
}

#endif
