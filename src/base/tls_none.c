/* SPDX-License-Identifier: BSD-2-Clause */
/* Builds without GnuTLS: whoever asks for TLS or DTLS hears that there is none. */
#include "base/tls.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static void *refuse(const struct tls_conf *c, struct err *e)
{
    err_set(e, ERR_UNSUPPORTED, "%s cannot be encrypted: this build has no GnuTLS", c->what);
    return NULL;
}

struct tls *tls_open(const struct tls_conf *c, struct err *e) { return refuse(c, e); }
int tls_start(struct tls *t, uv_loop_t *loop, struct err *e)
{
    (void)t, (void)loop;
    return err_set(e, ERR_UNSUPPORTED, "this build has no GnuTLS");
}
void tls_accept(struct tls *t, int fd, const struct addr *from, uint16_t port)
{
    (void)t, (void)from, (void)port;
    close(fd);
}
void tls_on_readable(struct tls_stream *ts, void (*fn)(void *arg), void *arg)
{
    (void)ts, (void)fn, (void)arg;
}
void tls_again(struct tls_stream *ts) { (void)ts; }
ssize_t tls_read(struct tls_stream *ts, void *to, size_t room)
{
    (void)ts, (void)to, (void)room;
    errno = EPROTO;
    return -1;
}
ssize_t tls_or_recv(struct tls_stream *ts, int fd, void *to, size_t room)
{
    (void)ts;
    return recv(fd, to, room, MSG_DONTWAIT);
}
void tls_stream_free(struct tls_stream *ts) { (void)ts; }
void tls_reload(struct tls *t) { (void)t; }
void tls_stats(const struct tls *t) { (void)t; }
struct tls_counts tls_counts(const struct tls *t)
{
    (void)t;
    return (struct tls_counts){ 0 };
}
void tls_stop(struct tls *t) { (void)t; }
void tls_free(struct tls *t) { (void)t; }

struct dtls *dtls_open(const struct tls_conf *c, struct err *e) { return refuse(c, e); }
int dtls_start(struct dtls *d, uv_loop_t *loop, struct err *e)
{
    (void)d;
    return tls_start(NULL, loop, e);
}
void dtls_resume(struct dtls *d) { (void)d; }
void dtls_recheck(struct dtls *d) { (void)d; }
void dtls_reload(struct dtls *d) { (void)d; }
void dtls_stats(const struct dtls *d) { (void)d; }
struct tls_counts dtls_counts(const struct dtls *d)
{
    (void)d;
    return (struct tls_counts){ 0 };
}
void dtls_stop(struct dtls *d) { (void)d; }
void dtls_free(struct dtls *d) { (void)d; }
