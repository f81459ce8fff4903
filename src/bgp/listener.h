/* SPDX-License-Identifier: BSD-2-Clause */
/* Where peers connect to: the TCP listener of a BGP speaker or a BMP station, with its allow list and the
 * keys that TCP itself checks. */
#ifndef BGP_LISTENER_H
#define BGP_LISTENER_H

#include <uv.h>
#include "base/addr.h"
#include "base/err.h"
#include "base/log.h"
#include "base/sock.h"
#include "core/allow.h"

struct bgp_listener_conf {
    const char *what;   /* "BGP": for messages */
    const char *prefix; /* "bgp_daemon": of the keys, for messages */
    struct sock_tcp sock;
    const char *allow_file; /* NULL: everybody may */
    const char *md5_file;   /* NULL: no keys; these two: tcpkeys.h */
    const char *ao_file;
    unsigned batch; /* connections taken at a time, then no more for ... 0: no limit */
    int batch_s;    /* ... so many seconds */
    const struct log *log;
    /* A connection: fd is the callee's. */
    void (*accepted)(void *arg, int fd, const struct addr *from, uint16_t port);
    void *arg;
};

struct bgp_listener;

/* Binds and listens, reads the files. -1: e. */
struct bgp_listener *bgp_listener_open(const struct bgp_listener_conf *c, struct err *e);
/* Begins to accept. */
int bgp_listener_start(struct bgp_listener *l, uv_loop_t *loop, struct err *e);
void bgp_listener_reload(struct bgp_listener *l); /* reads the files anew; what is wrong is said */
/* Stops accepting and closes the handles. */
void bgp_listener_stop(struct bgp_listener *l);
struct bgp_listener_counts {
    uint64_t accepted, not_allowed, throttled;
};
struct bgp_listener_counts bgp_listener_counts(const struct bgp_listener *l);
void bgp_listener_free(
    struct bgp_listener *l); /* after its handles are closed, or without start. NULL is fine */

#endif
