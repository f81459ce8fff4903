/* SPDX-License-Identifier: BSD-2-Clause */
/* Bounds-checked reading of received bytes. Every decoder reads through this, nothing else.
 * A read past the end yields zeros and sets `bad`, which sticks: read a header whole, test once. */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
    const uint8_t *p, *end;
    bool bad;
};

/* A cursor over `n` octets at `p`. The bytes stay the caller's and must outlive the cursor. */
static inline struct cursor cursor_of(const void *p, size_t n)
{
    const uint8_t *b = p;
    return (struct cursor){ .p = b, .end = b + n, .bad = false };
}

/* Octets left to read; 0 once bad. */
static inline size_t cursor_left(const struct cursor *c) { return (size_t)(c->end - c->p); }

/* Claims the next n octets: their address, or NULL (and bad, nothing left) when there are fewer. */
static inline const uint8_t *cursor_take(struct cursor *c, size_t n)
{
    if (__builtin_expect(n > cursor_left(c), 0)) {
        c->p = c->end;
        c->bad = true;
        return NULL;
    }
    const uint8_t *p = c->p;
    c->p += n;
    return p;
}

/* Big-endian loads from an address that is known to hold enough octets. */
static inline uint16_t load_be16(const void *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof(v));
    return __builtin_bswap16(v);
}

static inline uint32_t load_be32(const void *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return __builtin_bswap32(v);
}

static inline uint64_t load_be64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return __builtin_bswap64(v);
}

/* An unsigned integer of n octets (0..8), big-endian: RFC 7011 §6.2 reduced-size encoding. */
static inline uint64_t load_be(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    while (n--)
        v = v << 8 | *p++;
    return v;
}

static inline uint8_t cursor_u8(struct cursor *c)
{
    const uint8_t *p = cursor_take(c, 1);
    return p ? *p : 0;
}

static inline uint16_t cursor_u16(struct cursor *c)
{
    const uint8_t *p = cursor_take(c, 2);
    return p ? load_be16(p) : 0;
}

static inline uint32_t cursor_u32(struct cursor *c)
{
    const uint8_t *p = cursor_take(c, 4);
    return p ? load_be32(p) : 0;
}

static inline uint64_t cursor_u64(struct cursor *c)
{
    const uint8_t *p = cursor_take(c, 8);
    return p ? load_be64(p) : 0;
}

static inline void cursor_skip(struct cursor *c, size_t n) { (void)cursor_take(c, n); }

/* The next n octets as a cursor of their own; c moves past them. Too few: both are bad. */
static inline struct cursor cursor_sub(struct cursor *c, size_t n)
{
    const uint8_t *p = cursor_take(c, n);
    if (!p)
        return (struct cursor){ .p = c->end, .end = c->end, .bad = true };
    return cursor_of(p, n);
}

/* ---- the other way: each writes in network byte order and returns what comes behind; room is the caller's
 * business */

static inline uint8_t *put_be16(uint8_t *p, uint16_t v)
{
    v = __builtin_bswap16(v);
    memcpy(p, &v, 2);
    return p + 2;
}

static inline uint8_t *put_be32(uint8_t *p, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(p, &v, 4);
    return p + 4;
}

static inline uint8_t *put_be64(uint8_t *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, 8);
    return p + 8;
}

#endif
