/* SPDX-License-Identifier: BSD-2-Clause */
/* libmicrohttpd in an event loop: its epoll descriptor is watched, its time-outs are a timer. */
#include "http/httpd.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>
#include "base/addr.h"
#include "base/sock.h"

enum {
    CONNECTIONS_MAX = 64,
    CONNECTION_MEMORY = 32 << 10, /* octets of a request's head, at most */
    IDLE_S = 30,
    TOKEN_MIN = 8,
};

struct httpd {
    struct httpd_conf c;
    int fd;
    bool loopback;
    char where[80];
    struct MHD_Daemon *mhd;
    uv_poll_t poll;
    uv_timer_t timer;
    unsigned open_handles;
    struct http_request *waiting; /* for their answers */
};

struct http_request {
    struct httpd *h;
    struct MHD_Connection *connection;
    const char *path;
    bool suspended;
    struct MHD_Response *response;
    unsigned status;
    struct http_request *next, **at; /* among those that wait */
};

/* ---- where */

struct place {
    char host[INET6_ADDRSTRLEN + 2];
    uint16_t port;
    bool loopback;
};

static bool is_loopback(const struct addr *a)
{
    static const uint8_t v6[16] = { [15] = 1 };
    struct addr loop;
    char text[ADDR_TEXT];
    addr_set_v6(&loop, v6);
    return addr_equal(a, &loop) || !strncmp(addr_str(a, text), "127.", 4);
}

static int place_of(const char *key, const char *listen, struct place *p, struct err *e)
{
    struct addr a;
    struct err why;
    *p = (struct place){ 0 };
    char text[128];
    const bool alone = *listen && listen[strspn(listen, "0123456789")] == '\0';
    snprintf(text, sizeof(text), "%s%s", alone ? "127.0.0.1:" : *listen == ':' ? "127.0.0.1" : "", listen);
    if (sock_split(text, p->host, sizeof(p->host), &p->port, &why) == -1)
        return err_set(e, ERR_CONFIG, "%s: %s", key, why.text);
    if (!p->port)
        return err_set(e, ERR_CONFIG, "%s: '%s' names no port: write address:port, such as 127.0.0.1:9100",
                       key, listen);
    if (!strcmp(p->host, "localhost"))
        snprintf(p->host, sizeof(p->host), "127.0.0.1");
    if (addr_parse(p->host, &a) == -1)
        return err_set(e, ERR_CONFIG,
                       "%s: '%s' is not an IP address: write address:port, such as 127.0.0.1:9100", key,
                       p->host);
    p->loopback = is_loopback(&a);
    return 0;
}

int httpd_check(const char *key, const char *listen, bool *loopback, struct err *e)
{
    struct place p;
    if (place_of(key, listen, &p, e) == -1)
        return -1;
    if (loopback)
        *loopback = p.loopback;
    return 0;
}

struct httpd *httpd_open(const struct httpd_conf *c, struct err *e)
{
    struct place p;
    struct err why;
    struct httpd *h = calloc(1, sizeof(*h));
    if (!h || place_of(c->key, c->listen, &p, e) == -1) {
        free(h);
        return NULL;
    }
    h->c = *c;
    h->loopback = p.loopback;
    snprintf(h->where, sizeof(h->where), strchr(p.host, ':') ? "[%s]:%u" : "%s:%u", p.host, p.port);
    h->fd = sock_tcp_listen(&(struct sock_tcp){ .ip = p.host, .port = p.port }, &why);
    if (h->fd != -1)
        return h;
    err_set(e, why.code, "%s: %s", c->key, why.text);
    free(h);
    return NULL;
}

const char *httpd_where(const struct httpd *h) { return h->where; }
bool httpd_has_token(const struct httpd *h) { return h->c.token; }

/* ---- requests */

const char *http_path(const struct http_request *r) { return r->path; }

const char *http_arg(const struct http_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name);
}

/* Takes as long whatever is wrong with it. */
static bool same_secret(const char *a, const char *b)
{
    const size_t n = strlen(a), m = strlen(b);
    unsigned char differ = n != m;
    for (size_t i = 0; i < n; i++)
        differ |= (unsigned char)(a[i] ^ b[m ? i % m : 0]);
    return !differ;
}

bool http_knows_token(const struct http_request *r)
{
    static const char bearer[] = "Bearer ";
    if (!r->h->c.token)
        return true;
    const char *v = MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, "Authorization");
    return v && !strncasecmp(v, bearer, sizeof(bearer) - 1) &&
           same_secret(v + sizeof(bearer) - 1, r->h->c.token);
}

static struct MHD_Response *text_response(const char *text)
{
    struct MHD_Response *r =
        MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    if (r)
        MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; charset=utf-8");
    return r;
}

/* What every answer says: the page may load nothing from elsewhere, and nobody may frame it. */
static void add_headers(struct MHD_Response *r, bool kept)
{
    MHD_add_response_header(r, "Content-Security-Policy",
                            "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
                            "connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; "
                            "form-action 'none'");
    MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(r, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, kept ? "max-age=3600" : "no-store");
}

static void reply(struct http_request *r, unsigned status, struct MHD_Response *response, bool kept)
{
    if (!response || r->response)
        return;
    add_headers(response, kept);
    if (status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    r->response = response;
    r->status = status;
    if (!r->suspended)
        return;
    r->suspended = false;
    *r->at = r->next;
    if (r->next)
        r->next->at = r->at;
    MHD_resume_connection(r->connection);
    uv_timer_start(&r->h->timer, r->h->timer.timer_cb, 0, 0);
}

void http_reply(struct http_request *r, unsigned status, const char *type, struct strbuf *body, bool kept)
{
    struct MHD_Response *response =
        body->failed ? NULL : MHD_create_response_from_buffer(body->len, body->p, MHD_RESPMEM_MUST_FREE);
    if (!response) {
        strbuf_free(body);
        http_reply_text(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "no memory\n");
        return;
    }
    *body = (struct strbuf){ 0 };
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    reply(r, status, response, kept);
}

void http_reply_text(struct http_request *r, unsigned status, const char *text)
{
    reply(r, status, text_response(text), false);
}

/* A page of somebody else's must not read what is here by giving a name of its own the address 127.0.0.1:
 * without a token only literal addresses and localhost are answered. */
static bool host_is_ours(const struct http_request *r)
{
    char host[256];
    uint16_t port = 80;
    struct addr a;
    struct err e;
    const char *v = MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
    if (!v || r->h->c.token || !r->h->loopback)
        return true;
    if (sock_split(v, host, sizeof(host), &port, &e) == -1)
        return false;
    return !strcasecmp(host, "localhost") || addr_parse(host, &a) == 0;
}

static void wait_for_reply(struct http_request *r)
{
    struct httpd *h = r->h;
    r->suspended = true;
    r->next = h->waiting;
    r->at = &h->waiting;
    if (r->next)
        r->next->at = &r->next;
    h->waiting = r;
    MHD_suspend_connection(r->connection);
}

static void serve(struct http_request *r, const char *method)
{
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        http_reply_text(r, MHD_HTTP_METHOD_NOT_ALLOWED, "GET is all there is\n");
    else if (!host_is_ours(r))
        http_reply_text(r, MHD_HTTP_FORBIDDEN, "ask for this by its address\n");
    else
        r->h->c.request(r->h->c.owner, r);
    if (!r->response)
        wait_for_reply(r);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data, size_t *size,
                                  void **state)
{
    struct http_request *r = *state;
    (void)version;
    (void)data;
    if (!r) {
        r = calloc(1, sizeof(*r));
        if (!r)
            return MHD_NO;
        *r = (struct http_request){ .h = arg, .connection = connection, .path = url };
        *state = r;
        return MHD_YES;
    }
    if (*size) { /* a body: of no interest */
        *size = 0;
        return MHD_YES;
    }
    if (!r->response)
        serve(r, method);
    return r->response ? MHD_queue_response(connection, r->status, r->response) : MHD_YES;
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode why)
{
    struct http_request *r = *state;
    (void)arg;
    (void)connection;
    (void)why;
    if (!r)
        return;
    if (r->response)
        MHD_destroy_response(r->response);
    free(r);
    *state = NULL;
}

/* ---- the loop */

static void go_on(struct httpd *h)
{
    MHD_UNSIGNED_LONG_LONG ms;
    MHD_run(h->mhd);
    if (MHD_get_timeout(h->mhd, &ms) == MHD_YES)
        uv_timer_start(&h->timer, h->timer.timer_cb, ms < 1000 ? ms : 1000, 0);
    else
        uv_timer_stop(&h->timer);
}

static void on_poll(uv_poll_t *p, int status, int events)
{
    (void)status;
    (void)events;
    go_on(p->data);
}

static void on_timer(uv_timer_t *t) { go_on(t->data); }

static void no_message(void *arg, const char *fmt, va_list ap)
{
    (void)arg;
    (void)fmt;
    (void)ap;
}

int httpd_start(struct httpd *h, uv_loop_t *loop, struct err *e)
{
    h->mhd = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, h,
                              MHD_OPTION_LISTEN_SOCKET, h->fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
                              NULL, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
                              MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
                              MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
                              MHD_OPTION_EXTERNAL_LOGGER, no_message, NULL, MHD_OPTION_END);
    const union MHD_DaemonInfo *info = h->mhd ? MHD_get_daemon_info(h->mhd, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (!info || uv_poll_init(loop, &h->poll, info->epoll_fd) != 0)
        return err_set(e, ERR_SYS, "%s: cannot serve at %s", h->c.key, h->where);
    uv_timer_init(loop, &h->timer);
    h->poll.data = h->timer.data = h;
    h->open_handles = 2;
    uv_timer_start(&h->timer, on_timer, 0, 0);
    uv_poll_start(&h->poll, UV_READABLE, on_poll);
    log_info(h->c.log, "%s: waiting for requests on http://%s/", h->c.key, h->where);
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct httpd *h = handle->data;
    if (--h->open_handles == 0)
        free(h);
}

void httpd_close(struct httpd *h)
{
    if (!h)
        return;
    while (h->waiting)
        http_reply_text(h->waiting, MHD_HTTP_SERVICE_UNAVAILABLE, "the daemon ends\n");
    if (h->open_handles) {
        MHD_run(h->mhd);
        uv_close((uv_handle_t *)&h->poll, on_closed);
        uv_close((uv_handle_t *)&h->timer, on_closed);
    }
    if (h->mhd)
        MHD_stop_daemon(h->mhd); /* closes the socket */
    else
        close(h->fd);
    if (!h->open_handles)
        free(h);
}

/* ---- tokens */

static int read_token(const char *key, const char *path, char **out, struct err *e)
{
    FILE *in = fopen(path, "re");
    char line[512];
    if (!in)
        return err_sys(e, "%s: cannot read '%s'", key, path);
    const bool some = fgets(line, sizeof(line), in);
    fclose(in);
    if (some)
        line[strcspn(line, "\r\n")] = '\0';
    *out = some ? strdup(line) : NULL;
    return *out ? 0 : err_set(e, ERR_CONFIG, "%s: '%s' has no token in its first line", key, path);
}

int http_token(const char *key, const char *path, const char *text, char **out, struct err *e)
{
    *out = NULL;
    if (path && read_token(key, path, out, e) == -1)
        return -1;
    if (!path && text && !(*out = strdup(text)))
        return err_sys(e, "no memory");
    if (!*out || strlen(*out) >= TOKEN_MIN)
        return 0;
    free(*out);
    *out = NULL;
    return err_set(e, ERR_CONFIG, "%s: a token has %d characters or more", key, TOKEN_MIN);
}
