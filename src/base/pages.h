/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory for tables that are read at random. Used by lpm.c, networks.c, and the tables of src/packet. */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

#include <stdlib.h>
#include <sys/mman.h>

/* n octets, not cleared, on lines of the cache; what is large lies in huge pages where the system has them,
 * so that finding the address costs no second miss. NULL: no memory. To be freed with free(). */
static inline void *pages_alloc(size_t n)
{
    const size_t huge = (size_t)2 << 20, align = n >= huge ? huge : 64;
    n = (n + align - 1) / align * align; /* as aligned_alloc wants it; what nobody touches costs nothing */
    void *p = aligned_alloc(align, n);
    if (p && n >= huge)
        madvise(p, n, MADV_HUGEPAGE);
    return p;
}

#endif
