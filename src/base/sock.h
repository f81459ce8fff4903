/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets: the listeners of collectors (UDP) and of services (TCP), the connected ones of exporters (UDP). */
#ifndef BASE_SOCK_H
#define BASE_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include "base/addr.h"
#include "base/err.h"

enum { SOCK_MCAST_MAX = 20 }; /* the kernel's default bound for a socket (igmp_max_memberships) */

struct sock_udp {
    const char
        *ip; /* address or name; NULL: any, IPv6 and IPv4 on one socket, or IPv4 where there is no IPv6 */
    uint16_t port;            /* 0: the kernel chooses one */
    const char *interface;    /* only what comes in there (SO_BINDTODEVICE), or NULL */
    bool v6_only;             /* an IPv6 wildcard takes no IPv4 */
    const char *mcast_groups; /* comma list of groups to join, or NULL */
    size_t rcvbuf;            /* octets of receive buffer wanted; never made smaller than it is */
    bool shut;                /* takes nothing until steer_open (steer.h) */
};

/* Opens and binds a non-blocking, close-on-exec listener. Address and port are shared with other processes
 * that ask for it too (SO_REUSEADDR, SO_REUSEPORT). *rcvbuf (may be NULL) gets the buffer's size as the
 * kernel accounts for it. Beyond net.core.rmem_max only with CAP_NET_ADMIN. Returns the descriptor, or -1. */
int sock_udp_listen(const struct sock_udp *want, size_t *rcvbuf, struct err *e);

struct sock_tcp {
    const char *ip; /* as in struct sock_udp */
    uint16_t port;
    const char *interface;
    bool v6_only;
    size_t rcvbuf; /* octets of receive buffer that sessions get, 0: as the kernel sizes it */
    int tos;       /* octet of IPv4 ToS or IPv6 traffic class of the sessions, 0: as it is */
};

/* Opens a non-blocking, close-on-exec listener that has the port for itself; sessions are accepted with
 * accept4. Returns the descriptor, or -1. */
int sock_tcp_listen(const struct sock_tcp *want, struct err *e);

struct sock_mem {
    uint32_t queued; /* octets that wait, as the kernel accounts for them */
    uint32_t size;   /* bound of that */
    uint32_t drops;  /* datagrams dropped on this socket since it was made; wraps */
};

/* Fills m (SO_MEMINFO). 0, or -1. */
int sock_mem(int fd, struct sock_mem *m);

struct sock_peer {
    const char *host; /* address or name of the receiver */
    uint16_t port;
    const char *source;   /* address to send from, or NULL */
    uint16_t source_port; /* shared with others that ask for it too; 0: the kernel chooses one */
    int tos;              /* octet of IPv4 ToS or IPv6 traffic class, 0: as it is */
    int ttl;              /* TTL or hop limit, 0: as it is */
    size_t sndbuf;        /* octets of send buffer wanted, 0: as it is */
};

/* Opens a close-on-exec, blocking UDP socket that sends to the peer: the first address of the name that can
 * be reached, of the family of `source` if that is given. *to and *to_port (may be NULL) get what it is
 * connected to. Returns the descriptor, or -1. */
int sock_udp_connect(const struct sock_peer *peer, struct addr *to, uint16_t *to_port, struct err *e);

/* Takes `host:port`, `[v6]:port`, `host` or `v6` apart; *port stays as it is when none is given. -1: empty,
 * too long for host, or no such port. */
int sock_split(const char *text, char *host, size_t size, uint16_t *port, struct err *e);

#endif
