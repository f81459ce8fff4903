/* SPDX-License-Identifier: BSD-2-Clause */
/* The listener of a BGP speaker, and of a BMP station. Called by their services. */
#include "bgp/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/accept_rest.h"
#include "bgp/md5.h"
#include "bgp/tcpao.h"

enum { ACCEPTS = 64 }; /* in one turn of the loop */

struct bgp_listener {
    struct bgp_listener_conf c;
    int fd;
    struct allow *allow;
    struct md5_keys *keys;
    struct tcpao_keys *ao_keys;
    uv_poll_t poll;
    uv_timer_t pause;
    struct accept_rest rest;
    bool started;
    unsigned taken; /* of this batch */
    struct bgp_listener_counts counts;
    struct log_limit say_not_allowed, say_accept;
};

static int open_ao(struct bgp_listener *l, struct err *e)
{
    struct err why = { 0 };
    if (!l->c.ao_file)
        return 0;
    l->ao_keys = tcpao_keys_load(l->c.ao_file, &why);
    if (l->ao_keys && tcpao_keys_set(l->ao_keys, l->fd, NULL, &why) == 0)
        return 0;
    return err_set(e, why.code, "%s_tcp_ao_file: %s", l->c.prefix, why.text);
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
        (l->fd = sock_tcp_listen(&c->sock, e)) == -1 ||
        (c->md5_file && !(l->keys = md5_keys_load(c->md5_file, e))) ||
        (l->keys && md5_keys_set(l->keys, l->fd, NULL, e) == -1) || open_ao(l, e) == -1) {
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

static void reload_keys(struct bgp_listener *l)
{
    struct err e = { 0 };
    struct md5_keys *keys = l->c.md5_file ? md5_keys_load(l->c.md5_file, &e) : NULL;
    if (!keys) {
        if (l->c.md5_file)
            log_warn(l->c.log, "%s_md5_file: %s; the keys that were there stay", l->c.prefix, e.text);
        return;
    }
    if (md5_keys_set(keys, l->fd, l->keys, &e) == -1)
        log_warn(l->c.log, "%s_md5_file: %s", l->c.prefix, e.text);
    log_info(l->c.log, "%s_md5_file: %u keys loaded", l->c.prefix, md5_keys_count(keys));
    md5_keys_free(l->keys);
    l->keys = keys;
}

static void reload_ao(struct bgp_listener *l)
{
    struct err e = { 0 };
    struct tcpao_keys *keys = tcpao_keys_load(l->c.ao_file, &e);
    if (!keys) {
        log_warn(l->c.log, "%s_tcp_ao_file: %s; the keys that were there stay", l->c.prefix, e.text);
        return;
    }
    if (tcpao_keys_set(keys, l->fd, l->ao_keys, &e) == -1)
        log_warn(l->c.log, "%s_tcp_ao_file: %s", l->c.prefix, e.text);
    log_info(l->c.log, "%s_tcp_ao_file: %u keys loaded", l->c.prefix, tcpao_keys_count(keys));
    tcpao_keys_free(l->ao_keys);
    l->ao_keys = keys;
}

void bgp_listener_reload(struct bgp_listener *l)
{
    if (l->c.ao_file)
        reload_ao(l);
    if (l->c.allow_file)
        allow_reload(&l->allow, l->c.allow_file, l->c.log);
    reload_keys(l);
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
    md5_keys_free(l->keys);
    tcpao_keys_free(l->ao_keys);
    free(l);
}
