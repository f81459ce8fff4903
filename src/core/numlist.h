/* SPDX-License-Identifier: BSD-2-Clause */
/* ports_file, protos_file, tos_file: the numbers that are told apart, one a line; all others are counted as
 * one. Loaded by maps.c, asked by view.c. */
#ifndef CORE_NUMLIST_H
#define CORE_NUMLIST_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

struct numlist_kind {
    const char *what; /* in messages: "port" */
    uint32_t lo, hi;
    bool protos; /* names of protocols are numbers too */
};

extern const struct numlist_kind numlist_ports, numlist_protos, numlist_tos;

struct numlist {
    uint64_t count;
    uint64_t bit[65536 / 64];
};

/* NULL: e names file, line and fault. Free with free(). */
struct numlist *numlist_load(const struct numlist_kind *kind, const char *path, struct err *e);

static inline bool numlist_has(const struct numlist *l, uint32_t n) { return l->bit[n / 64] >> (n % 64) & 1; }

#endif
