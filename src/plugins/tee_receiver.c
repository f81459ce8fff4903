/* SPDX-License-Identifier: BSD-2-Clause */
/* What all kinds of receivers have in common. */
#include "plugins/tee_receiver.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/strbuf.h"
#include "plugins/tee_bound.h"
#include "plugins/tee_name.h"
#include "plugins/tee_send.h"

/* ---- shared */

void tee_out_tell_sndbuf(struct tee_out *o, int fd)
{
    int got = 0;
    socklen_t len = sizeof(got);
    if (!o->c->tee_pipe_size || o->sndbuf_told)
        return;
    o->sndbuf_told = true;
    getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &got, &len);
    log_info(o->log, "tee_pipe_size: obtained=%d target=%d.", got, o->c->tee_pipe_size);
}

static int open_raw(struct tee_out *o, int family, int *fd, struct err *e)
{
    int on = 1, size = o->c->tee_pipe_size ? o->c->tee_pipe_size : TEE_SNDBUF;
    *fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    if (*fd == -1 && family == AF_INET6 && errno == EAFNOSUPPORT)
        return 0;
    if (*fd == -1)
        return err_sys(e, "tee_transparent needs root or CAP_NET_RAW: cannot open a raw socket");
    if (setsockopt(*fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) == -1)
        setsockopt(*fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    tee_out_tell_sndbuf(o, *fd);
    if (family == AF_INET && setsockopt(*fd, IPPROTO_IP, IP_HDRINCL, &on, sizeof(on)) == -1)
        return err_sys(e, "tee_transparent: cannot set IP_HDRINCL");
    return 0;
}

int tee_out_open(struct tee_out *o, const struct config *c, const struct log *l, uv_loop_t *loop,
                 struct err *e)
{
    *o = (struct tee_out){ .c = c, .log = l, .loop = loop, .raw4 = -1, .raw6 = -1 };
    o->scratch = calloc(1, sizeof(*o->scratch));
    if (!o->scratch)
        return err_sys(e, "no memory for datagrams");
    if (!c->tee_transparent)
        return 0;
    o->bound_room = tee_bound_most();
    return open_raw(o, AF_INET, &o->raw4, e) == 0 && open_raw(o, AF_INET6, &o->raw6, e) == 0 ? 0 : -1;
}

void tee_out_close(struct tee_out *o)
{
    if (!o->scratch)
        return;
    if (o->raw4 != -1)
        close(o->raw4);
    if (o->raw6 != -1)
        close(o->raw6);
    free(o->scratch);
    o->scratch = NULL;
}

/* ---- one */

const struct tee_way *tee_way_of(const struct config *c, enum tee_kind kind)
{
    switch (kind) {
    case TEE_UDP:
        break;
    case TEE_KAFKA:
        return &tee_way_kafka;
    case TEE_ZMQ:
        return &tee_way_zmq;
    }
    return c->tee_transparent ? &tee_way_raw : &tee_way_udp;
}

struct tee_receiver *tee_receiver_new(struct tee_out *o, const struct tee_target *t, struct err *e)
{
    struct tee_receiver *r = calloc(1, sizeof(*r));
    if (!r) {
        err_sys(e, "no memory for a receiver");
        return NULL;
    }
    r->out = o;
    r->way = tee_way_of(o->c, t->kind);
    r->fd = r->full_fd = -1;
    r->gso_most = UINT16_MAX;
    r->port = t->port;
    r->src_port = t->src_port;
    r->pool = t->pool;
    snprintf(r->name, sizeof(r->name), "%s", t->name);
    snprintf(r->host, sizeof(r->host), "%s", t->host ? t->host : "");
    snprintf(r->topic, sizeof(r->topic), "%s", t->topic ? t->topic : "");
    return r;
}

void tee_receiver_free(struct tee_receiver *r)
{
    if (!r)
        return;
    tee_name_cancel(r);
    r->way->close(r);
    free(r);
}

int tee_receiver_set(struct tee_receiver *r, const struct addr *a, struct err *e)
{
    const struct addr old = r->at;
    r->at = *a;
    if (r->way->open(r, e) == -1) {
        r->at = old;
        return -1;
    }
    if (r->way == &tee_way_udp)
        r->to_len = addr_to_sockaddr(a, r->port, false, &r->to);
    return 0;
}

void tee_receiver_lose(struct tee_receiver *r, enum tee_count why)
{
    r->count[why] += r->n - r->done;
    r->n = r->done = 0;
}

static const char *const words[TEE_COUNT_MAX] = {
#define C(id, word) [id] = word,
    TEE_COUNTS(C)
#undef C
};

void tee_receiver_figures(const struct tee_receiver *r, struct figures *f)
{
    figures_label_number(f, "pool", r->pool);
    figures_label(f, "receiver", r->name);
    for (unsigned i = 0; i < TEE_COUNT_MAX; i++)
        figures_put_of(f, FIG_TEE, "what", words[i], r->count[i]);
    figures_unlabel(f, 2);
}

void tee_receiver_stats(const struct tee_receiver *r)
{
    struct strbuf s;
    char at[ADDR_TEXT];
    strbuf_init(&s, 1024);
    for (unsigned i = 0; i < TEE_COUNT_MAX; i++)
        strbuf_printf(&s, " %s=%" PRIu64, words[i], r->count[i]);
    if (r->way->unsent)
        strbuf_printf(&s, " waiting=%u", r->way->unsent(r));
    if (*r->host)
        log_notice(r->out->log, "stats pool=%u receiver=%s address=%s%s", r->pool, r->name,
                   addr_str(&r->at, at), strbuf_cstr(&s));
    else
        log_notice(r->out->log, "stats pool=%u receiver=%s%s", r->pool, r->name, strbuf_cstr(&s));
    strbuf_free(&s);
}

/* ---- sending */

enum tee_verdict tee_send_verdict(int error)
{
    switch (error) {
    case ECONNREFUSED: /* an answer to an earlier datagram: this one has not been tried yet */
        return TEE_AGAIN;
    case EAGAIN:
    case EINTR:
    case ENOBUFS:
    case ENOMEM:
        return TEE_WAIT;
    case EMSGSIZE:
    case EINVAL:
    case EIO:
    case EOPNOTSUPP:
        return TEE_TOO_BIG;
    default:
        return TEE_NEVER;
    }
}

void tee_send_failed(struct tee_receiver *r, int error)
{
    const struct datagram_record *d = r->waiting[r->done++];
    char from[ADDR_TEXT];
    r->count[TEE_FAILED]++;
    log_limited(r->out->log, &r->limit, LOG_LV_ERROR, "send() of %u octets from [%s:%u] to [%s] failed (%s)",
                d->len, addr_str(&d->from, from), d->port, r->name, strerror(error));
}
