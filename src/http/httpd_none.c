/* SPDX-License-Identifier: BSD-2-Clause */
/* Stands for httpd.c in a build without libmicrohttpd: to be asked to listen is an error at start. */
#include "http/httpd.h"

int httpd_check(const char *key, const char *listen, bool *loopback, struct err *e)
{
    (void)listen;
    (void)loopback;
    return err_set(e, ERR_UNSUPPORTED, "%s: not supported by this build: it has no libmicrohttpd", key);
}

struct httpd *httpd_open(const struct httpd_conf *c, struct err *e)
{
    httpd_check(c->key, c->listen, NULL, e);
    return NULL;
}

int httpd_start(struct httpd *h, uv_loop_t *loop, struct err *e)
{
    (void)h;
    (void)loop;
    return err_set(e, ERR_UNSUPPORTED, "no libmicrohttpd");
}

void httpd_close(struct httpd *h) { (void)h; }

const char *httpd_where(const struct httpd *h)
{
    (void)h;
    return "";
}

bool httpd_has_token(const struct httpd *h)
{
    (void)h;
    return false;
}

const char *http_path(const struct http_request *r)
{
    (void)r;
    return "";
}

const char *http_arg(const struct http_request *r, const char *name)
{
    (void)r;
    (void)name;
    return NULL;
}

bool http_knows_token(const struct http_request *r)
{
    (void)r;
    return false;
}

void http_reply(struct http_request *r, unsigned status, const char *type, struct strbuf *body, bool kept)
{
    (void)r;
    (void)status;
    (void)type;
    (void)kept;
    strbuf_free(body);
}

void http_reply_text(struct http_request *r, unsigned status, const char *text)
{
    (void)r;
    (void)status;
    (void)text;
}

int http_token(const char *key, const char *path, const char *text, char **out, struct err *e)
{
    (void)key;
    (void)path;
    (void)text;
    (void)e;
    *out = NULL;
    return 0;
}
