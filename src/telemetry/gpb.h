/* SPDX-License-Identifier: BSD-2-Clause */
/* The protocol buffers of Cisco's telemetry.proto, read without a compiler of schemas, as JSON. message.c
 * calls it. */
#ifndef TELEMETRY_GPB_H
#define TELEMETRY_GPB_H

#include <stddef.h>
#include <stdint.h>
#include "base/strbuf.h"

struct gpb; /* what decoding needs to remember within a message; used again for the next one */

struct gpb *gpb_new(void); /* NULL: no memory */
void gpb_free(struct gpb *g);

/* Adds a message `Telemetry` to out as one JSON object. Members have the names of telemetry.proto; of the
 * 64-bit integers and what they are see RFC 7951: text. Rows of data_gpbkv become objects of `timestamp`,
 * `keys` and `content`, names that occur again become arrays, fields without names too; octets are in base64,
 * as the rows of the compact form are (data_gpb). -1: the octets are no such message, or too long, or nested
 * deeper than 32; out then has the beginning of it. */
int gpb_telemetry_json(struct gpb *g, const uint8_t *p, size_t len, struct strbuf *out);

#endif
