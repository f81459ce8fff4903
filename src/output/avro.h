/* SPDX-License-Identifier: BSD-2-Clause */
/* Values of Avro's binary encoding (Avro 1.11, "Binary Encoding") written by hand, for rows, container files
 * and message logs. */
#ifndef OUTPUT_AVRO_H
#define OUTPUT_AVRO_H

#include "base/strbuf.h"

enum { AVRO_LONG_MAX = 10 /* octets of a number */ };

/* Writes an int or long, zigzag, seven bits an octet, the low ones first; returns its end. Room for
 * AVRO_LONG_MAX octets is the caller's business. */
static inline char *avro_put_long(char *p, uint64_t v)
{
    uint64_t zigzag = v << 1 ^ (v >> 63 ? UINT64_MAX : 0);
    while (zigzag >= 0x80) {
        *p++ = (char)(zigzag | 0x80);
        zigzag >>= 7;
    }
    *p = (char)zigzag;
    return p + 1;
}

static inline void avro_long(struct strbuf *out, int64_t v)
{
    if (strbuf_room(out, AVRO_LONG_MAX))
        out->len = (size_t)(avro_put_long(out->p + out->len, (uint64_t)v) - out->p);
}

/* A string: its length and its octets, U+FFFD for what is no UTF-8. */
void avro_string(struct strbuf *out, const void *text, size_t len);

#endif
