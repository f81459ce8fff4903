/* SPDX-License-Identifier: BSD-2-Clause */
/* Exporters that hold a session with us: IPFIX messages in a stream (RFC 7011 §10.4), over TCP or TLS, and
 * datagrams over DTLS. Streams are taken out of one buffer that all share; only the beginning of a message
 * whose rest has not come is kept with its session. While plugins' rings are full nothing is read: exporters'
 * windows fill, and nothing is lost. Called by the daemon's loop. */
#include "netflow/input_sessions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/accept_rest.h"
#include "base/clock.h"
#include "base/cursor.h"
#include "base/sock.h"
#include "base/tls.h"
#include "core/allow.h"
#include "core/tlsfigures.h"

enum {
    IPFIX = 10,
    IPFIX_HEADER = 16,
    MESSAGE_MAX = 65535,
    READ_MAX = 256 << 10, /* octets a read */
    ROUNDS = 4,           /* reads of one session in a row */
    ACCEPTS = 64,         /* sessions taken in a row */
    NAP_MS = 1,           /* when plugins are full */
    STOP_ROUNDS = 64,
};

struct session {
    struct listener *l;
    struct tls_stream *tls; /* NULL: TCP alone */
    int fd;
    uv_poll_t poll;
    bool polling;
    struct addr addr;
    uint16_t port;
    unsigned worker;
    uint32_t id;      /* of its templates and sequence numbers */
    uint8_t *pending; /* the beginning of a message; NULL, or MESSAGE_MAX octets */
    size_t have;
    uint64_t messages, octets;
    struct session *next, **link;
};

/* One for TCP, one for TLS. */
struct listener {
    struct input *in;
    const char *protocol;
    struct tls *tls;
    int fd; /* -1: there is none */
    uv_poll_t poll;
    struct accept_rest rest;
    char where[ADDR_TEXT + 16];
    struct session *sessions;
    unsigned n;
    uint64_t accepted, not_allowed, too_many, messages, octets, broken, cut;
    struct log_limit say_broken, say_accept, say_refused;
};

struct sessions_state {
    struct listener tcp, tls;
    struct dtls *dtls;
    char dtls_where[ADDR_TEXT + 16];
    uint64_t dtls_not_allowed;
    struct log_limit say_dtls;
    struct allow *allow; /* nfacctd_allow_file, or NULL */
    uint8_t *buffer;
    uint32_t last_id;
    uv_timer_t nap;
    bool started, paused;
    bool full; /* a plugin has no room */
};

static struct sessions_state *state_of(const struct input *in) { return in->state; }

/* Runs fn(arg) in the thread of worker w: the first input has these. */
static void call_worker(struct input *in, unsigned w, void (*fn)(void *arg), void *arg)
{
    input_call(in->first ? in->first : in, w, fn, arg);
}

static const char *name_of(const struct session *s, char to[ADDR_TEXT + 16])
{
    char text[ADDR_TEXT];
    snprintf(to, ADDR_TEXT + 16, "[%s]:%u", addr_str(&s->addr, text), s->port);
    return to;
}

/* ---- the end of a session */

static void on_closed(uv_handle_t *h)
{
    struct session *s = h->data;
    free(s);
}

static void forget_templates(void *arg)
{
    const struct session *s = arg;
    const struct input *in = s->l->in;
    in->decoder->session_over(in->decoder_states[s->worker], &s->addr, s->id);
}

static void end_session(struct session *s, const char *why)
{
    struct listener *l = s->l;
    const struct input *in = l->in;
    char name[ADDR_TEXT + 16];
    if (s->have)
        l->cut++;
    log_info(in->log, "%s IPFIX session over %s closed: %s (%" PRIu64 " messages, %" PRIu64 " octets%s)",
             name_of(s, name), l->protocol, why, s->messages, s->octets,
             s->have ? ", the last one cut off" : "");
    if (s->messages && in->decoder->session_over)
        call_worker(l->in, s->worker, forget_templates, s);
    tls_stream_free(s->tls);
    uv_close((uv_handle_t *)&s->poll, on_closed);
    close(s->fd);
    free(s->pending);
    if (s->next)
        s->next->link = s->link;
    *s->link = s->next;
    l->n--;
}

/* ---- messages */

static void hand_on(struct session *s, const uint8_t *p, uint32_t len, int64_t now)
{
    const struct input *in = s->l->in;
    const struct datagram d = {
        .p = p, .len = len, .port = s->port, .from = s->addr, .at_us = now, .session = s->id
    };
    s->messages++;
    s->l->messages++;
    input_datagram(in, s->worker, &d);
}

/* Octets that have come. */
struct arrived {
    struct session *s;
    const uint8_t *p;
    size_t n;
    ssize_t done; /* octets that are done with; -1: what follows is no IPFIX */
};

/* All whole messages. */
static ssize_t take_messages(struct session *s, const uint8_t *p, size_t n, int64_t now)
{
    size_t done = 0;
    while (n - done >= 4) {
        struct cursor c = cursor_of(p + done, n - done);
        const uint16_t version = cursor_u16(&c), length = cursor_u16(&c);
        if (version != IPFIX || length < IPFIX_HEADER)
            return -1;
        if (length > n - done)
            break;
        hand_on(s, p + done, length, now);
        done += length;
    }
    return (ssize_t)done;
}

/* In the worker's thread. */
static void work(void *arg)
{
    struct arrived *a = arg;
    const struct input *in = a->s->l->in;
    const int64_t now = clock_wall_us();
    worker_set_now(in->workers[a->s->worker], now);
    a->done = take_messages(a->s, a->p, a->n, now);
    if (worker_flush(in->workers[a->s->worker]))
        state_of(in)->full = true;
}

/* Keeps what follows the whole messages; p may lie in the session's own buffer. */
static bool keep_rest(struct session *s, const uint8_t *p, size_t n)
{
    s->have = n;
    if (!n) {
        free(s->pending);
        s->pending = NULL;
        return true;
    }
    if (!s->pending && !(s->pending = malloc(MESSAGE_MAX)))
        return false;
    memmove(s->pending, p, n);
    return true;
}

/* n octets lie at p. False: the session has ended. */
static bool take(struct session *s, const uint8_t *p, size_t n)
{
    const struct input *in = s->l->in;
    struct arrived a = { .s = s, .p = p, .n = n };
    char name[ADDR_TEXT + 16];
    call_worker(s->l->in, s->worker, work, &a);
    if (a.done == -1) {
        s->l->broken++;
        s->have = 0;
        log_limited(
            in->log, &s->l->say_broken, LOG_LV_WARN,
            "%s IPFIX session over %s: what came is no IPFIX (version 10, then a length of at least 16)",
            name_of(s, name), s->l->protocol);
        end_session(s, "what came makes no sense");
        return false;
    }
    if (keep_rest(s, p + a.done, n - (size_t)a.done))
        return true;
    s->have = 0;
    end_session(s, "no memory");
    return false;
}

/* ---- reading */

/* One read. Returns octets, 0: nothing there for now, -1: the session has ended. */
static ssize_t read_once(struct session *s)
{
    uint8_t *to = s->have ? s->pending + s->have : state_of(s->l->in)->buffer;
    const size_t room = s->have ? MESSAGE_MAX - s->have : READ_MAX;
    const ssize_t n = tls_or_recv(s->tls, s->fd, to, room);
    if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return 0;
    if (n <= 0) {
        end_session(s, n == 0 ? "by the exporter" : strerror(errno));
        return -1;
    }
    s->octets += (size_t)n;
    s->l->octets += (size_t)n;
    return take(s, to - s->have, s->have + (size_t)n) ? n : -1;
}

static void on_session(uv_poll_t *h, int status, int events);

static void watch(struct session *s, bool on)
{
    if (on == s->polling)
        return;
    if (on) {
        uv_poll_start(&s->poll, UV_READABLE, on_session);
        tls_again(s->tls);
    } else
        uv_poll_stop(&s->poll);
    s->polling = on;
}

static void watch_all(struct sessions_state *st, bool on)
{
    struct listener *const both[] = { &st->tcp, &st->tls };
    st->paused = !on;
    for (unsigned i = 0; i < 2; i++)
        for (struct session *s = both[i]->sessions; s; s = s->next)
            watch(s, on);
    if (on && st->dtls)
        dtls_resume(st->dtls);
}

struct asked {
    const struct input *in;
    unsigned w;
};

static void flush(void *arg)
{
    const struct asked *a = arg;
    if (worker_flush(a->in->workers[a->w]))
        state_of(a->in)->full = true;
}

static void on_nap_over(uv_timer_t *h)
{
    struct input *in = h->data;
    struct sessions_state *st = in->state;
    struct asked a = { .in = in };
    st->full = false;
    for (; a.w < in->n_workers; a.w++)
        call_worker(in, a.w, flush, &a);
    if (st->full)
        uv_timer_start(h, on_nap_over, NAP_MS, 0);
    else
        watch_all(st, true);
}

/* False: plugins are full, nothing is read for a moment. */
static bool go_on(void *arg)
{
    struct input *in = arg;
    struct sessions_state *st = in->state;
    if (!st->full)
        return true;
    if (st->started) {
        watch_all(st, false);
        uv_timer_start(&st->nap, on_nap_over, NAP_MS, 0);
    }
    return false;
}

static void read_session(void *arg)
{
    struct session *s = arg;
    struct input *in = s->l->in;
    if (state_of(in)->paused)
        return;
    for (unsigned i = 0; i < ROUNDS && read_once(s) > 0; i++)
        if (!go_on(in))
            return;
}

static void on_session(uv_poll_t *h, int status, int events)
{
    (void)events;
    if (status < 0)
        end_session(h->data, "lost");
    else
        read_session(h->data);
}

/* ---- who comes */

static bool allowed(const struct sessions_state *st, const struct addr *a)
{
    return !st->allow || allow_match(st->allow, a);
}

/* fd is ours. */
static void begin(struct listener *l, int fd, const struct addr *from, uint16_t port, struct tls_stream *tls)
{
    struct input *in = l->in;
    struct sessions_state *st = in->state;
    struct session *s = calloc(1, sizeof(*s));
    if (!s || uv_poll_init(in->loop, &s->poll, fd) != 0) {
        tls_stream_free(tls);
        close(fd);
        free(s);
        return;
    }
    s->l = l;
    s->tls = tls;
    s->fd = fd;
    s->addr = *from;
    s->port = port;
    s->worker = input_worker_of(from, in->n_workers);
    s->id = ++st->last_id ? st->last_id : ++st->last_id; /* 0 is none */
    s->poll.data = s;
    s->next = l->sessions;
    s->link = &l->sessions;
    if (s->next)
        s->next->link = &s->next;
    l->sessions = s;
    l->n++;
    watch(s, !st->paused);
    if (tls)
        tls_on_readable(tls, read_session, s);
}

static void on_secured(void *arg, struct tls_stream *tls, int fd, const struct addr *from, uint16_t port)
{
    begin(arg, fd, from, port, tls);
}

static void take_connection(struct listener *l, int fd, const struct sockaddr *sa)
{
    const struct input *in = l->in;
    struct addr a;
    uint16_t port;
    char text[ADDR_TEXT];
    addr_from_sockaddr(sa, &a, &port);
    const bool may = allowed(in->state, &a);
    if (!may || l->n >= (unsigned)in->c->collector_max_sessions) {
        (*(may ? &l->too_many : &l->not_allowed))++;
        log_limited(in->log, &l->say_refused, may ? LOG_LV_WARN : LOG_LV_INFO,
                    "[%s]:%u IPFIX session over %s refused: %s", addr_str(&a, text), port, l->protocol,
                    may ? "nfacctd_max_sessions are there" : "not in nfacctd_allow_file");
        close(fd);
        return;
    }
    l->accepted++;
    if (l->tls)
        tls_accept(l->tls, fd, &a, port);
    else
        begin(l, fd, &a, port, NULL);
}

static void on_listener(uv_poll_t *h, int status, int events)
{
    struct listener *l = h->data;
    (void)status;
    (void)events;
    for (unsigned i = 0; i < ACCEPTS; i++) {
        struct sockaddr_storage ss;
        socklen_t len = sizeof(ss);
        const int fd = accept4(l->fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd != -1) {
            take_connection(l, fd, (struct sockaddr *)&ss);
            continue;
        }
        if (accept_rest_failed(&l->rest, errno))
            log_limited(l->in->log, &l->say_accept, LOG_LV_ERROR, "cannot take an IPFIX session: %s",
                        strerror(errno));
        return;
    }
}

/* ---- DTLS */

static bool dtls_may(void *arg, const struct addr *from)
{
    const struct input *in = arg;
    struct sessions_state *st = in->state;
    char text[ADDR_TEXT];
    if (allowed(st, from))
        return true;
    st->dtls_not_allowed++;
    log_limited(in->log, &st->say_dtls, LOG_LV_INFO,
                "[%s] IPFIX over DTLS refused: not in nfacctd_allow_file", addr_str(from, text));
    return false;
}

struct record {
    const struct input *in;
    unsigned worker;
    struct datagram d;
};

static void work_on_record(void *arg)
{
    const struct record *r = arg;
    worker_set_now(r->in->workers[r->worker], r->d.at_us);
    input_datagram(r->in, r->worker, &r->d);
    if (worker_flush(r->in->workers[r->worker]))
        state_of(r->in)->full = true;
}

static void dtls_datagram(void *arg, const struct addr *from, uint16_t port, const uint8_t *p, size_t n)
{
    struct input *in = arg;
    struct record r = { .in = in, .worker = input_worker_of(from, in->n_workers) };
    r.d = (struct datagram){
        .p = p, .len = (uint32_t)n, .port = port, .from = *from, .at_us = clock_wall_us()
    };
    call_worker(in, r.worker, work_on_record, &r);
}

/* ---- what the daemon calls */

static bool sessions_wanted(const struct config *c)
{
    return (c->collector_tcp_port || c->collector_tls_port || c->collector_dtls_port) && !c->pcap_savefile;
}

static void say_ready(const struct input *in, const char *protocol, int port, const char *kind)
{
    const struct config *c = in->c;
    log_info(in->log, "waiting for %s%s data on interface=%s ip=%s port=%d/%s", protocol, in->decoder->name,
             c->collector_interface ? c->collector_interface : "all",
             c->collector_ip ? c->collector_ip : "::", port, kind);
}

static void where_is(const struct input *in, char to[ADDR_TEXT + 16], int port)
{
    snprintf(to, ADDR_TEXT + 16, "%s:%d", in->c->collector_ip ? in->c->collector_ip : "0.0.0.0", port);
}

static struct tls_conf tls_of(const struct input *in, const char *where)
{
    return (struct tls_conf){ .what = "IPFIX",
                              .where = where,
                              .path = in->c->tls_path,
                              .handshake_s = in->c->tls_handshake_s,
                              .log = in->log };
}

static int open_listener(struct input *in, struct listener *l, const char *protocol, int port, struct err *e)
{
    const struct config *c = in->c;
    const struct sock_tcp want = { .ip = c->collector_ip,
                                   .port = (uint16_t)port,
                                   .interface = c->collector_interface,
                                   .v6_only = c->collector_ipv6_only,
                                   .rcvbuf = (size_t)c->pipe_size };
    l->in = in;
    l->protocol = protocol;
    l->fd = -1;
    if (!port)
        return 0;
    where_is(in, l->where, port);
    if (!strcmp(protocol, "TLS")) {
        struct tls_conf tc = tls_of(in, l->where);
        tc.accepted = on_secured;
        tc.arg = l;
        l->tls = tls_open(&tc, e);
        if (!l->tls)
            return -1;
    }
    l->fd = sock_tcp_listen(&want, e);
    if (l->fd == -1)
        return -1;
    say_ready(in, l->tls ? "TLS " : "", port, "tcp");
    return 0;
}

static int open_dtls(struct input *in, struct err *e)
{
    struct sessions_state *st = in->state;
    const struct config *c = in->c;
    if (!c->collector_dtls_port)
        return 0;
    where_is(in, st->dtls_where, c->collector_dtls_port);
    struct tls_conf tc = tls_of(in, st->dtls_where);
    tc.arg = in;
    tc.may = dtls_may;
    tc.datagram = dtls_datagram;
    tc.room = go_on;
    tc.sessions = (unsigned)c->collector_max_sessions;
    tc.sock = (struct sock_udp){ .ip = c->collector_ip,
                                 .port = (uint16_t)c->collector_dtls_port,
                                 .interface = c->collector_interface,
                                 .v6_only = c->collector_ipv6_only,
                                 .rcvbuf = c->pipe_size ? (size_t)c->pipe_size : (size_t)32 << 20 };
    st->dtls = dtls_open(&tc, e);
    if (!st->dtls)
        return -1;
    say_ready(in, "DTLS ", c->collector_dtls_port, "udp");
    return 0;
}

static int sessions_open(struct input *in, struct err *e)
{
    struct sessions_state *st = in->state;
    const struct config *c = in->c;
    st->tcp.fd = st->tls.fd = -1;
    if (!in->first)
        input_alone(in, "sessions are read in the daemon's own thread");
    st->buffer = malloc(READ_MAX);
    if (!st->buffer)
        return err_sys(e, "no memory for IPFIX sessions");
    if (c->collector_allow_file && !(st->allow = allow_load(c->collector_allow_file, e)))
        return -1;
    if (open_listener(in, &st->tcp, "TCP", c->collector_tcp_port, e) == -1 ||
        open_listener(in, &st->tls, "TLS", c->collector_tls_port, e) == -1)
        return -1;
    return open_dtls(in, e);
}

static int start_listener(struct input *in, struct listener *l, struct err *e)
{
    if (l->fd == -1)
        return 0;
    if (uv_poll_init(in->loop, &l->poll, l->fd) != 0)
        return err_set(e, ERR_SYS, "cannot watch the socket of %s", l->where);
    l->poll.data = l;
    accept_rest_init(&l->rest, in->loop, &l->poll, on_listener);
    uv_poll_start(&l->poll, UV_READABLE, on_listener);
    return l->tls ? tls_start(l->tls, in->loop, e) : 0;
}

static int sessions_start(struct input *in, struct err *e)
{
    struct sessions_state *st = in->state;
    if (uv_timer_init(in->loop, &st->nap) != 0)
        return err_set(e, ERR_SYS, "cannot make a timer");
    st->nap.data = in;
    st->started = true;
    if (start_listener(in, &st->tcp, e) == -1 || start_listener(in, &st->tls, e) == -1)
        return -1;
    return st->dtls ? dtls_start(st->dtls, in->loop, e) : 0;
}

/* A moment. */
static void wait_for_room(void *arg)
{
    const struct asked *a = arg;
    state_of(a->in)->full = !worker_wait_room(a->in->workers[a->w]);
}

static void stop_listener(struct listener *l)
{
    if (l->fd != -1) {
        accept_rest_stop(&l->rest);
        uv_poll_stop(&l->poll);
    }
    for (struct session *s = l->sessions, *next; s; s = next) {
        ssize_t n = 1;
        next = s->next;
        for (unsigned i = 0; i < STOP_ROUNDS && n > 0; i++) {
            struct asked a = { .in = l->in, .w = s->worker };
            n = read_once(s);
            if (n > 0 && state_of(l->in)->full)
                call_worker(l->in, s->worker, wait_for_room, &a);
        }
        if (n != -1)
            end_session(s, "the daemon ends");
    }
    tls_stop(l->tls);
}

static void sessions_stop(struct input *in)
{
    struct sessions_state *st = in->state;
    if (!st->started)
        return;
    st->started = false;
    uv_timer_stop(&st->nap);
    stop_listener(&st->tcp);
    stop_listener(&st->tls);
    st->full = false;
    dtls_stop(st->dtls);
}

static void stats_listener(const struct listener *l)
{
    if (l->fd == -1)
        return;
    log_notice(l->in->log,
               "stats [%s] %s sessions=%u accepted=%" PRIu64 " not_allowed=%" PRIu64 " too_many=%" PRIu64
               " messages=%" PRIu64 " octets=%" PRIu64 " broken=%" PRIu64 " cut=%" PRIu64,
               l->where, l->protocol, l->n, l->accepted, l->not_allowed, l->too_many, l->messages, l->octets,
               l->broken, l->cut);
    if (l->tls)
        tls_stats(l->tls);
}

static void sessions_stats(struct input *in)
{
    const struct sessions_state *st = in->state;
    if (!in->first) /* else that has done so */
        input_decoder_stats(in, st->tcp.fd != -1   ? st->tcp.where
                                : st->tls.fd != -1 ? st->tls.where
                                                   : st->dtls_where);
    stats_listener(&st->tcp);
    stats_listener(&st->tls);
    if (!st->dtls)
        return;
    dtls_stats(st->dtls);
    log_notice(in->log, "stats [%s] DTLS not_allowed=%" PRIu64, st->dtls_where, st->dtls_not_allowed);
}

static void put_refused(struct figures *f, const char *reason, uint64_t n)
{
    figures_put_of(f, FIG_INPUT_REFUSED, "reason", reason, n);
}

static void put_listener(const struct listener *l, struct figures *f)
{
    if (l->fd == -1)
        return;
    figures_label(f, "input", l->protocol);
    figures_label(f, "source", l->where);
    figures_put(f, FIG_INPUT_SESSIONS, l->n);
    figures_put(f, FIG_INPUT_RECEIVED, l->messages);
    figures_put(f, FIG_INPUT_BYTES, l->octets);
    put_refused(f, "not_allowed", l->not_allowed);
    put_refused(f, "too_many", l->too_many);
    put_refused(f, "broken", l->broken);
    put_refused(f, "cut", l->cut);
    figures_unlabel(f, 2);
    if (l->tls) {
        const struct tls_counts n = tls_counts(l->tls);
        tls_figures(&n, "TLS", l->where, f);
    }
}

static void sessions_figures(struct input *in, struct figures *f)
{
    const struct sessions_state *st = in->state;
    if (!in->first) /* else that has done so */
        input_decoder_figures(in, f);
    put_listener(&st->tcp, f);
    put_listener(&st->tls, f);
    if (!st->dtls)
        return;
    const struct tls_counts n = dtls_counts(st->dtls);
    tls_figures(&n, "DTLS", st->dtls_where, f);
    figures_label(f, "input", "DTLS");
    figures_label(f, "source", st->dtls_where);
    figures_put(f, FIG_INPUT_RECEIVED, n.records);
    figures_put(f, FIG_INPUT_BYTES, n.octets);
    put_refused(f, "not_allowed", st->dtls_not_allowed);
    figures_unlabel(f, 2);
}

/* Who is not in the new list has to go. */
static void recheck(struct input *in)
{
    struct sessions_state *st = in->state;
    struct listener *const both[] = { &st->tcp, &st->tls };
    for (unsigned i = 0; i < 2; i++)
        for (struct session *s = both[i]->sessions, *next; s; s = next) {
            next = s->next;
            if (!allowed(st, &s->addr))
                end_session(s, "not in nfacctd_allow_file any more");
        }
    if (st->dtls)
        dtls_recheck(st->dtls);
}

static void sessions_reload(struct input *in)
{
    struct sessions_state *st = in->state;
    if (st->allow) {
        allow_reload(&st->allow, in->c->collector_allow_file, in->log);
        recheck(in);
    }
    if (st->tls.tls)
        tls_reload(st->tls.tls);
    if (st->dtls)
        dtls_reload(st->dtls);
}

static void sessions_close(struct input *in)
{
    struct sessions_state *st = in->state;
    struct listener *const both[] = { &st->tcp, &st->tls };
    sessions_stop(in);
    for (unsigned i = 0; i < 2; i++) {
        tls_free(both[i]->tls);
        if (both[i]->fd > 0)
            close(both[i]->fd);
    }
    dtls_free(st->dtls);
    allow_free(st->allow);
    free(st->buffer);
}

/* ---- rules over several keys */

static int wrong(const struct config_set *set, const char *key, const char *text, struct err *e)
{
    char where[256];
    return err_set(e, ERR_CONFIG, "%s: %s %s", config_where(set, key, NULL, where, sizeof(where)), key, text);
}

int input_sessions_check(const struct config_set *set, struct err *e)
{
    const struct config *c = &set->core;
    if (c->collector_dtls_port && !c->tls_path)
        return wrong(set, "nfacctd_dtls_port", "needs dtls_path, the folder of certificates, beside it", e);
    if (c->collector_tls_port && !c->tls_path)
        return wrong(set, "nfacctd_tls_port", "needs tls_path, the folder of certificates, beside it", e);
    if (c->collector_tls_port && c->collector_tls_port == c->collector_tcp_port)
        return wrong(set, "nfacctd_tls_port", "and nfacctd_tcp_port have to be two ports", e);
    if (c->collector_dtls_port && ((!c->collector_no_udp && c->collector_dtls_port == c->collector_port) ||
                                   c->collector_dtls_port == c->templates_port))
        return wrong(set, "nfacctd_dtls_port", "has to be a port of its own, other than those of plain UDP",
                     e);
    if (c->collector_no_udp && !sessions_wanted(c))
        return wrong(set, "nfacctd_udp",
                     "is false, and no port of TCP, TLS or DTLS is given: nothing could come", e);
    return 0;
}

const struct input_ops input_sessions = {
    .name = "sessions",
    .state_size = sizeof(struct sessions_state),
    .wanted = sessions_wanted,
    .open = sessions_open,
    .start = sessions_start,
    .stop = sessions_stop,
    .stats = sessions_stats,
    .figures = sessions_figures,
    .reload = sessions_reload,
    .close = sessions_close,
};
