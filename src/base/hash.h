/* SPDX-License-Identifier: BSD-2-Clause */
/* The one hash function of the suite: XXH3, inlined so that short keys cost no call. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#define XXH_INLINE_ALL
#include <xxhash.h>
#include <stdint.h>

static inline uint64_t hash_bytes(const void *p, size_t n) { return XXH3_64bits(p, n); }

#endif
