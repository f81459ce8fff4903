/* SPDX-License-Identifier: BSD-2-Clause */
/* Mutations of wire data, the same ones for the same seed. Used by the replay driver of the fuzz targets and
 * by mutgen. */
#ifndef FUZZ_MUTATE_H
#define FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* xorshift64*: the tests need the same numbers everywhere, not good ones. */
static inline uint64_t rnd(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

/* One to eight changes: a bit, an octet, a 16-bit length, a cut, a repeat of a piece. */
static inline size_t mutate(uint8_t *p, size_t len, size_t max, uint64_t *state)
{
    static const uint16_t lengths[] = { 0, 1, 3, 4, 5, 255, 256, 0x7fff, 0x8000, 0xfffe, 0xffff };
    for (unsigned times = 1 + rnd(state) % 8; times && len; times--) {
        size_t at = rnd(state) % len;
        switch (rnd(state) % 5) {
        case 0:
            p[at] ^= (uint8_t)(1u << rnd(state) % 8);
            break;
        case 1:
            p[at] = (uint8_t)rnd(state);
            break;
        case 2:
            if (at + 2 <= len) {
                uint16_t v = lengths[rnd(state) % (sizeof lengths / sizeof *lengths)];
                p[at] = (uint8_t)(v >> 8);
                p[at + 1] = (uint8_t)v;
            }
            break;
        case 3:
            len = at;
            break;
        case 4: {
            size_t piece = 1 + rnd(state) % (len - at);
            if (len + piece <= max) {
                memmove(p + at + piece, p + at, len - at);
                len += piece;
            }
            break;
        }
        }
    }
    return len;
}

#endif
