/* SPDX-License-Identifier: BSD-2-Clause */
/* What is asked of the live page: requests parted by empty lines, the path first, then a line for each
 * argument, `name=value`. Stands in the HTTP server's place; whatever is asked of a small table, there is one
 * answer, and it is JSON. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "http/httpd.h"
#include "plugins/memory.h"
#include "plugins/memory_web.h"
#include "telemetry/json_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { ARGS_MAX = 16, ENTRIES = 40 };

struct http_request {
    const char *path, *arg[ARGS_MAX];
    unsigned n_args, answers;
};

static struct httpd_conf conf; /* as the page has given it */

/* ---- in the server's place */

int httpd_check(const char *key, const char *listen, bool *loopback, struct err *e)
{
    (void)key, (void)listen, (void)loopback, (void)e;
    return 0;
}

int http_token(const char *key, const char *path, const char *text, char **out, struct err *e)
{
    (void)key, (void)path, (void)text, (void)e;
    *out = NULL;
    return 0;
}

struct httpd *httpd_open(const struct httpd_conf *c, struct err *e)
{
    (void)e;
    conf = *c;
    return (struct httpd *)&conf;
}

int httpd_start(struct httpd *h, uv_loop_t *loop, struct err *e)
{
    (void)h, (void)loop, (void)e;
    return 0;
}

void plugin_ask_figures(struct plugin *pl) { (void)pl; }
void httpd_close(struct httpd *h) { (void)h; }
const char *httpd_where(const struct httpd *h) { return ((const struct httpd_conf *)h)->listen; }
bool httpd_has_token(const struct httpd *h) { return ((const struct httpd_conf *)h)->token; }
const char *http_path(const struct http_request *r) { return r->path; }
bool http_knows_token(const struct http_request *r) { return r->n_args < ARGS_MAX; }

const char *http_arg(const struct http_request *r, const char *name)
{
    const size_t n = strlen(name);
    for (unsigned i = 0; i < r->n_args; i++)
        if (!strncmp(r->arg[i], name, n) && r->arg[i][n] == '=')
            return r->arg[i] + n + 1;
    return NULL;
}

void http_reply(struct http_request *r, unsigned status, const char *type, struct strbuf *body, bool kept)
{
    struct json_found found;
    (void)kept;
    if (!strncmp(type, "application/json", 16) &&
        (body->failed || json_check_all((const uint8_t *)body->p, body->len, &found) != JSON_WHOLE))
        abort();
    if (status < 200 || status > 599)
        abort();
    strbuf_free(body);
    r->answers++;
}

void http_reply_text(struct http_request *r, unsigned status, const char *text)
{
    if (status < 400 || !*text)
        abort();
    r->answers++;
}

/* ---- the page */

struct page {
    uv_loop_t loop;
    struct config c;
    struct layout layout;
    struct plugin pl;
    struct memory m;
    struct web *web;
    int64_t at_us;
};

static struct table *small_table(const struct layout *l)
{
    static const char text[] = "64500_64501\"\\\n\x7f\xc3\xa4\xff";
    _Alignas(8) uint8_t buf[sizeof(struct record) + 256];
    struct table *t = table_new();
    for (unsigned i = 0; i < ENTRIES; i++) {
        memset(buf, 0, sizeof(buf));
        struct record *r = (struct record *)buf;
        *r = (struct record){ .packets = i % 7u, .bytes = 100u * i, .flows = 1 };
        const uint16_t path = i % sizeof(text);
        record_set_key_len(r, l->fixed + 16u);
        memcpy(r->key + layout_find(l, FIELD_as_path)->off, &path, sizeof(path));
        memcpy(r->key + l->fixed, text, path);
        r->key[layout_find(l, FIELD_src_port)->off] = (uint8_t)(i % 5);
        agg_add(t->agg, buf, record_size(r));
    }
    return t;
}

/* As the core sends them, with labels that JSON has to escape. */
static void give_figures(struct web *web)
{
    struct figures f;
    figures_init(&f);
    figures_label(&f, "plugin", "a \"name\", with = and \\");
    figures_label(&f, "type", "memory");
    figures_put_process(&f, "plugin");
    web_figures(web, &f.out);
    figures_free(&f);
}

static struct page *page_open(void)
{
    static struct page p;
    static struct aggregate_spec spec;
    struct err e;
    bool dropped;
    if (p.web)
        return &p;
    if (aggregate_parse("src_host, src_port, tcpflags, mpls_vpn_rd, as_path, flows", 'N', &spec, &dropped,
                        &e) == -1)
        abort();
    layout_make(&p.layout, &spec, false);
    p.c.web_listen = "127.0.0.1:0";
    uv_loop_init(&p.loop);
    p.pl = (struct plugin){ .name = "fuzz",
                            .daemon = 'N',
                            .progname = "nfacctd",
                            .c = &p.c,
                            .spec = &spec,
                            .layout = &p.layout,
                            .loop = &p.loop,
                            .control = -1 };
    p.m = (struct memory){ .pl = &p.pl, .table = small_table(&p.layout), .fd = -1 };
    p.at_us = 1000000000;
    if (web_open(&p.web, &p.m, &e) == -1)
        abort();
    give_figures(p.web);
    return &p;
}

static void ask(struct page *p, struct http_request *r)
{
    static const struct sums some = { .packets = 3, .bytes = 300, .flows = 1, .records = 1 };
    if (!r->path)
        return;
    web_seen(p->web, &some);
    p->at_us += 1000000;
    web_tick(p->web, p->at_us, p->at_us);
    conf.request(conf.owner, r);
    for (unsigned i = 0; i < 1000 && !r->answers; i++)
        uv_run(&p->loop, UV_RUN_NOWAIT);
    if (r->answers != 1)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct page *p = page_open();
    char *text = malloc(len + 1);
    struct http_request r = { 0 };
    if (!text || len > 1 << 14) {
        free(text);
        return 0;
    }
    if (len)
        memcpy(text, data, len);
    text[len] = '\0';
    for (char *at = text, *next; at; at = next) {
        next = strchr(at, '\n');
        if (next)
            *next++ = '\0';
        if (!*at) {
            ask(p, &r);
            r = (struct http_request){ 0 };
        } else if (!r.path)
            r.path = at;
        else if (r.n_args < ARGS_MAX)
            r.arg[r.n_args++] = at;
    }
    ask(p, &r);
    free(text);
    return 0;
}
