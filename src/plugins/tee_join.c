/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams of one length that follow each other leave joined: the kernel carries them through its layers as
 * one and splits them at the end (UDP_SEGMENT). Of use to whatever sends through a connected UDP socket. */
#include <netinet/udp.h>
#include <string.h>
#include "plugins/tee_send.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103 /* linux/udp.h, since 4.18 */
#endif

enum {
    SEGMENTS = 64,      /* datagrams that the kernel joins, at most (UDP_MAX_SEGMENTS) */
    JOINED_MAX = 65000, /* octets of them */
    GSO_LEAST = 576,    /* where even these cannot be joined, nothing can */
};

/* Routers on the way may cut datagrams; the kernel does not answer for them with errors. Nobody reads what
 * comes back. */
void tee_socket_options(int fd, bool v6)
{
    int dont = v6 ? IPV6_PMTUDISC_DONT : IP_PMTUDISC_DONT, least = 1;
    setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &dont,
               sizeof(dont));
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least));
}

/* How many of those that wait go into one message: equal lengths, of which the last may be shorter. */
static unsigned join(const struct tee_receiver *r, unsigned from, unsigned end)
{
    const uint32_t len = r->waiting[from]->len;
    uint32_t total = len;
    unsigned n = 1;
    if (len == 0 || len > r->gso_most)
        return 1;
    while (from + n < end && n < SEGMENTS) {
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

unsigned tee_join_fill(struct tee_receiver *r, unsigned end, bool named)
{
    struct tee_scratch *s = r->out->scratch;
    unsigned n = 0;
    for (unsigned at = r->done, joined; at < end; at += joined, n++) {
        joined = join(r, at, end);
        for (unsigned i = 0; i < joined; i++)
            s->iov[at + i] = (struct iovec){ .iov_base = (void *)r->waiting[at + i]->payload,
                                             .iov_len = r->waiting[at + i]->len };
        s->msg[n].msg_hdr = (struct msghdr){ .msg_name = named ? (void *)&r->to : NULL,
                                             .msg_namelen = named ? r->to_len : 0,
                                             .msg_iov = &s->iov[at],
                                             .msg_iovlen = joined };
        s->datagrams[n] = (uint16_t)joined;
        if (joined > 1)
            set_segment(&s->msg[n].msg_hdr, &s->control[n], (uint16_t)r->waiting[at]->len);
    }
    return n;
}

void tee_join_sent(struct tee_receiver *r, unsigned messages)
{
    const struct tee_scratch *s = r->out->scratch;
    for (unsigned i = 0; i < messages; i++) {
        uint64_t octets = 0;
        for (unsigned k = 0; k < s->datagrams[i]; k++)
            octets += r->waiting[r->done++]->len;
        tee_receiver_sent(r, s->datagrams[i], octets);
    }
}

/* Joined ones are too long for the link, or it cannot do that at all: such lengths leave one by one. */
static void join_less(struct tee_receiver *r)
{
    const uint32_t len = r->waiting[r->done]->len;
    r->gso_most = len <= GSO_LEAST ? 0 : len - 1;
}

void tee_join_failed(struct tee_receiver *r, enum tee_verdict why, int error)
{
    unsigned n = r->out->scratch->datagrams[0];
    if (why == TEE_TOO_BIG && n > 1) {
        join_less(r);
        return;
    }
    for (; n; n--)
        tee_send_failed(r, error);
}
