/* SPDX-License-Identifier: BSD-2-Clause */
/* Telemetry in datagrams, in batches: plain ones, each a stream of its own, and UDP-notif (notif.c). While
 * the log has no room they stay in the socket; what the kernel then drops it counts. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/sock.h"
#include "telemetry/notif.h"
#include "telemetry/telemetry.h"

enum {
    BATCH = 64, /* datagrams a system call */
    DATAGRAM_MAX = 65536,
    STRIDE = DATAGRAM_MAX + 1536, /* no power of two: buffers that alias in the caches cost a miss a line */
    ROUNDS = 16,                  /* batches in a row */
    RCVBUF_DEFAULT = 32 << 20,
    STOP_BATCHES = 1024,
};

struct udp_state {
    int fd;
    bool notif;
    uv_poll_t poll;
    struct mmsghdr msg[BATCH];
    struct iovec iov[BATCH];
    struct sockaddr_storage from[BATCH];
    uint8_t *memory;
    size_t rcvbuf;
    uint64_t received;
    uint32_t drops;
    struct framing framing;
    struct log_limit say_drops, say_error;
};

static void prepare_batch(struct udp_state *st)
{
    for (unsigned i = 0; i < BATCH; i++) {
        st->iov[i] = (struct iovec){ .iov_base = st->memory + (size_t)i * STRIDE, .iov_len = DATAGRAM_MAX };
        st->msg[i].msg_hdr =
            (struct msghdr){ .msg_name = &st->from[i], .msg_iov = &st->iov[i], .msg_iovlen = 1 };
    }
}

/* ---- one datagram */

static void datagram(struct tele_input *in, const struct sockaddr *from, const uint8_t *octets, size_t n)
{
    struct udp_state *st = in->state;
    struct addr a;
    uint16_t port;
    addr_from_sockaddr(from, &a, &port);
    struct tele_peer *p = tele_peer_of(in->t, &a, port, st->notif);
    if (!p)
        return;
    p->seen_us = in->t->mono_us;
    tele_received(in->t, p, n);
    if (st->notif)
        notif_datagram(in->t, p, octets, n);
    else
        tele_take_datagram(in->t, p, &st->framing, octets, n);
}

/* ---- the socket */

/* One system call. Returns how many datagrams were there. */
static int read_batch(struct tele_input *in)
{
    struct udp_state *st = in->state;
    for (unsigned i = 0; i < BATCH; i++)
        st->msg[i].msg_hdr.msg_namelen = sizeof(st->from[i]);
    const int n = recvmmsg(st->fd, st->msg, BATCH, MSG_DONTWAIT, NULL);
    if (n == -1) {
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
            log_limited(in->t->log, &st->say_error, LOG_LV_ERROR, "cannot receive telemetry: %s",
                        strerror(errno));
        return 0;
    }
    tele_now(in->t);
    for (int i = 0; i < n; i++)
        datagram(in, (struct sockaddr *)&st->from[i], st->iov[i].iov_base, st->msg[i].msg_len);
    st->received += (unsigned)n;
    return n;
}

static void on_readable(uv_poll_t *h, int status, int events)
{
    struct tele_input *in = h->data;
    (void)status;
    (void)events;
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (!tele_room(in->t)) {
            uv_poll_stop(h);
            return;
        }
        if (read_batch(in) < BATCH)
            return;
    }
}

static void udp_resume(struct tele_input *in)
{
    struct udp_state *st = in->state;
    uv_poll_start(&st->poll, UV_READABLE, on_readable);
}

static void udp_tick(struct tele_input *in)
{
    struct udp_state *st = in->state;
    struct sock_mem m;
    if (sock_mem(st->fd, &m) == -1)
        return;
    if (m.drops != st->drops)
        log_limited(in->t->log, &st->say_drops, LOG_LV_WARN,
                    "the kernel dropped %" PRIu32 " datagrams of telemetry (%" PRIu32
                    " since the start): more come than are taken",
                    m.drops - st->drops, m.drops);
    st->drops = m.drops;
}

static void udp_stats(struct tele_input *in)
{
    struct udp_state *st = in->state;
    udp_tick(in);
    log_notice(in->t->log, "stats [%s] received=%" PRIu64 " kernel_drops=%" PRIu32, in->ops->name,
               st->received, st->drops);
}

static void udp_figures(const struct tele_input *in, struct figures *f)
{
    const struct udp_state *st = in->state;
    struct sock_mem m = { .drops = st->drops };
    sock_mem(st->fd, &m);
    figures_put(f, FIG_INPUT_RECEIVED, st->received);
    figures_put(f, FIG_INPUT_KERNEL_DROP, m.drops);
    figures_put(f, FIG_INPUT_WAITING, m.queued);
}

/* ---- what the service calls */

static int open_socket(struct tele_input *in, const struct sock_udp *want, struct err *e)
{
    struct udp_state *st = in->state;
    st->fd = -1;
    st->framing.unpacked = &in->t->unpacked;
    st->memory = malloc((size_t)BATCH * STRIDE);
    if (!st->memory)
        return err_sys(e, "no memory for datagrams");
    prepare_batch(st);
    st->fd = sock_udp_listen(want, &st->rcvbuf, e);
    if (st->fd == -1)
        return -1;
    if (in->t->k->pipe_size)
        log_info(in->t->log, "telemetry_daemon_pipe_size: obtained=%zu target=%d.", st->rcvbuf,
                 in->t->k->pipe_size);
    log_info(in->t->log, "waiting for telemetry data on interface=%s ip=%s port=%u/udp%s",
             want->interface ? want->interface : "all", want->ip ? want->ip : "::", want->port,
             st->notif ? " (UDP-notif)" : "");
    return 0;
}

static size_t rcvbuf_of(const struct telemetry_keys *k)
{
    return k->pipe_size ? (size_t)k->pipe_size : RCVBUF_DEFAULT;
}

static bool udp_wanted(const struct telemetry_keys *k) { return k->port_udp != 0; }

static int udp_open(struct tele_input *in, struct err *e)
{
    const struct telemetry_keys *k = in->t->k;
    return open_socket(in,
                       &(struct sock_udp){ .ip = k->ip,
                                           .port = (uint16_t)k->port_udp,
                                           .interface = k->interface,
                                           .v6_only = k->ipv6_only,
                                           .rcvbuf = rcvbuf_of(k) },
                       e);
}

static bool notif_wanted(const struct telemetry_keys *k) { return k->notif_port && !k->notif_dtls; }

static int notif_open(struct tele_input *in, struct err *e)
{
    const struct telemetry_keys *k = in->t->k;
    struct udp_state *st = in->state;
    st->notif = true;
    return open_socket(in,
                       &(struct sock_udp){ .ip = k->notif_ip,
                                           .port = (uint16_t)k->notif_port,
                                           .interface = k->notif_interface,
                                           .v6_only = k->notif_ipv6_only,
                                           .rcvbuf = rcvbuf_of(k) },
                       e);
}

static int udp_start(struct tele_input *in, struct err *e)
{
    struct udp_state *st = in->state;
    if (uv_poll_init(in->t->s->loop, &st->poll, st->fd) != 0)
        return err_set(e, ERR_SYS, "cannot watch the telemetry port");
    st->poll.data = in;
    uv_poll_start(&st->poll, UV_READABLE, on_readable);
    return 0;
}

static void udp_stop(struct tele_input *in)
{
    struct udp_state *st = in->state;
    for (unsigned i = 0; i < STOP_BATCHES && tele_room(in->t) && read_batch(in) == BATCH; i++)
        ;
    uv_close((uv_handle_t *)&st->poll, NULL);
}

static void udp_close(struct tele_input *in)
{
    struct udp_state *st = in->state;
    if (st->fd != -1)
        close(st->fd);
    framing_end(&st->framing);
    free(st->memory);
}

const struct tele_input_ops tele_udp = {
    .name = "UDP",
    .state_size = sizeof(struct udp_state),
    .wanted = udp_wanted,
    .open = udp_open,
    .start = udp_start,
    .tick = udp_tick,
    .resume = udp_resume,
    .stats = udp_stats,
    .figures = udp_figures,
    .stop = udp_stop,
    .close = udp_close,
};

const struct tele_input_ops tele_notif = {
    .name = "UDP-notif",
    .state_size = sizeof(struct udp_state),
    .wanted = notif_wanted,
    .open = notif_open,
    .start = udp_start,
    .tick = udp_tick,
    .resume = udp_resume,
    .stats = udp_stats,
    .figures = udp_figures,
    .stop = udp_stop,
    .close = udp_close,
};
