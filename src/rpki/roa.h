/* SPDX-License-Identifier: BSD-2-Clause */
/* Validated ROA payloads (VRPs) as a table, and the origin validation of routes by it (RFC 6811). A table is
 * built once and counted; threads that hold it may ask it at any time. */
#ifndef RPKI_ROA_H
#define RPKI_ROA_H

#include <stdbool.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/err.h"

/* What a route is; as flows have it (src_roa, dst_roa). The last two are invalid by themselves, but traffic
 * finds a shorter prefix (route.h); roa_validate does not give them. */
enum roa_state { ROA_UNKNOWN, ROA_INVALID, ROA_VALID, ROA_VALID_OVERLAP, ROA_UNKNOWN_OVERLAP };

/* A payload: whoever originates the prefix, or a longer one of at most `max` bits. Start from all zero: they
 * are compared by octets. */
struct vrp {
    struct addr prefix; /* host bits zero */
    uint8_t bits, max;  /* 0..32 or 0..128 */
    bool v4;
    uint32_t as; /* 0: nobody (RFC 6483 §4) */
};

/* Makes a payload. -1: e says what cannot be. Host bits are cleared, *cut (or NULL) tells that there were
 * some. */
int vrp_make(struct vrp *v, const struct addr *a, unsigned bits, unsigned max, uint32_t as, bool *cut,
             struct err *e);

/* The order that tables have, for qsort; 0: equal. */
int vrp_compare(const void *a, const void *b);

struct roa_table;

/* Builds a table from n payloads, which it puts in order; equal ones count once. NULL: no memory. One
 * reference is the caller's. A million take about half a second. */
struct roa_table *roa_build(struct vrp *v, size_t n);
struct roa_table *roa_ref(struct roa_table *t);
void roa_put(struct roa_table *t); /* NULL is fine */
uint64_t roa_count(const struct roa_table *t);

/* The state of a route of this prefix (in the form of struct addr, host bits zero) and origin; has_origin
 * false: its path ends in a set, which no payload allows. */
enum roa_state roa_validate(const struct roa_table *t, const struct addr *prefix, unsigned bits,
                            uint32_t origin, bool has_origin);

/* Reads a file of payloads as validators write them: JSON with a member "roas". Elements that are wrong are
 * left out and told of: `bad` (or NULL) is called with what is wrong with one. Those that have expired by
 * `now_s` are left out too; 0: none has. NULL: e says why there is no table. */
struct roa_table *roa_load(const char *path, int64_t now_s, void (*bad)(void *arg, const char *what),
                           void *arg, struct err *e);
/* The same from text. */
struct roa_table *roa_parse(const char *text, size_t len, int64_t now_s,
                            void (*bad)(void *arg, const char *what), void *arg, struct err *e);

#endif
