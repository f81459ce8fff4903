/* SPDX-License-Identifier: BSD-2-Clause */
/* YANG data in CBOR (RFC 8949, RFC 9254) as JSON (RFC 7951). message.c calls it. */
#ifndef TELEMETRY_CBOR_H
#define TELEMETRY_CBOR_H

#include <stddef.h>
#include <stdint.h>
#include "base/strbuf.h"

/* Adds one data item, which has to be all there is, as JSON. Names that are YANG SIDs become their numbers,
 * deltas resolved, as text: there are no .sid files here. Octets are in base64; decimal fractions (tag 4) and
 * integers beyond 2^53 are text; null is [null], the empty leaf of YANG; what JSON cannot say (NaN,
 * undefined) is null. -1: that is no CBOR, or it is nested deeper than 64, or too long; out then has the
 * beginning of it. */
int cbor_json(const uint8_t *p, size_t len, struct strbuf *out);

#endif
