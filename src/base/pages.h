/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory for tables that are read at random. Used by lpm.c, networks.c, and the tables of src/packet and
 * src/rib. */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
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

/* Moves n octets that nobody adds to any more to where they are read at random: from some size on to huge
 * pages of their own. `p` comes from malloc() or its kin, as what is returned, which is p itself where there
 * is no memory. */
static inline void *pages_settle(void *p, size_t n)
{
    const size_t huge = (size_t)2 << 20, many = huge / 8;
    void *q = p && n >= many ? pages_alloc((n + huge - 1) / huge * huge) : NULL;
    if (!q)
        return p;
    memcpy(q, p, n);
    free(p);
    return q;
}

/* n octets of zeros that take no memory until they are touched, aligned for huge pages, which are not asked
 * for yet. NULL: no memory. To be given back with munmap(). */
static inline void *pages_reserve(size_t n)
{
    const size_t huge = (size_t)2 << 20;
    uint8_t *p =
        mmap(NULL, n + huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    const size_t before = -(uintptr_t)p & (huge - 1);
    if (before)
        munmap(p, before);
    munmap(p + before + n, huge - before);
    return p + before;
}

/* Asks for huge pages, also for what was touched already, where the kernel can move that (Linux 6.1).
 * Refused: no harm. */
static inline void pages_make_huge(void *p, size_t n)
{
#ifdef MADV_COLLAPSE
    const int collapse = MADV_COLLAPSE;
#else
    const int collapse = 25;
#endif
    madvise(p, n, MADV_HUGEPAGE);
    madvise(p, n, collapse);
}

#endif
