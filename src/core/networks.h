/* SPDX-License-Identifier: BSD-2-Clause */
/* networks_file: prefixes with AS numbers and next hops, and the longest match for an address. IPv4 and IPv6
 * each have a poptrie (Asai and Ohara, SIGCOMM 2015): a table over the first 18 bits, then nodes of 6 bits,
 * whose children and values are found by counting bits. Built once when a file is loaded. */
#ifndef CORE_NETWORKS_H
#define CORE_NETWORKS_H

#include "base/addr.h"
#include "base/err.h"

struct network {
    struct addr next_hop; /* not set: none given */
    uint32_t as, peer_as;
    uint8_t len; /* of the prefix: 0..32 or 0..128 */
};

struct networks;

/* Reads a file whole. Lines are [next hop,][[peer AS_]AS,]prefix/length. NULL: e names file, line, fault. */
struct networks *networks_load(const char *path, struct err *e);
/* The same from text, which is changed; text[len] has to be writable. */
struct networks *networks_parse(const char *path, char *text, size_t len, struct err *e);
void networks_free(struct networks *n);

/* Prefixes that were read. */
uint64_t networks_count(const struct networks *n);

/* The longest prefix that holds the address, NULL: none does. */
const struct network *networks_find(const struct networks *n, const struct addr *a);

#endif
