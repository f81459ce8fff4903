/* SPDX-License-Identifier: BSD-2-Clause */
/* The listener of a BGP speaker, and of a BMP station. Called by their services. */
#include "bgp/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/accept_rest.h"
#include "bgp/tcpkeys.h"

enum {
    ACCEPTS = 64, /* in one turn of the loop */
    KINDS = 2
}; /* of TCP's own keys */

struct bgp_listener {
    struct bgp_listener_conf c;
    int fd;
    struct allow *allow;
    struct tcpkeys *keys[KINDS];
    uv_poll_t poll;
    uv_timer_t pause;
    struct accept_rest rest;
    bool started;
    unsigned taken; /* of this batch */
    struct bgp_listener_counts counts;
    struct log_limit say_not_allowed, say_accept;
};

static const struct tcpkeys_ops *const kinds[KINDS] = { &tcpkeys_md5, &tcpkeys_ao };

/* NULL: there is no such file. */
static const char *key_file(const struct bgp_listener *l, unsigned kind)
{
    return kinds[kind] == &tcpkeys_md5 ? l->c.md5_file : l->c.ao_file;
}

static int open_keys(struct bgp_listener *l, struct err *e)
{
    struct err why = { 0 };
    for (unsigned i = 0; i < KINDS; i++)
        if (key_file(l, i) && (!(l->keys[i] = tcpkeys_load(kinds[i], key_file(l, i), &why)) ||
                               tcpkeys_set(l->keys[i], l->fd, NULL, &why) == -1))
            return err_set(e, why.code, "%s_%s: %s", l->c.prefix, kinds[i]->word, why.text);
    return 0;
}

struct bgp_listener *bgp_listener_open(const struct bgp_listener_conf *c, struct err *e)
{
    struct bgp_listener *l = calloc(1, sizeof(*l));
    if (!l) {
        err_sys(e, "no memory for a listener");
        return NULL;
    }
    l->c = *c;
    l->fd = -1;
    if ((c->allow_file && !(l->allow = allow_load(c->allow_file, e))) ||
        (l->fd = sock_tcp_listen(&c->sock, e)) == -1 || open_keys(l, e) == -1) {
        bgp_listener_free(l);
        return NULL;
    }
    return l;
}

static void on_connection(uv_poll_t *p, int status, int events);

static void on_pause_over(uv_timer_t *t)
{
    struct bgp_listener *l = t->data;
    l->taken = 0;
    uv_poll_start(&l->poll, UV_READABLE, on_connection);
}

/* The others wait in the kernel. */
static bool batch_full(struct bgp_listener *l)
{
    if (!l->c.batch || !l->c.batch_s || l->taken < l->c.batch)
        return false;
    log_info(l->c.log, "throttling at %s peer #%u", l->c.what, l->taken);
    l->counts.throttled++;
    uv_poll_stop(&l->poll);
    uv_timer_start(&l->pause, on_pause_over, (uint64_t)l->c.batch_s * 1000, 0);
    return true;
}

static void take(struct bgp_listener *l, int fd, const struct sockaddr_storage *ss)
{
    struct addr from;
    uint16_t port;
    char text[ADDR_TEXT];
    addr_from_sockaddr((const struct sockaddr *)ss, &from, &port);
    if (l->allow && !allow_match(l->allow, &from)) {
        l->counts.not_allowed++;
        log_limited(l->c.log, &l->say_not_allowed, LOG_LV_INFO,
                    "[%s] connection refused: not in %s_allow_file", addr_str(&from, text), l->c.prefix);
        close(fd);
        return;
    }
    l->counts.accepted++;
    l->taken++;
    l->c.accepted(l->c.arg, fd, &from, port);
}

static void on_connection(uv_poll_t *p, int status, int events)
{
    struct bgp_listener *l = p->data;
    (void)status;
    (void)events;
    for (unsigned i = 0; i < ACCEPTS && !batch_full(l); i++) {
        struct sockaddr_storage ss = { 0 };
        socklen_t len = sizeof(ss);
        const int fd = accept4(l->fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd == -1) {
            if (accept_rest_failed(&l->rest, errno))
                log_limited(l->c.log, &l->say_accept, LOG_LV_WARN, "cannot accept a %s connection: %s",
                            l->c.what, strerror(errno));
            return;
        }
        take(l, fd, &ss);
    }
}

int bgp_listener_start(struct bgp_listener *l, uv_loop_t *loop, struct err *e)
{
    if (uv_poll_init(loop, &l->poll, l->fd) != 0)
        return err_set(e, ERR_SYS, "cannot watch the %s listener", l->c.what);
    uv_timer_init(loop, &l->pause);
    accept_rest_init(&l->rest, loop, &l->poll, on_connection);
    l->started = true;
    l->poll.data = l->pause.data = l;
    uv_poll_start(&l->poll, UV_READABLE, on_connection);
    return 0;
}

static void reload_keys(struct bgp_listener *l, unsigned kind)
{
    const char *prefix = l->c.prefix, *word = kinds[kind]->word;
    struct err e = { 0 };
    struct tcpkeys *keys = tcpkeys_load(kinds[kind], key_file(l, kind), &e);
    if (!keys) {
        log_warn(l->c.log, "%s_%s: %s; the keys that were there stay", prefix, word, e.text);
        return;
    }
    if (tcpkeys_set(keys, l->fd, l->keys[kind], &e) == -1)
        log_warn(l->c.log, "%s_%s: %s", prefix, word, e.text);
    log_info(l->c.log, "%s_%s: %u keys loaded", prefix, word, tcpkeys_count(keys));
    tcpkeys_free(l->keys[kind]);
    l->keys[kind] = keys;
}

void bgp_listener_reload(struct bgp_listener *l)
{
    if (l->c.allow_file)
        allow_reload(&l->allow, l->c.allow_file, l->c.log);
    for (unsigned i = 0; i < KINDS; i++)
        if (key_file(l, i))
            reload_keys(l, i);
}

void bgp_listener_stop(struct bgp_listener *l)
{
    if (!l->started)
        return;
    l->started = false;
    uv_close((uv_handle_t *)&l->poll, NULL);
    uv_close((uv_handle_t *)&l->pause, NULL);
    accept_rest_close(&l->rest);
}

struct bgp_listener_counts bgp_listener_counts(const struct bgp_listener *l) { return l->counts; }

void bgp_listener_free(struct bgp_listener *l)
{
    if (!l)
        return;
    if (l->fd != -1)
        close(l->fd);
    allow_free(l->allow);
    for (unsigned i = 0; i < KINDS; i++)
        tcpkeys_free(l->keys[i]);
    free(l);
}
