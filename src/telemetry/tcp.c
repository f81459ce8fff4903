/* SPDX-License-Identifier: BSD-2-Clause */
/* Telemetry over TCP. What comes is taken out of one large buffer that all sessions share; only the beginning
 * of a message whose rest has not come is kept with its session. While the log has no room nothing is read,
 * so that nothing is lost: the senders' windows fill. */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/accept_rest.h"
#include "base/clock.h"
#include "base/sock.h"
#include "base/tls.h"
#include "core/tlsfigures.h"
#include "telemetry/telemetry.h"

enum {
    READ_MAX = 256 << 10,  /* octets a read */
    ROUNDS = 4,            /* reads of one session in a row */
    ACCEPTS = 64,          /* sessions taken in a row */
    KEEP_SMALL = 64 << 10, /* a buffer that is empty and larger than this is given back */
    STEP = 64 << 10,
    PENDING_MAX = 512 << 20, /* octets of unfinished messages, of all sessions */
    PORT_DEFAULT = 1620,
};

struct session {
    struct tele_peer *peer;
    struct tele_input *in;
    int fd;
    struct tls_stream *tls; /* NULL: none */
    uv_poll_t poll;
    bool polling;
    struct framing framing;
    uint8_t *pending; /* the beginning of a message */
    size_t have, cap;
    struct session *next, **link;
};

struct tcp_state {
    int fd;
    struct tls *tls; /* telemetry_daemon_tls, or NULL */
    char where[80];
    uv_poll_t poll;
    struct accept_rest rest;
    uint8_t *buffer;
    size_t pending; /* capacity of all sessions' own */
    struct session *sessions;
    struct log_limit say_accept;
    bool paused; /* sessions do not read */
};

/* ---- sessions */

static void on_closed(uv_handle_t *h)
{
    struct session *s = h->data;
    close(s->fd);
    free(s);
}

static void set_cap(struct tcp_state *st, struct session *s, uint8_t *p, size_t cap)
{
    st->pending += cap - s->cap;
    s->pending = p;
    s->cap = cap;
}

static void end_session(struct session *s, const char *why)
{
    struct telemetry *t = s->in->t;
    if (s->have)
        tele_fault(t, s->peer, TELE_FAULT_CUT);
    log_info(t->log, "[%s] %s", s->peer->name, why);
    tls_stream_free(s->tls);
    tele_peer_free(t, s->peer);
    framing_end(&s->framing);
    free(s->pending);
    set_cap(s->in->state, s, NULL, 0);
    if (s->next)
        s->next->link = s->link;
    *s->link = s->next;
    uv_close((uv_handle_t *)&s->poll, on_closed);
}

/* Room for n octets in all. */
static int reserve(struct session *s, size_t n)
{
    struct tcp_state *st = s->in->state;
    size_t cap = s->cap ? s->cap : STEP;
    if (n <= s->cap)
        return 0;
    while (cap < n)
        cap *= 2;
    if (st->pending - s->cap + cap > PENDING_MAX)
        return -1;
    uint8_t *p = realloc(s->pending, cap);
    if (!p)
        return -1;
    set_cap(st, s, p, cap);
    return 0;
}

/* Keeps what follows the whole messages; `p` may lie in the session's own buffer. */
static int keep_rest(struct session *s, const uint8_t *p, size_t n)
{
    if (n && p != s->pending) {
        if (reserve(s, n) == -1)
            return -1;
        memmove(s->pending, p, n);
    }
    s->have = n;
    if (!n && s->cap > KEEP_SMALL) {
        free(s->pending);
        set_cap(s->in->state, s, NULL, 0);
    }
    return 0;
}

/* n octets more have come, behind the s->have that are kept, all at p. False: the session has ended. */
static bool take(struct session *s, const uint8_t *p, size_t n)
{
    struct telemetry *t = s->in->t;
    size_t want;
    bool broken;
    const size_t done = tele_take_all(t, s->peer, &s->framing, p, n, &want, &broken);
    if (broken) {
        s->have = 0;
        end_session(s, "session closed: what came makes no sense.");
        return false;
    }
    /* What a header promises is not believed: room grows with what has come. */
    const size_t next = 2 * (n - done) + STEP;
    if (keep_rest(s, p + done, n - done) == 0 && (!s->have || reserve(s, want < next ? want : next) == 0))
        return true;
    tele_fault(t, s->peer, TELE_FAULT_MEMORY);
    s->have = 0;
    end_session(s, "session closed: too many unfinished messages.");
    return false;
}

/* One read. Returns octets, 0: nothing there, -1: the session has ended. */
static ssize_t read_once(struct session *s)
{
    struct tcp_state *st = s->in->state;
    uint8_t *to = st->buffer;
    size_t room = READ_MAX;
    if (s->have) { /* behind what is kept */
        if (reserve(s, s->have + 1) == -1) {
            tele_fault(s->in->t, s->peer, TELE_FAULT_MEMORY);
            end_session(s, "session closed: too many unfinished messages.");
            return -1;
        }
        to = s->pending + s->have;
        room = s->cap - s->have;
    }
    const ssize_t n = tls_or_recv(s->tls, s->fd, to, room);
    if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return 0;
    if (n <= 0) {
        char why[128];
        snprintf(why, sizeof(why), "connection reset by peer (%d).", n == 0 ? 0 : errno);
        end_session(s, why);
        return -1;
    }
    tele_received(s->in->t, s->peer, (size_t)n);
    if (!take(s, s->have ? s->pending : st->buffer, s->have + (size_t)n))
        return -1;
    return (size_t)n == room ? n : 0;
}

static void on_session(uv_poll_t *h, int status, int events);

static void watch(struct session *s, bool on)
{
    if (on && !s->polling) {
        uv_poll_start(&s->poll, UV_READABLE, on_session);
        tls_again(s->tls);
    } else if (!on && s->polling)
        uv_poll_stop(&s->poll);
    s->polling = on;
}

static void pause_all(struct tele_input *in)
{
    struct tcp_state *st = in->state;
    if (st->paused)
        return;
    st->paused = true;
    for (struct session *s = st->sessions; s; s = s->next)
        watch(s, false);
}

static void read_session(void *arg)
{
    struct session *s = arg;
    struct telemetry *t = s->in->t;
    tele_now(t);
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (!tele_room(t)) {
            pause_all(s->in);
            return;
        }
        if (read_once(s) <= 0)
            return;
    }
}

static void on_session(uv_poll_t *h, int status, int events)
{
    (void)events;
    if (status < 0)
        end_session(h->data, "session lost.");
    else
        read_session(h->data);
}

static void tcp_resume(struct tele_input *in)
{
    struct tcp_state *st = in->state;
    st->paused = false;
    for (struct session *s = st->sessions; s; s = s->next)
        watch(s, true);
}

/* ---- the listener */

static void begin_session(struct tele_input *in, struct tls_stream *tls, int fd, const struct addr *a,
                          uint16_t port)
{
    struct tcp_state *st = in->state;
    struct tele_peer *p = tele_peer_new(in->t, a, port);
    struct session *s = p ? calloc(1, sizeof(*s)) : NULL;
    if (!s || uv_poll_init(in->t->s->loop, &s->poll, fd) != 0) {
        if (p)
            tele_peer_free(in->t, p);
        tls_stream_free(tls);
        free(s);
        close(fd);
        return;
    }
    s->peer = p;
    s->in = in;
    s->fd = fd;
    s->tls = tls;
    s->poll.data = s;
    s->framing.unpacked = &in->t->unpacked;
    s->next = st->sessions;
    s->link = &st->sessions;
    if (s->next)
        s->next->link = &s->next;
    st->sessions = s;
    watch(s, !st->paused);
    if (tls)
        tls_on_readable(tls, read_session, s);
}

static void on_secured(void *arg, struct tls_stream *tls, int fd, const struct addr *from, uint16_t port)
{
    begin_session(arg, tls, fd, from, port);
}

static void on_connection(struct tele_input *in, int fd, const struct sockaddr *sa)
{
    const struct tcp_state *st = in->state;
    struct addr a;
    uint16_t port;
    addr_from_sockaddr(sa, &a, &port);
    if (!tele_may(in->t, &a))
        close(fd);
    else if (st->tls)
        tls_accept(st->tls, fd, &a, port);
    else
        begin_session(in, NULL, fd, &a, port);
}

static void on_listener(uv_poll_t *h, int status, int events)
{
    struct tele_input *in = h->data;
    struct tcp_state *st = in->state;
    (void)status;
    (void)events;
    for (unsigned i = 0; i < ACCEPTS; i++) {
        struct sockaddr_storage ss;
        socklen_t len = sizeof(ss);
        const int fd = accept4(st->fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd != -1) {
            on_connection(in, fd, (struct sockaddr *)&ss);
            continue;
        }
        if (accept_rest_failed(&st->rest, errno))
            log_limited(in->t->log, &st->say_accept, LOG_LV_ERROR, "cannot take a telemetry session: %s",
                        strerror(errno));
        return;
    }
}

/* ---- what the service calls */

static bool tcp_wanted(const struct telemetry_keys *k)
{
    return k->port_tcp ||
           (!k->port_udp && !k->notif_port && !k->grpc_port && !k->zmq_address && !k->kafka_in.topic);
}

static int open_tls(struct tele_input *in, int port, struct err *e)
{
    struct tcp_state *st = in->state;
    const struct config *c = in->t->c;
    if (!in->t->k->tls)
        return 0;
    snprintf(st->where, sizeof(st->where), "%s:%d", in->t->k->ip ? in->t->k->ip : "::", port);
    st->tls = tls_open(&(struct tls_conf){ .what = "telemetry",
                                           .where = st->where,
                                           .path = c->tls_path,
                                           .handshake_s = c->tls_handshake_s,
                                           .log = in->t->log,
                                           .accepted = on_secured,
                                           .arg = in },
                       e);
    return st->tls ? 0 : -1;
}

static int tcp_open(struct tele_input *in, struct err *e)
{
    struct tcp_state *st = in->state;
    const struct telemetry_keys *k = in->t->k;
    const int port = k->port_tcp ? k->port_tcp : PORT_DEFAULT;
    const struct sock_tcp want = { .ip = k->ip,
                                   .port = (uint16_t)port,
                                   .interface = k->interface,
                                   .v6_only = k->ipv6_only,
                                   .rcvbuf = (size_t)k->pipe_size,
                                   .tos = k->ipprec << 5 };
    st->fd = -1;
    st->buffer = malloc(READ_MAX);
    if (!st->buffer)
        return err_sys(e, "no memory for telemetry");
    if (open_tls(in, port, e) == -1)
        return -1;
    st->fd = sock_tcp_listen(&want, e);
    if (st->fd == -1)
        return -1;
    log_info(in->t->log, "waiting for telemetry data%s on interface=%s ip=%s port=%d/tcp",
             st->tls ? " over TLS" : "", k->interface ? k->interface : "all", k->ip ? k->ip : "::", port);
    return 0;
}

static int tcp_start(struct tele_input *in, struct err *e)
{
    struct tcp_state *st = in->state;
    if (uv_poll_init(in->t->s->loop, &st->poll, st->fd) != 0)
        return err_set(e, ERR_SYS, "cannot watch the telemetry port");
    st->poll.data = in;
    accept_rest_init(&st->rest, in->t->s->loop, &st->poll, on_listener);
    uv_poll_start(&st->poll, UV_READABLE, on_listener);
    return st->tls ? tls_start(st->tls, in->t->s->loop, e) : 0;
}

static void tcp_recheck(struct tele_input *in)
{
    struct tcp_state *st = in->state;
    for (struct session *s = st->sessions, *next; s; s = next) {
        next = s->next;
        if (in->t->allow && !allow_match(in->t->allow, &s->peer->addr))
            end_session(s, "session closed: not in telemetry_daemon_allow_file any more.");
    }
}

/* What has come already is taken, as far as there is room for it. */
static void tcp_stop(struct tele_input *in)
{
    struct tcp_state *st = in->state;
    uv_close((uv_handle_t *)&st->poll, NULL);
    accept_rest_close(&st->rest);
    for (struct session *s = st->sessions, *next; s; s = next) {
        ssize_t n = 1;
        next = s->next;
        for (unsigned i = 0; i < ROUNDS && n > 0 && tele_room(in->t); i++)
            n = read_once(s);
        if (n != -1)
            end_session(s, "session closed: the daemon ends.");
    }
    tls_stop(st->tls);
}

static void tcp_reload(struct tele_input *in)
{
    const struct tcp_state *st = in->state;
    if (st->tls)
        tls_reload(st->tls);
}

static void tcp_stats(struct tele_input *in)
{
    const struct tcp_state *st = in->state;
    if (st->tls)
        tls_stats(st->tls);
}

static void tcp_figures(const struct tele_input *in, struct figures *f)
{
    const struct tcp_state *st = in->state;
    if (!st->tls)
        return;
    const struct tls_counts n = tls_counts(st->tls);
    tls_figures(&n, "TLS", st->where, f);
}

static void tcp_close(struct tele_input *in)
{
    struct tcp_state *st = in->state;
    if (st->fd != -1)
        close(st->fd);
    tls_free(st->tls);
    free(st->buffer);
}

const struct tele_input_ops tele_tcp = {
    .name = "TCP",
    .state_size = sizeof(struct tcp_state),
    .wanted = tcp_wanted,
    .open = tcp_open,
    .start = tcp_start,
    .resume = tcp_resume,
    .recheck = tcp_recheck,
    .reload = tcp_reload,
    .stats = tcp_stats,
    .figures = tcp_figures,
    .stop = tcp_stop,
    .close = tcp_close,
};
