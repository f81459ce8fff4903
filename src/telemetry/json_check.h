/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON without a tree: is it well formed, where does it end, and its text for one line of a log. The decoders
 * of telemetry call it for each message. */
#ifndef TELEMETRY_JSON_CHECK_H
#define TELEMETRY_JSON_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/strbuf.h"

enum json_verdict {
    JSON_WHOLE, /* a value, and where it ends */
    JSON_SHORT, /* the beginning of one */
    JSON_BAD,   /* none */
};

enum { JSON_DEPTH = 256 }; /* levels of objects and arrays; more is JSON_BAD */

struct json_found {
    const uint8_t *end; /* JSON_WHOLE: behind the value; JSON_BAD: what is wrong */
    bool breaks;        /* line breaks stand between tokens */
};

/* Checks the JSON value (RFC 8259; UTF-8, RFC 3629) that begins at p, white space before it included. A
 * number at the top level that ends with the octets is JSON_SHORT. */
enum json_verdict json_check(const uint8_t *p, const uint8_t *end, struct json_found *found);

/* As json_check for text that has to be one value and no more than white space behind it: JSON_SHORT does not
 * come out. */
enum json_verdict json_check_all(const uint8_t *p, size_t len, struct json_found *found);

/* Adds text that json_check took. Where lines break between tokens they and the white space behind them go;
 * everything else stays octet for octet. */
void json_copy(struct strbuf *out, const uint8_t *p, size_t len, bool breaks);

/* Where an object or array ends that comes in pieces, told by its brackets alone. Zeroed at its beginning. */
struct json_frame {
    uint32_t depth;
    bool in_string, escaped;
};

/* Looks through the next n octets. Returns how many belong to the value; *whole: it ends there. */
size_t json_frame(struct json_frame *f, const uint8_t *p, size_t n, bool *whole);

#endif
