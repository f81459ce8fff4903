/* SPDX-License-Identifier: BSD-2-Clause */
/* Protocol buffers written by hand (protobuf.dev, "Encoding"): messages of docs/flow.proto. Numbers of fields
 * are those of protobuf.def. */
#ifndef OUTPUT_PROTOBUF_H
#define OUTPUT_PROTOBUF_H

#include <stdio.h>
#include "base/strbuf.h"

enum proto_wire { PROTO_VARINT = 0, PROTO_I64 = 1, PROTO_LEN = 2 };

/* Numbers of the fields that are no primitives. */
enum {
#define PROTO(number, field)
#define PROTO_MORE(number, name, ...) PROTO_##name = number,
#include "output/protobuf.def"
#undef PROTO
#undef PROTO_MORE
};

enum { PROTO_VARINT_MAX = 10, PROTO_TAG_MAX = 5 };

/* Writes a number, seven bits an octet, the low ones first; returns its end. */
static inline char *proto_put(char *p, uint64_t v)
{
    while (v >= 0x80) {
        *p++ = (char)(v | 0x80);
        v >>= 7;
    }
    *p = (char)v;
    return p + 1;
}

/* What goes before each field. */
static inline char *proto_put_tag(char *p, unsigned number, enum proto_wire wire)
{
    return proto_put(p, (uint64_t)number << 3 | wire);
}

/* A field of a message; what is 0 or empty is left out, as proto3 has it. Text: U+FFFD for what is no UTF-8.
 */
void proto_uint(struct strbuf *out, unsigned number, uint64_t v);
void proto_text(struct strbuf *out, unsigned number, const void *text, size_t len);

/* Puts a length in front of what was written since `at`, where `room` octets were left free for it. */
void proto_close(struct strbuf *out, size_t at, size_t room);

/* docs/flow.proto. False: a field of fields.def has no number, or a number has two; *what names it. */
bool proto_print(FILE *f, const char **what);

#endif
