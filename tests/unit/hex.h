/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames of tests, written as hex digits with blanks between them as one likes. */
#ifndef TESTS_HEX_H
#define TESTS_HEX_H

#include <ctype.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Returns the number of octets; more than `size` of them is a mistake of the test. */
static inline size_t unhex(const char *text, uint8_t *out, size_t size)
{
    size_t n = 0;
    for (unsigned half = 0; *text; text++) {
        if (!isxdigit((unsigned char)*text))
            continue;
        if (n == size)
            abort();
        unsigned v = *text <= '9' ? (unsigned)(*text - '0') : (unsigned)(*text | 32) - 'a' + 10;
        out[n] = (uint8_t)(half ? out[n] | v : v << 4);
        n += half;
        half ^= 1;
    }
    return n;
}

#endif
