/* SPDX-License-Identifier: BSD-2-Clause */
/* Typed messages between processes: {type, length, body}, one a packet of an AF_UNIX SOCK_SEQPACKET pair, so
 * that none is ever read by halves. A message may carry one file descriptor. */
#ifndef BASE_MSG_H
#define BASE_MSG_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

enum { MSG_BODY_MAX = 4096 };

struct msg {
    uint32_t type;
    uint32_t len; /* octets of body */
    int fd;       /* that came with it, close-on-exec, the receiver's to close; or -1 */
    _Alignas(8) uint8_t body[MSG_BODY_MAX];
};

/* Makes a connected pair, close-on-exec. */
int msg_pair(int pair[2], struct err *e);

/* Sends a message; fd -1: without a descriptor. Never blocks: a peer that does not read any more (some
 * hundred messages wait) is an error with errno EAGAIN. */
int msg_send(int sock, uint32_t type, const void *body, size_t len, int fd, struct err *e);

/* Receives one, waiting for it if the socket blocks. Returns 1; 0 when the peer is gone; -1 with e set for a
 * malformed message, which has been thrown away, and for errors of the socket (errno EAGAIN: none there). */
int msg_recv(int sock, struct msg *m, struct err *e);

/* What a receiver knows about a type: the octets that its body has, and what to do. */
struct msg_rule {
    uint32_t len;
    void (*handle)(void *ctx, const struct msg *m); /* owns m->fd; NULL: no such type */
};

/* Calls the rule of m's type. -1, with m's descriptor closed, if there is none or the length is not the
 * rule's. */
int msg_dispatch(const struct msg_rule *rules, unsigned n_rules, const struct msg *m, void *ctx,
                 struct err *e);

#endif
