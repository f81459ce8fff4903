/* SPDX-License-Identifier: BSD-2-Clause */
/* The PROXY protocol, versions 1 and 2 (HAProxy): what a load balancer puts in front of a connection to tell
 * who really sends. */
#ifndef BMP_PROXY_H
#define BMP_PROXY_H

#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"

/* Reads the header at p. Returns its length in octets; 0: more is needed; -1: this is none. *from and *port
 * (host order) become the source it names; they stay as they are for LOCAL, UNKNOWN and other families. */
long bmp_proxy_read(const uint8_t *p, size_t n, struct addr *from, uint16_t *port);

#endif
