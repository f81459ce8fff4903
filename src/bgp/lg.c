/* SPDX-License-Identifier: BSD-2-Clause */
/* The looking glass over ZeroMQ: a ROUTER socket, and, where a login is asked for, the handler of its
 * authentication (ZAP, RFC 27 of ZeroMQ). Both are watched by the service's loop. Called by service.c. */
#include "bgp/lg.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>
#include "bgp/lgquery.h"
#include "output/json.h"

enum {
    REQUESTS = 32,       /* in one turn of the loop */
    QUERIES_MAX = 10000, /* of one request */
    FRAME_MAX = 1024,    /* octets of a query */
    ENVELOPE = 4,        /* frames before the request */
    ENVELOPE_OCTETS = 256,
    ANSWER_MAX = 64 << 20,
};

/* What lies between us and the client: sent back as it came. */
struct envelope {
    unsigned n;
    struct {
        char p[ENVELOPE_OCTETS];
        size_t len;
    } frame[ENVELOPE];
};

struct bgp_lg {
    struct bgp_service *b;
    void *context, *socket, *zap;
    uv_poll_t poll, zap_poll;
    uv_prepare_t again; /* sockets of ZeroMQ tell of what is there once: look before each wait, too */
    bool started;
    struct bgp_lines lines;
    struct rib_reader *reader;
    struct strbuf rows; /* of an answer: NUL-terminated, one after the other */
    unsigned n_rows;
    uint64_t requests, answers, refused, wrong;
    struct log_limit say;
};

/* ---- answers */

static void add_row(struct bgp_lg *lg, const struct strbuf *line)
{
    if (line->failed)
        return;
    strbuf_add(&lg->rows, line->p, line->len);
    strbuf_char(&lg->rows, '\0');
    lg->n_rows++;
}

static void add_peer(struct bgp_lg *lg, const struct bgp_peer *p)
{
    struct addr id;
    struct strbuf *s = &lg->lines.line;
    strbuf_clear(s);
    addr_set_v4(&id, p->s.id);
    strbuf_lit(s, "{\"peer_ip_src\": \"");
    if (strbuf_room(s, ADDR_TEXT))
        s->len += addr_text(&p->s.addr, s->p + s->len);
    strbuf_char(s, '"');
    json_addr(s, "peer_id", &id);
    json_uint(s, "peer_tcp_port", p->s.port);
    json_uint(s, "peer_as", p->s.as);
    strbuf_char(s, '}');
    add_row(lg, s);
}

static void list_peers(struct bgp_lg *lg)
{
    for (const struct bgp_peer *p = lg->b->peers.first; p; p = p->next)
        if (p->rib)
            add_peer(lg, p);
}

static void key_of(const struct lg_query *q, uint8_t safi, unsigned bits, struct rib_key *k)
{
    struct addr a = q->prefix;
    *k = (struct rib_key){ .afi = addr_is_v4(&a) ? RIB_IPV4 : RIB_IPV6, .safi = safi, .bits = (uint8_t)bits };
    addr_mask(&a, bits);
    if (k->afi == RIB_IPV4)
        memcpy(k->addr, a.b + 12, 4);
    else
        addr_get_v6(&a, k->addr);
    k->has_rd = q->has_rd;
    memcpy(k->rd, q->rd, sizeof(k->rd));
}

/* The longest prefix that covers what is asked for: an address, or a prefix. */
static bool find_route(struct bgp_lg *lg, const struct bgp_peer *p, const struct lg_query *q, uint8_t safi,
                       struct rib_key *k, struct rib_route *r)
{
    struct rib_match m;
    rib_reader_online(lg->reader);
    const bool found = rib_lookup(lg->reader, p->rib, safi, q->has_rd ? q->rd : NULL, &q->prefix, NULL, &m);
    rib_reader_offline(lg->reader);
    if (!found)
        return false;
    if (m.bits <= q->bits) {
        key_of(q, safi, m.bits, k);
        k->path_id = m.path_id;
        k->has_path_id = p->s.caps.add_path & BGP_FAMILY_BIT(bgp_family_of(k->afi, safi));
        *r = m.route;
        return true;
    }
    for (unsigned bits = q->bits + 1u; bits-- > 0;) {
        key_of(q, safi, bits, k);
        if (rib_find(lg->b->rib, p->rib, k, r))
            return true;
    }
    return false;
}

static void look_up(struct bgp_lg *lg, const struct lg_query *q)
{
    static const uint8_t plain[] = { RIB_UNICAST, RIB_LABELLED, 0 }, vpn[] = { RIB_VPN, 0 };
    struct rib_key k;
    struct rib_route r;
    const struct bgp_peer *p = bgp_peers_by_addr(&lg->b->peers, &q->peer, q->peer_port);
    if (!p || !p->rib || !q->has_prefix)
        return;
    for (const uint8_t *safi = q->has_rd ? vpn : plain; *safi; safi++)
        if (find_route(lg, p, q, *safi, &k, &r)) {
            bgp_lines_lg(&lg->lines, p, &k, &r);
            add_row(lg, &lg->lines.line);
            return;
        }
}

/* ---- frames */

/* Length of the next frame, or -1: there is none. `more`: others follow. */
static int receive(void *socket, char *buf, size_t size, bool *more)
{
    int flag = 0;
    size_t len = sizeof(flag);
    const int n = zmq_recv(socket, buf, size, ZMQ_DONTWAIT);
    if (n == -1 || zmq_getsockopt(socket, ZMQ_RCVMORE, &flag, &len) == -1)
        return -1;
    *more = flag;
    return n;
}

static void send_frame(void *socket, const void *p, size_t n, bool more)
{
    (void)zmq_send(socket, p, n,
                   ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)); /* a client that is gone loses it */
}

static void answer(struct bgp_lg *lg, const struct envelope *to, uint64_t type, const char *text)
{
    char head[256];
    const int n =
        text ? snprintf(head, sizeof(head), "{\"results\": 0, \"query_type\": %" PRIu64 ", \"text\": \"%s\"}",
                        type, text)
             : snprintf(head, sizeof(head), "{\"results\": %u, \"query_type\": %" PRIu64 "}", lg->n_rows,
                        type);
    for (unsigned i = 0; i < to->n; i++)
        send_frame(lg->socket, to->frame[i].p, to->frame[i].len, true);
    const unsigned rows = text ? 0 : lg->n_rows;
    send_frame(lg->socket, head, (size_t)n, rows > 0);
    const char *at = lg->rows.p;
    for (unsigned i = 0; i < rows; i++) {
        const size_t len = strlen(at);
        send_frame(lg->socket, at, len, i + 1 < rows);
        at += len + 1;
    }
    lg->answers++;
}

/* The rest of a request: as many queries as it says. */
static const char *read_queries(struct bgp_lg *lg, bool more)
{
    char text[FRAME_MAX];
    const char *wrong = NULL;
    unsigned n = 0;
    while (more) {
        struct lg_query q;
        const int len = receive(lg->socket, text, sizeof(text), &more);
        if (len == -1)
            return "the request ends early";
        const char *why = len > FRAME_MAX     ? "a query is too long"
                          : ++n > QUERIES_MAX ? "too many queries"
                                              : lg_query_parse(text, (size_t)len, &q);
        if (why)
            wrong = why;
        else
            look_up(lg, &q);
    }
    return wrong;
}

static void skip_rest(struct bgp_lg *lg, bool more)
{
    char text[16];
    while (more && receive(lg->socket, text, sizeof(text), &more) != -1)
        continue;
}

static const char *handle(struct bgp_lg *lg, const char *text, int len, bool more, uint64_t *type)
{
    struct lg_query q;
    const char *wrong = len > FRAME_MAX ? "the request is too long" : lg_query_parse(text, (size_t)len, &q);
    lg->n_rows = 0;
    strbuf_clear(&lg->rows);
    if (wrong) {
        skip_rest(lg, more);
        return wrong;
    }
    *type = q.query_type;
    if (q.query_type == LG_ROUTES)
        return read_queries(lg, more);
    skip_rest(lg, more);
    if (q.query_type != LG_PEERS)
        return "unsupported query_type";
    list_peers(lg);
    return NULL;
}

/* Identity of the client, then, from a REQ socket, an empty frame; then the request. False: there is none. */
static bool serve_one(struct bgp_lg *lg)
{
    struct envelope from = { 0 };
    char text[FRAME_MAX];
    bool more = false;
    uint64_t type = 0;
    for (;;) {
        const int len = receive(lg->socket, text, sizeof(text), &more);
        if (len == -1)
            return false;
        if (from.n && len) {
            const char *wrong = handle(lg, text, len, more, &type);
            lg->requests++;
            lg->wrong += wrong != NULL;
            answer(lg, &from, type, wrong);
            return true;
        }
        if (from.n == ENVELOPE || len > ENVELOPE_OCTETS || !more) {
            skip_rest(lg, more);
            lg->wrong++;
            return true;
        }
        memcpy(from.frame[from.n].p, text, (size_t)len);
        from.frame[from.n++].len = (size_t)len;
    }
}

/* ---- who may ask: ZAP requests are version, id, domain, address, identity, mechanism, login, password */

static bool authenticate(struct bgp_lg *lg)
{
    enum { ID = 1, MECHANISM = 5, LOGIN, PASSWORD, PARTS };
    char part[PARTS][256] = { { 0 } };
    int len[PARTS] = { 0 };
    bool more = true;
    for (unsigned i = 0; more; i++) {
        char rest[256];
        const int n = receive(lg->zap, i < PARTS ? part[i] : rest, sizeof(rest), &more);
        if (n == -1)
            return false;
        if (i < PARTS)
            len[i] = n < (int)sizeof(rest) ? n : (int)sizeof(rest);
    }
    const char *user = lg->b->c->bgp_lg_user, *passwd = lg->b->c->bgp_lg_passwd;
    const bool good = len[MECHANISM] == 5 && !memcmp(part[MECHANISM], "PLAIN", 5) &&
                      len[LOGIN] == (int)strlen(user) && !memcmp(part[LOGIN], user, strlen(user)) &&
                      len[PASSWORD] == (int)strlen(passwd) && !memcmp(part[PASSWORD], passwd, strlen(passwd));
    lg->refused += !good;
    if (!good)
        log_limited(lg->b->log, &lg->say, LOG_LV_WARN,
                    "bgp_daemon_lg: a client with a wrong login was refused");
    send_frame(lg->zap, "1.0", 3, true);
    send_frame(lg->zap, part[ID], (size_t)len[ID], true);
    send_frame(lg->zap, good ? "200" : "400", 3, true);
    send_frame(lg->zap, "", 0, true);
    send_frame(lg->zap, good ? user : "", good ? strlen(user) : 0, true);
    send_frame(lg->zap, "", 0, false);
    return true;
}

static void serve(struct bgp_lg *lg)
{
    while (lg->zap && authenticate(lg))
        continue;
    for (unsigned i = 0; i < REQUESTS && serve_one(lg); i++)
        continue;
}

static void on_poll(uv_poll_t *p, int status, int events)
{
    (void)status, (void)events;
    serve(p->data);
}

static void on_again(uv_prepare_t *p) { serve(p->data); }

/* ---- life */

int bgp_lg_check(const struct service *s, struct err *e)
{
    char where[256];
    const struct config *c = s->c;
    if (!c->bgp_lg || !c->bgp_lg_user == !c->bgp_lg_passwd)
        return 0;
    return err_set(e, ERR_CONFIG, "%s: bgp_daemon_lg_user and bgp_daemon_lg_passwd go together",
                   config_where(s->set, c->bgp_lg_user ? "bgp_daemon_lg_user" : "bgp_daemon_lg_passwd", NULL,
                                where, sizeof(where)));
}

static int set(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof(value));
}

static int open_zap(struct bgp_lg *lg)
{
    if (!lg->b->c->bgp_lg_user)
        return 0;
    lg->zap = zmq_socket(lg->context, ZMQ_REP);
    return lg->zap && set(lg->zap, ZMQ_LINGER, 0) == 0 && zmq_bind(lg->zap, "inproc://zeromq.zap.01") == 0 &&
                   set(lg->socket, ZMQ_PLAIN_SERVER, 1) == 0
               ? 0
               : -1;
}

int bgp_lg_open(struct bgp_service *b, struct bgp_lg **out, struct err *e)
{
    char where[128];
    if (!b->c->bgp_lg)
        return 0;
    struct bgp_lg *lg = *out = calloc(1, sizeof(*lg));
    if (!lg)
        return err_sys(e, "no memory for the looking glass");
    lg->b = b;
    strbuf_init(&lg->rows, ANSWER_MAX);
    lg->reader = rib_reader_new(b->rib);
    lg->context = zmq_ctx_new();
    lg->socket = lg->context ? zmq_socket(lg->context, ZMQ_ROUTER) : NULL;
    snprintf(where, sizeof(where), strchr(b->c->bgp_lg_ip, ':') ? "tcp://[%s]:%d" : "tcp://%s:%d",
             b->c->bgp_lg_ip, b->c->bgp_lg_port);
    if (!lg->reader || bgp_lines_init(&lg->lines, b->c, rib_pool(b->rib), NULL, false, e) == -1)
        return err_sys(e, "no memory for the looking glass");
    if (!lg->socket || set(lg->socket, ZMQ_LINGER, 0) == -1 || set(lg->socket, ZMQ_IPV6, 1) == -1 ||
        open_zap(lg) == -1 || zmq_bind(lg->socket, where) == -1)
        return err_set(e, ERR_SYS, "bgp_daemon_lg: cannot listen on %s: %s", where,
                       zmq_strerror(zmq_errno()));
    log_info(b->log, "looking glass listening on %s", where);
    return 0;
}

static void watch(struct bgp_lg *lg, void *socket, uv_poll_t *poll)
{
    int fd = -1;
    size_t len = sizeof(fd);
    if (!socket || zmq_getsockopt(socket, ZMQ_FD, &fd, &len) == -1)
        return;
    uv_poll_init(lg->b->io.loop, poll, fd);
    poll->data = lg;
    uv_poll_start(poll, UV_READABLE, on_poll);
}

int bgp_lg_start(struct bgp_lg *lg, struct err *e)
{
    (void)e;
    if (!lg)
        return 0;
    watch(lg, lg->socket, &lg->poll);
    watch(lg, lg->zap, &lg->zap_poll);
    uv_prepare_init(lg->b->io.loop, &lg->again);
    lg->again.data = lg;
    bgp_lines_roas(&lg->lines, bgp_service_roas(lg->b), lg->b->rib);
    uv_prepare_start(&lg->again, on_again);
    lg->started = true;
    return 0;
}

void bgp_lg_stats(const struct bgp_lg *lg)
{
    if (lg)
        log_notice(lg->b->log,
                   "stats [BGP] looking glass requests=%" PRIu64 " answers=%" PRIu64 " wrong=%" PRIu64
                   " refused=%" PRIu64,
                   lg->requests, lg->answers, lg->wrong, lg->refused);
}

void bgp_lg_figures(const struct bgp_lg *lg, struct figures *f)
{
    if (!lg)
        return;
    figures_put_of(f, FIG_BGP_LG, "what", "requests", lg->requests);
    figures_put_of(f, FIG_BGP_LG, "what", "answers", lg->answers);
    figures_put_of(f, FIG_BGP_LG, "what", "wrong", lg->wrong);
    figures_put_of(f, FIG_BGP_LG, "what", "refused", lg->refused);
}

void bgp_lg_stop(struct bgp_lg *lg)
{
    if (!lg || !lg->started)
        return;
    lg->started = false;
    uv_close((uv_handle_t *)&lg->poll, NULL);
    if (lg->zap)
        uv_close((uv_handle_t *)&lg->zap_poll, NULL);
    uv_close((uv_handle_t *)&lg->again, NULL);
}

void bgp_lg_free(struct bgp_lg *lg)
{
    if (!lg)
        return;
    if (lg->zap)
        zmq_close(lg->zap);
    if (lg->socket)
        zmq_close(lg->socket);
    if (lg->context)
        zmq_ctx_term(lg->context);
    if (lg->reader)
        rib_reader_free(lg->reader);
    bgp_lines_free(&lg->lines);
    strbuf_free(&lg->rows);
    free(lg);
}
