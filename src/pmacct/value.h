/* SPDX-License-Identifier: BSD-2-Clause */
/* The values of a query as text turned into the octets that a key holds. */
#ifndef PMACCT_VALUE_H
#define PMACCT_VALUE_H

#include "base/strbuf.h"
#include "core/fields.h"

/* Appends the octets of the value as the field's kind stores it; what csv prints for a value finds that
 * value. `utc`: times without a zone are UTC, else local. -1: e says `<field>: Invalid <what>: '<text>'`. */
int value_put(const struct field *f, const char *text, bool utc, struct strbuf *out, struct err *e);

#endif
