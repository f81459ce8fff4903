/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists that mean sets, in one form: communities, AS sets. Called by attrs.c and as_path.c for what did not
 * come in order. */
#include "bgp/update_impl.h"

#include <stdlib.h>
#include <string.h>

bool octets_ascend(const uint8_t *p, uint32_t len, uint32_t size)
{
    for (uint32_t at = size; at < len; at += size) {
        if (memcmp(p + at - size, p + at, size) >= 0)
            return false;
    }
    return true;
}

static int by_4(const void *a, const void *b) { return memcmp(a, b, 4); }
static int by_8(const void *a, const void *b) { return memcmp(a, b, 8); }
static int by_12(const void *a, const void *b) { return memcmp(a, b, 12); }

uint32_t octets_sort(uint8_t *p, uint32_t len, uint32_t size)
{
    uint32_t kept = size;
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
