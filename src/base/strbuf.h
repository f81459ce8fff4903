/* SPDX-License-Identifier: BSD-2-Clause */
/* Growing text with a ceiling. Past the ceiling (or out of memory) `failed` is set and nothing more is added:
 * test it once at the end; there is never a partial number or escape. */
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct strbuf {
    char *p;
    size_t len, cap, max;
    bool failed;
};

void strbuf_init(struct strbuf *s, size_t max);
void strbuf_free(struct strbuf *s);
static inline void strbuf_clear(struct strbuf *s)
{
    s->len = 0;
    s->failed = false;
}

/* A text in the caller's own memory: fails where that ends. Not to be freed. */
static inline struct strbuf strbuf_over(char *p, size_t size)
{
    return (struct strbuf){ .p = p, .cap = size, .max = size - 1 };
}

/* Makes room for n more octets (and a NUL); false when that would pass the ceiling. */
bool strbuf_grow(struct strbuf *s, size_t n);

static inline bool strbuf_room(struct strbuf *s, size_t n)
{
    return __builtin_expect(s->cap - s->len > n, 1) || strbuf_grow(s, n);
}

/* p may be NULL when n is 0. */
static inline void strbuf_add(struct strbuf *s, const void *p, size_t n)
{
    if (n && strbuf_room(s, n)) {
        memcpy(s->p + s->len, p, n);
        s->len += n;
    }
}

static inline void strbuf_char(struct strbuf *s, char c)
{
    if (strbuf_room(s, 1))
        s->p[s->len++] = c;
}

#define strbuf_lit(s, literal) strbuf_add((s), "" literal, sizeof(literal) - 1)
static inline void strbuf_str(struct strbuf *s, const char *text) { strbuf_add(s, text, strlen(text)); }
void strbuf_u64(struct strbuf *s, uint64_t v);
void strbuf_printf(struct strbuf *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The text, NUL-terminated; owned by s. */
const char *strbuf_cstr(struct strbuf *s);

/* Writes v in decimal, without a NUL, at most 20 characters; returns how many. What stands behind them, up to
 * 8 octets in all, is overwritten. */
size_t u64_text(uint64_t v, char *buf);

#endif
