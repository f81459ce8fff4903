/* SPDX-License-Identifier: BSD-2-Clause */
/* BMP over TCP. Octets are taken out of one buffer that all sessions share; only the beginning of a message
 * whose rest has not come is kept with its session. While the message log has no room nothing is read:
 * routers' windows fill, and nothing is lost. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "bmp/proxy.h"
#include "bmp/service_impl.h"

enum {
    ROUNDS = 4,    /* reads of one session in a row: a full table must not starve others */
    MESSAGES = 64, /* between two looks at the log's room */
    KEEP_SMALL = 64 << 10,
    TEND = 2000, /* routes taken out at a time */
};

bool bmp_session_is_open(const struct bmp_session *x) { return x->fd != -1 || x->captured; }

/* When what is being read has arrived. */
static int64_t now_of(const struct bmp_session *x) { return x->at_us ? x->at_us : clock_wall_us(); }

static const char *name_of(const struct bmp_session *x, char text[ADDR_TEXT])
{
    return addr_str(&x->addr, text);
}

/* ---- the log */

static void log_session(struct bmp *b, struct bmp_session *x, const char *event)
{
    if (!b->msglog || !x->log.target || x->unlisted)
        return;
    const struct bmp_telling t = { .seq = b->seq++, .at_us = now_of(x) };
    bmp_log_session(&b->out, &x->log, &t, event, 0);
}

static void tag(struct bmp *b, struct bmp_session *x)
{
    const struct peertag t = peertags_find(b->tags, &x->addr, NULL, 0);
    free(x->label);
    x->label = t.label.len ? strndup(t.label.p, t.label.len) : NULL;
    x->unlisted = b->labels && !label_filter_match(b->labels, &t.label);
    struct bmp_origin *origins[] = { &x->log.origin, &x->dump.origin };
    for (unsigned i = 0; i < 2; i++) {
        origins[i]->has_tag = t.tag != 0;
        origins[i]->tag = t.tag;
        origins[i]->label = x->label;
        origins[i]->label_len = x->label ? t.label.len : 0;
    }
}

/* ---- routes that go */

static void on_tend(uv_idle_t *h)
{
    struct bmp *b = h->data;
    if (!bmp_room(b) || !rib_tend(b->rib, TEND))
        uv_idle_stop(h);
    if (b->msglog)
        msglog_flush(b->msglog);
}

void bmp_tend(struct bmp *b)
{
    if (!b->stopping && rib_tend(b->rib, TEND))
        uv_idle_start(&b->tend, on_tend);
}

/* ---- the end of a session */

static void session_free(struct bmp_session *x)
{
    struct bmp *b = x->b;
    if (b->msglog)
        bmp_log_router_free(&b->out, &x->log);
    bmp_dump_leave(b, x);
    if (x->captured)
        x->captured->x = NULL;
    if (x->next)
        x->next->link = x->link;
    *x->link = x->next;
    free(x->backlog.p);
    free(x->kept);
    free(x->label);
    free(x);
}

static void free_when_done(struct bmp_session *x)
{
    if (x->gone && !x->poll_open)
        session_free(x);
}

static void on_closed(uv_handle_t *h)
{
    struct bmp_session *x = h->data;
    x->poll_open = false;
    free_when_done(x);
}

static void add_counts(struct bmp_counts *to, const struct bmp_counts *from)
{
    for (unsigned i = 0; i < BMP_TYPES; i++)
        to->messages[i] += from->messages[i];
    for (unsigned i = 0; i < BMP_FAULTS; i++)
        to->faults[i] += from->faults[i];
    to->octets += from->octets;
    to->updates_withdrawn += from->updates_withdrawn;
    to->routes_lost += from->routes_lost;
    to->marks_lost += from->marks_lost;
    to->announced += from->announced;
    to->withdrawn += from->withdrawn;
    to->withdrawn_unknown += from->withdrawn_unknown;
}

void bmp_session_gone(struct bmp *b, struct bmp_session *x)
{
    add_counts(&b->gone, bmp_router_counts(x->router));
    log_session(b, x, "log_close");
    x->router = NULL;
    x->gone = true;
    free_when_done(x);
}

static void hang_up(struct bmp_session *x)
{
    if (x->captured) {
        x->captured->x = NULL;
        x->captured = NULL;
        return;
    }
    tls_stream_free(x->tls);
    x->tls = NULL;
    close(x->fd);
    x->fd = -1;
    uv_close((uv_handle_t *)&x->poll, on_closed);
}

static void end_session(struct bmp_session *x, const char *why)
{
    struct bmp *b = x->b;
    char text[ADDR_TEXT];
    const size_t cut = x->have;
    log_info(b->log, "[%s] %s", name_of(x, text), why);
    hang_up(x);
    free(x->kept);
    x->kept = NULL;
    x->have = x->cap = 0;
    b->n_sessions--;
    if (x->router) {
        x->leaving = true;
        bmp_router_close(x->router, cut, now_of(x)); /* x may be freed here */
        bmp_tend(b);
    } else {
        x->gone = true;
    }
}

/* ---- octets */

static bool reserve(struct bmp_session *x, size_t n)
{
    size_t cap = x->cap ? x->cap : KEEP_SMALL;
    if (n <= x->cap)
        return true;
    while (cap < n)
        cap *= 2;
    uint8_t *p = realloc(x->kept, cap);
    if (!p)
        return false;
    x->kept = p;
    x->cap = cap;
    return true;
}

/* What follows the whole messages; p may lie in the session's own buffer. */
static bool keep_rest(struct bmp_session *x, const uint8_t *p, size_t n)
{
    if (n && p != x->kept) {
        if (!reserve(x, n))
            return false;
        memmove(x->kept, p, n);
    }
    x->have = n;
    if (!n && x->cap > KEEP_SMALL) {
        free(x->kept);
        x->kept = NULL;
        x->cap = 0;
    }
    return true;
}

/* A router is known by its address once its PROXY header, if there is to be one, has been read. */
static bool begin_router(struct bmp_session *x)
{
    struct bmp *b = x->b;
    char text[ADDR_TEXT];
    x->router = bmp_router_new(b->station, &x->addr, x->port, x);
    if (!x->router || (b->msglog && !bmp_log_router_init(&b->out, &x->log, &x->addr, x->port)) ||
        !bmp_dump_router(b, x))
        return false;
    tag(b, x);
    if (b->k->max_peers)
        log_info(b->log, "[%s] BMP peers usage: %u/%d", name_of(x, text), b->n_sessions, b->k->max_peers);
    else
        log_info(b->log, "[%s] BMP peers usage: %u", name_of(x, text), b->n_sessions);
    log_session(b, x, "log_init");
    return true;
}

/* Returns how many octets the header had, or -1: the session has ended. */
static long take_proxy(struct bmp_session *x, const uint8_t *p, size_t n)
{
    const long used = x->b->k->proxy_header ? bmp_proxy_read(p, n, &x->addr, &x->port) : 0;
    if (used == -1) {
        end_session(x, "session closed: no PROXY header, which bmp_daemon_parse_proxy_header asks for.");
        return -1;
    }
    if (x->b->k->proxy_header && used == 0)
        return 0;
    if (x->b->allow && !allow_match(x->b->allow, &x->addr)) {
        x->b->refused++;
        end_session(x, "session closed: not in bmp_daemon_allow_file.");
        return -1;
    }
    if (begin_router(x))
        return used;
    end_session(x, "session closed: no memory.");
    return -1;
}

/* All that is there, at p: what was kept and what has come. False: the session has ended. */
static bool take(struct bmp_session *x, const uint8_t *p, size_t n)
{
    size_t done = 0;
    bool ended = false;
    const int64_t now = now_of(x);
    if (!x->router) {
        const long used = take_proxy(x, p, n);
        if (used == -1)
            return false;
        done = (size_t)used;
    }
    x->stalled = false;
    while (x->router && !ended) {
        if (!bmp_room(x->b)) {
            x->stalled = true; /* goes on with what is kept when there is room */
            break;
        }
        const long used = bmp_router_feed(x->router, p + done, n - done, MESSAGES, now, &ended);
        if (used == -1) {
            x->have = 0;
            end_session(x, "session closed: what came is no BMP.");
            return false;
        }
        done += (size_t)used;
        if (!used)
            break;
    }
    if (ended) {
        x->have = 0;
        end_session(x, "session closed: the router has ended it.");
        return false;
    }
    if (keep_rest(x, p + done, n - done))
        return true;
    end_session(x, "session closed: no memory.");
    return false;
}

/* One read. Returns octets; 0: nothing there; -1: the session has ended. */
static ssize_t read_once(struct bmp_session *x)
{
    uint8_t *to = x->b->buffer;
    if (x->have) { /* behind what is kept */
        if (!reserve(x, x->have + BMP_READ)) {
            end_session(x, "session closed: no memory.");
            return -1;
        }
        to = x->kept + x->have;
    }
    const ssize_t n = tls_or_recv(x->tls, x->fd, to, BMP_READ);
    if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return 0;
    if (n <= 0) {
        char why[64];
        snprintf(why, sizeof(why), "BMP connection reset by peer (%d).", n ? errno : 0);
        end_session(x, why);
        return -1;
    }
    return take(x, x->have ? x->kept : x->b->buffer, x->have + (size_t)n) ? n : -1;
}

static void on_session(uv_poll_t *h, int status, int events);

static void watch(struct bmp_session *x, bool on)
{
    if (x->fd == -1 || on == x->polling)
        return;
    if (on) {
        uv_poll_start(&x->poll, UV_READABLE, on_session);
        tls_again(x->tls);
    } else
        uv_poll_stop(&x->poll);
    x->polling = on;
}

void bmp_sessions_pause(struct bmp *b)
{
    b->paused = true;
    for (struct bmp_session *x = b->sessions; x; x = x->next)
        watch(x, false);
}

void bmp_sessions_resume(struct bmp *b)
{
    if (!b->paused || b->stopping || !bmp_room(b))
        return;
    b->paused = false;
    for (struct bmp_session *x = b->sessions, *next; x; x = next) {
        next = x->next;
        if (bmp_session_is_open(x) && x->stalled && !take(x, x->kept, x->have))
            continue;
        watch(x, true);
    }
    bmp_tend(b);
    if (b->savefile)
        bmp_savefile_resume(b);
    if (b->msglog)
        msglog_flush(b->msglog);
}

static void read_session(void *arg)
{
    struct bmp_session *x = arg;
    struct bmp *b = x->b;
    ssize_t n = 1;
    for (unsigned i = 0; i < ROUNDS && n > 0; i++) {
        if (!bmp_room(b)) {
            bmp_sessions_pause(b);
            break;
        }
        n = read_once(x);
        if (n > 0 && x->stalled) {
            bmp_sessions_pause(b);
            break;
        }
    }
    bmp_tend(b);
    if (b->msglog)
        msglog_flush(b->msglog);
}

static void on_session(uv_poll_t *h, int status, int events)
{
    (void)events;
    if (status < 0)
        end_session(h->data, "BMP session lost.");
    else
        read_session(h->data);
}

/* ---- who connects */

static void refuse(struct bmp *b, const struct addr *a, int fd, const char *why)
{
    char text[ADDR_TEXT];
    b->refused++;
    log_limited(b->log, &b->say_refused, LOG_LV_WARN, "[%s] BMP session refused: %s", addr_str(a, text), why);
    if (fd != -1)
        close(fd);
}

static bool full(const struct bmp *b)
{
    return b->k->max_peers && b->n_sessions >= (unsigned)b->k->max_peers;
}

static struct bmp_session *session_new(struct bmp *b, int fd, const struct addr *from, uint16_t port)
{
    struct bmp_session *x = calloc(1, sizeof(*x));
    if (!x || (fd != -1 && uv_poll_init(b->s->loop, &x->poll, fd) != 0)) {
        free(x);
        return NULL;
    }
    x->b = b;
    x->addr = *from;
    x->port = port;
    x->fd = fd;
    x->poll.data = x;
    x->poll_open = fd != -1;
    x->next = b->sessions;
    x->link = &b->sessions;
    if (x->next)
        x->next->link = &x->next;
    b->sessions = x;
    b->n_sessions++;
    return x;
}

static void begin(struct bmp *b, struct tls_stream *tls, int fd, const struct addr *from, uint16_t port)
{
    struct bmp_session *x = full(b) ? NULL : session_new(b, fd, from, port);
    if (!x) {
        tls_stream_free(tls);
        refuse(b, from, fd, full(b) ? "bmp_daemon_max_peers sessions are there." : "no memory.");
        return;
    }
    x->tls = tls;
    if (!b->k->proxy_header && !begin_router(x)) {
        end_session(x, "session closed: no memory.");
        return;
    }
    watch(x, !b->paused);
    if (tls)
        tls_on_readable(tls, read_session, x);
}

void bmp_session_secured(void *bmp, struct tls_stream *tls, int fd, const struct addr *from, uint16_t port)
{
    begin(bmp, tls, fd, from, port);
}

void bmp_session_accepted(void *bmp, int fd, const struct addr *from, uint16_t port)
{
    struct bmp *b = bmp;
    if (b->tls && !full(b))
        tls_accept(b->tls, fd, from, port);
    else
        begin(b, NULL, fd, from, port);
}

void bmp_sessions_tidy(struct bmp *b)
{
    for (struct bmp_session *x = b->sessions, *next; x; x = next) {
        next = x->next;
        free_when_done(x);
    }
}

bool bmp_session_captured(struct bmp *b, const struct addr *from, uint16_t port, int64_t at_us,
                          struct bmp_captured *c)
{
    const char *why = NULL;
    if (full(b))
        why = "bmp_daemon_max_peers sessions are there.";
    else if (b->allow && !b->k->proxy_header && !allow_match(b->allow, from))
        why = "not in bmp_daemon_allow_file.";
    struct bmp_session *x = why ? NULL : session_new(b, -1, from, port);
    if (!x) {
        refuse(b, from, -1, why ? why : "no memory.");
        return false;
    }
    c->x = x;
    x->captured = c;
    x->at_us = at_us;
    if (!b->k->proxy_header && !begin_router(x))
        end_session(x, "session closed: no memory.");
    return c->x;
}

bool bmp_session_octets(struct bmp_session *x, const uint8_t *p, size_t n, int64_t at_us)
{
    x->at_us = at_us;
    if (!x->have)
        return take(x, p, n);
    if (!reserve(x, x->have + n)) {
        end_session(x, "session closed: no memory.");
        return false;
    }
    memcpy(x->kept + x->have, p, n);
    return take(x, x->kept, x->have + n);
}

void bmp_session_end(struct bmp_session *x, const char *why) { end_session(x, why); }

bool bmp_sessions_settled(const struct bmp *b)
{
    if (uv_is_active((const uv_handle_t *)&b->tend))
        return false;
    for (const struct bmp_session *x = b->sessions; x; x = x->next)
        if (x->stalled || x->leaving)
            return false;
    return true;
}

void bmp_sessions_retag(struct bmp *b)
{
    for (struct bmp_session *x = b->sessions; x; x = x->next)
        if (x->router)
            tag(b, x);
}

/* Routes are not told of one by one when it is the station that ends. */
void bmp_sessions_stop(struct bmp *b)
{
    for (struct bmp_session *x = b->sessions, *next; x; x = next) {
        ssize_t n = 1;
        next = x->next;
        for (unsigned i = 0; x->fd != -1 && i < ROUNDS && n > 0 && bmp_room(b); i++)
            n = read_once(x);
        if (x->router)
            log_session(b, x, "log_close");
        if (bmp_session_is_open(x))
            hang_up(x);
    }
}

void bmp_sessions_free(struct bmp *b)
{
    for (struct bmp_session *x = b->sessions, *next; x; x = next) {
        next = x->next;
        if (x->router && !x->leaving) {
            x->leaving = true;
            bmp_router_close(x->router, 0, 0);
        }
    }
    while (rib_tend(b->rib, TEND))
        ;
    for (struct bmp_session *x = b->sessions, *next; x; x = next) {
        next = x->next;
        session_free(x);
    }
}
