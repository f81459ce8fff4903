/* SPDX-License-Identifier: BSD-2-Clause */
/* A queue of datagrams in front of a connected UDP socket, emptied at a bounded pace. */
#include "plugins/export_udp.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/sock.h"

/* The pace: 100,000 flows a second, and 20 ms until a default buffer is full that nobody reads. The urgent
 * one holds while more than half of the queue is used and we must not wait. A socket that takes nothing for
 * STUCK_US while the queue is full loses a datagram. */
enum {
    QUEUE = 4096, /* datagrams */
    DATAGRAM_MAX = 1500,
    BATCH = 16,  /* datagrams a system call, and, where it is not urgent, the most that leave at once */
    RATE = 4000, /* datagrams a second */
    RATE_URGENT = 40000,
    TURN_MS = 2,
    WAIT_NS = 500 * 1000,
    RETRY_US = 5 * 1000000, /* between two attempts to reach a receiver */
    STUCK_US = 5 * 1000000,
    RESOLVE_US = 60 * 1000000,     /* a receiver's name is looked up again after this */
    RESOLVE_SOON_US = 1 * 1000000, /* or this, when nobody listens there */
};

struct datagram {
    struct sums sums;
    uint32_t len;
    uint8_t p[DATAGRAM_MAX];
};

struct export_udp {
    struct export_udp_conf c;
    int fd;              /* -1: the receiver cannot be reached yet */
    int64_t retry_at_us; /* monotonic */
    char host[256], where[300];
    uint16_t port;
    bool is_name;          /* host may come to mean another address */
    struct addr to;        /* what it meant last */
    int64_t resolve_at_us; /* monotonic */
    uv_timer_t timer;
    uv_getaddrinfo_t lookup;
    bool looking, closed; /* lookup is under way; the timer has been closed */
    uint32_t head, tail;  /* free-running; head - tail datagrams wait */
    double tokens;        /* datagrams that may leave */
    int64_t tokens_at_us;
    int64_t moved_at_us; /* monotonic: when the queue last became shorter */
    struct export_udp_stats stats;
    struct log_limit limit;
    struct datagram queue[QUEUE];
};

static uint32_t queued(const struct export_udp *x) { return x->head - x->tail; }
static struct datagram *at(struct export_udp *x, uint32_t n) { return &x->queue[n % QUEUE]; }

static bool is_urgent(const struct export_udp *x) { return !x->c.patient && queued(x) > QUEUE / 2; }

static double rate_of(const struct export_udp *x) { return is_urgent(x) ? RATE_URGENT : RATE; }

static uint32_t may_send(struct export_udp *x)
{
    int64_t now = clock_mono_us();
    x->tokens += (double)(now - x->tokens_at_us) * rate_of(x) / 1e6;
    x->tokens_at_us = now;
    const double most = is_urgent(x) ? RATE_URGENT * TURN_MS / 1000 : BATCH;
    if (x->tokens > most)
        x->tokens = most;
    return (uint32_t)x->tokens;
}

static int send_batch(struct export_udp *x, uint32_t n)
{
    struct mmsghdr msg[BATCH];
    struct iovec iov[BATCH];
    for (uint32_t i = 0; i < n; i++) {
        struct datagram *d = at(x, x->tail + i);
        iov[i] = (struct iovec){ .iov_base = d->p, .iov_len = d->len };
        msg[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &iov[i], .msg_iovlen = 1 } };
    }
    return sendmmsg(x->fd, msg, n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void gone(struct export_udp *x, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++, x->tail++) {
        struct datagram *d = at(x, x->tail);
        x->stats.datagrams++;
        x->stats.octets += d->len;
        x->c.sent(x->c.arg, &d->sums);
    }
    x->tokens -= n;
    x->moved_at_us = x->tokens_at_us;
}

static void lose_one(struct export_udp *x, int why)
{
    struct datagram *d = at(x, x->tail++);
    x->stats.refused++;
    sums_add(&x->stats.lost, &d->sums);
    x->moved_at_us = x->tokens_at_us;
    log_limited(x->c.log, &x->limit, LOG_LV_WARN,
                "Unable to export flows to %s: %s (%" PRIu64 " packets of flows lost so far)", x->where,
                strerror(why), x->stats.lost.packets);
}

/* ECONNREFUSED answers an earlier datagram: this one has not been tried yet. */
static bool is_old_news(int error) { return error == ECONNREFUSED; }
static bool is_wait(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS || error == EINTR;
}

/* host: x->host, or an address that it means. */
static int connect_to(struct export_udp *x, const char *host, struct err *e)
{
    char text[ADDR_TEXT];
    uint16_t port;
    struct sock_peer peer = { .host = host,
                              .port = x->port,
                              .source = x->c.source,
                              .tos = x->c.precedence << 5,
                              .ttl = x->c.hoplimit,
                              .sndbuf = x->c.sndbuf };
    int64_t now = clock_mono_us();
    x->retry_at_us = now + RETRY_US;
    x->resolve_at_us = now + RESOLVE_US;
    int fd = sock_udp_connect(&peer, &x->to, &port, e);
    if (fd == -1)
        return -1;
    if (x->fd != -1)
        close(x->fd);
    x->fd = fd;
    snprintf(x->where, sizeof(x->where), "[%s]:%u", addr_str(&x->to, text), port);
    return 0;
}

/* ---- names that come to mean another address */

static bool is_among(const struct addr *a, const struct addrinfo *list)
{
    struct addr b;
    uint16_t port;
    for (; list; list = list->ai_next) {
        addr_from_sockaddr(list->ai_addr, &b, &port);
        if (addr_equal(a, &b))
            return true;
    }
    return false;
}

static void end_when_idle(struct export_udp *x)
{
    if (x->closed && !x->looking)
        free(x);
}

static void on_looked_up(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
    struct export_udp *x = req->data;
    struct err e;
    struct addr first;
    uint16_t port;
    char text[ADDR_TEXT];
    x->looking = false;
    if (status == 0 && !uv_is_closing((uv_handle_t *)&x->timer) && list && !is_among(&x->to, list)) {
        addr_from_sockaddr(list->ai_addr, &first, &port);
        if (connect_to(x, addr_str(&first, text), &e) == 0)
            log_info(x->c.log, "'%s' has another address now. Exporting flows to %s", x->host, x->where);
        else
            log_limited(x->c.log, &x->limit, LOG_LV_WARN, "%s", e.text);
    }
    uv_freeaddrinfo(list);
    end_when_idle(x);
}

/* In another thread: a slow name server must not hold up the export. */
static void look_up(struct export_udp *x)
{
    struct addr source;
    int family = AF_UNSPEC;
    if (!x->is_name || x->looking || x->fd == -1 || clock_mono_us() < x->resolve_at_us)
        return;
    if (x->c.source && addr_parse(x->c.source, &source) == 0)
        family = addr_is_v4(&source) ? AF_INET : AF_INET6;
    struct addrinfo hints = { .ai_family = family, .ai_socktype = SOCK_DGRAM };
    x->resolve_at_us = clock_mono_us() + RESOLVE_US;
    x->lookup.data = x;
    x->looking = uv_getaddrinfo(x->c.loop, &x->lookup, on_looked_up, x->host, NULL, &hints) == 0;
}

/* Perhaps it listens at another address by now. */
static void look_up_soon(struct export_udp *x)
{
    int64_t soon = clock_mono_us() + RESOLVE_SOON_US;
    if (x->resolve_at_us > soon)
        x->resolve_at_us = soon;
}

/* ---- sending */

/* Is there a socket to send on? Looks again from time to time while there is none. */
static bool connected(struct export_udp *x)
{
    struct err e;
    if (x->fd != -1)
        return true;
    if (clock_mono_us() < x->retry_at_us || connect_to(x, x->host, &e) == -1)
        return false;
    log_info(x->c.log, "Exporting flows to %s", x->where);
    return true;
}

/* What the pace allows. Where nobody listens each datagram is answered at once, and ends
 * the system call after it. */
static void send_some(struct export_udp *x)
{
    look_up(x);
    uint32_t n = connected(x) ? may_send(x) : 0;
    if (n > queued(x))
        n = queued(x);
    while (n) {
        const uint32_t some = n < BATCH ? n : BATCH;
        int rc = send_batch(x, some);
        if (rc == -1 && is_old_news(errno)) {
            x->stats.unheard++;
            look_up_soon(x);
            log_limited(x->c.log, &x->limit, LOG_LV_WARN,
                        "Unable to export flows to %s: nobody listens there", x->where);
            rc = send_batch(x, some);
        }
        if (rc == -1 && is_wait(errno))
            return;
        if (rc > 0)
            gone(x, (uint32_t)rc);
        else
            lose_one(x, errno);
        n -= rc > 0 ? (uint32_t)rc : 1;
    }
}

/* Until a whole batch may leave; a socket that is full says so sooner. */
static void wait_a_little(const struct export_udp *x)
{
    double need = BATCH - x->tokens, ns = need > 0 ? need * 1e9 / rate_of(x) : 0;
    nanosleep(&(struct timespec){ .tv_nsec = ns > WAIT_NS ? (long)ns : (long)WAIT_NS }, NULL);
}

static void on_timer(uv_timer_t *t)
{
    struct export_udp *x = t->data;
    send_some(x);
    if (queued(x) == 0)
        uv_timer_stop(t);
}

/* Sends until fewer than `left` datagrams wait. */
static void send_until(struct export_udp *x, uint32_t left)
{
    x->moved_at_us = clock_mono_us();
    while (queued(x) > left) {
        send_some(x);
        if (queued(x) <= left)
            break;
        if (x->fd == -1) {
            lose_one(x, ENETUNREACH);
            continue;
        }
        wait_a_little(x);
        if (clock_mono_us() - x->moved_at_us > STUCK_US)
            lose_one(x, EAGAIN);
    }
}

void export_udp_put(struct export_udp *x, const uint8_t *p, uint32_t len, const struct sums *s)
{
    if (queued(x) == QUEUE)
        send_until(x, QUEUE - BATCH);
    struct datagram *d = at(x, x->head++);
    d->sums = *s;
    d->len = len < DATAGRAM_MAX ? len : DATAGRAM_MAX;
    memcpy(d->p, p, d->len);
    if (queued(x) >= BATCH && x->head % BATCH == 0)
        send_some(x);
    if (queued(x) && !uv_is_active((const uv_handle_t *)&x->timer))
        uv_timer_start(&x->timer, on_timer, TURN_MS, TURN_MS);
}

bool export_udp_has_room(const struct export_udp *x) { return queued(x) < QUEUE / 2; }

void export_udp_drain(struct export_udp *x) { send_until(x, 0); }

void export_udp_stats(const struct export_udp *x, struct export_udp_stats *out)
{
    *out = x->stats;
    out->queued = queued(x);
}

bool export_udp_local(const struct export_udp *x, struct addr *out)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    uint16_t port;
    if (x->fd == -1 || getsockname(x->fd, (struct sockaddr *)&ss, &len) == -1)
        return false;
    addr_from_sockaddr((struct sockaddr *)&ss, out, &port);
    return true;
}

const char *export_udp_where(const struct export_udp *x) { return x->where; }

struct export_udp *export_udp_open(const struct export_udp_conf *c, struct err *e)
{
    struct export_udp *x = malloc(sizeof(*x)); /* pages of the queue exist when they are used */
    if (!x) {
        err_sys(e, "no memory for exports");
        return NULL;
    }
    memset(x, 0, offsetof(struct export_udp, queue));
    x->c = *c;
    x->tokens_at_us = clock_mono_us();
    x->fd = -1;
    x->port = c->port;
    if (sock_split(c->receiver, x->host, sizeof(x->host), &x->port, e) == -1) {
        free(x);
        return NULL;
    }
    struct addr literal;
    x->is_name = addr_parse(x->host, &literal) == -1;
    snprintf(x->where, sizeof(x->where), "[%s]:%u", x->host, x->port);
    if (connect_to(x, x->host, e) == -1) {
        if (e->code != ERR_SYS) { /* a receiver that cannot be */
            free(x);
            return NULL;
        }
        log_warn(c->log, "%s: trying again every %d s", e->text, RETRY_US / 1000000);
    }
    uv_timer_init(c->loop, &x->timer);
    x->timer.data = x;
    return x;
}

static void on_closed(uv_handle_t *h)
{
    struct export_udp *x = h->data;
    x->closed = true;
    end_when_idle(x);
}

void export_udp_close(struct export_udp *x)
{
    if (!x)
        return;
    if (x->fd != -1)
        close(x->fd);
    if (x->looking)
        uv_cancel((uv_req_t *)&x->lookup);
    uv_close((uv_handle_t *)&x->timer, on_closed);
}

void export_udp_figures(const struct export_udp *x, struct figures *f)
{
    struct export_udp_stats st;
    export_udp_stats(x, &st);
    const struct {
        const char *what;
        uint64_t n;
    } columns[] = { { "datagrams", st.datagrams },       { "bytes", st.octets },
                    { "refused_datagrams", st.refused }, { "unheard", st.unheard },
                    { "lost_records", st.lost.records }, { "lost_packets", st.lost.packets } };
    for (unsigned i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
        figures_put_of(f, FIG_EXPORT, "what", columns[i].what, columns[i].n);
    figures_put(f, FIG_EXPORT_QUEUED, st.queued);
}
