/* SPDX-License-Identifier: BSD-2-Clause */
/* The capabilities of an OPEN as log lines. */
#ifndef BGP_OPENLOG_H
#define BGP_OPENLOG_H

#include <stddef.h>
#include <stdint.h>
#include "base/log.h"

/* One INFO line a capability of an OPEN that bgp_open_parse has accepted; `name`: the peer's. */
void bgp_openlog(const struct log *l, const char *name, const uint8_t *msg, size_t len);

#endif
