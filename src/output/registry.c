/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks a schema registry. Connections are libcurl's; without that library only the parts that need none are
 * here. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "output/registry.h"

#include <stdlib.h>
#include "base/cursor.h"
#include "output/json.h"

void registry_head(struct strbuf *out, uint32_t id)
{
    uint8_t head[REGISTRY_HEAD] = { 0 };
    put_be32(head + 1, id);
    strbuf_add(out, head, sizeof(head));
}

/* ---- answers: just as much JSON as finds one number */

static void skip_blanks(struct cursor *c)
{
    while (c->p < c->end && strchr(" \t\r\n", *c->p))
        c->p++;
}

/* The octets of a string between its quotes, escapes as they are. */
static struct cursor take_string(struct cursor *c)
{
    if (cursor_u8(c) != '"')
        c->bad = true;
    struct cursor s = cursor_of(c->p, 0);
    while (!c->bad) {
        const uint8_t b = cursor_u8(c);
        if (b == '"')
            break;
        if (b == '\\')
            cursor_skip(c, 1);
        s.end = c->p;
    }
    return s;
}

/* Passes over a value of any kind: up to the comma or bracket that ends it. */
static void skip_value(struct cursor *c)
{
    unsigned depth = 0;
    while (!c->bad && c->p < c->end) {
        if (*c->p == '"') {
            (void)take_string(c);
            continue;
        }
        if (!depth && strchr(",}]", *c->p))
            return;
        depth += *c->p == '{' || *c->p == '[';
        depth -= *c->p == '}' || *c->p == ']';
        c->p++;
    }
}

static bool take_id(struct cursor *c, uint32_t *id)
{
    uint64_t v = 0;
    const uint8_t *first = c->p;
    while (c->p < c->end && *c->p >= '0' && *c->p <= '9' && v <= UINT32_MAX)
        v = v * 10 + (uint64_t)(*c->p++ - '0');
    const uint8_t *last = c->p;
    skip_blanks(c);
    *id = (uint32_t)v;
    return last > first && v <= UINT32_MAX && c->p < c->end && (*c->p == ',' || *c->p == '}');
}

bool registry_answer(const char *text, size_t len, uint32_t *id)
{
    struct cursor c = cursor_of(text, len);
    skip_blanks(&c);
    if (cursor_u8(&c) != '{')
        return false;
    do {
        skip_blanks(&c);
        const struct cursor name = take_string(&c);
        skip_blanks(&c);
        if (cursor_u8(&c) != ':')
            return false;
        skip_blanks(&c);
        if (cursor_left(&name) == 2 && !memcmp(name.p, "id", 2))
            return take_id(&c, id);
        skip_value(&c);
    } while (cursor_u8(&c) == ',' && !c.bad);
    return false;
}

#ifdef WITH_CURL
#include <curl/curl.h>
#include <stdio.h>

enum { CONNECT_S = 3, ANSWER_S = 10, ANSWER_MAX = 2 << 20, URL_MAX = 4096, SHOWN = 200 };

struct registry {
    const char *urls;
    CURL *curl;
    struct curl_slist *headers;
    struct strbuf body, answer;
    char why[CURL_ERROR_SIZE];
};

bool registry_built(void) { return true; }

static size_t on_answer(char *p, size_t size, size_t n, void *arg)
{
    struct registry *r = arg;
    strbuf_add(&r->answer, p, size * n);
    return r->answer.failed ? 0 : size * n;
}

static bool set_up(struct registry *r)
{
    CURL *c = r->curl;
    r->headers = curl_slist_append(NULL, "Content-Type: application/vnd.schemaregistry.v1+json");
    return r->headers && !curl_easy_setopt(c, CURLOPT_HTTPHEADER, r->headers) &&
           !curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") &&
           !curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) &&
           !curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S) &&
           !curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)ANSWER_S) &&
           !curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_answer) &&
           !curl_easy_setopt(c, CURLOPT_WRITEDATA, r) && !curl_easy_setopt(c, CURLOPT_ERRORBUFFER, r->why);
}

int registry_open(struct registry **out, const char *urls, struct err *e)
{
    struct registry *r = calloc(1, sizeof(*r));
    if (!r)
        return err_sys(e, "no memory for the schema registry");
    r->urls = urls;
    strbuf_init(&r->body, ANSWER_MAX);
    strbuf_init(&r->answer, ANSWER_MAX);
    r->curl = curl_easy_init();
    if (r->curl && set_up(r)) {
        *out = r;
        return 0;
    }
    registry_close(r);
    return err_set(e, ERR_SYS, "cannot set libcurl up for the schema registry");
}

void registry_close(struct registry *r)
{
    if (!r)
        return;
    curl_easy_cleanup(r->curl);
    curl_slist_free_all(r->headers);
    strbuf_free(&r->body);
    strbuf_free(&r->answer);
    free(r);
}

/* What the server said, for a message: one line, nothing that a terminal would act on. */
static void shown(const struct strbuf *answer, char *out)
{
    size_t n = 0;
    for (; n < answer->len && n < SHOWN - 1; n++)
        out[n] = answer->p[n] >= ' ' && answer->p[n] < 0x7f ? answer->p[n] : ' ';
    out[n] = '\0';
}

/* A URL without user and password. */
static const char *public_part(const char *url, size_t *len)
{
    const char *at = memchr(url, '@', *len);
    if (!at)
        return url;
    *len -= (size_t)(at + 1 - url);
    return at + 1;
}

static int ask(struct registry *r, const char *base, size_t len, const char *subject, uint32_t *id,
               struct err *e)
{
    char url[URL_MAX], text[SHOWN];
    long status = 0;
    char *name = curl_easy_escape(r->curl, subject, 0);
    while (len && base[len - 1] == '/')
        len--;
    const int n = snprintf(url, sizeof(url), "%.*s/subjects/%s/versions", (int)len, base, name ? name : "");
    curl_free(name);
    base = public_part(base, &len);
    if (!name || n >= (int)sizeof(url))
        return err_set(e, ERR_LIMIT, "schema registry %.*s: the subject is too long", (int)len, base);
    strbuf_clear(&r->answer);
    r->why[0] = '\0';
    CURLcode rc = curl_easy_setopt(r->curl, CURLOPT_URL, url);
    if (!rc)
        rc = curl_easy_perform(r->curl);
    if (rc)
        return err_set(e, ERR_SYS, "schema registry %.*s: %s", (int)len, base,
                       r->why[0] ? r->why : curl_easy_strerror(rc));
    curl_easy_getinfo(r->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200 && registry_answer(r->answer.p, r->answer.len, id))
        return 0;
    shown(&r->answer, text);
    return err_set(e, ERR_FORMAT, "schema registry %.*s: subject %s: HTTP %ld: %s", (int)len, base, subject,
                   status, text);
}

int registry_id(struct registry *r, const char *subject, const char *schema, size_t len, uint32_t *id,
                struct err *e)
{
    strbuf_clear(&r->body);
    strbuf_lit(&r->body, "{\"schema\": ");
    json_string(&r->body, schema, len);
    strbuf_char(&r->body, '}');
    if (r->body.failed)
        return err_set(e, ERR_LIMIT, "schema registry: the schema of %s is too long", subject);
    curl_easy_setopt(r->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
    curl_easy_setopt(r->curl, CURLOPT_POSTFIELDS, r->body.p);
    int rc = err_set(e, ERR_CONFIG, "schema registry: no URL");
    for (const char *at = r->urls; rc == -1 && *at;) {
        const size_t n = strcspn(at, ", ");
        if (n)
            rc = ask(r, at, n, subject, id, e);
        at += n + (at[n] != '\0');
    }
    return rc;
}
#else
bool registry_built(void) { return false; }

int registry_open(struct registry **out, const char *urls, struct err *e)
{
    (void)out, (void)urls;
    return err_set(e, ERR_UNSUPPORTED, "this build has no libcurl for the schema registry");
}

void registry_close(struct registry *r) { (void)r; }

int registry_id(struct registry *r, const char *subject, const char *schema, size_t len, uint32_t *id,
                struct err *e)
{
    (void)r, (void)subject, (void)schema, (void)len, (void)id;
    return err_set(e, ERR_UNSUPPORTED, "this build has no libcurl for the schema registry");
}
#endif
