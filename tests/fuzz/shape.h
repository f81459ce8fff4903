/* SPDX-License-Identifier: BSD-2-Clause */
/* For mutators that know the shape of what they change (libFuzzer's LLVMFuzzerCustomMutator): pieces are cut
 * out, put in and changed, and the lengths around them set right again. */
#ifndef FUZZ_SHAPE_H
#define FUZZ_SHAPE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* libFuzzer's own mutations; not there where seeds are replayed without it. */
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

/* An input that is being changed. */
struct shape {
    uint8_t *p;
    size_t len, max;
    uint32_t rnd;
};

static inline uint32_t shape_rnd(struct shape *s, uint32_t below)
{
    s->rnd = s->rnd * 1664525 + 1013904223;
    return below ? (s->rnd >> 8) % below : 0;
}

static inline uint16_t shape_u16(const struct shape *s, size_t at)
{
    return at + 2 <= s->len ? (uint16_t)(s->p[at] << 8 | s->p[at + 1]) : 0;
}

static inline void shape_set(struct shape *s, size_t at, size_t v)
{
    if (at + 2 > s->len)
        return;
    s->p[at] = (uint8_t)(v >> 8);
    s->p[at + 1] = (uint8_t)v;
}

/* Makes `old` octets at a place `now` octets; what is new is zero. False: no room, nothing has changed. */
static inline int shape_resize(struct shape *s, size_t at, size_t old, size_t now)
{
    if (at + old > s->len || s->len - old + now > s->max)
        return 0;
    memmove(s->p + at + now, s->p + at + old, s->len - at - old);
    if (now > old)
        memset(s->p + at + old, 0, now - old);
    s->len = s->len - old + now;
    return 1;
}

/* libFuzzer's mutation of a piece; returns its new length, or the old one when it did not fit. */
static inline size_t shape_mutate(struct shape *s, size_t at, size_t n, size_t most)
{
    uint8_t piece[4096];
    if (!n || n > sizeof(piece) || at + n > s->len || !LLVMFuzzerMutate)
        return n;
    memcpy(piece, s->p + at, n);
    const size_t now = LLVMFuzzerMutate(piece, n, most < sizeof(piece) ? most : sizeof(piece));
    if (!shape_resize(s, at, n, now))
        return n;
    memcpy(s->p + at, piece, now);
    return now;
}

#endif
