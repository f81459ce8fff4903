/* SPDX-License-Identifier: BSD-2-Clause */
/* A session's socket, timers and states. Reads are large and parsed where they lie; a message that is not
 * whole waits in memory of its own. Called by service.c. */
#include "bgp/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "bgp/openlog.h"

enum {
    OPEN_MS = 60000,      /* for the peer to say OPEN */
    CONFIRM_HOLD_S = 240, /* RFC 4271 §8.2.2: until the hold time is known, and where there is none */
    OUT_MAX = 64 << 10,   /* octets that a peer may leave unread */
    SHARE = 4 << 20,      /* octets that all sessions together read in one turn of the loop, about */
    READ_LEAST = 16 << 10,
    DRAIN_MAX = 1 << 20,
};

static uint64_t now_ms(const struct bgp_session *s) { return uv_now(s->io->loop); }

/* ---- the end */

static void on_closed(uv_handle_t *h)
{
    struct bgp_session *s = h->data;
    if (--s->handles)
        return;
    free(s->rest);
    free(s->out);
    s->rest = s->out = NULL;
    s->io->ops->gone(s);
}

/* What was not read would make the kernel reset the connection, and our last words would be lost. */
static void drain(const struct bgp_session *s)
{
    size_t sum = 0;
    ssize_t n;
    shutdown(s->fd, SHUT_WR);
    while (sum < DRAIN_MAX && (n = recv(s->fd, s->io->buf, BGP_READ, MSG_DONTWAIT)) > 0)
        sum += (size_t)n;
}

static void session_end(struct bgp_session *s, enum bgp_end end)
{
    if (s->state == BGP_CLOSED)
        return;
    s->state = BGP_CLOSED;
    uv_poll_stop(&s->poll);
    uv_timer_stop(&s->timer);
    uv_close((uv_handle_t *)&s->poll, on_closed);
    uv_close((uv_handle_t *)&s->timer, on_closed);
    if (end == BGP_END_FAULT || end == BGP_END_STOP)
        drain(s);
    close(s->fd);
    s->fd = -1;
    s->io->ops->closed(s, end);
}

/* ---- writing */

static void watch(struct bgp_session *s);

static bool keep_out(struct bgp_session *s, const uint8_t *p, size_t n)
{
    if (s->out_len + n > OUT_MAX)
        return false;
    uint8_t *out = realloc(s->out, s->out_len + n);
    if (!out)
        return false;
    memcpy(out + s->out_len, p, n);
    s->out = out;
    s->out_len += (uint32_t)n;
    return true;
}

/* A peer that does not read is lost. */
static bool put(struct bgp_session *s, const uint8_t *p, size_t n)
{
    ssize_t sent = s->out_len ? 0 : send(s->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    s->sent_ms = now_ms(s);
    if (sent == (ssize_t)n)
        return true;
    if (sent == -1 && errno != EAGAIN && errno != EINTR)
        return false;
    sent = sent > 0 ? sent : 0;
    if (!keep_out(s, p + sent, n - (size_t)sent))
        return false;
    s->writing = true;
    watch(s);
    return true;
}

static void put_rest(struct bgp_session *s)
{
    const ssize_t n = send(s->fd, s->out, s->out_len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n == -1) {
        if (errno != EAGAIN && errno != EINTR)
            session_end(s, BGP_END_LOST);
        return;
    }
    s->out_len -= (uint32_t)n;
    memmove(s->out, s->out + n, s->out_len);
    s->writing = s->out_len > 0;
    watch(s);
}

static void send_keepalive(struct bgp_session *s)
{
    uint8_t msg[BGP_HEADER];
    if (put(s, msg, bgp_keepalive_write(msg)))
        s->counts.keepalives_out++;
    else
        session_end(s, BGP_END_LOST);
}

static void notify(struct bgp_session *s, const struct bgp_error *e)
{
    uint8_t msg[BGP_MAX];
    const size_t n = bgp_notification_write(msg, sizeof(msg), e);
    (void)put(s, msg, n);
}

/* A fault that the session does not survive. */
static void fault(struct bgp_session *s, const struct bgp_error *e)
{
    log_warn(s->io->log, "[%s] closing the session: %s, %s: %s", s->name, bgp_code_name(e->code),
             bgp_subcode_name(e->code, e->subcode), e->what ? e->what : "");
    notify(s, e);
    session_end(s, BGP_END_FAULT);
}

static void fault_of(struct bgp_session *s, uint8_t code, uint8_t subcode, const char *what)
{
    struct bgp_error e = { 0 };
    bgp_fault(&e, BGP_RESET, code, subcode, what);
    fault(s, &e);
}

void bgp_session_cease(struct bgp_session *s, uint8_t subcode, const char *text)
{
    uint8_t data[256];
    struct bgp_error e = { .action = BGP_RESET, .code = BGP_ERR_CEASE, .subcode = subcode, .what = "" };
    if (s->state == BGP_CLOSED)
        return;
    if (text) {
        const size_t n = strlen(text) < 255 ? strlen(text) : 255;
        data[0] = (uint8_t)n;
        memcpy(data + 1, text, n);
        e.data = data;
        e.data_len = (uint16_t)(n + 1);
    }
    notify(s, &e);
    session_end(s, BGP_END_STOP);
}

bool bgp_session_refresh(struct bgp_session *s, uint16_t afi, uint8_t safi)
{
    uint8_t msg[BGP_REFRESH_LEN];
    if (s->state != BGP_ESTABLISHED || !s->caps.refresh)
        return false;
    return put(s, msg, bgp_refresh_write(msg, afi, safi, 0));
}

/* ---- timers */

static uint64_t hold_ms(const struct bgp_session *s)
{
    if (s->state == BGP_OPEN_WAIT)
        return OPEN_MS;
    if (s->state == BGP_CONFIRM && !s->hold_s)
        return CONFIRM_HOLD_S * 1000;
    return s->hold_s * UINT64_C(1000);
}

/* Silence counts only when we listened. */
static bool has_unread(const struct bgp_session *s)
{
    int n = 0;
    return s->paused || (ioctl(s->fd, FIONREAD, &n) == 0 && n > 0);
}

static void on_timer(uv_timer_t *t);

/* Until the next thing is due. */
static void set_timer(struct bgp_session *s)
{
    const uint64_t hold = hold_ms(s), now = now_ms(s);
    uint64_t due = hold ? s->heard_ms + hold : now + OPEN_MS;
    if (s->hold_s && s->state != BGP_OPEN_WAIT && s->sent_ms + hold / 3 < due)
        due = s->sent_ms + hold / 3;
    uv_timer_start(&s->timer, on_timer, due > now ? due - now : 1, 0);
}

static void on_timer(uv_timer_t *t)
{
    struct bgp_session *s = t->data;
    const uint64_t hold = hold_ms(s), now = now_ms(s);
    if (hold && now >= s->heard_ms + hold) {
        if (!has_unread(s)) {
            fault_of(s, BGP_ERR_HOLD_TIMER, 0,
                     s->state == BGP_OPEN_WAIT ? "no OPEN came" : "the peer was silent for the hold time");
            return;
        }
        s->heard_ms = now;
    }
    if (s->hold_s && s->state != BGP_OPEN_WAIT && now >= s->sent_ms + hold / 3)
        send_keepalive(s);
    if (s->state != BGP_CLOSED)
        set_timer(s);
}

/* ---- messages */

static void take_caps(struct bgp_session *s, const struct bgp_open *ours, const struct bgp_open *theirs)
{
    bgp_negotiate(ours, theirs, &s->caps);
    s->caps.external = ours->as != theirs->as;
    s->hold_s = ours->hold_s < theirs->hold_s ? ours->hold_s : theirs->hold_s;
    s->restart = theirs->restart;
    s->restart_s = theirs->restart_s;
}

static void on_open(struct bgp_session *s, const uint8_t *msg, size_t len)
{
    struct bgp_open theirs, ours;
    struct bgp_error e = { 0 };
    uint8_t answer[BGP_MAX];
    if (bgp_open_parse(msg, len, &theirs, NULL, NULL, &e) == -1) {
        fault(s, &e);
        return;
    }
    memcpy(s->id, theirs.id, sizeof(s->id));
    s->as = theirs.as;
    snprintf(s->name, sizeof(s->name), "%u.%u.%u.%u", s->id[0], s->id[1], s->id[2], s->id[3]);
    bgp_openlog(s->io->log, s->name, msg, len);
    bgp_open_answer(&theirs, &ours);
    if (s->io->ops->open(s, &theirs, &ours, &e) == -1) {
        fault(s, &e);
        return;
    }
    take_caps(s, &ours, &theirs);
    const size_t n = bgp_open_write(answer, sizeof(answer), &ours);
    s->state = BGP_CONFIRM;
    if (!n || !put(s, answer, n)) {
        session_end(s, BGP_END_LOST);
        return;
    }
    send_keepalive(s);
    if (s->state != BGP_CLOSED)
        set_timer(s);
}

static void on_update(struct bgp_session *s, const uint8_t *msg, size_t len)
{
    struct bgp_error e = { 0 };
    s->counts.updates++;
    if (s->io->ops->update(s, msg, len, &e) == -1) {
        fault(s, &e);
        return;
    }
    if (e.action == BGP_NO_FAULT)
        return;
    s->counts.discarded += e.action == BGP_DISCARD;
    s->counts.treated_as_withdraw += e.action == BGP_WITHDRAW;
    log_limited(s->io->log, &s->say_fault, LOG_LV_WARN, "[%s] UPDATE with a fault: %s: %s; %s", s->name,
                e.what ? e.what : "", e.attr ? "attribute" : "routes",
                e.action == BGP_DISCARD ? "what is wrong is left out" : "its routes are taken as withdrawn");
}

static void on_notification(struct bgp_session *s, const uint8_t *msg, size_t len)
{
    struct bgp_notification n;
    struct bgp_error e = { 0 };
    struct strbuf text;
    if (bgp_notification_parse(msg, len, &n, &e) == 0) {
        strbuf_init(&text, 2048);
        bgp_notification_text(&text, &n);
        log_info(s->io->log, "[%s] BGP_NOTIFICATION received (%u, %u): %s", s->name, n.code, n.subcode,
                 strbuf_cstr(&text));
        strbuf_free(&text);
    }
    session_end(s, BGP_END_NOTIFIED);
}

static void establish(struct bgp_session *s)
{
    s->state = BGP_ESTABLISHED;
    s->io->ops->established(s);
}

/* A peer that begins with routes right behind its OPEN is taken as one that has said KEEPALIVE. */
static void on_message(struct bgp_session *s, const uint8_t *msg, size_t len)
{
    const enum bgp_type type = bgp_type(msg);
    if (s->state == BGP_OPEN_WAIT && type != BGP_OPEN && type != BGP_NOTIFICATION) {
        fault_of(s, BGP_ERR_FSM, 1, "a message before OPEN");
        return;
    }
    if (s->state == BGP_CONFIRM && (type == BGP_KEEPALIVE || type == BGP_UPDATE))
        establish(s);
    if (s->state == BGP_CLOSED)
        return;
    switch (type) {
    case BGP_OPEN:
        if (s->state == BGP_OPEN_WAIT)
            on_open(s, msg, len);
        else
            fault_of(s, BGP_ERR_FSM, s->state == BGP_CONFIRM ? 2 : 3, "a second OPEN");
        return;
    case BGP_UPDATE:
        on_update(s, msg, len);
        return;
    case BGP_NOTIFICATION:
        on_notification(s, msg, len);
        return;
    case BGP_KEEPALIVE:
        s->counts.keepalives_in++;
        return;
    case BGP_ROUTE_REFRESH:
        s->counts.refreshes++;
        return;
    case BGP_CAPABILITY:
        s->counts.other_in++;
        return;
    }
}

/* ---- reading */

static bool save_rest(struct bgp_session *s, const uint8_t *p, size_t n)
{
    if (n > s->rest_size) {
        uint8_t *more = realloc(s->rest, n);
        if (!more)
            return false;
        s->rest = more;
        s->rest_size = (uint32_t)n;
    }
    if (n)
        memcpy(s->rest, p, n);
    s->rest_len = (uint32_t)n;
    return true;
}

/* Takes the messages among these octets. */
static void take(struct bgp_session *s, const uint8_t *p, size_t n)
{
    while (n) {
        struct bgp_error e = { 0 };
        const int len = bgp_frame(p, n, s->caps.ext_message, &e);
        if (len == -1) {
            fault(s, &e);
            return;
        }
        if (len == 0 || (size_t)len > n)
            break;
        on_message(s, p, (size_t)len);
        if (s->state == BGP_CLOSED)
            return;
        p += len;
        n -= (size_t)len;
    }
    if (!save_rest(s, p, n)) {
        log_error(s->io->log, "[%s] no memory for a message", s->name);
        session_end(s, BGP_END_LOST);
    }
}

/* When many peers send at once each gets a share of the turn, so that no timer waits for all of their tables.
 */
static size_t read_size(struct bgp_io *io)
{
    const uint64_t now = uv_now(io->loop);
    if (now != io->busy_at_ms) {
        io->busy_at_ms = now;
        io->busy_before = io->busy;
        io->busy = 0;
    }
    io->busy++;
    const unsigned n = io->busy > io->busy_before ? io->busy : io->busy_before;
    const size_t share = SHARE / n;
    return share > BGP_READ ? BGP_READ : share < READ_LEAST ? READ_LEAST : share;
}

static void on_broken(struct bgp_session *s, int error)
{
    log_info(s->io->log, "[%s] BGP connection reset by peer (%d).", s->name, error);
    session_end(s, BGP_END_LOST);
}

static void read_some(struct bgp_session *s)
{
    struct bgp_io *io = s->io;
    if (!io->ops->room(s)) {
        s->paused = true;
        watch(s);
        return;
    }
    if (s->rest_len)
        memcpy(io->buf, s->rest, s->rest_len);
    const ssize_t n = recv(s->fd, io->buf + s->rest_len, read_size(io), MSG_DONTWAIT);
    if (n == -1 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        on_broken(s, n == 0 ? 0 : errno);
        return;
    }
    s->heard_ms = now_ms(s);
    s->counts.octets_in += (uint64_t)n;
    take(s, io->buf, s->rest_len + (size_t)n);
    if (s->state != BGP_CLOSED)
        io->ops->batch(s);
}

static void on_poll(uv_poll_t *p, int status, int events)
{
    struct bgp_session *s = p->data;
    if (status < 0) {
        on_broken(s, -status);
        return;
    }
    if (events & UV_WRITABLE && s->out_len)
        put_rest(s);
    if (events & UV_READABLE && s->state != BGP_CLOSED)
        read_some(s);
}

static void watch(struct bgp_session *s)
{
    const int events = (s->paused ? 0 : UV_READABLE) | (s->writing ? UV_WRITABLE : 0);
    if (events)
        uv_poll_start(&s->poll, events, on_poll);
    else
        uv_poll_stop(&s->poll);
}

void bgp_session_resume(struct bgp_session *s)
{
    if (!s->paused || s->state == BGP_CLOSED)
        return;
    s->paused = false;
    s->heard_ms = now_ms(s);
    watch(s);
}

int bgp_session_begin(struct bgp_session *s, struct bgp_io *io, int fd, const struct addr *addr,
                      uint16_t port)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    s->io = io;
    if (uv_poll_init(io->loop, &s->poll, fd) != 0)
        return -1;
    uv_timer_init(io->loop, &s->timer);
    s->handles = 2;
    s->poll.data = s->timer.data = s;
    s->fd = fd;
    s->addr = *addr;
    s->port = port;
    if (getsockname(fd, (struct sockaddr *)&ss, &len) == 0)
        addr_from_sockaddr((struct sockaddr *)&ss, &s->local, &s->local_port);
    addr_str(addr, s->name);
    s->began_ms = s->heard_ms = s->sent_ms = now_ms(s);
    watch(s);
    set_timer(s);
    return 0;
}
