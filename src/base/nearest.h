/* SPDX-License-Identifier: BSD-2-Clause */
/* How far apart two words are: for "did you mean". */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

/* Edits that turn one word into the other, without regard to case: letters put in, left out, replaced, or
 * swapped with their neighbour. Words are compared by their first 63 octets. Returns something above `most`
 * as soon as it is clear that there are more than that: most pairs of words take a few comparisons then. */
unsigned word_distance(const char *a, size_t a_len, const char *b, size_t b_len, unsigned most);

#endif
