/* SPDX-License-Identifier: BSD-2-Clause */
/* The wire format of protocol buffers, field by field, through a cursor: gpb.c, gnmi.c and dialout.c. */
#ifndef TELEMETRY_PB_H
#define TELEMETRY_PB_H

#include <stdbool.h>
#include <stdint.h>
#include "base/cursor.h"

enum { PB_VARINT_MAX = 10 /* octets */ };

enum pb_wire { WIRE_VARINT, WIRE_64, WIRE_LEN, WIRE_32 = 5 };

/* One field as it stands on the wire. */
struct pb_field {
    uint32_t number;
    uint8_t wire;     /* enum pb_wire */
    uint64_t v;       /* of the numeric ones */
    struct cursor in; /* of WIRE_LEN */
};

static inline uint64_t pb_varint(struct cursor *c)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < PB_VARINT_MAX; i++) {
        const uint8_t b = cursor_u8(c);
        v |= (uint64_t)(b & 0x7f) << (7 * i);
        if (!(b & 0x80))
            return v;
    }
    c->bad = true;
    return 0;
}

/* False: no more, or c is bad. */
static inline bool pb_next(struct cursor *c, struct pb_field *f)
{
    if (c->bad || !cursor_left(c))
        return false;
    const uint64_t key = pb_varint(c);
    f->number = (uint32_t)(key >> 3);
    f->wire = key & 7;
    switch (f->wire) {
    case WIRE_VARINT:
        f->v = pb_varint(c);
        break;
    case WIRE_64:
        f->v = __builtin_bswap64(cursor_u64(c));
        break;
    case WIRE_32:
        f->v = __builtin_bswap32(cursor_u32(c));
        break;
    case WIRE_LEN:
        f->in = cursor_sub(c, pb_varint(c));
        break;
    default:
        c->bad = true;
    }
    c->bad |= !f->number;
    return !c->bad;
}

#endif
