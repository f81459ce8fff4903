/* SPDX-License-Identifier: BSD-2-Clause */
/* zlib, for messages that come compressed. In a build without zlib all of them are faults. */
#ifndef TELEMETRY_UNZIP_H
#define TELEMETRY_UNZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/strbuf.h"

/* Unpacks into out, which is cleared first and has a ceiling. *state: NULL at first; with `one_stream` it
 * goes on from message to message, else each is a stream of its own. -1: it does not unpack, or to more than
 * out may hold; *state is then NULL again. */
int unzip(void **state, bool one_stream, const uint8_t *p, size_t len, struct strbuf *out);

/* Frees *state, which may be NULL. */
void unzip_end(void **state);

#endif
