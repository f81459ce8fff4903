/* SPDX-License-Identifier: BSD-2-Clause */
/* The distance of Damerau and Levenshtein (optimal string alignment), for proposals in error messages. */
#include "base/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { WORD_MAX = 63 };

static bool same(char a, char b) { return tolower((unsigned char)a) == tolower((unsigned char)b); }

static unsigned least(unsigned a, unsigned b) { return a < b ? a : b; }

/* Where the column of row i begins that can still lead to a distance of `most`. */
static unsigned first_column(unsigned i, unsigned most) { return i > most ? i - most : 1; }

unsigned word_distance(const char *a, size_t a_len, const char *b, size_t b_len, unsigned most)
{
    unsigned rows[3][WORD_MAX + 1], *older = rows[0], *old = rows[1], *now = rows[2];
    if (a_len > WORD_MAX)
        a_len = WORD_MAX;
    if (b_len > WORD_MAX)
        b_len = WORD_MAX;
    if (most > WORD_MAX)
        most = WORD_MAX;
    if (most < (a_len > b_len ? a_len - b_len : b_len - a_len))
        return most + 1;
    memset(rows, 0x3f, sizeof(rows)); /* beside the band all is far away */
    for (unsigned j = 0; j <= b_len; j++)
        now[j] = j;
    unsigned best = 0;
    for (unsigned i = 1; i <= a_len && best <= most; i++) {
        const unsigned from = first_column(i, most), to = least(i + most, (unsigned)b_len);
        unsigned *spare = older;
        older = old;
        old = now;
        now = spare;
        now[from - 1] = from == 1 ? i : most + 1;
        best = now[from - 1];
        for (unsigned j = from; j <= to; j++) {
            now[j] = least(old[j], now[j - 1]) + 1;
            now[j] = least(now[j], old[j - 1] + !same(a[i - 1], b[j - 1]));
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                now[j] = least(now[j], older[j - 2] + 1);
            best = least(best, now[j]);
        }
        if (to < b_len)
            now[to + 1] = most + 1;
    }
    return best > most ? most + 1 : now[b_len];
}
