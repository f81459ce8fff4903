/* SPDX-License-Identifier: BSD-2-Clause */
/* The distance of Damerau and Levenshtein (optimal string alignment), for proposals in error messages. */
#include "base/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { WORD_MAX = 63 };

static bool same(char a, char b) { return tolower((unsigned char)a) == tolower((unsigned char)b); }

static unsigned least(unsigned a, unsigned b) { return a < b ? a : b; }

unsigned word_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned rows[3][WORD_MAX + 1], *older = rows[0], *old = rows[1], *now = rows[2];
    if (a_len > WORD_MAX)
        a_len = WORD_MAX;
    if (b_len > WORD_MAX)
        b_len = WORD_MAX;
    memset(rows, 0, sizeof(rows));
    for (unsigned j = 0; j <= b_len; j++)
        now[j] = j;
    for (unsigned i = 1; i <= a_len; i++) {
        unsigned *spare = older;
        older = old;
        old = now;
        now = spare;
        now[0] = i;
        for (unsigned j = 1; j <= b_len; j++) {
            now[j] = least(old[j], now[j - 1]) + 1;
            now[j] = least(now[j], old[j - 1] + !same(a[i - 1], b[j - 1]));
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                now[j] = least(now[j], older[j - 2] + 1);
        }
    }
    return now[b_len];
}
