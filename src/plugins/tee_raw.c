/* SPDX-License-Identifier: BSD-2-Clause */
/* Transparent receivers: datagrams leave with the address and port of the exporter as source, through a
 * socket that has them (tee_bound.h), or through one raw socket a family, which was opened before privileges
 * were given up. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "base/hash.h"
#include "base/sock.h"
#include "plugins/tee_bound.h"
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
    r->gso_most = UINT16_MAX;
    tee_bound_free(r);
    /* Raw sockets of IPv6 take no port. */
    r->to_len = addr_to_sockaddr(&r->at, 0, false, &r->to);
    return 0;
}

/* The socket is everybody's. */
static void raw_close(struct tee_receiver *r)
{
    tee_bound_free(r);
    r->fd = -1;
}

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

static unsigned fill(struct tee_receiver *r, unsigned end)
{
    struct tee_scratch *s = r->out->scratch;
    unsigned n = 0;
    for (unsigned at = r->done; at < end; at++, n++) {
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

/* ---- sources */

static bool same_source(const struct datagram_record *a, const struct datagram_record *b)
{
    return a->port == b->port && !memcmp(&a->from, &b->from, sizeof(a->from));
}

/* Where the sequence of one source ends that begins at `from`. */
static unsigned end_of_source(const struct tee_receiver *r, unsigned from)
{
    unsigned end = from + 1;
    while (end < r->n && same_source(r->waiting[from], r->waiting[end]))
        end++;
    return end;
}

/* Where those end, from the one that ends at `end`, that have to leave through the raw socket. */
static unsigned end_of_raw(struct tee_receiver *r, unsigned end)
{
    while (end < r->n && fits(r, r->waiting[end]) && tee_bound_get(r, r->waiting[end]) == -1)
        end = end_of_source(r, end);
    return end;
}

struct grouping {
    uint16_t table[2 * TEE_BATCH]; /* group + 1, by hash of the source */
    uint16_t group[TEE_BATCH];     /* of each that waits */
    uint16_t first[TEE_BATCH];     /* of each group: the first that waits */
    uint16_t n[TEE_BATCH];         /* of each group: how many; then where the next one goes */
    unsigned groups;
};

static uint16_t group_of(struct grouping *g, const struct tee_receiver *r, unsigned i)
{
    enum { SLOTS = sizeof(g->table) / sizeof(g->table[0]) };
    const struct datagram_record *d = r->waiting[i];
    unsigned slot = ((unsigned)hash_bytes(&d->from, sizeof(d->from)) + d->port) & (SLOTS - 1);
    while (g->table[slot] && !same_source(r->waiting[g->first[g->table[slot] - 1]], d))
        slot = (slot + 1) & (SLOTS - 1);
    if (!g->table[slot]) {
        g->first[g->groups] = (uint16_t)i;
        g->table[slot] = (uint16_t)++g->groups;
    }
    return (uint16_t)(g->table[slot] - 1);
}

/* Datagrams of one source follow each other, in their order: they share a system call, and perhaps a message.
 */
static void gather(struct tee_receiver *r)
{
    struct datagram_record **sorted = r->out->scratch->sorted;
    struct grouping g;
    if (end_of_source(r, 0) == r->n)
        return;
    memset(g.table, 0, sizeof(g.table));
    memset(g.n, 0, sizeof(g.n));
    g.groups = 0;
    for (unsigned i = 0; i < r->n; i++) {
        g.group[i] = group_of(&g, r, i);
        g.n[g.group[i]]++;
    }
    for (unsigned k = 0, at = 0, n; k < g.groups; k++, at += n) {
        n = g.n[k];
        g.n[k] = (uint16_t)at;
    }
    for (unsigned i = 0; i < r->n; i++)
        sorted[g.n[g.group[i]]++] = r->waiting[i];
    memcpy(r->waiting, sorted, r->n * sizeof(struct datagram_record *));
}

/* False: buffers are full. */
static bool send_bound(struct tee_receiver *r, int fd, unsigned end)
{
    r->full_fd = fd;
    while (r->done < end) {
        unsigned n = tee_join_fill(r, end, false);
        int rc = sendmmsg(fd, r->out->scratch->msg, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (rc > 0) {
            tee_join_sent(r, (unsigned)rc);
            continue;
        }
        const int error = errno;
        const enum tee_verdict why = tee_send_verdict(error);
        if (why == TEE_WAIT)
            return false;
        if (why == TEE_AGAIN) {
            r->count[TEE_REFUSALS]++;
            log_limited(r->out->log, &r->limit, LOG_LV_WARN,
                        "pool %u: %s refuses datagrams (ICMP): nobody listens there", r->pool, r->name);
            tee_bound_drop(r, r->waiting[r->done]);
            return true;
        }
        tee_join_failed(r, why, error);
    }
    return true;
}

/* Headers of our own. False: buffers are full. */
static bool send_raw(struct tee_receiver *r, unsigned end)
{
    r->full_fd = r->fd;
    while (r->done < end) {
        int rc = sendmmsg(r->fd, r->out->scratch->msg, fill(r, end), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (rc > 0)
            sent(r, (unsigned)rc);
        else if (!refused(r, errno))
            return false;
    }
    return true;
}

static bool raw_send(struct tee_receiver *r)
{
    if (r->done == 0)
        gather(r);
    while (r->done < r->n) {
        struct datagram_record *d = r->waiting[r->done];
        if (!fits(r, d)) {
            drop_family(r);
            continue;
        }
        const unsigned end = end_of_source(r, r->done);
        const int fd = tee_bound_get(r, d);
        if (!(fd == -1 ? send_raw(r, end_of_raw(r, end)) : send_bound(r, fd, end)))
            return false;
    }
    return true;
}

const struct tee_way tee_way_raw = {
    .name = "transparent UDP", .open = raw_open, .send = raw_send, .tick = tee_bound_tick, .close = raw_close
};
