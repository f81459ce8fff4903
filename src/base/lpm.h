/* SPDX-License-Identifier: BSD-2-Clause */
/* Longest-prefix match over prefixes that are known beforehand, for both address families: built once, never
 * changed, given up as a whole. networks.c is its user. What changes route by route (src/rib) is another
 * structure. Lookups need no lock, from any number of threads.
 *
 * A trie whose steps are as wide as the prefixes are dense: a table over as many bits as there are prefixes
 * below it (Nilsson and Karlsson, 1999), nodes of 6 bits whose references are found by counting bits (Asai
 * and Ohara, poptrie, 2015) where they are few, and a cache line of three prefixes at the end. A lookup among
 * a million prefixes reads three or four places in memory, with IPv6 as with IPv4. */
#ifndef BASE_LPM_H
#define BASE_LPM_H

#include "base/addr.h"

struct lpm;

enum { LPM_VALUE_MAX = 0x3fffffff };

/* A prefix: its bits from the left (an IPv4 prefix fills the upper half of hi), those behind its end zero. */
struct lpm_rule {
    uint64_t hi, lo;
    uint32_t value; /* 1..LPM_VALUE_MAX */
    uint32_t rank;  /* of equal prefixes the one of the highest rank counts */
    uint8_t len;    /* 0..32 or 0..128 */
};

/* Makes the rule's bits from an address and a length; returns true for IPv4. */
bool lpm_rule_bits(struct lpm_rule *r, const struct addr *a, unsigned len);

/* Builds from n4 rules of IPv4 and n6 of IPv6, which it puts in order. NULL: no memory. A million prefixes
 * take some 0.3 s and 10 to 40 MB. */
struct lpm *lpm_build(struct lpm_rule *v4, uint32_t n4, struct lpm_rule *v6, uint32_t n6);
void lpm_free(struct lpm *l);

/* The value of the longest prefix that holds the address, 0: none does, or the address is not set. */
uint32_t lpm_find(const struct lpm *l, const struct addr *a);

/* Fetches what a lookup of this address begins with; for who has several to make. */
void lpm_prefetch(const struct lpm *l, const struct addr *a);

/* The same as lpm_find for n addresses, at most LPM_MANY, with what they read fetched for all of them side by
 * side, since memory is far away. */
enum { LPM_MANY = 64 };
void lpm_find_many(const struct lpm *l, const struct addr *a, unsigned n, uint32_t *value);

#endif
