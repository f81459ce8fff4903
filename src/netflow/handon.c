/* SPDX-License-Identifier: BSD-2-Clause */
/* Templates for another collector. */
#include "netflow/handon.h"
#include "base/cursor.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include "base/craft.h"
#include "base/sock.h"

enum { MESSAGE_MAX = 65507, V9_HEADER = 20, IPFIX_HEADER = 16 };

struct handon {
    const struct log *log;
    pthread_mutex_t lock; /* of all below, once it is open: several workers may hand on */
    int fd;
    char name[300];
    struct addr to;
    uint16_t port;
    uint64_t sent, failed, other_family;
    struct log_limit limit, family_limit;
    uint8_t message[MESSAGE_MAX];
    size_t len;
};

struct handon *handon_open(const char *receiver, const struct log *l, struct err *e)
{
    struct handon *h = calloc(1, sizeof(*h));
    char host[256];
    int on = 1;
    if (!h) {
        err_sys(e, "no memory for templates");
        return NULL;
    }
    h->log = l;
    pthread_mutex_init(&h->lock, NULL);
    h->fd = -1;
    snprintf(h->name, sizeof(h->name), "%s", receiver);
    if (sock_split(receiver, host, sizeof(host), &h->port, e) == -1)
        goto fail;
    struct sock_peer peer = { .host = host, .port = h->port };
    int probe = sock_udp_connect(&peer, &h->to, NULL, e); /* looks the name up, and whether there is a way */
    if (probe == -1)
        goto fail;
    close(probe);
    h->fd =
        socket(addr_is_v4(&h->to) ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
    if (h->fd == -1) {
        err_sys(e, "nfacctd_templates_receiver needs root or CAP_NET_RAW: cannot open a raw socket");
        goto fail;
    }
    if (addr_is_v4(&h->to))
        setsockopt(h->fd, IPPROTO_IP, IP_HDRINCL, &on, sizeof(on));
    return h;
fail:
    handon_close(h);
    return NULL;
}

void handon_close(struct handon *h)
{
    if (!h)
        return;
    if (h->fd != -1)
        close(h->fd);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

/* The header, and behind it the template sets. */
static void collect(struct handon *h, const struct datagram *d, uint8_t version, unsigned n)
{
    const size_t head = version == 9 ? V9_HEADER : IPFIX_HEADER;
    const uint16_t first = version == 9 ? 0 : 2, last = first + 1;
    struct cursor c = cursor_of(d->p, d->len);
    memcpy(h->message, cursor_take(&c, head), head);
    h->len = head;
    while (cursor_left(&c) >= 4) {
        const uint8_t *start = c.p;
        const uint16_t id = cursor_u16(&c), len = cursor_u16(&c);
        cursor_skip(&c, len < 4 ? SIZE_MAX : len - 4u);
        if (c.bad || h->len + len > sizeof(h->message))
            break;
        if (id < first || id > last)
            continue;
        memcpy(h->message + h->len, start, len);
        h->len += len;
    }
    put_be16(h->message + 2, version == 9 ? n : h->len);
}

static int send_message(struct handon *h, const struct datagram *d)
{
    uint8_t head[CRAFT_MAX];
    struct sockaddr_storage to;
    struct craft craft = { .from = d->from,
                           .to = h->to,
                           .from_port = d->port,
                           .to_port = h->port,
                           .len = (uint32_t)h->len,
                           .payload_sum = craft_sum(h->message, h->len) };
    struct iovec iov[] = { { head, craft_headers(&craft, head) }, { h->message, h->len } };
    struct msghdr m = { .msg_name = &to,
                        .msg_namelen = addr_to_sockaddr(&h->to, 0, false, &to),
                        .msg_iov = iov,
                        .msg_iovlen = 2 };
    return sendmsg(h->fd, &m, MSG_NOSIGNAL) == -1 ? -1 : 0;
}

static void hand_on(struct handon *h, const struct datagram *d, uint8_t version, unsigned n)
{
    char from[ADDR_TEXT];
    if (addr_is_v4(&d->from) != addr_is_v4(&h->to)) {
        h->other_family++;
        log_limited(h->log, &h->family_limit, LOG_LV_ERROR,
                    "templates of %s cannot be handed on to %s, which is of another address family",
                    addr_str(&d->from, from), h->name);
        return;
    }
    collect(h, d, version, n);
    if (send_message(h, d) == 0) {
        h->sent++;
        return;
    }
    h->failed++;
    log_limited(h->log, &h->limit, LOG_LV_ERROR, "templates of %s cannot be handed on to %s: %s",
                addr_str(&d->from, from), h->name, strerror(errno));
}

void handon_message(struct handon *h, const struct datagram *d, uint8_t version, unsigned n)
{
    pthread_mutex_lock(&h->lock); /* templates are seldom */
    hand_on(h, d, version, n);
    pthread_mutex_unlock(&h->lock);
}

void handon_stats(const struct handon *h, const char *where)
{
    log_notice(h->log,
               "stats [%s] templates_receiver=%s datagrams=%" PRIu64 " lost_error=%" PRIu64
               " lost_other_family=%" PRIu64,
               where, h->name, h->sent, h->failed, h->other_family);
}
