/* SPDX-License-Identifier: BSD-2-Clause */
/* A session with an RPKI cache: the first octet says in which pieces, the rest is what the cache sends, asked
 * or not. Stands in the places of the resolver and of the connection, which is a socket pair. Tables that are
 * handed over are asked once; when the client is stopped nothing is left in its loop. */
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "fake_log.h"
#include "rpki/rtr_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { PIECES = 8, TURNS_MAX = 1000 };

static int cache = -1; /* its end of the connection */

/* ---- in libuv's place */

int uv_getaddrinfo(uv_loop_t *loop, uv_getaddrinfo_t *req, uv_getaddrinfo_cb cb, const char *node,
                   const char *service, const struct addrinfo *hints)
{
    static struct addrinfo found = { .ai_family = AF_UNSPEC }; /* no socket is made beforehand */
    (void)loop, (void)node, (void)service, (void)hints;
    cb(req, 0, &found);
    return 0;
}

void uv_freeaddrinfo(struct addrinfo *ai) { (void)ai; }

int uv_tcp_connect(uv_connect_t *req, uv_tcp_t *tcp, const struct sockaddr *to, uv_connect_cb cb)
{
    int pair[2];
    (void)to;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == -1 ||
        uv_tcp_open(tcp, pair[0]) < 0)
        abort();
    cache = pair[1];
    cb(req, 0);
    return 0;
}

/* ---- */

static void on_table(void *arg, struct roa_table *t)
{
    unsigned *tables = arg;
    struct addr a;
    addr_parse("192.0.2.1", &a);
    ++*tables;
    if (t)
        (void)roa_validate(t, &a, 24, 64500, true);
    roa_put(t);
}

static void send_all(uv_loop_t *loop, const uint8_t *p, size_t n, size_t piece)
{
    for (size_t at = 0; at < n; at += piece) {
        const size_t now = n - at < piece ? n - at : piece;
        if (send(cache, p + at, now, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)now)
            return; /* it has hung up */
        uv_run(loop, UV_RUN_NOWAIT);
    }
    uv_run(loop, UV_RUN_NOWAIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uv_loop_t loop;
    static bool ready;
    static struct log log;
    struct routing_keys k = { .rtr_cache = "192.0.2.1:3323" };
    unsigned tables = 0, turns = 0;
    struct err e;
    if (!ready && (uv_loop_init(&loop) < 0))
        abort();
    ready = true;
    if (!len)
        return 0;
    fake_log_silent(len % 8 != 0);
    k.rtr_version = data[0] >> 4 & 1;
    struct rtr_client *r = rtr_client_new(&k, &loop, &log, on_table, &tables, &e);
    if (!r || rtr_client_start(r, &e) == -1)
        abort();
    send_all(&loop, data + 1, len - 1, data[0] % PIECES ? (size_t)(data[0] % PIECES) * 7 : len);
    if (len % 2)
        shutdown(cache, SHUT_WR);
    uv_run(&loop, UV_RUN_NOWAIT);
    rtr_client_stats(r);
    rtr_client_stop(r);
    while (uv_run(&loop, UV_RUN_NOWAIT))
        if (++turns == TURNS_MAX)
            abort(); /* something is left */
    rtr_client_free(r);
    close(cache);
    return 0;
}
