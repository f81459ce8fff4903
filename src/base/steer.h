/* SPDX-License-Identifier: BSD-2-Clause */
/* Which socket of several that share a UDP port gets a datagram: decided by the address that it comes from,
 * in the kernel (SO_ATTACH_REUSEPORT_CBPF), so that a sender always comes to the same one, whatever ports it
 * sends from and however many processes it consists of. */
#ifndef BASE_STEER_H
#define BASE_STEER_H

#include "base/addr.h"
#include "base/err.h"

/* Nothing comes in through the socket until steer_open; before it is bound, so that no datagram lands where
 * it does not belong while others are not yet there. -1: e. */
int steer_shut(int fd, struct err *e);

/* Ends what steer_shut began. `first`: of the group; the others do not take multicasts and broadcasts, of
 * which the kernel gives every socket a copy. -1: e. */
int steer_open(int fd, bool first, struct err *e);

/* Steers datagrams over the n sockets that were bound in this order; fd is any of them. -1: e (Linux before
 * 4.5). */
int steer_by_sender(int fd, unsigned n, struct err *e);

/* The number of the socket, as the kernel finds it. */
unsigned steer_of(const struct addr *from, unsigned n);

#endif
