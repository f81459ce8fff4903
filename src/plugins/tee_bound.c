/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets bound to the addresses of exporters: a table for each receiver, bounded, from which idle ones go.
 */
#include "plugins/tee_bound.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/hash.h"
#include "plugins/tee_send.h"

#ifndef IPV6_TRANSPARENT
#define IPV6_TRANSPARENT 75 /* linux/in6.h */
#endif

enum {
    SLOTS = 1024, /* of a receiver; a power of two */
    MOST = SLOTS / 2,
    MOST_OF_ALL = 4096,
    SWEEP_US = 10 * 1000 * 1000,
};

struct bound {
    struct addr from; /* never set: a free slot */
    uint16_t port;
    bool used; /* since the last sweep */
    int fd;    /* -1: could not be opened; is tried again after the next sweep */
};

struct tee_bound {
    unsigned n;
    int64_t sweep_at_us;
    struct bound slot[SLOTS];
};

unsigned tee_bound_most(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == -1)
        return 0;
    if (files.rlim_cur < files.rlim_max) {
        struct rlimit more = { .rlim_cur = files.rlim_max, .rlim_max = files.rlim_max };
        if (setrlimit(RLIMIT_NOFILE, &more) == 0)
            files = more;
    }
    return files.rlim_cur / 2 < MOST_OF_ALL ? (unsigned)files.rlim_cur / 2 : MOST_OF_ALL;
}

static unsigned slot_of(const struct addr *from, uint16_t port)
{
    uint8_t key[sizeof(from->b) + sizeof(port)];
    memcpy(key, from->b, sizeof(from->b));
    memcpy(key + sizeof(from->b), &port, sizeof(port));
    return (unsigned)hash_bytes(key, sizeof(key)) & (SLOTS - 1);
}

static bool is_of(const struct bound *b, const struct addr *from, uint16_t port)
{
    return b->port == port && !memcmp(&b->from, from, sizeof(*from));
}

/* Its slot, or the free one where it belongs. At most half of the slots are taken. */
static struct bound *find(struct tee_bound *t, const struct addr *from, uint16_t port)
{
    unsigned i = slot_of(from, port);
    while (addr_is_set(&t->slot[i].from) && !is_of(&t->slot[i], from, port))
        i = (i + 1) & (SLOTS - 1);
    return &t->slot[i];
}

/* ---- a socket */

static int be_transparent(int fd, bool v6)
{
    int on = 1;
    return setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TRANSPARENT : IP_TRANSPARENT, &on,
                      sizeof(on));
}

static void set_options(const struct tee_receiver *r, int fd, bool v6)
{
    const struct config *c = r->out->c;
    int on = 1, tos = c->nfprobe_ipprec << 5, size = c->tee_pipe_size ? c->tee_pipe_size : TEE_SNDBUF;
    /* An exporter on this machine may have the address and port too. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) == -1)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    if (tos)
        setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TCLASS : IP_TOS, &tos, sizeof(tos));
    tee_socket_options(fd, v6);
}

static int fail(int fd)
{
    close(fd);
    return -1;
}

static int open_bound(struct tee_receiver *r, const struct addr *from, uint16_t port)
{
    const bool v6 = !addr_is_v4(&r->at);
    struct sockaddr_storage at, to;
    socklen_t at_len = addr_to_sockaddr(from, port, v6, &at),
              to_len = addr_to_sockaddr(&r->at, r->port, v6, &to);
    if (r->out->bound_room == 0)
        return -1;
    int fd = socket(at.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd == -1)
        return -1;
    if (be_transparent(fd, v6) == -1) {
        log_info(r->out->log, "tee_transparent: no IP_TRANSPARENT (%s): datagrams leave through raw sockets",
                 strerror(errno));
        r->out->bound_room = 0; /* nor for others */
        return fail(fd);
    }
    set_options(r, fd, v6);
    if (bind(fd, (struct sockaddr *)&at, at_len) == -1 || connect(fd, (struct sockaddr *)&to, to_len) == -1)
        return fail(fd);
    r->out->bound_room--;
    return fd;
}

static void close_bound(struct tee_receiver *r, struct bound *b)
{
    if (b->fd == -1)
        return;
    close(b->fd);
    b->fd = -1;
    r->out->bound_room++;
}

/* ---- the table */

int tee_bound_get(struct tee_receiver *r, const struct datagram_record *d)
{
    const uint16_t port = r->src_port ? r->src_port : d->port;
    if (port == 0 || !addr_is_set(&d->from) || (!r->bound && !(r->bound = calloc(1, sizeof(*r->bound)))))
        return -1;
    struct bound *b = find(r->bound, &d->from, port);
    if (!addr_is_set(&b->from)) {
        if (r->bound->n == MOST)
            return -1;
        r->bound->n++;
        *b = (struct bound){ .from = d->from, .port = port, .fd = open_bound(r, &d->from, port) };
    }
    b->used = true;
    return b->fd;
}

void tee_bound_drop(struct tee_receiver *r, const struct datagram_record *d)
{
    close_bound(r, find(r->bound, &d->from, r->src_port ? r->src_port : d->port));
}

/* Those that were used since the last time stay. */
static void sweep(struct tee_receiver *r)
{
    struct tee_bound *t = r->bound, *kept = calloc(1, sizeof(*kept));
    if (!kept)
        return;
    for (unsigned i = 0; i < SLOTS; i++) {
        struct bound *b = &t->slot[i];
        if (!addr_is_set(&b->from))
            continue;
        if (b->used && b->fd != -1) {
            b->used = false;
            *find(kept, &b->from, b->port) = *b;
            kept->n++;
        } else {
            close_bound(r, b);
        }
    }
    free(t);
    r->bound = kept;
}

void tee_bound_tick(struct tee_receiver *r, int64_t mono_us)
{
    if (!r->bound || mono_us < r->bound->sweep_at_us)
        return;
    if (r->bound->sweep_at_us)
        sweep(r);
    r->bound->sweep_at_us = mono_us + SWEEP_US;
}

void tee_bound_free(struct tee_receiver *r)
{
    for (unsigned i = 0; r->bound && i < SLOTS; i++)
        if (addr_is_set(&r->bound->slot[i].from))
            close_bound(r, &r->bound->slot[i]);
    free(r->bound);
    r->bound = NULL;
}
