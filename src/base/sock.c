/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP sockets and TCP listeners, made at start by inputs, services and probes. */
#include "base/sock.h"
#include "base/steer.h"

#include <errno.h>
#include <limits.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what both kinds need */

static struct addrinfo *resolve(const char *host, uint16_t port, int family, bool passive, struct err *e)
{
    char service[8];
    struct addrinfo *list = NULL,
                    hints = { .ai_family = family,
                              .ai_socktype = SOCK_DGRAM,
                              .ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : AI_ADDRCONFIG) };
    snprintf(service, sizeof(service), "%u", port);
    int rc = getaddrinfo(host, service, &hints, &list);
    if (rc == EAI_ADDRFAMILY ||
        (rc != 0 && !passive)) { /* AI_ADDRCONFIG refuses literals on a host with nothing but loopback */
        hints.ai_flags &= ~AI_ADDRCONFIG;
        rc = getaddrinfo(host, service, &hints, &list);
    }
    if (rc == 0)
        return list;
    if (rc == EAI_SYSTEM)
        err_sys(e, "cannot resolve '%s'", host);
    else
        err_set(e, ERR_CONFIG, "cannot resolve '%s': %s", host, gai_strerror(rc));
    return NULL;
}

/* Whatever went wrong in `step` with a socket for the address. */
static int refuse(struct err *e, const char *step, const struct sockaddr *sa)
{
    char text[ADDR_TEXT];
    struct addr a;
    uint16_t port;
    int why = errno;
    addr_from_sockaddr(sa, &a, &port);
    errno = why;
    return err_sys(e, "cannot %s %s port %u", step, addr_str(&a, text), port);
}

static int set_int(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value));
}

static size_t get_buffer(int fd, int option)
{
    int size = 0;
    socklen_t len = sizeof(size);
    return getsockopt(fd, SOL_SOCKET, option, &size, &len) == 0 && size > 0 ? (size_t)size : 0;
}

/* Enlarges a buffer as far as may be; the kernel doubles what it is given, for its own accounting. */
static size_t enlarge(int fd, int option, int force, size_t wanted)
{
    int value = wanted > INT_MAX / 2 ? INT_MAX / 2 : (int)wanted;
    if (wanted && get_buffer(fd, option) < (size_t)value * 2 && set_int(fd, SOL_SOCKET, force, value) == -1)
        set_int(fd, SOL_SOCKET, option, value);
    return get_buffer(fd, option);
}

/* ---- listeners */

/* struct sock_udp and struct sock_tcp. */
struct listener {
    bool tcp;
    const char *ip, *interface, *mcast_groups;
    uint16_t port;
    bool v6_only, shut;
    size_t rcvbuf;
    int tos;
};

static bool is_group(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET)
        return IN_MULTICAST(ntohl(((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr));
    return IN6_IS_ADDR_MULTICAST(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr);
}

static int join_group(int fd, const char *text, const char *interface, struct err *e)
{
    struct addr a;
    struct sockaddr_storage ss;
    struct group_req req = { .gr_interface = interface ? if_nametoindex(interface) : 0 };
    if (addr_parse(text, &a) == -1)
        return err_set(e, ERR_CONFIG, "multicast group '%s' is no address", text);
    socklen_t len = addr_to_sockaddr(&a, 0, false, &ss);
    if (!is_group((struct sockaddr *)&ss))
        return err_set(e, ERR_CONFIG, "'%s' is no multicast group", text);
    memcpy(&req.gr_group, &ss, len);
    if (setsockopt(fd, ss.ss_family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, MCAST_JOIN_GROUP, &req,
                   sizeof(req)) == -1)
        return err_sys(e, "cannot join multicast group %s", text);
    return 0;
}

static int join_groups(int fd, const struct listener *want, struct err *e)
{
    unsigned n = 0;
    for (const char *at = want->mcast_groups; at && *at;) {
        char text[64];
        at += strspn(at, ", \t");
        size_t len = strcspn(at, ", \t");
        if (!len)
            break;
        if (++n > SOCK_MCAST_MAX)
            return err_set(e, ERR_LIMIT, "more than %d multicast groups", SOCK_MCAST_MAX);
        snprintf(text, sizeof(text), "%.*s", (int)len, at);
        if (join_group(fd, text, want->interface, e) == -1)
            return -1;
        at += len;
    }
    return 0;
}

static int set_options(int fd, const struct listener *want, int family, struct err *e)
{
    if (set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1) == -1 ||
        (!want->tcp && set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1) == -1))
        return err_sys(e, "cannot share the port");
    if (want->tos && (set_int(fd, IPPROTO_IP, IP_TOS, want->tos) == -1 ||
                      (family == AF_INET6 && set_int(fd, IPPROTO_IPV6, IPV6_TCLASS, want->tos) == -1)))
        return err_sys(e, "cannot set the precedence");
    if (family == AF_INET6 && set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, want->v6_only) == -1)
        return err_sys(e, "cannot set IPV6_V6ONLY");
    if (want->interface && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, want->interface,
                                      (socklen_t)strlen(want->interface)) == -1)
        return err_sys(e, "cannot bind to interface '%s'", want->interface);
    return 0;
}

static int open_listener(const struct listener *want, const struct sockaddr *sa, socklen_t len, struct err *e)
{
    int fd = socket(sa->sa_family, (want->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd == -1)
        return err_sys(e, "cannot make a %s socket", want->tcp ? "TCP" : "UDP");
    int rc = set_options(fd, want, sa->sa_family, e);
    if (rc == 0 && want->shut)
        rc = steer_shut(fd, e);
    if (rc == 0 && bind(fd, sa, len) == -1)
        rc = refuse(e, "listen on", sa);
    if (rc == 0)
        rc = join_groups(fd, want, e);
    if (rc == 0 && want->tcp) { /* sessions inherit the buffer: the window is agreed on when they begin */
        enlarge(fd, SO_RCVBUF, SO_RCVBUFFORCE, want->rcvbuf);
        if (listen(fd, SOMAXCONN) == -1)
            rc = refuse(e, "listen on", sa);
    }
    if (rc == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static int listen_any(const struct listener *want, struct err *e)
{
    struct sockaddr_storage ss;
    struct addr any6, unset = { { 0 } };
    addr_set_v6(&any6, &unset);
    socklen_t len = addr_to_sockaddr(&any6, want->port, true, &ss);
    int fd = open_listener(want, (struct sockaddr *)&ss, len, e);
    if (fd != -1 || want->v6_only || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL))
        return fd;
    len = addr_to_sockaddr(&unset, want->port, false, &ss);
    return open_listener(want, (struct sockaddr *)&ss, len, e);
}

static int listen_on(const struct listener *want, struct err *e)
{
    int fd = -1;
    if (!want->ip)
        return listen_any(want, e);
    struct addrinfo *list = resolve(want->ip, want->port, AF_UNSPEC, true, e);
    for (const struct addrinfo *at = list; at && fd == -1; at = at->ai_next)
        fd = open_listener(want, at->ai_addr, at->ai_addrlen, e);
    if (list)
        freeaddrinfo(list);
    return fd;
}

int sock_udp_listen(const struct sock_udp *want, size_t *rcvbuf, struct err *e)
{
    const struct listener l = { .ip = want->ip,
                                .port = want->port,
                                .interface = want->interface,
                                .v6_only = want->v6_only,
                                .shut = want->shut,
                                .mcast_groups = want->mcast_groups };
    const int fd = listen_on(&l, e);
    if (fd == -1)
        return -1;
    size_t got = enlarge(fd, SO_RCVBUF, SO_RCVBUFFORCE, want->rcvbuf);
    if (rcvbuf)
        *rcvbuf = got;
    return fd;
}

int sock_tcp_listen(const struct sock_tcp *want, struct err *e)
{
    const struct listener l = { .tcp = true,
                                .ip = want->ip,
                                .port = want->port,
                                .interface = want->interface,
                                .v6_only = want->v6_only,
                                .rcvbuf = want->rcvbuf,
                                .tos = want->tos };
    return listen_on(&l, e);
}

int sock_mem(int fd, struct sock_mem *m)
{
    uint32_t v[SK_MEMINFO_VARS] = { 0 };
    socklen_t len = sizeof(v);
    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, v, &len) == -1)
        return -1;
    *m = (struct sock_mem){ .queued = v[SK_MEMINFO_RMEM_ALLOC],
                            .size = v[SK_MEMINFO_RCVBUF],
                            .drops = v[SK_MEMINFO_DROPS] };
    return 0;
}

/* ---- exporters */

static int bind_source(int fd, const struct sock_peer *peer, int family, struct err *e)
{
    struct addrinfo *list = resolve(peer->source, peer->source_port, family, true, e);
    if (!list)
        return -1;
    if (peer->source_port)
        set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    int rc = bind(fd, list->ai_addr, list->ai_addrlen) == -1 ? refuse(e, "send from", list->ai_addr) : 0;
    freeaddrinfo(list);
    return rc;
}

static int set_marks(int fd, const struct sock_peer *peer, int family, struct err *e)
{
    bool v6 = family == AF_INET6;
    int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
    if (peer->tos && set_int(fd, level, v6 ? IPV6_TCLASS : IP_TOS, peer->tos) == -1)
        return err_sys(e, "cannot set ToS %d", peer->tos);
    if (peer->ttl && (set_int(fd, level, v6 ? IPV6_UNICAST_HOPS : IP_TTL, peer->ttl) == -1 ||
                      set_int(fd, level, v6 ? IPV6_MULTICAST_HOPS : IP_MULTICAST_TTL, peer->ttl) == -1))
        return err_sys(e, "cannot set hop limit %d", peer->ttl);
    return 0;
}

static int open_exporter(const struct sock_peer *peer, const struct addrinfo *to, struct err *e)
{
    int fd = socket(to->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd == -1)
        return err_sys(e, "cannot make a UDP socket");
    int rc = set_marks(fd, peer, to->ai_family, e);
    if (rc == 0 && (peer->source || peer->source_port))
        rc = bind_source(fd, peer, to->ai_family, e);
    if (rc == 0 && connect(fd, to->ai_addr, to->ai_addrlen) == -1)
        rc = refuse(e, "send to", to->ai_addr);
    if (rc == 0)
        return fd;
    close(fd);
    return -1;
}

/* The family that `source` dictates, if it is an address. */
static int family_of(const char *source)
{
    struct addr a;
    if (!source || addr_parse(source, &a) == -1)
        return AF_UNSPEC;
    return strchr(source, ':') ? AF_INET6 : AF_INET;
}

int sock_udp_connect(const struct sock_peer *peer, struct addr *to, uint16_t *to_port, struct err *e)
{
    struct addr a;
    uint16_t port;
    struct addrinfo *list = resolve(peer->host, peer->port, family_of(peer->source), false, e), *at;
    int fd = -1;
    for (at = list; at; at = at->ai_next) {
        fd = open_exporter(peer, at, e);
        if (fd != -1)
            break;
    }
    if (fd != -1) {
        addr_from_sockaddr(at->ai_addr, to ? to : &a, to_port ? to_port : &port);
        enlarge(fd, SO_SNDBUF, SO_SNDBUFFORCE, peer->sndbuf);
    }
    if (list)
        freeaddrinfo(list);
    return fd;
}

static int parse_port(const char *text, uint16_t *port)
{
    char *end;
    errno = 0;
    long v = strtol(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || v < 1 || v > UINT16_MAX)
        return -1;
    *port = (uint16_t)v;
    return 0;
}

int sock_split(const char *text, char *host, size_t size, uint16_t *port, struct err *e)
{
    const char *start = text, *colon = strchr(text, ':'), *rest;
    size_t len = strlen(text);
    if (*text == '[') {
        start++;
        len = strcspn(start, "]");
        rest = start + len;
        if (*rest != ']' || (rest[1] && rest[1] != ':'))
            return err_set(e, ERR_CONFIG, "'%s' is neither host:port nor [address]:port", text);
        colon = rest[1] ? rest + 1 : NULL;
    } else if (colon && strchr(colon + 1, ':')) {
        colon = NULL; /* an IPv6 address by itself */
    } else if (colon) {
        len = (size_t)(colon - text);
    }
    if (!len || len >= size)
        return err_set(e, ERR_CONFIG, "'%s' holds no host", text);
    if (colon && parse_port(colon + 1, port) == -1)
        return err_set(e, ERR_CONFIG, "'%s': the port must be from 1 to 65535", text);
    memcpy(host, start, len);
    host[len] = '\0';
    return 0;
}
