/* SPDX-License-Identifier: BSD-2-Clause */
/* The slow half of strbuf.h: growth and formatted text; and the fast writer of decimal numbers that every
 * output format uses. */
#include "base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void strbuf_init(struct strbuf *s, size_t max) { *s = (struct strbuf){ .max = max }; }

void strbuf_free(struct strbuf *s)
{
    free(s->p);
    *s = (struct strbuf){ .max = s->max };
}

/* From here on nothing fits, not even what is shorter than what just failed. The allocation is larger than
 * cap then; growing again after a clear starts from it. */
static bool strbuf_fail(struct strbuf *s)
{
    s->failed = true;
    s->cap = s->len;
    return false;
}

bool strbuf_grow(struct strbuf *s, size_t n)
{
    if (s->failed || n > s->max || s->len > s->max - n)
        return strbuf_fail(s);
    size_t need = s->len + n + 1; /* room for a NUL */
    size_t cap = s->cap < 256 ? 256 : s->cap;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    if (cap > s->max + 1 && need <= s->max + 1)
        cap = s->max + 1;
    char *p = realloc(s->p, cap);
    if (!p)
        return strbuf_fail(s);
    s->p = p;
    s->cap = cap;
    return true;
}

void strbuf_u64(struct strbuf *s, uint64_t v)
{
    if (strbuf_room(s, 20))
        s->len += u64_text(v, s->p + s->len);
}

void strbuf_printf(struct strbuf *s, const char *fmt, ...)
{
    if (!strbuf_room(s, 64))
        return;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(s->p + s->len, s->cap - s->len, fmt, ap);
    va_end(ap);
    if (n < 0) {
        strbuf_fail(s);
        return;
    }
    if ((size_t)n >= s->cap - s->len) {
        if (!strbuf_grow(s, (size_t)n))
            return;
        va_start(ap, fmt);
        vsnprintf(s->p + s->len, s->cap - s->len, fmt, ap);
        va_end(ap);
    }
    s->len += (size_t)n;
}

const char *strbuf_cstr(struct strbuf *s)
{
    if (!s->p)
        return "";
    s->p[s->len] = '\0';
    return s->p;
}

/* The eight decimal digits of v (< 10^8), one an octet, the most significant one in the lowest octet: both
 * halves, then all quarters, then all digits at once. Numbers in rows have any length, and a branch on it is
 * mispredicted more often than not. */
static inline uint64_t eight_digits(uint32_t v)
{
    uint64_t four = v / 10000 | (uint64_t)(v % 10000) << 32;
    uint64_t hundreds = four * 10486 >> 20 & UINT64_C(0x0000007f0000007f);
    uint64_t two = hundreds | (four - hundreds * 100) << 16;
    uint64_t tens = two * 103 >> 10 & UINT64_C(0x000f000f000f000f);
    return tens | (two - tens * 10) << 8;
}

enum { EIGHT = 100000000 };
static const uint64_t zeros = UINT64_C(0x3030303030303030); /* "00000000" */

/* v < 10^8, without leading zeros; writes 8 octets. */
static inline size_t put_short(uint32_t v, char *buf)
{
    uint64_t digits = eight_digits(v);
    unsigned skip = (unsigned)__builtin_ctzll(digits | UINT64_C(1) << 56) / 8;
    digits = (digits | zeros) >> 8 * skip;
    memcpy(buf, &digits, 8);
    return 8 - skip;
}

static inline void put_long(uint32_t v, char *buf)
{
    uint64_t digits = eight_digits(v) | zeros;
    memcpy(buf, &digits, 8);
}

size_t u64_text(uint64_t v, char *buf)
{
    if (__builtin_expect(v < EIGHT, 1))
        return put_short((uint32_t)v, buf);
    size_t n = v < (uint64_t)EIGHT * EIGHT ? put_short((uint32_t)(v / EIGHT), buf) : u64_text(v / EIGHT, buf);
    put_long((uint32_t)(v % EIGHT), buf + n);
    return n + 8;
}
