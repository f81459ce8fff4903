/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers GET /metrics in a thread of its own: has the daemon gather its figures, makes text of them. */
#include "http/metrics.h"

#include <pthread.h>
#include <stdlib.h>
#include "http/httpd.h"
#include "http/prometheus.h"

enum { WAITING_MAX = 16, TEXT_MAX = 1 << 30 };

struct metrics {
    struct service *s;
    struct httpd *http;
    char *token;
    uv_async_t arrived;
    struct gather_ask ask;
    bool asking;
    struct http_request *waiting[WAITING_MAX];
    unsigned n;
    pthread_mutex_t lock;
    struct gathered *got; /* under the lock: the daemon's loop puts it here */
};

static bool wanted(const struct config *c, char daemon)
{
    (void)daemon;
    return c->metrics_listen;
}

static int check(const struct service *s, struct err *e)
{
    char *token;
    if (httpd_check("metrics_listen", s->c->metrics_listen, NULL, e) == -1 ||
        http_token("metrics_token_file", s->c->metrics_token_file, NULL, &token, e) == -1)
        return -1;
    free(token);
    return 0;
}

/* In the daemon's loop. */
static void on_gathered(struct gather_ask *a, struct gathered *got)
{
    struct metrics *m = (struct metrics *)((char *)a - offsetof(struct metrics, ask));
    pthread_mutex_lock(&m->lock);
    gathered_put(m->got);
    m->got = got;
    pthread_mutex_unlock(&m->lock);
    uv_async_send(&m->arrived);
}

static void answer(struct metrics *m, struct http_request *r, const struct gathered *g)
{
    struct strbuf text;
    strbuf_init(&text, TEXT_MAX);
    if (prometheus_write(&g->octets, &text) == -1) {
        strbuf_free(&text);
        http_reply_text(r, 500, "no memory\n");
        return;
    }
    http_reply(r, 200, "text/plain; version=0.0.4; charset=utf-8", &text, false);
    (void)m;
}

static void on_arrived(uv_async_t *w)
{
    struct metrics *m = w->data;
    pthread_mutex_lock(&m->lock);
    struct gathered *g = m->got;
    m->got = NULL;
    pthread_mutex_unlock(&m->lock);
    if (!g)
        return;
    m->asking = false;
    const unsigned n = m->n;
    m->n = 0;
    for (unsigned i = 0; i < n; i++)
        answer(m, m->waiting[i], g);
    gathered_put(g);
}

static void on_metrics(struct metrics *m, struct http_request *r)
{
    if (!http_knows_token(r)) {
        http_reply_text(r, 401, "a token is asked for\n");
        return;
    }
    if (m->n == WAITING_MAX) {
        http_reply_text(r, 503, "too many ask at once\n");
        return;
    }
    m->waiting[m->n++] = r;
    if (m->asking)
        return;
    m->asking = true;
    gather_ask(m->s->gather, &m->ask);
}

static void on_request(void *owner, struct http_request *r)
{
    if (!strcmp(http_path(r), "/metrics"))
        on_metrics(owner, r);
    else if (!strcmp(http_path(r), "/"))
        http_reply_text(r, 200, "metrics are at /metrics\n");
    else
        http_reply_text(r, 404, "metrics are at /metrics\n");
}

static int open_metrics(struct service *s, struct err *e)
{
    struct metrics *m = s->state;
    m->s = s;
    pthread_mutex_init(&m->lock, NULL);
    m->ask.done = on_gathered;
    if (http_token("metrics_token_file", s->c->metrics_token_file, NULL, &m->token, e) == -1)
        return -1;
    const struct httpd_conf hc = { .key = "metrics_listen",
                                   .listen = s->c->metrics_listen,
                                   .token = m->token,
                                   .log = &s->log,
                                   .request = on_request,
                                   .owner = m };
    m->http = httpd_open(&hc, e);
    return m->http ? 0 : -1;
}

static int start(struct service *s, struct err *e)
{
    struct metrics *m = s->state;
    if (uv_async_init(s->loop, &m->arrived, on_arrived) != 0)
        return err_set(e, ERR_SYS, "metrics_listen: cannot watch for figures");
    m->arrived.data = m;
    return httpd_start(m->http, s->loop, e);
}

/* The daemon's loop may still want to wake this one: the handle is closed when that is over. */
static void stop(struct service *s)
{
    struct metrics *m = s->state;
    m->n = 0;
    httpd_close(m->http);
    m->http = NULL;
    uv_unref((uv_handle_t *)&m->arrived);
}

static void stats(struct service *s) { (void)s; }

static void close_metrics(struct service *s)
{
    struct metrics *m = s->state;
    httpd_close(m->http);
    free(m->token);
    gathered_put(m->got);
    m->got = NULL;
    pthread_mutex_destroy(&m->lock);
}

const struct service_ops metrics_service = {
    .name = "metrics",
    .state_size = sizeof(struct metrics),
    .wanted = wanted,
    .check = check,
    .open = open_metrics,
    .start = start,
    .stop = stop,
    .stats = stats,
    .close = close_metrics,
};
