/* SPDX-License-Identifier: BSD-2-Clause */
/* TLS for servers over TCP: handshakes here, sessions in the hands of those that accept them. Called by the
 * inputs and services that listen. */
#include "base/tls_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"

enum {
    TICK_MS = 1000,
    WARNINGS = 16, /* records that are no data, in a row */
};

struct tls_stream {
    struct tls *t;
    gnutls_session_t s;
    struct tls_keys *keys;
    int fd; /* -1: not ours any more */
    struct addr from;
    uint16_t port;
    int64_t until_us; /* end of the handshake's time, monotonic */
    uv_poll_t poll;   /* of the handshake */
    bool poll_open, over;
    int events;
    struct tls_stream *newer, *older; /* handshakes */
    void (*readable)(void *arg);
    void *arg;
    bool more;  /* deciphered octets, or the end, are there and have not been read */
    bool waits; /* is in the list of those to be called */
    struct tls_stream *next, **link;
};

struct tls {
    struct tls_conf c;
    struct tls_report report;
    struct tls_keys *keys;
    uv_loop_t *loop; /* NULL: not started */
    uv_timer_t tick;
    uv_prepare_t turn;
    uv_idle_t calls;
    unsigned handles; /* open ones */
    bool stopped, freed;
    unsigned steps; /* of handshakes that this turn still has */
    unsigned n_half, n_sessions;
    struct tls_stream *newest, *oldest; /* handshakes */
    struct tls_stream *waiting;
};

struct tls *tls_open(const struct tls_conf *c, struct err *e)
{
    struct tls *t = calloc(1, sizeof(*t));
    if (!t) {
        err_sys(e, "no memory for TLS");
        return NULL;
    }
    t->c = *c;
    t->report = (struct tls_report){ .c = &t->c, .protocol = "TLS" };
    t->keys = tls_keys_load(c->path, e);
    if (t->keys)
        return t;
    free(t);
    return NULL;
}

/* ---- the end of a stream */

static void free_when_done(struct tls_stream *ts)
{
    if (ts->poll_open || !ts->over)
        return;
    if (ts->s)
        gnutls_deinit(ts->s);
    tls_keys_put(ts->keys);
    free(ts);
}

static void on_poll_closed(uv_handle_t *h)
{
    struct tls_stream *ts = h->data;
    ts->poll_open = false;
    free_when_done(ts);
}

/* The handshake is over, this way or that: the descriptor is not watched here any more. */
static void leave_handshakes(struct tls_stream *ts)
{
    struct tls *t = ts->t;
    *(ts->newer ? &ts->newer->older : &t->newest) = ts->older;
    *(ts->older ? &ts->older->newer : &t->oldest) = ts->newer;
    t->n_half--;
    uv_close((uv_handle_t *)&ts->poll, on_poll_closed);
}

static void refuse(struct tls_stream *ts, enum tls_why why, int code)
{
    struct tls *t = ts->t;
    tls_refuse(&t->report, why, code, ts->s, &ts->from, ts->port);
    if (why == TLS_NO_CERTIFICATE || why == TLS_BAD_CERTIFICATE || why == TLS_FAULT)
        gnutls_alert_send_appropriate(ts->s, code);
    leave_handshakes(ts);
    close(ts->fd);
    ts->over = true; /* on_poll_closed frees it */
}

/* ---- what the descriptor does not show */

static void unlink_waiting(struct tls_stream *ts)
{
    if (!ts->waits)
        return;
    ts->waits = false;
    *ts->link = ts->next;
    if (ts->next)
        ts->next->link = ts->link;
}

static void on_calls(uv_idle_t *h)
{
    struct tls *t = h->data;
    struct tls_stream *mine = t->waiting;
    t->waiting = NULL;
    if (mine)
        mine->link = &mine;
    while (mine) {
        struct tls_stream *ts = mine;
        unlink_waiting(ts);
        ts->readable(ts->arg); /* may free it, and others of the list */
    }
    if (!t->waiting)
        uv_idle_stop(h);
}

static void call_soon(struct tls_stream *ts)
{
    struct tls *t = ts->t;
    if (ts->waits || !ts->readable || t->stopped)
        return;
    ts->waits = true;
    ts->next = t->waiting;
    ts->link = &t->waiting;
    if (ts->next)
        ts->next->link = &ts->next;
    t->waiting = ts;
    uv_idle_start(&t->calls, on_calls);
}

void tls_again(struct tls_stream *ts)
{
    if (ts && ts->more)
        call_soon(ts);
}

void tls_on_readable(struct tls_stream *ts, void (*fn)(void *arg), void *arg)
{
    ts->readable = fn;
    ts->arg = arg;
    ts->more = true; /* the handshake may have read on */
    call_soon(ts);
}

/* ---- reading */

/* Room was left, since there is nothing, or nothing any more. */
static ssize_t cannot_read(struct tls_stream *ts, ssize_t code)
{
    struct tls *t = ts->t;
    if (code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED || gnutls_error_is_fatal((int)code) == 0) {
        errno = EAGAIN;
        return -1;
    }
    errno = ECONNRESET;
    if (code != GNUTLS_E_PREMATURE_TERMINATION && code != GNUTLS_E_PULL_ERROR) {
        tls_refuse(&t->report, TLS_FAULT, (int)code, ts->s, &ts->from, ts->port);
        errno = EPROTO;
    }
    return -1;
}

ssize_t tls_read(struct tls_stream *ts, void *to, size_t room)
{
    size_t got = 0;
    ssize_t n = 0;
    for (unsigned warnings = 0; got < room && warnings < WARNINGS;) {
        n = gnutls_record_recv(ts->s, (uint8_t *)to + got, room - got);
        if (n > 0)
            got += (size_t)n;
        else if (n == GNUTLS_E_WARNING_ALERT_RECEIVED)
            warnings++;
        else if (n == GNUTLS_E_REHANDSHAKE) { /* not answered: TLS 1.2 may go on without */
            warnings++;
            gnutls_alert_send(ts->s, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
        } else
            break;
    }
    if (got) {
        /* What comes behind it, its end included, is seen by the next call. */
        ts->more = n > 0 ? gnutls_record_check_pending(ts->s) > 0 : n != GNUTLS_E_AGAIN;
        tls_again(ts);
        return (ssize_t)got;
    }
    ts->more = false;
    if (n == 0)
        return 0;
    return cannot_read(ts, n);
}

ssize_t tls_or_recv(struct tls_stream *ts, int fd, void *to, size_t room)
{
    return ts ? tls_read(ts, to, room) : recv(fd, to, room, MSG_DONTWAIT);
}

void tls_stream_free(struct tls_stream *ts)
{
    if (!ts)
        return;
    unlink_waiting(ts);
    ts->t->n_sessions--;
    gnutls_bye(ts->s, GNUTLS_SHUT_WR);
    ts->over = true;
    free_when_done(ts);
}

/* ---- handshakes */

static void on_handshake(uv_poll_t *h, int status, int events);

static void wait_for(struct tls_stream *ts, int events)
{
    if (ts->events == events)
        return;
    ts->events = events;
    uv_poll_start(&ts->poll, events, on_handshake);
}

static void hand_over(struct tls_stream *ts)
{
    struct tls *t = ts->t;
    tls_welcome(&t->report, ts->s, &ts->from, ts->port);
    leave_handshakes(ts);
    t->n_sessions++;
    t->c.accepted(t->c.arg, ts, ts->fd, &ts->from, ts->port);
}

static void step(struct tls_stream *ts)
{
    int code = GNUTLS_E_AGAIN;
    for (unsigned i = 0; i < WARNINGS; i++) {
        code = gnutls_handshake(ts->s);
        if (code == GNUTLS_E_SUCCESS || code == GNUTLS_E_AGAIN || gnutls_error_is_fatal(code))
            break;
    }
    if (code == GNUTLS_E_SUCCESS)
        hand_over(ts);
    else if (gnutls_error_is_fatal(code))
        refuse(ts, tls_why_of(code), code);
    else
        wait_for(ts, gnutls_record_get_direction(ts->s) ? UV_WRITABLE : UV_READABLE);
}

static void on_handshake(uv_poll_t *h, int status, int events)
{
    struct tls_stream *ts = h->data;
    (void)events;
    if (status < 0)
        refuse(ts, TLS_FAULT, GNUTLS_E_PULL_ERROR);
    else if (ts->t->steps) { /* else the descriptor is still readable in the next turn */
        ts->t->steps--;
        step(ts);
    }
}

static void on_turn(uv_prepare_t *h)
{
    struct tls *t = h->data;
    t->steps = TLS_STEPS;
}

static void on_tick(uv_timer_t *h)
{
    struct tls *t = h->data;
    const int64_t now = clock_mono_us();
    while (t->oldest && t->oldest->until_us <= now)
        refuse(t->oldest, TLS_LATE, 0);
}

/* Too many: the oldest of the address that has far too many itself, else the oldest of all. */
static void make_room(struct tls *t, const struct addr *from)
{
    struct tls_stream *last = t->oldest, *of_it = NULL;
    unsigned n = 0;
    if (t->n_half < TLS_HALF_OPEN)
        return;
    for (struct tls_stream *ts = t->newest; ts; ts = ts->older)
        if (addr_equal(&ts->from, from)) {
            of_it = ts;
            n++;
        }
    refuse(n >= TLS_HALF_OPEN_OF ? of_it : last, TLS_PUSHED, 0);
}

static struct tls_stream *stream_new(struct tls *t, int fd)
{
    struct tls_stream *ts = calloc(1, sizeof(*ts));
    if (!ts || !(ts->s = tls_session_new(t->keys, false)))
        goto out;
    if (uv_poll_init(t->loop, &ts->poll, fd) != 0)
        goto out;
    ts->t = t;
    ts->keys = tls_keys_get(t->keys);
    ts->fd = fd;
    ts->poll.data = ts;
    ts->poll_open = true;
    gnutls_transport_set_int(ts->s, fd);
    return ts;
out:
    if (ts && ts->s)
        gnutls_deinit(ts->s);
    free(ts);
    return NULL;
}

void tls_accept(struct tls *t, int fd, const struct addr *from, uint16_t port)
{
    if (t->loop && !t->stopped)
        make_room(t, from);
    struct tls_stream *ts = t->loop && !t->stopped ? stream_new(t, fd) : NULL;
    if (!ts) {
        close(fd);
        return;
    }
    t->report.counts.begun++;
    ts->from = *from;
    ts->port = port;
    ts->until_us = clock_mono_us() + t->c.handshake_s * US_PER_S;
    ts->older = t->newest;
    *(t->newest ? &t->newest->newer : &t->oldest) = ts;
    t->newest = ts;
    t->n_half++;
    wait_for(ts, UV_READABLE);
}

/* ---- life */

int tls_start(struct tls *t, uv_loop_t *loop, struct err *e)
{
    if (uv_timer_init(loop, &t->tick) != 0 || uv_prepare_init(loop, &t->turn) != 0 ||
        uv_idle_init(loop, &t->calls) != 0)
        return err_set(e, ERR_SYS, "cannot watch over TLS sessions");
    t->loop = loop;
    t->handles = 3;
    t->steps = TLS_STEPS;
    t->tick.data = t->turn.data = t->calls.data = t;
    uv_timer_start(&t->tick, on_tick, TICK_MS, TICK_MS);
    uv_prepare_start(&t->turn, on_turn);
    return 0;
}

void tls_reload(struct tls *t) { tls_keys_reload(&t->keys, &t->c, t->report.protocol); }

void tls_stats(const struct tls *t) { tls_report_stats(&t->report, t->n_sessions, t->n_half); }

struct tls_counts tls_counts(const struct tls *t)
{
    struct tls_counts n = t->report.counts;
    n.sessions = t->n_sessions;
    n.half_open = t->n_half;
    return n;
}

static void on_closed(uv_handle_t *h)
{
    struct tls *t = h->data;
    if (--t->handles == 0 && t->freed)
        free(t);
}

void tls_stop(struct tls *t)
{
    if (!t || t->stopped)
        return;
    t->stopped = true;
    while (t->oldest) { /* nobody's fault: not said */
        struct tls_stream *ts = t->oldest;
        leave_handshakes(ts);
        close(ts->fd);
        ts->over = true;
    }
    while (t->waiting)
        unlink_waiting(t->waiting);
    if (!t->loop)
        return;
    uv_close((uv_handle_t *)&t->tick, on_closed);
    uv_close((uv_handle_t *)&t->turn, on_closed);
    uv_close((uv_handle_t *)&t->calls, on_closed);
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    tls_stop(t);
    tls_keys_put(t->keys);
    t->keys = NULL;
    t->freed = true;
    if (!t->handles)
        free(t);
}
