/* SPDX-License-Identifier: BSD-2-Clause */
/* Octets as base64 (RFC 4648 §4, with padding, in one line). */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/strbuf.h"

/* Adds the text of n octets; p may be NULL when n is 0. */
void base64_add(struct strbuf *out, const void *p, size_t n);

#endif
