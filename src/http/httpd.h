/* SPDX-License-Identifier: BSD-2-Clause */
/* A small HTTP server in an event loop, for metrics and the live page. All that knows libmicrohttpd is
 * httpd.c. Requests are GET or HEAD; an answer may come later. Everything happens on the loop's thread. */
#ifndef HTTP_HTTPD_H
#define HTTP_HTTPD_H

#include <stdbool.h>
#include <uv.h>
#include "base/err.h"
#include "base/log.h"
#include "base/strbuf.h"

struct httpd;
struct http_request;

struct httpd_conf {
    const char *key;    /* of the configuration, for messages: "metrics_listen" */
    const char *listen; /* address:port, [address]:port; a port alone: of 127.0.0.1 */
    const char *token;  /* who asks has to know it (Authorization: Bearer TOKEN); NULL: nobody has to */
    const struct log *log;
    /* A request. It is answered by http_reply, now or later. */
    void (*request)(void *owner, struct http_request *r);
    void *owner;
};

/* Is this something to listen on? *loopback (may be NULL): only this machine can connect. -1: e. */
int httpd_check(const char *key, const char *listen, bool *loopback, struct err *e);

/* Binds and listens; nothing is served yet. The configuration's texts stay the caller's. NULL: e. */
struct httpd *httpd_open(const struct httpd_conf *c, struct err *e);
/* Serves from now on, in this loop. -1: e. */
int httpd_start(struct httpd *h, uv_loop_t *loop, struct err *e);
/* Ends all connections; requests that wait for their answer are gone. Frees h, once the loop has closed its
 * handles. NULL is fine. */
void httpd_close(struct httpd *h);
/* Where it listens: "127.0.0.1:9100". */
const char *httpd_where(const struct httpd *h);
bool httpd_has_token(const struct httpd *h);

const char *http_path(const struct http_request *r);
/* The value of ?name=, NULL: there is none. */
const char *http_arg(const struct http_request *r, const char *name);
/* Does who asks know the token, if there is one? */
bool http_knows_token(const struct http_request *r);

/* Answers with the octets of *body, which is taken over; status 200 or another one, type such as
 * "application/json". `kept`: browsers may keep it for an hour. */
void http_reply(struct http_request *r, unsigned status, const char *type, struct strbuf *body, bool kept);
/* Answers with a line of text. */
void http_reply_text(struct http_request *r, unsigned status, const char *text);

/* The token of a file's first line, or `text` itself when path is NULL; NULL when both are. What is returned
 * is to be freed. -1: e. */
int http_token(const char *key, const char *path, const char *text, char **out, struct err *e);

#endif
