/* SPDX-License-Identifier: BSD-2-Clause */
/* Receivers that get datagrams from a UDP socket of our own. */
#include <errno.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/sock.h"
#include "plugins/tee_send.h"

enum { QUIET_US = 1000 * 1000 /* after a refusal */ };

/* ---- sockets */

static int udp_open(struct tee_receiver *r, struct err *e)
{
    const struct config *c = r->out->c;
    char host[ADDR_TEXT];
    struct sock_peer peer = { .host = addr_str(&r->at, host),
                              .port = r->port,
                              .source = c->nfprobe_source_ip,
                              .source_port = r->src_port,
                              .tos = c->nfprobe_ipprec << 5,
                              .sndbuf = c->tee_pipe_size ? (size_t)c->tee_pipe_size : TEE_SNDBUF };
    int fd = sock_udp_connect(&peer, NULL, NULL, e);
    if (fd == -1)
        return -1;
    if (r->fd != -1)
        close(r->fd);
    r->fd = fd;
    r->quiet = r->greeted = false;
    r->gso_most = UINT16_MAX;
    tee_socket_options(fd, !addr_is_v4(&r->at));
    tee_out_tell_sndbuf(r->out, fd);
    return 0;
}

static void udp_close(struct tee_receiver *r)
{
    if (r->fd != -1)
        close(r->fd);
    r->fd = -1;
}

/* Where nobody listens, each datagram sent over a connected socket is answered, and the answer ends the next
 * system call. For a moment it is sent to without a connection: then answers are for nobody. */
static void be_quiet(struct tee_receiver *r)
{
    struct sockaddr none = { .sa_family = AF_UNSPEC };
    r->count[TEE_REFUSALS]++;
    r->greeted = false; /* whoever comes in its place knows nothing */
    log_limited(r->out->log, &r->limit, LOG_LV_WARN,
                "pool %u: %s refuses datagrams (ICMP): nobody listens there", r->pool, r->name);
    if (connect(r->fd, &none, sizeof(none)) == -1)
        return;
    r->quiet = true;
    r->probe_at_us = clock_mono_us() + QUIET_US;
}

static void udp_tick(struct tee_receiver *r, int64_t mono_us)
{
    if (!r->quiet || mono_us < r->probe_at_us)
        return;
    r->probe_at_us = mono_us + QUIET_US;
    if (connect(r->fd, (struct sockaddr *)&r->to, r->to_len) == 0)
        r->quiet = false;
}

/* ---- messages */

/* The first of the messages was not sent. False: buffers are full. */
static bool refused(struct tee_receiver *r, int error)
{
    const enum tee_verdict why = tee_send_verdict(error);
    if (why == TEE_AGAIN)
        be_quiet(r);
    else if (why != TEE_WAIT)
        tee_join_failed(r, why, error);
    return why != TEE_WAIT;
}

static bool udp_send(struct tee_receiver *r)
{
    r->full_fd = r->fd;
    while (r->done < r->n) {
        unsigned n = tee_join_fill(r, r->n, r->quiet);
        int rc = sendmmsg(r->fd, r->out->scratch->msg, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (rc > 0)
            tee_join_sent(r, (unsigned)rc);
        else if (!refused(r, errno))
            return false;
    }
    return true;
}

const struct tee_way tee_way_udp = {
    .name = "UDP", .open = udp_open, .send = udp_send, .tick = udp_tick, .close = udp_close
};
