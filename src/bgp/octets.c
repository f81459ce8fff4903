/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists that mean sets, in one form: communities, AS sets. Called by attrs.c and as_path.c for what did not
 * come in order. */
#include "bgp/update_impl.h"

#include <stdlib.h>
#include <string.h>

bool octets_ascend(const uint8_t *p, uint32_t len, uint32_t size)
{
    for (uint32_t at = 4; size == 4 && at < len; at += 4) {
        if (load_be32(p + at - 4) >= load_be32(p + at))
            return false;
    }
    if (size == 4)
        return true;
    for (uint32_t at = size; at < len; at += size) {
        if (memcmp(p + at - size, p + at, size) >= 0)
            return false;
    }
    return true;
}

static int by_4(const void *a, const void *b) { return memcmp(a, b, 4); }
static int by_8(const void *a, const void *b) { return memcmp(a, b, 8); }
static int by_12(const void *a, const void *b) { return memcmp(a, b, 12); }

/* Numbers of 4 octets, few of them, as nearly all lists are: sorted as they are put in their places. */
enum { FEW = 32 };

static uint32_t sort_few(uint8_t *p, uint32_t len)
{
    uint32_t v[FEW] = { 0 }, n = 0;
    for (uint32_t at = 0; at < len; at += 4) {
        uint32_t one = load_be32(p + at), i = n;
        while (i && v[i - 1] > one)
            i--;
        if (i && v[i - 1] == one)
            continue;
        for (uint32_t k = n++; k > i; k--)
            v[k] = v[k - 1];
        v[i] = one;
    }
    for (uint32_t i = 0; i < n; i++)
        put_be32(p + (size_t)4 * i, v[i]);
    return 4 * n;
}

uint32_t octets_sort(uint8_t *p, uint32_t len, uint32_t size)
{
    uint32_t kept = size;
    if (size == 4 && len <= 4 * FEW)
        return sort_few(p, len);
    if (len <= size)
        return len;
    qsort(p, len / size, size, size == 4 ? by_4 : size == 8 ? by_8 : by_12);
    for (uint32_t at = size; at < len; at += size) {
        if (memcmp(p + kept - size, p + at, size) == 0)
            continue;
        memmove(p + kept, p + at, size);
        kept += size;
    }
    return kept;
}
