/* SPDX-License-Identifier: BSD-2-Clause */
/* The client of RFC 8210 §8: Reset Query where nothing is known, Serial Query from then on; changes are
 * applied when End of Data says that they are whole. A connection that fails is tried again, later and later;
 * payloads stay until they expire. */
#include "rpki/rtr_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "rpki/rtr.h"

enum { BUFFER = 2 * RTR_PDU_MAX, RETRY_FIRST_MS = 250, REFRESH_S = 3600, RETRY_S = 600, EXPIRE_S = 7200 };

struct change {
    struct vrp vrp;
    uint32_t order;
    bool announce;
};

enum state { CLOSED, RESOLVING, CONNECTING, IDLE, ASKED, ANSWERED };

struct rtr_client {
    const struct routing_keys *k;
    uv_loop_t *loop;
    const struct log *log;
    void (*table)(void *arg, struct roa_table *t);
    void *arg;
    char host[256], port[8];
    enum state state;
    bool stopping, tcp_open, timer_open, has_data, reset;
    uint8_t version;
    uint16_t session;
    uint32_t serial;
    uint32_t refresh_s, retry_s, expire_s, pause_ms;
    int64_t data_at_us; /* when End of Data came last */
    struct vrp *have;   /* in order */
    size_t n;
    struct change *change; /* of the answer under way */
    size_t n_changes, room;
    uv_getaddrinfo_t resolver;
    uv_connect_t connector;
    uv_tcp_t tcp;
    uv_timer_t timer;
    uint8_t out[RTR_REPORT_MAX];
    uint8_t buf[BUFFER];
    size_t len;
    uint64_t connects, pdus, errors;
};

/* "host:port", "[v6]:port". */
static int split(const char *text, char *host, size_t host_size, char *port, size_t port_size)
{
    const char *colon = strrchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : 0;
    if (!colon || !colon[1] || strlen(colon + 1) >= port_size ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return -1;
    if (n > 2 && text[0] == '[' && text[n - 1] == ']') {
        text++;
        n -= 2;
    }
    if (!n || n >= host_size)
        return -1;
    memcpy(host, text, n);
    host[n] = '\0';
    memcpy(port, colon + 1, strlen(colon + 1) + 1);
    return 0;
}

int rtr_client_check(const struct routing_keys *k, struct err *e)
{
    char host[256], port[8];
    return split(k->rtr_cache, host, sizeof(host), port, sizeof(port)) == 0
               ? 0
               : err_set(e, ERR_CONFIG,
                         "rpki_rtr_cache: '%s': an address and a port are needed, as in 192.0.2.1:323",
                         k->rtr_cache);
}

struct rtr_client *rtr_client_new(const struct routing_keys *k, uv_loop_t *loop, const struct log *l,
                                  void (*table)(void *arg, struct roa_table *t), void *arg, struct err *e)
{
    struct rtr_client *r = calloc(1, sizeof(*r));
    if (!r) {
        err_sys(e, "no memory for RTR");
        return NULL;
    }
    r->k = k;
    r->loop = loop;
    r->log = l;
    r->table = table;
    r->arg = arg;
    r->version = (uint8_t)k->rtr_version;
    r->refresh_s = REFRESH_S;
    r->retry_s = RETRY_S;
    r->expire_s = EXPIRE_S;
    r->pause_ms = RETRY_FIRST_MS;
    split(k->rtr_cache, r->host, sizeof(r->host), r->port, sizeof(r->port));
    return r;
}

void rtr_client_free(struct rtr_client *r)
{
    if (!r)
        return;
    free(r->have);
    free(r->change);
    free(r);
}

/* --- connection */

static void on_timer(uv_timer_t *t);

static void on_closed(uv_handle_t *h)
{
    struct rtr_client *r = h->data;
    r->tcp_open = false;
    r->state = CLOSED;
    if (!r->stopping)
        uv_timer_start(&r->timer, on_timer, r->pause_ms, 0);
    r->pause_ms = r->pause_ms * 2 < r->retry_s * 1000 ? r->pause_ms * 2 : r->retry_s * 1000;
}

static void hang_up(struct rtr_client *r)
{
    r->len = 0;
    r->n_changes = 0;
    if (r->tcp_open && !uv_is_closing((uv_handle_t *)&r->tcp))
        uv_close((uv_handle_t *)&r->tcp, on_closed);
}

static void fail(struct rtr_client *r, const char *what, const char *why)
{
    r->errors++;
    log_warn(r->log, "[%s] %s: %s; again in %.1f s%s", r->k->rtr_cache, what, why, (double)r->pause_ms / 1000,
             r->has_data ? ", its ROAs stay in force until then" : "");
    hang_up(r);
}

/* A few octets, for which there is room unless the cache does not read. Nothing may be left under way: what
 * the cache says, asked or not, can have the next ones sent before the loop has turned. */
static void send_pdu(struct rtr_client *r, size_t n)
{
    uv_buf_t b = uv_buf_init((char *)r->out, (unsigned)n);
    const int rc = uv_try_write((uv_stream_t *)&r->tcp, &b, 1);
    if (rc != (int)n)
        fail(r, "cannot be written to", uv_strerror(rc < 0 ? rc : UV_EAGAIN));
}

static void ask(struct rtr_client *r)
{
    r->state = ASKED;
    r->n_changes = 0;
    r->reset = !r->has_data;
    send_pdu(r, r->reset ? rtr_write_reset(r->out, r->version)
                         : rtr_write_serial(r->out, r->version, r->session, r->serial));
    if (r->tcp_open)
        uv_timer_start(&r->timer, on_timer, (uint64_t)r->retry_s * 1000, 0);
}

/* Our own fault report: it closes the session (RFC 8210 §12). */
static void refuse(struct rtr_client *r, enum rtr_error code, const char *what)
{
    if (r->tcp_open) {
        const size_t n = rtr_write_error(r->out, r->version, code, what);
        uv_buf_t b = uv_buf_init((char *)r->out, (unsigned)n);
        uv_try_write((uv_stream_t *)&r->tcp, &b, 1);
    }
    if (code != RTR_BAD_TYPE)
        r->has_data = false; /* begins anew */
    fail(r, rtr_error_text(code), what);
}

/* --- payloads */

static int add_change(struct rtr_client *r, const struct rtr_pdu *p)
{
    if (r->n_changes == r->room) {
        const size_t room = r->room ? r->room * 2 : 1024;
        struct change *more = realloc(r->change, room * sizeof(*more));
        if (!more)
            return -1;
        r->change = more;
        r->room = room;
    }
    r->change[r->n_changes] = (struct change){ p->vrp, (uint32_t)r->n_changes, p->announce };
    r->n_changes++;
    return 0;
}

static int compare_changes(const void *a, const void *b)
{
    const struct change *x = a, *y = b;
    const int c = vrp_compare(&x->vrp, &y->vrp);
    return c ? c : (x->order > y->order) - (x->order < y->order);
}

/* Merges the answer into what there is. Returns -1: it does not fit, *code and *what say why. */
static int merge(struct rtr_client *r, enum rtr_error *code, const char **what)
{
    const size_t had = r->reset ? 0 : r->n;
    struct vrp *fresh = malloc((had + r->n_changes + 1) * sizeof(*fresh));
    size_t n = 0, i = 0;
    *code = RTR_INTERNAL;
    *what = "no memory";
    if (!fresh)
        return -1;
    if (r->n_changes)
        qsort(r->change, r->n_changes, sizeof(*r->change), compare_changes);
    for (size_t k = 0; k < r->n_changes;) {
        const struct change *c = &r->change[k];
        while (i < had && vrp_compare(&r->have[i], &c->vrp) < 0)
            fresh[n++] = r->have[i++];
        bool there = i < had && !vrp_compare(&r->have[i], &c->vrp);
        i += there;
        for (; k < r->n_changes && !vrp_compare(&r->change[k].vrp, &c->vrp); k++) {
            if (there == r->change[k].announce) {
                *code = there ? RTR_DUPLICATE : RTR_UNKNOWN_WITHDRAWN;
                *what = there ? "a payload is announced that was there"
                              : "a payload is withdrawn that was not there";
                free(fresh);
                return -1;
            }
            there = r->change[k].announce;
        }
        if (there)
            fresh[n++] = c->vrp;
    }
    while (i < had)
        fresh[n++] = r->have[i++];
    free(r->have);
    r->have = fresh;
    r->n = n;
    return 0;
}

static void hand_over(struct rtr_client *r)
{
    struct vrp *copy = malloc((r->n + 1) * sizeof(*copy));
    if (copy)
        memcpy(copy, r->have, r->n * sizeof(*copy));
    struct roa_table *t = copy ? roa_build(copy, r->n) : NULL;
    free(copy);
    if (t)
        r->table(r->arg, t);
    else
        log_error(r->log, "[%s] no memory for %zu ROAs: those of before stay", r->k->rtr_cache, r->n);
}

static uint32_t within(uint32_t v, uint32_t lo, uint32_t hi) { return v < lo ? lo : v > hi ? hi : v; }

static void end_of_data(struct rtr_client *r, const struct rtr_pdu *p)
{
    enum rtr_error code;
    const char *what;
    if (p->session != r->session) {
        refuse(r, RTR_CORRUPT, "End of Data of another session");
        return;
    }
    if (merge(r, &code, &what) == -1) {
        refuse(r, code, what);
        return;
    }
    const bool first = !r->has_data, changed = r->n_changes > 0;
    r->serial = p->serial;
    r->has_data = true;
    r->n_changes = 0;
    r->state = IDLE;
    r->data_at_us = clock_mono_us();
    r->pause_ms = RETRY_FIRST_MS;
    if (p->has_timers) {
        r->refresh_s = within(p->refresh_s, 1, 86400);
        r->retry_s = within(p->retry_s, 1, 7200);
        r->expire_s = within(p->expire_s, 600, 172800);
    }
    if (first || changed)
        hand_over(r);
    if (first)
        log_info(r->log, "[%s] %zu ROAs, serial %u", r->k->rtr_cache, r->n, r->serial);
    uv_timer_start(&r->timer, on_timer, (uint64_t)r->refresh_s * 1000, 0);
}

/* --- what the cache says */

static void on_error_report(struct rtr_client *r, const struct rtr_pdu *p)
{
    log_warn(r->log, "[%s] error report: %s%s%s", r->k->rtr_cache, rtr_error_text(p->session),
             p->text[0] ? ": " : "", p->text);
    if (p->session == RTR_BAD_VERSION && r->version > 0)
        r->version--;
    if (p->session == RTR_NO_DATA) {
        r->errors++;
        r->state = IDLE;
        uv_timer_start(&r->timer, on_timer, r->pause_ms, 0);
        return;
    }
    r->has_data = r->has_data && p->session != RTR_UNKNOWN_WITHDRAWN && p->session != RTR_CORRUPT;
    fail(r, "ended the session", rtr_error_text(p->session));
}

static bool is_version_right(struct rtr_client *r, const struct rtr_pdu *p)
{
    if (p->version == r->version || p->type == RTR_ERROR)
        return true;
    if (p->version < r->version && r->state == ASKED) {
        r->version = p->version; /* RFC 8210 §7: the cache speaks the older one */
        return true;
    }
    refuse(r, RTR_UNEXPECTED_VERSION, "a PDU of another version");
    return false;
}

static void on_response(struct rtr_client *r, const struct rtr_pdu *p)
{
    if (r->state != ASKED) {
        refuse(r, RTR_CORRUPT, "an answer to no question");
        return;
    }
    if (!r->reset && p->session != r->session) {
        r->has_data = false; /* the cache was started anew: what is here is nothing it knows of */
        fail(r, "has another session", "everything is asked for anew");
        return;
    }
    r->session = p->session;
    r->state = ANSWERED;
}

/* It cannot say what has changed (RFC 8210 §5.9). */
static void on_cache_reset(struct rtr_client *r)
{
    if (r->state != ASKED || r->reset) {
        refuse(r, RTR_CORRUPT, "a Cache Reset to no Serial Query");
        return;
    }
    r->has_data = false;
    ask(r);
}

static void on_pdu(struct rtr_client *r, const struct rtr_pdu *p)
{
    r->pdus++;
    if (!is_version_right(r, p))
        return;
    switch (p->type) {
    case RTR_SERIAL_NOTIFY:
        if (r->state == IDLE && r->has_data && p->serial != r->serial)
            ask(r);
        break;
    case RTR_CACHE_RESPONSE:
        on_response(r, p);
        break;
    case RTR_IPV4_PREFIX:
    case RTR_IPV6_PREFIX:
        if (r->state != ANSWERED)
            refuse(r, RTR_CORRUPT, "a prefix outside an answer");
        else if (add_change(r, p) == -1)
            refuse(r, RTR_INTERNAL, "no memory");
        break;
    case RTR_END_OF_DATA:
        if (r->state != ANSWERED)
            refuse(r, RTR_CORRUPT, "End of Data outside an answer");
        else
            end_of_data(r, p);
        break;
    case RTR_CACHE_RESET:
        on_cache_reset(r);
        break;
    case RTR_ROUTER_KEY:
        break;
    case RTR_ERROR:
        on_error_report(r, p);
        break;
    default:
        refuse(r, RTR_BAD_TYPE, "a PDU of a type that caches do not send");
    }
}

static void take_pdus(struct rtr_client *r)
{
    size_t at = 0;
    while (at < r->len && r->tcp_open && !uv_is_closing((uv_handle_t *)&r->tcp)) {
        struct rtr_pdu p;
        enum rtr_error code;
        struct err e = { 0 };
        const int n = rtr_read(r->buf + at, r->len - at, &p, &code, &e);
        if (n == -1) {
            refuse(r, code, e.text);
            return;
        }
        if (n == 0)
            break;
        at += (size_t)n;
        on_pdu(r, &p);
    }
    if (at && r->len) {
        memmove(r->buf, r->buf + at, r->len - at);
        r->len -= at;
    }
}

static void on_alloc(uv_handle_t *h, size_t want, uv_buf_t *b)
{
    struct rtr_client *r = h->data;
    (void)want;
    *b = uv_buf_init((char *)r->buf + r->len, (unsigned)(sizeof(r->buf) - r->len));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    struct rtr_client *r = s->data;
    (void)b;
    if (n < 0) {
        fail(r, "closed the connection", uv_strerror((int)n));
        return;
    }
    r->len += (size_t)n;
    take_pdus(r);
}

/* --- connecting */

static void on_connected(uv_connect_t *c, int status)
{
    struct rtr_client *r = c->data;
    if (status == UV_ECANCELED)
        return;
    if (status < 0) {
        fail(r, "cannot be reached", uv_strerror(status));
        return;
    }
    r->connects++;
    log_info(r->log, "[%s] connected, RTR version %u", r->k->rtr_cache, r->version);
    uv_read_start((uv_stream_t *)&r->tcp, on_alloc, on_read);
    ask(r);
}

static void set_socket(struct rtr_client *r)
{
    int size = r->k->rtr_pipe_size, tos = r->k->rtr_ipprec << 5;
    uv_os_fd_t fd;
    if (size)
        uv_recv_buffer_size((uv_handle_t *)&r->tcp, &size);
    if (tos && uv_fileno((uv_handle_t *)&r->tcp, &fd) == 0) {
        setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
        setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
    }
}

static void on_resolved(uv_getaddrinfo_t *q, int status, struct addrinfo *res)
{
    struct rtr_client *r = q->data;
    r->state = CLOSED;
    if (r->stopping || status < 0) {
        uv_freeaddrinfo(res);
        if (r->stopping)
            return;
        r->errors++;
        log_warn(r->log, "[%s] cannot be resolved: %s; again in %.1f s", r->k->rtr_cache, uv_strerror(status),
                 (double)r->pause_ms / 1000);
        uv_timer_start(&r->timer, on_timer, r->pause_ms, 0);
        r->pause_ms = r->pause_ms * 2 < r->retry_s * 1000 ? r->pause_ms * 2 : r->retry_s * 1000;
        return;
    }
    uv_tcp_init_ex(r->loop, &r->tcp, (unsigned)res->ai_family);
    r->tcp.data = r;
    r->tcp_open = true;
    r->state = CONNECTING;
    set_socket(r);
    r->connector.data = r;
    const int rc = uv_tcp_connect(&r->connector, &r->tcp, res->ai_addr, on_connected);
    uv_freeaddrinfo(res);
    if (rc < 0)
        fail(r, "cannot be reached", uv_strerror(rc));
}

static void connect_cache(struct rtr_client *r)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    r->resolver.data = r;
    r->state = RESOLVING;
    r->len = 0;
    if (uv_getaddrinfo(r->loop, &r->resolver, on_resolved, r->host, r->port, &hints) < 0)
        uv_timer_start(&r->timer, on_timer, r->pause_ms, 0);
}

static void expire(struct rtr_client *r)
{
    if (!r->n || clock_mono_us() - r->data_at_us < (int64_t)r->expire_s * 1000000)
        return;
    log_warn(r->log, "[%s] its %zu ROAs have expired", r->k->rtr_cache, r->n);
    r->n = 0;
    r->has_data = false;
    r->table(r->arg, NULL);
}

/* Time to ask again, to connect again, or to give an answer up. */
static void on_timer(uv_timer_t *t)
{
    struct rtr_client *r = t->data;
    expire(r);
    if (r->state == IDLE)
        ask(r);
    else if (r->state == CLOSED)
        connect_cache(r);
    else if (r->state == ASKED || r->state == ANSWERED)
        fail(r, "does not answer", "its time is up");
}

int rtr_client_start(struct rtr_client *r, struct err *e)
{
    if (uv_timer_init(r->loop, &r->timer) < 0)
        return err_set(e, ERR_SYS, "cannot make a timer");
    r->timer.data = r;
    r->timer_open = true;
    connect_cache(r);
    return 0;
}

void rtr_client_stop(struct rtr_client *r)
{
    r->stopping = true;
    if (r->timer_open)
        uv_close((uv_handle_t *)&r->timer, NULL);
    r->timer_open = false;
    if (r->state == RESOLVING)
        uv_cancel((uv_req_t *)&r->resolver);
    hang_up(r);
}

void rtr_client_stats(const struct rtr_client *r)
{
    static const char *const names[] = { "not connected", "resolving", "connecting", "up",
                                         "asked",         "answering" };
    log_notice(r->log,
               "RTR cache %s: %s, version %u, serial %u, %zu ROAs, %llu connections, %llu PDUs, %llu errors",
               r->k->rtr_cache, names[r->state], r->version, r->serial, r->n, (unsigned long long)r->connects,
               (unsigned long long)r->pdus, (unsigned long long)r->errors);
}

void rtr_client_figures(const struct rtr_client *r, struct figures *f)
{
    figures_label(f, "cache", r->k->rtr_cache);
    figures_put(f, FIG_RPKI_UP, r->state >= IDLE);
    figures_put(f, FIG_RPKI_SERIAL, r->serial);
    figures_put_of(f, FIG_RPKI_RTR, "what", "connections", r->connects);
    figures_put_of(f, FIG_RPKI_RTR, "what", "pdus", r->pdus);
    figures_put_of(f, FIG_RPKI_RTR, "what", "errors", r->errors);
    figures_unlabel(f, 1);
}
