/* SPDX-License-Identifier: BSD-2-Clause */
/* Transparent receivers: datagrams leave with the address and port of the exporter as source, from one raw
 * socket a family, which was opened before privileges were given up. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "base/sock.h"
#include "plugins/tee_send.h"

enum { FRAGMENTS = 64 /* a system call */, MTU_LEAST = 576, MTU_LEAST_V6 = 1280 };

static int *raw_socket(struct tee_receiver *r) { return addr_is_v4(&r->at) ? &r->out->raw4 : &r->out->raw6; }

static int raw_open(struct tee_receiver *r, struct err *e)
{
    int fd = *raw_socket(r);
    if (fd == -1)
        return err_set(e, ERR_SYS, "%s: there is no IPv6 on this machine", r->name);
    r->fd = fd;
    r->greeted = false;
    /* Raw sockets of IPv6 take no port. */
    r->to_len = addr_to_sockaddr(&r->at, 0, false, &r->to);
    return 0;
}

/* The socket is everybody's. */
static void raw_close(struct tee_receiver *r) { r->fd = -1; }

/* ---- headers */

/* Made once for all receivers, and kept in the record. */
static uint64_t payload_sum(struct datagram_record *d)
{
    enum { KNOWN = 1 << 16 };
    if (!d->scratch)
        d->scratch = KNOWN | craft_sum(d->payload, d->len);
    return d->scratch & ~(uint32_t)KNOWN;
}

static size_t headers(struct tee_receiver *r, struct datagram_record *d, uint8_t out[CRAFT_MAX])
{
    struct craft c = { .from = d->from,
                       .to = r->at,
                       .from_port = r->src_port ? r->src_port : d->port,
                       .to_port = r->port,
                       .tos = (uint8_t)(r->out->c->nfprobe_ipprec << 5),
                       .len = d->len };
    if (!addr_is_v4(&r->at))
        c.payload_sum = payload_sum(d);
    return craft_headers(&c, out);
}

static bool fits(const struct tee_receiver *r, const struct datagram_record *d)
{
    return addr_is_v4(&d->from) == addr_is_v4(&r->at);
}

static void drop_family(struct tee_receiver *r)
{
    char from[ADDR_TEXT];
    r->count[TEE_FAMILY]++;
    log_limited(r->out->log, &r->family_limit, LOG_LV_ERROR,
                "Can't bridge Address Families when in transparent mode: pool %u: %s gets nothing of %s",
                r->pool, r->name, addr_str(&r->waiting[r->done]->from, from));
    r->done++;
}

static unsigned fill(struct tee_receiver *r, struct tee_scratch *s)
{
    unsigned n = 0;
    for (unsigned at = r->done; at < r->n && fits(r, r->waiting[at]); at++, n++) {
        struct datagram_record *d = r->waiting[at];
        struct iovec *iov = &s->iov[2 * n];
        iov[0] = (struct iovec){ .iov_base = s->header[n], .iov_len = headers(r, d, s->header[n]) };
        iov[1] = (struct iovec){ .iov_base = (void *)d->payload, .iov_len = d->len };
        s->msg[n].msg_hdr = (struct msghdr){
            .msg_name = &r->to, .msg_namelen = r->to_len, .msg_iov = iov, .msg_iovlen = d->len ? 2 : 1
        };
    }
    return n;
}

/* ---- fragments: the kernel does not cut what comes with a header of its own */

/* The MTU on the way to the receiver, as a connected socket knows it. */
static uint32_t mtu_of(const struct tee_receiver *r)
{
    bool v4 = addr_is_v4(&r->at);
    struct sockaddr_storage to;
    int mtu = 0;
    socklen_t len = sizeof(mtu), to_len = addr_to_sockaddr(&r->at, r->port, false, &to);
    int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd == -1)
        return 0;
    if (connect(fd, (struct sockaddr *)&to, to_len) == -1 ||
        getsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_MTU : IPV6_MTU, &mtu, &len) == -1)
        mtu = 0;
    close(fd);
    return mtu < (v4 ? MTU_LEAST : MTU_LEAST_V6) ? 0 : (uint32_t)mtu;
}

struct cutting {
    uint8_t whole[CRAFT_MAX]; /* headers of the datagram */
    size_t ip, head;          /* octets of the IP header, of all headers in front of a fragment's part */
    const struct datagram_record *d;
    uint32_t at, total, part, id; /* UDP header and payload: done, all, most in a fragment */
};

/* Octets at .. at + n of UDP header and payload. */
static unsigned slice(const struct cutting *x, uint32_t n, struct iovec *iov)
{
    unsigned used = 0;
    uint32_t at = x->at;
    if (at == 0) {
        iov[used++] = (struct iovec){ .iov_base = (void *)(x->whole + x->ip), .iov_len = 8 };
        at = 8;
    }
    iov[used++] = (struct iovec){ .iov_base = (void *)(x->d->payload + at - 8), .iov_len = x->at + n - at };
    return used;
}

static unsigned fill_fragments(struct tee_receiver *r, struct cutting *x, struct tee_scratch *s)
{
    unsigned n = 0;
    for (; n < FRAGMENTS && x->at < x->total; n++) {
        uint32_t len = x->total - x->at < x->part ? x->total - x->at : x->part;
        struct iovec *iov = &s->iov[3 * n];
        size_t head = craft_fragment(x->whole, x->at, len, x->at + len < x->total, x->id, s->header[n]);
        iov[0] = (struct iovec){ .iov_base = s->header[n], .iov_len = head };
        s->msg[n].msg_hdr = (struct msghdr){ .msg_name = &r->to,
                                             .msg_namelen = r->to_len,
                                             .msg_iov = iov,
                                             .msg_iovlen = 1 + slice(x, len, iov + 1) };
        x->at += len;
    }
    return n;
}

/* All or nothing would be best; what the system does not take in a moment is lost as a whole. */
static int send_all(int fd, struct mmsghdr *msg, unsigned n)
{
    while (n) {
        int rc = sendmmsg(fd, msg, n, MSG_NOSIGNAL);
        if (rc == -1 && errno == EINTR)
            continue;
        if (rc == -1)
            return -1;
        msg += rc;
        n -= (unsigned)rc;
    }
    return 0;
}

static int send_fragments(struct tee_receiver *r, struct datagram_record *d)
{
    struct tee_scratch *s = r->out->scratch;
    struct cutting x = { .d = d, .total = 8 + d->len };
    const uint32_t mtu = mtu_of(r);
    size_t both = headers(r, d, x.whole);
    x.ip = both - 8;
    x.head = both == CRAFT_V4 ? 20 : 48;
    if (mtu == 0 || d->len > craft_room(both == CRAFT_V6)) {
        errno = EMSGSIZE;
        return -1;
    }
    x.part = (mtu - (uint32_t)x.head) & ~7u;
    x.id = ++r->ip_id ? r->ip_id : ++r->ip_id;
    while (x.at < x.total)
        if (send_all(r->fd, s->msg, fill_fragments(r, &x, s)) == -1)
            return -1;
    return 0;
}

/* ---- sending */

static void sent(struct tee_receiver *r, unsigned n)
{
    for (; n; n--)
        tee_receiver_sent(r, 1, r->waiting[r->done++]->len);
}

static bool refused(struct tee_receiver *r, int error)
{
    switch (tee_send_verdict(error)) {
    case TEE_AGAIN:
        return true;
    case TEE_WAIT:
        return false;
    case TEE_TOO_BIG:
        if (send_fragments(r, r->waiting[r->done]) == 0) {
            sent(r, 1);
            return true;
        }
        error = errno;
        break;
    case TEE_NEVER:
        break;
    }
    tee_send_failed(r, error);
    return true;
}

static bool raw_send(struct tee_receiver *r)
{
    struct tee_scratch *s = r->out->scratch;
    while (r->done < r->n) {
        unsigned n = fill(r, s);
        if (n == 0) {
            drop_family(r);
            continue;
        }
        int rc = sendmmsg(r->fd, s->msg, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (rc > 0)
            sent(r, (unsigned)rc);
        else if (!refused(r, errno))
            return false;
    }
    return true;
}

const struct tee_way tee_way_raw = {
    .name = "transparent UDP", .open = raw_open, .send = raw_send, .close = raw_close
};
