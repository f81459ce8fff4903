/* SPDX-License-Identifier: BSD-2-Clause */
/* The netlink socket that NFLOG's packets come through, and what the kernel is asked for on it. All use of
 * libmnl is here; messages are read by input_nflog.c. */
#ifndef UACCTD_NFSOCK_H
#define UACCTD_NFSOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct mnl_socket;

struct nfsock {
    struct mnl_socket *nl;
    int fd;
    uint32_t seq; /* of our last request */
    uint8_t *buf; /* for answers, buf_size octets */
    size_t buf_size;
    /* Gets the datagrams that come while an answer is waited for: packets of groups that are bound already.
     */
    void (*packets)(void *arg, const uint8_t *datagram, size_t len);
    void *arg;
};

/* Opens a non-blocking, close-on-exec socket. rcvbuf: octets of receive buffer wanted; *obtained gets what
 * the kernel granted, as it accounts for it. What the kernel cannot queue is counted by it (SO_MEMINFO),
 * never told by an error of recv. buf, buf_size: room for the longest datagram, the caller's. */
int nfsock_open(struct nfsock *s, size_t rcvbuf, size_t *obtained, struct err *e);
void nfsock_close(struct nfsock *s); /* also of one that is not open */

struct nfsock_group {
    uint16_t number;
    uint32_t copy_range; /* octets of each packet, from the network header on */
    uint32_t threshold;  /* packets a datagram, at most */
    uint32_t octets;     /* of a datagram, at most; a packet that is longer is one by itself */
    bool connections;    /* each packet comes with its connection: conntrack */
    uint32_t timeout_cs; /* 1/100 s after which a datagram is sent though it is not full */
};

/* Has the kernel send a group's packets here, numbered. Where it cannot tell their connections, it is asked
 * for packets without, and g->connections becomes false. -1: privileges are missing, or somebody else listens
 * to the group. */
int nfsock_bind_group(struct nfsock *s, struct nfsock_group *g, struct err *e);

/* Ends that. The kernel sends what it has of a datagram first. */
int nfsock_unbind_group(struct nfsock *s, uint16_t number, struct err *e);

#endif
