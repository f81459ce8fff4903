/* SPDX-License-Identifier: BSD-2-Clause */
/* gNMI's notifications (gnmi.proto: SubscribeResponse) as JSON. message.c calls it. */
#ifndef TELEMETRY_GNMI_H
#define TELEMETRY_GNMI_H

#include <stddef.h>
#include <stdint.h>
#include "base/strbuf.h"

/* Adds one as an object: {"update": {"timestamp": "...", "prefix": "/...", "target": "...", "update":
 * [{"path":
 * "/interfaces/interface[name=eth0]/mtu", "val": ...}], "delete": ["/..."]}}, or {"sync_response": true}.
 * Paths are those of the gNMI specification §2.2.2; integers are text (RFC 7951), JSON values stand as they
 * came. -1: the octets are none; out then has the beginning of it. */
int gnmi_json(const uint8_t *p, size_t len, struct strbuf *out);

#endif
