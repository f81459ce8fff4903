/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets of transparent mode whose own end is an exporter's address and port (IP_TRANSPARENT), connected to
 * a receiver: the kernel then makes the headers, and takes datagrams joined, which raw sockets cannot. Kept
 * for sources that send; those that have none leave through the raw socket. Used by tee_raw.c. */
#ifndef PLUGINS_TEE_BOUND_H
#define PLUGINS_TEE_BOUND_H

#include "plugins/tee_receiver.h"

struct tee_bound;

/* How many sockets the receivers of a plugin may have together: what the limit of open files allows. */
unsigned tee_bound_most(void);

/* The socket for datagrams of d's source; -1: there is none, now. */
int tee_bound_get(struct tee_receiver *r, const struct datagram_record *d);

/* The receiver refuses datagrams (ICMP), and the answers end system calls: no socket for that source for a
 * while. */
void tee_bound_drop(struct tee_receiver *r, const struct datagram_record *d);

/* Closes sockets that nobody has used for some seconds. mono_us: monotonic clock. */
void tee_bound_tick(struct tee_receiver *r, int64_t mono_us);

/* Closes all; the receiver may have got another address. */
void tee_bound_free(struct tee_receiver *r);

#endif
