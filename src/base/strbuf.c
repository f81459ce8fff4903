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

static const char two_digits[201] = "0001020304050607080910111213141516171819"
                                    "2021222324252627282930313233343536373839"
                                    "4041424344454647484950515253545556575859"
                                    "6061626364656667686970717273747576777879"
                                    "8081828384858687888990919293949596979899";

static const uint64_t powers[20] = {
    0, /* so that 0 has a digit too */
    10ull,
    100ull,
    1000ull,
    10000ull,
    100000ull,
    1000000ull,
    10000000ull,
    100000000ull,
    1000000000ull,
    10000000000ull,
    100000000000ull,
    1000000000000ull,
    10000000000000ull,
    100000000000000ull,
    1000000000000000ull,
    10000000000000000ull,
    100000000000000000ull,
    1000000000000000000ull,
    10000000000000000000ull,
};

/* Decimal digits of v: log10(2) is about 1233/4096, which errs by one at most. */
static size_t digits_of(uint64_t v)
{
    unsigned n = (64 - (unsigned)__builtin_clzll(v | 1)) * 1233 >> 12;
    return n + (v >= powers[n]);
}

size_t u64_text(uint64_t v, char *buf)
{
    size_t n = digits_of(v);
    char *at = buf + n;
    while (v >= 100) {
        at -= 2;
        memcpy(at, two_digits + v % 100 * 2, 2);
        v /= 100;
    }
    if (v >= 10)
        memcpy(buf, two_digits + v * 2, 2);
    else
        *buf = (char)('0' + v);
    return n;
}
