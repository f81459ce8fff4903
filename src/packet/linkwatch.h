/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel says of network interfaces, by rtnetlink(7): that one came, went or changed, and what one
 * dropped itself. The live capture asks. */
#ifndef PACKET_LINKWATCH_H
#define PACKET_LINKWATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/* A socket that becomes readable whenever an interface comes, goes, or changes; -1: e. */
int linkwatch_open(struct err *e);

/* Reads all that waits on it. */
void linkwatch_drain(int fd);

/* Is there an interface of that name, and is it up? */
bool link_is_up(const char *name);

/* Packets that an interface received and lost before anybody could see them (missed and overrun ones), since
 * it exists. False: the kernel does not say. */
bool link_drops(int ifindex, uint64_t *drops);

/* The same out of a message of the kernel (n octets, aligned to 4). */
bool link_drops_of(const void *message, size_t n, uint64_t *drops);

#endif
