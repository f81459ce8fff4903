/* SPDX-License-Identifier: BSD-2-Clause */
/* Receivers that get datagrams from a UDP socket of our own. Datagrams of one length that follow each other
 * leave joined: the kernel carries them through its layers as one and splits them at the end (UDP_SEGMENT).
 */
#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/sock.h"
#include "plugins/tee_send.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103 /* linux/udp.h, since 4.18 */
#endif

enum {
    SEGMENTS = 64,          /* datagrams that the kernel joins, at most (UDP_MAX_SEGMENTS) */
    JOINED_MAX = 65000,     /* octets of them */
    GSO_LEAST = 576,        /* where even these cannot be joined, nothing can */
    QUIET_US = 1000 * 1000, /* after a refusal */
};

/* ---- sockets */

/* Routers on the way may cut datagrams; the kernel does not answer for them with errors. Nobody reads what
 * comes back. */
static void set_options(int fd, bool v6)
{
    int dont = v6 ? IPV6_PMTUDISC_DONT : IP_PMTUDISC_DONT, least = 1;
    setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &dont,
               sizeof(dont));
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least));
}

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
    set_options(fd, !addr_is_v4(&r->at));
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

/* How many of those that wait go into one message: equal lengths, of which the last may be shorter. */
static unsigned join(const struct tee_receiver *r, unsigned from)
{
    const uint32_t len = r->waiting[from]->len;
    uint32_t total = len;
    unsigned n = 1;
    if (len == 0 || len > r->gso_most)
        return 1;
    while (from + n < r->n && n < SEGMENTS) {
        const uint32_t next = r->waiting[from + n]->len;
        if (next > len || next == 0 || total + next > JOINED_MAX)
            break;
        total += next;
        n++;
        if (next < len)
            break;
    }
    return n;
}

static void set_segment(struct msghdr *h, union tee_control *control, uint16_t len)
{
    h->msg_control = control->octets;
    h->msg_controllen = sizeof(control->octets);
    struct cmsghdr *c = CMSG_FIRSTHDR(h);
    c->cmsg_level = IPPROTO_UDP;
    c->cmsg_type = UDP_SEGMENT;
    c->cmsg_len = CMSG_LEN(sizeof(len));
    memcpy(CMSG_DATA(c), &len, sizeof(len));
}

/* Messages for all that wait; returns how many. */
static unsigned fill(const struct tee_receiver *r, struct tee_scratch *s)
{
    unsigned n = 0;
    for (unsigned at = r->done, joined; at < r->n; at += joined, n++) {
        joined = join(r, at);
        for (unsigned i = 0; i < joined; i++)
            s->iov[at + i] = (struct iovec){ .iov_base = (void *)r->waiting[at + i]->payload,
                                             .iov_len = r->waiting[at + i]->len };
        s->msg[n].msg_hdr = (struct msghdr){ .msg_name = r->quiet ? (void *)&r->to : NULL,
                                             .msg_namelen = r->quiet ? r->to_len : 0,
                                             .msg_iov = &s->iov[at],
                                             .msg_iovlen = joined };
        s->datagrams[n] = (uint16_t)joined;
        if (joined > 1)
            set_segment(&s->msg[n].msg_hdr, &s->control[n], (uint16_t)r->waiting[at]->len);
    }
    return n;
}

static void account(struct tee_receiver *r, const struct tee_scratch *s, unsigned messages)
{
    for (unsigned i = 0; i < messages; i++) {
        uint64_t octets = 0;
        for (unsigned k = 0; k < s->datagrams[i]; k++)
            octets += r->waiting[r->done++]->len;
        tee_receiver_sent(r, s->datagrams[i], octets);
    }
}

/* Joined ones are too long for the link, or it cannot do that at all: such lengths leave one by one. */
static void dont_join(struct tee_receiver *r)
{
    const uint32_t len = r->waiting[r->done]->len;
    r->gso_most = len <= GSO_LEAST ? 0 : len - 1;
}

/* The first of the messages was not sent. False: buffers are full. */
static bool refused(struct tee_receiver *r, const struct tee_scratch *s, int error)
{
    switch (tee_send_verdict(error)) {
    case TEE_AGAIN:
        be_quiet(r);
        return true;
    case TEE_WAIT:
        return false;
    case TEE_TOO_BIG:
        if (s->datagrams[0] > 1) {
            dont_join(r);
            return true;
        }
        break;
    case TEE_NEVER:
        break;
    }
    for (unsigned n = s->datagrams[0]; n; n--)
        tee_send_failed(r, error);
    return true;
}

static bool udp_send(struct tee_receiver *r)
{
    struct tee_scratch *s = r->out->scratch;
    while (r->done < r->n) {
        unsigned n = fill(r, s);
        int rc = sendmmsg(r->fd, s->msg, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (rc > 0)
            account(r, s, (unsigned)rc);
        else if (!refused(r, s, errno))
            return false;
    }
    return true;
}

const struct tee_way tee_way_udp = {
    .name = "UDP", .open = udp_open, .send = udp_send, .tick = udp_tick, .close = udp_close
};
