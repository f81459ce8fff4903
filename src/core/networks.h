/* SPDX-License-Identifier: BSD-2-Clause */
/* networks_file: prefixes with AS numbers and next hops, and the longest match for an address (base/lpm.h).
 * Built once when a file is loaded. */
#ifndef CORE_NETWORKS_H
#define CORE_NETWORKS_H

#include "base/addr.h"
#include "base/err.h"

/* What a file says of a prefix. Small, and without its length, so that the different ones stay in the caches.
 */
struct network {
    uint32_t as, peer_as;
    uint32_t hop; /* for networks_hop */
};

/* What was found: of NULL nothing, len 0..32 or 0..128. */
struct network_hit {
    const struct network *of;
    unsigned len;
};

struct networks;

/* Reads a file whole. Lines are [next hop,][[peer AS_]AS,]prefix/length. NULL: e names file, line, fault. */
struct networks *networks_load(const char *path, struct err *e);
/* The same from text, which is changed; text[len] has to be writable. */
struct networks *networks_parse(const char *path, char *text, size_t len, struct err *e);
void networks_free(struct networks *n);

/* Prefixes that were read. */
uint64_t networks_count(const struct networks *n);

/* The longest prefix that holds the address. */
struct network_hit networks_find(const struct networks *n, const struct addr *a);

/* The next hop of what was found; not set: none given. */
const struct addr *networks_hop(const struct networks *n, const struct network *net);

/* Fetches what looking up this address begins with. */
void networks_prefetch(const struct networks *n, const struct addr *a);

/* The same for several addresses, at most NETWORKS_MANY, which takes less time for each. */
enum { NETWORKS_MANY = 64 };
void networks_find_many(const struct networks *n, const struct addr *a, unsigned count,
                        struct network_hit *hit);

#endif
