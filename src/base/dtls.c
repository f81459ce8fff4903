/* SPDX-License-Identifier: BSD-2-Clause */
/* DTLS for servers: one socket, a session for each address and port that has shown its certificate. Nothing
 * is kept of who has not sent back a cookie (RFC 6347 §4.2.1); a ClientHello from the address of a session
 * begins a second one, which takes the place of the first when its handshake is over (§4.2.8). Called by the
 * inputs and services that listen. */
#include "base/tls_impl.h"

#include <errno.h>
#include <gnutls/dtls.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/cursor.h"
#include "base/hash.h"

enum {
    BATCH = 32, /* datagrams a system call */
    ROUNDS = 8,
    STOP_BATCHES = 256,
    DATAGRAM_MAX = (16 << 10) + 512, /* a record and what it costs: longer ones are no DTLS */
    RECORD_MAX = (16 << 10) + 64,
    SLOTS = 4096,
    TICK_MS = 250,
    RESEND_MS = 1000,
    COOKIE_US = 60000000, /* a cookie is good for one to two of these */
    MTU = 1200,           /* of what we send: handshakes */
    CONTENT_FIRST = 20,   /* change_cipher_spec */
    CONTENT_LAST = 23,    /* application data */
    RECORD_HEADER = 13,
    CONTENT_HANDSHAKE = 22,
    CLIENT_HELLO = 1,
};

struct peer {
    struct dtls *d;
    gnutls_session_t s;
    struct tls_keys *keys;
    struct addr addr;
    uint16_t port;
    bool done;         /* the handshake is */
    int64_t until_us;  /* end of its time, monotonic */
    const uint8_t *in; /* the datagram in hand, or NULL */
    size_t in_len;
    struct sockaddr_storage ss;
    socklen_t ss_len;
    struct peer *chain;
    struct peer *newer, *older; /* of its list: handshakes, or sessions by when they sent last */
};

struct list {
    struct peer *newest, *oldest;
    unsigned n;
};

struct dtls {
    struct tls_conf c;
    struct tls_report report;
    struct tls_keys *keys;
    int fd;
    uv_loop_t *loop; /* NULL: not started */
    uv_poll_t poll;
    uv_timer_t tick;
    uv_prepare_t turn;
    unsigned handles, steps;
    bool stopped, freed;
    struct list half, sessions;
    struct peer *slot[SLOTS];
    gnutls_datum_t cookie[2]; /* keys: this one, the one before */
    int64_t cookie_us;        /* when the next comes */
    uint32_t drops;
    struct log_limit say_drops, say_error;
    struct mmsghdr msg[BATCH];
    struct iovec iov[BATCH];
    struct sockaddr_storage from[BATCH];
    uint8_t *memory;
    uint8_t record[RECORD_MAX];
};

/* ---- peers */

static struct peer **slot_of(struct dtls *d, const struct addr *a, uint16_t port)
{
    return &d->slot[(hash_bytes(a->b, sizeof(a->b)) + port * 40503u) % SLOTS];
}

static struct peer *find(struct dtls *d, const struct addr *a, uint16_t port, bool done)
{
    struct peer *p = *slot_of(d, a, port);
    while (p && (p->done != done || p->port != port || !addr_equal(&p->addr, a)))
        p = p->chain;
    return p;
}

static void list_add(struct list *l, struct peer *p)
{
    p->newer = NULL;
    p->older = l->newest;
    *(l->newest ? &l->newest->newer : &l->oldest) = p;
    l->newest = p;
    l->n++;
}

static void list_remove(struct list *l, struct peer *p)
{
    *(p->newer ? &p->newer->older : &l->newest) = p->older;
    *(p->older ? &p->older->newer : &l->oldest) = p->newer;
    l->n--;
}

static struct list *list_of(struct peer *p) { return p->done ? &p->d->sessions : &p->d->half; }

static void forget(struct peer *p)
{
    struct peer **at = slot_of(p->d, &p->addr, p->port);
    while (*at != p)
        at = &(*at)->chain;
    *at = p->chain;
    list_remove(list_of(p), p);
    gnutls_deinit(p->s);
    tls_keys_put(p->keys);
    free(p);
}

static void refuse(struct peer *p, enum tls_why why, int code)
{
    tls_refuse(&p->d->report, why, code, p->s, &p->addr, p->port);
    if (why != TLS_LATE && why != TLS_PUSHED)
        gnutls_alert_send_appropriate(p->s, code);
    forget(p);
}

/* ---- what GnuTLS reads and writes */

static ssize_t pull(gnutls_transport_ptr_t arg, void *to, size_t room)
{
    struct peer *p = arg;
    if (!p->in) {
        gnutls_transport_set_errno(p->s, EAGAIN);
        return -1;
    }
    const size_t n = p->in_len < room ? p->in_len : room;
    memcpy(to, p->in, n);
    p->in = NULL;
    return (ssize_t)n;
}

static int pull_timeout(gnutls_transport_ptr_t arg, unsigned ms)
{
    const struct peer *p = arg;
    (void)ms;
    return p->in != NULL;
}

/* What does not get out is lost, as any datagram may be: handshakes repeat it. */
static void put(const struct dtls *d, const struct sockaddr_storage *to, socklen_t len, const void *octets,
                size_t n)
{
    (void)!sendto(d->fd, octets, n, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)to, len);
}

static ssize_t push(gnutls_transport_ptr_t arg, const void *octets, size_t n)
{
    const struct peer *p = arg;
    put(p->d, &p->ss, p->ss_len, octets, n);
    return (ssize_t)n;
}

/* ---- handshakes */

/* Who would be refused for want of room: see tls.c. */
static void make_room(struct dtls *d, const struct addr *from)
{
    struct peer *of_it = NULL;
    unsigned n = 0;
    if (d->half.n < TLS_HALF_OPEN)
        return;
    for (struct peer *p = d->half.newest; p; p = p->older)
        if (addr_equal(&p->addr, from)) {
            of_it = p;
            n++;
        }
    refuse(n >= TLS_HALF_OPEN_OF ? of_it : d->half.oldest, TLS_PUSHED, 0);
}

static struct peer *peer_new(struct dtls *d, const struct addr *a, uint16_t port,
                             const struct sockaddr_storage *ss, socklen_t len)
{
    struct peer *p = calloc(1, sizeof(*p));
    if (!p || !(p->s = tls_session_new(d->keys, true))) {
        free(p);
        return NULL;
    }
    p->d = d;
    p->keys = tls_keys_get(d->keys);
    p->addr = *a;
    p->port = port;
    p->ss = *ss;
    p->ss_len = len;
    p->until_us = clock_mono_us() + d->c.handshake_s * US_PER_S;
    gnutls_transport_set_ptr(p->s, p);
    gnutls_transport_set_pull_function(p->s, pull);
    gnutls_transport_set_pull_timeout_function(p->s, pull_timeout);
    gnutls_transport_set_push_function(p->s, push);
    gnutls_dtls_set_mtu(p->s, MTU);
    gnutls_dtls_set_timeouts(p->s, RESEND_MS, (unsigned)d->c.handshake_s * 1000);
    struct peer **at = slot_of(d, a, port);
    p->chain = *at;
    *at = p;
    list_add(&d->half, p);
    d->report.counts.begun++;
    return p;
}

/* The handshake is over. Another session of that address and port ends: its owner has begun anew. */
static void settle(struct peer *p)
{
    struct dtls *d = p->d;
    struct peer *before = find(d, &p->addr, p->port, true);
    if (before)
        forget(before);
    while (d->sessions.n && d->sessions.n >= d->c.sessions) {
        d->report.counts.expired++;
        gnutls_bye(d->sessions.oldest->s, GNUTLS_SHUT_WR);
        forget(d->sessions.oldest);
    }
    list_remove(&d->half, p);
    p->done = true;
    list_add(&d->sessions, p);
    tls_welcome(&d->report, p->s, &p->addr, p->port);
}

/* False: the peer is gone. */
static bool step(struct peer *p)
{
    int code = GNUTLS_E_AGAIN;
    if (!p->d->steps)
        return true; /* it will send again */
    p->d->steps--;
    do
        code = gnutls_handshake(p->s);
    while (code < 0 && !gnutls_error_is_fatal(code) && p->in);
    if (code == GNUTLS_E_SUCCESS) {
        settle(p);
        return true;
    }
    if (!gnutls_error_is_fatal(code))
        return true;
    refuse(p, code == GNUTLS_E_TIMEDOUT ? TLS_LATE : tls_why_of(code), code);
    return false;
}

/* ---- cookies */

static bool is_hello(const uint8_t *p, size_t n)
{
    return n > RECORD_HEADER && p[0] == CONTENT_HANDSHAKE && p[1] == 0xfe && p[3] == 0 && p[4] == 0 &&
           p[RECORD_HEADER] == CLIENT_HELLO;
}

struct client {
    struct addr addr;
    uint16_t port;
};

/* Has the ClientHello a cookie of ours? */
static bool proven(struct dtls *d, struct client *who, uint8_t *p, size_t n, gnutls_dtls_prestate_st *pre)
{
    for (unsigned i = 0; i < 2; i++) {
        memset(pre, 0, sizeof(*pre));
        if (d->cookie[i].data && gnutls_dtls_cookie_verify(&d->cookie[i], who, sizeof(*who), p, n, pre) == 0)
            return true;
    }
    return false;
}

static ssize_t push_cookie(gnutls_transport_ptr_t arg, const void *octets, size_t n)
{
    return push(arg, octets, n);
}

static void renew_cookie(struct dtls *d, int64_t now)
{
    if (now < d->cookie_us)
        return;
    d->cookie_us = now + COOKIE_US;
    gnutls_free(d->cookie[1].data);
    d->cookie[1] = d->cookie[0];
    d->cookie[0] = (gnutls_datum_t){ 0 };
    gnutls_key_generate(&d->cookie[0], GNUTLS_COOKIE_KEY_SIZE);
}

/* A ClientHello: of a peer that begins. */
static void hello(struct dtls *d, const struct addr *a, uint16_t port, unsigned i)
{
    struct client who;
    gnutls_dtls_prestate_st pre;
    uint8_t *octets = d->iov[i].iov_base;
    const size_t n = d->msg[i].msg_len;
    memset(&who, 0, sizeof(who)); /* padding too: it goes into the cookie */
    who.addr = *a;
    who.port = port;
    if (!proven(d, &who, octets, n, &pre)) {
        struct peer to = { .d = d, .ss = d->from[i], .ss_len = d->msg[i].msg_hdr.msg_namelen };
        d->report.counts.cookies++;
        gnutls_dtls_cookie_send(&d->cookie[0], &who, sizeof(who), &pre, &to, push_cookie);
        return;
    }
    if (!d->steps)
        return; /* it will send again */
    make_room(d, a);
    struct peer *p = peer_new(d, a, port, &d->from[i], d->msg[i].msg_hdr.msg_namelen);
    if (!p)
        return;
    gnutls_dtls_prestate_set(p->s, &pre);
    p->in = octets;
    p->in_len = n;
    if (step(p))
        p->in = NULL;
}

/* ---- sessions */

/* A datagram of a session. False: there was no record of it in there. */
static bool take(struct peer *p, const uint8_t *octets, size_t n)
{
    struct dtls *d = p->d;
    ssize_t len;
    bool some = false;
    p->in = octets;
    p->in_len = n;
    while ((len = gnutls_record_recv(p->s, d->record, sizeof(d->record))) > 0 ||
           (len < 0 && !gnutls_error_is_fatal((int)len) && len != GNUTLS_E_AGAIN)) {
        if (len < 0)
            continue;
        some = true;
        d->report.counts.records++;
        d->report.counts.octets += (uint64_t)len;
        d->c.datagram(d->c.arg, &p->addr, p->port, d->record, (size_t)len);
    }
    p->in = NULL;
    if (len == 0) { /* close_notify */
        forget(p);
        return true;
    }
    if (len != GNUTLS_E_AGAIN) {
        refuse(p, TLS_FAULT, (int)len);
        return true;
    }
    if (some && d->sessions.newest != p) {
        list_remove(&d->sessions, p);
        list_add(&d->sessions, p);
    }
    return some;
}

/* GnuTLS waits for the rest of a record in the next datagram, which would be taken for it: what is no list of
 * whole records (RFC 6347 §4.1) does not get there, whatever address it bears. */
static bool well_formed(const uint8_t *octets, size_t n)
{
    struct cursor c = cursor_of(octets, n);
    while (cursor_left(&c) && !c.bad) {
        const uint8_t type = cursor_u8(&c), major = cursor_u8(&c);
        cursor_skip(&c, 9); /* minor version, epoch, number */
        const uint16_t len = cursor_u16(&c);
        if (type < CONTENT_FIRST || type > CONTENT_LAST || major != 0xfe)
            return false;
        cursor_skip(&c, len);
    }
    return n && !c.bad;
}

static void datagram(struct dtls *d, unsigned i)
{
    struct addr a;
    uint16_t port;
    const uint8_t *octets = d->iov[i].iov_base;
    const size_t n = d->msg[i].msg_len;
    addr_from_sockaddr((struct sockaddr *)&d->from[i], &a, &port);
    if (d->c.may && !d->c.may(d->c.arg, &a))
        return;
    if (!well_formed(octets, n)) {
        d->report.counts.malformed++;
        return;
    }
    struct peer *p = find(d, &a, port, true), *half = find(d, &a, port, false);
    const bool first = is_hello(octets, n);
    if (p && !first && take(p, octets, n))
        return;
    if (half) {
        half->in = octets;
        half->in_len = n;
        if (step(half))
            half->in = NULL;
    } else if (first)
        hello(d, &a, port, i);
    else if (!p)
        d->report.counts.unasked++;
}

/* ---- the socket */

static void prepare_batch(struct dtls *d)
{
    for (unsigned i = 0; i < BATCH; i++) {
        d->iov[i] =
            (struct iovec){ .iov_base = d->memory + (size_t)i * DATAGRAM_MAX, .iov_len = DATAGRAM_MAX };
        d->msg[i].msg_hdr =
            (struct msghdr){ .msg_name = &d->from[i], .msg_iov = &d->iov[i], .msg_iovlen = 1 };
    }
}

/* One system call. Returns how many datagrams were there. */
static int read_batch(struct dtls *d)
{
    for (unsigned i = 0; i < BATCH; i++)
        d->msg[i].msg_hdr.msg_namelen = sizeof(d->from[i]);
    const int n = recvmmsg(d->fd, d->msg, BATCH, MSG_DONTWAIT, NULL);
    if (n == -1) {
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
            log_limited(d->c.log, &d->say_error, LOG_LV_ERROR, "cannot receive %s over DTLS: %s", d->c.what,
                        strerror(errno));
        return 0;
    }
    for (int i = 0; i < n; i++)
        if (!(d->msg[i].msg_hdr.msg_flags & MSG_TRUNC))
            datagram(d, (unsigned)i);
        else
            d->report.counts.malformed++;
    return n;
}

static void on_readable(uv_poll_t *h, int status, int events)
{
    struct dtls *d = h->data;
    (void)status;
    (void)events;
    for (unsigned i = 0; i < ROUNDS; i++) {
        const int n = read_batch(d);
        if (d->c.room && !d->c.room(d->c.arg)) {
            uv_poll_stop(h);
            return;
        }
        if (n < BATCH)
            return;
    }
}

static void on_turn(uv_prepare_t *h)
{
    struct dtls *d = h->data;
    d->steps = TLS_STEPS;
}

static void look_at_drops(struct dtls *d)
{
    struct sock_mem m;
    if (sock_mem(d->fd, &m) == -1 || m.drops == d->drops)
        return;
    log_limited(d->c.log, &d->say_drops, LOG_LV_WARN,
                "the kernel dropped %" PRIu32 " datagrams of %s over DTLS (%" PRIu32
                " since the start): more come than are taken",
                m.drops - d->drops, d->c.what, m.drops);
    d->drops = m.drops;
}

static void on_tick(uv_timer_t *h)
{
    struct dtls *d = h->data;
    const int64_t now = clock_mono_us();
    renew_cookie(d, now);
    while (d->half.oldest && d->half.oldest->until_us <= now)
        refuse(d->half.oldest, TLS_LATE, 0);
    for (struct peer *p = d->half.oldest, *next; p; p = next) {
        next = p->newer;
        if (gnutls_dtls_get_timeout(p->s) == 0)
            step(p); /* sends its flight again */
    }
    look_at_drops(d);
}

/* ---- life */

struct dtls *dtls_open(const struct tls_conf *c, struct err *e)
{
    struct dtls *d = calloc(1, sizeof(*d));
    if (d)
        d->memory = malloc((size_t)BATCH * DATAGRAM_MAX);
    if (!d || !d->memory) {
        free(d);
        err_sys(e, "no memory for DTLS");
        return NULL;
    }
    d->c = *c;
    d->report = (struct tls_report){ .c = &d->c, .protocol = "DTLS" };
    d->steps = TLS_STEPS;
    d->fd = -1;
    prepare_batch(d);
    renew_cookie(d, clock_mono_us());
    d->keys = tls_keys_load(c->path, e);
    if (d->keys && (d->fd = sock_udp_listen(&c->sock, NULL, e)) != -1)
        return d;
    dtls_free(d);
    return NULL;
}

int dtls_start(struct dtls *d, uv_loop_t *loop, struct err *e)
{
    if (uv_poll_init(loop, &d->poll, d->fd) != 0 || uv_timer_init(loop, &d->tick) != 0 ||
        uv_prepare_init(loop, &d->turn) != 0)
        return err_set(e, ERR_SYS, "cannot watch the DTLS port");
    d->loop = loop;
    d->handles = 3;
    d->poll.data = d->tick.data = d->turn.data = d;
    uv_poll_start(&d->poll, UV_READABLE, on_readable);
    uv_timer_start(&d->tick, on_tick, TICK_MS, TICK_MS);
    uv_prepare_start(&d->turn, on_turn);
    return 0;
}

void dtls_resume(struct dtls *d)
{
    if (d->loop && !d->stopped)
        uv_poll_start(&d->poll, UV_READABLE, on_readable);
}

void dtls_recheck(struct dtls *d)
{
    struct list *lists[] = { &d->half, &d->sessions };
    for (unsigned i = 0; i < 2; i++)
        for (struct peer *p = lists[i]->oldest, *next; p && d->c.may; p = next) {
            next = p->newer;
            if (!d->c.may(d->c.arg, &p->addr))
                forget(p);
        }
}

void dtls_reload(struct dtls *d) { tls_keys_reload(&d->keys, &d->c, d->report.protocol); }

void dtls_stats(const struct dtls *d)
{
    const struct tls_counts *n = &d->report.counts;
    struct sock_mem m = { 0 };
    sock_mem(d->fd, &m);
    tls_report_stats(&d->report, d->sessions.n, d->half.n);
    log_notice(d->c.log,
               "stats [%s] DTLS records=%" PRIu64 " octets=%" PRIu64 " cookies=%" PRIu64 " unasked=%" PRIu64
               " malformed=%" PRIu64 " expired=%" PRIu64 " dropped_by_kernel=%" PRIu32,
               d->c.where, n->records, n->octets, n->cookies, n->unasked, n->malformed, n->expired, m.drops);
}

struct tls_counts dtls_counts(const struct dtls *d)
{
    struct tls_counts n = d->report.counts;
    struct sock_mem m = { 0 };
    sock_mem(d->fd, &m);
    n.kernel_drops = m.drops;
    n.sessions = d->sessions.n;
    n.half_open = d->half.n;
    n.datagrams = true;
    return n;
}

static void on_closed(uv_handle_t *h)
{
    struct dtls *d = h->data;
    if (--d->handles == 0 && d->freed)
        free(d);
}

void dtls_stop(struct dtls *d)
{
    if (!d || d->stopped)
        return;
    for (unsigned i = 0; d->loop && i < STOP_BATCHES && read_batch(d) == BATCH; i++)
        if (d->c.room && !d->c.room(d->c.arg))
            break;
    d->stopped = true;
    while (d->half.oldest)
        forget(d->half.oldest);
    while (d->sessions.oldest) {
        gnutls_bye(d->sessions.oldest->s, GNUTLS_SHUT_WR);
        forget(d->sessions.oldest);
    }
    if (!d->loop)
        return;
    uv_close((uv_handle_t *)&d->poll, on_closed);
    uv_close((uv_handle_t *)&d->tick, on_closed);
    uv_close((uv_handle_t *)&d->turn, on_closed);
}

void dtls_free(struct dtls *d)
{
    if (!d)
        return;
    dtls_stop(d);
    if (d->fd != -1)
        close(d->fd);
    tls_keys_put(d->keys);
    gnutls_free(d->cookie[0].data);
    gnutls_free(d->cookie[1].data);
    free(d->memory);
    d->fd = -1;
    d->freed = true;
    if (!d->handles)
        free(d);
}
