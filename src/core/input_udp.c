/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams from a UDP socket, in batches. Under load the socket is read without going through the event
 * loop; when only a few datagrams were there, the next look comes a millisecond later instead of a wake-up
 * for each. Bursts are read at once: what the sender has just written is in the caches, and its buffers go
 * back to their processor without an interrupt. */
#include "core/input.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/sock.h"

#ifndef UDP_GRO
#define UDP_GRO 104 /* linux/udp.h, since 5.0 */
#endif

enum {
    BATCH = 64, /* datagrams a system call */
    DATAGRAM_MAX = 65536,
    STRIDE = DATAGRAM_MAX + 1536, /* no power of two: buffers that alias in the caches cost a miss a line */
    ROUNDS = 16,                  /* batches between two looks at the event loop */
    WORTH = 6,     /* so many a wake-up pay for it: they are read at once, while they are in the caches */
    NAP_MS = 1,    /* when fewer came: more come together before the next look */
    IDLE_NAPS = 2, /* naps without a datagram until we wait for the next one */
    RCVBUF_DEFAULT = 32 << 20,
    RCVBUF_JOINED = 4 << 20, /* from here on datagrams may come joined */
    BATCH_JOINED = 4,        /* buffers a system call, when they do: some hundred datagrams */
    DROPS_EACH_US = 1000000,
    STOP_BATCHES = 4096, /* read at the end, at most */
};

union joined_control {
    struct cmsghdr align;
    char octets[CMSG_SPACE(sizeof(int))];
};

/* What a system call brought. */
struct got {
    int messages;   /* buffers filled; -1: an error that is not "none" */
    unsigned total; /* datagrams in them */
};

struct udp_state {
    int fd;
    bool joined;    /* the kernel may join datagrams of one sender and length (UDP_GRO) */
    unsigned batch; /* buffers to fill in a system call */
    uv_poll_t poll;
    uv_timer_t nap;
    unsigned idle_naps;
    bool napping;
    struct mmsghdr msg[BATCH];
    struct iovec iov[BATCH];
    struct sockaddr_storage from[BATCH];
    union joined_control control[BATCH];
    uint8_t *memory;   /* BATCH buffers, STRIDE apart */
    size_t rcvbuf;     /* octets obtained */
    uint64_t received; /* datagrams */
    uint32_t kernel_drops;
    int64_t drops_at_us;
    struct log_limit drops_limit, error_limit;
    char where[ADDR_TEXT + 16]; /* "ip:port" as configured */
    int second_fd;              /* nfacctd_templates_port, -1: none */
    uv_poll_t second_poll;
};

static bool udp_wanted(const struct config *c) { return !c->pcap_savefile; }

static void prepare_batch(struct udp_state *s)
{
    for (unsigned i = 0; i < BATCH; i++) {
        s->iov[i] = (struct iovec){ .iov_base = s->memory + (size_t)i * STRIDE, .iov_len = DATAGRAM_MAX };
        s->msg[i].msg_hdr = (struct msghdr){
            .msg_name = &s->from[i], .msg_namelen = sizeof(s->from[i]), .msg_iov = &s->iov[i], .msg_iovlen = 1
        };
    }
}

/* Datagrams that only pass through are taken joined, as the sender's or the receiver's kernel has joined
 * them: one buffer, one system call for up to 64 of them. Not those that are decoded: what the kernel drops
 * it then counts in buffers, and the ledger of a collector is exact. */
static void ask_for_joined(struct input *in)
{
    struct udp_state *s = in->state;
    int on = 1;
    s->joined = in->decoder->passes && s->rcvbuf >= RCVBUF_JOINED &&
                setsockopt(s->fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) == 0;
    s->batch = s->joined ? BATCH_JOINED : BATCH;
}

/* The port for templates that other collectors hand on. */
static int open_second(struct input *in, struct err *e)
{
    struct udp_state *s = in->state;
    const struct config *c = in->c;
    struct sock_udp want = { .ip = c->collector_ip,
                             .port = (uint16_t)c->templates_port,
                             .interface = c->collector_interface,
                             .v6_only = c->collector_ipv6_only };
    s->second_fd = -1;
    if (!c->templates_port)
        return 0;
    s->second_fd = sock_udp_listen(&want, NULL, e);
    if (s->second_fd == -1)
        return -1;
    log_info(in->log, "waiting for %s templates on interface=%s ip=%s port=%d/udp", in->decoder->name,
             c->collector_interface ? c->collector_interface : "all",
             c->collector_ip ? c->collector_ip : "::", c->templates_port);
    return 0;
}

static int udp_open(struct input *in, struct err *e)
{
    struct udp_state *s = in->state;
    const struct config *c = in->c;
    struct sock_udp want = { .ip = c->collector_ip,
                             .port = (uint16_t)c->collector_port,
                             .interface = c->collector_interface,
                             .v6_only = c->collector_ipv6_only,
                             .mcast_groups = c->collector_mcast_groups,
                             .rcvbuf = c->pipe_size ? (size_t)c->pipe_size : RCVBUF_DEFAULT };
    s->memory = malloc((size_t)BATCH * STRIDE);
    if (!s->memory)
        return err_sys(e, "no memory for datagrams");
    s->fd = sock_udp_listen(&want, &s->rcvbuf, e);
    if (s->fd == -1)
        return -1;
    prepare_batch(s);
    ask_for_joined(in);
    if (c->pipe_size)
        log_info(in->log, "%s_pipe_size: obtained=%zu target=%d.", in->daemon, s->rcvbuf, c->pipe_size);
    snprintf(s->where, sizeof(s->where), "%s:%d", c->collector_ip ? c->collector_ip : "0.0.0.0",
             c->collector_port);
    log_info(in->log, "waiting for %s data on interface=%s ip=%s port=%d/udp", in->decoder->name,
             c->collector_interface ? c->collector_interface : "all",
             c->collector_ip ? c->collector_ip : "::", c->collector_port);
    return open_second(in, e);
}

/* Octets of each datagram in a buffer, of which the last may be shorter; 0: there is but one. */
static uint32_t segment_of(struct msghdr *h)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c))
        if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO && c->cmsg_len >= CMSG_LEN(sizeof(int))) {
            int octets;
            memcpy(&octets, CMSG_DATA(c), sizeof(octets));
            return octets > 0 ? (uint32_t)octets : 0;
        }
    return 0;
}

/* Each datagram of a buffer; returns how many. */
static unsigned take_buffer(struct input *in, unsigned i, struct datagram *d)
{
    struct udp_state *s = in->state;
    const uint8_t *p = s->iov[i].iov_base;
    uint32_t left = s->msg[i].msg_len, segment = s->joined ? segment_of(&s->msg[i].msg_hdr) : 0;
    unsigned n = 0;
    addr_from_sockaddr((const struct sockaddr *)&s->from[i], &d->from, &d->port);
    do {
        d->p = p;
        d->len = segment && segment < left ? segment : left;
        in->decoder->datagram(in->decoder_state, d);
        p += d->len;
        left -= d->len;
        n++;
    } while (left);
    return n;
}

static void reset_batch(struct udp_state *s)
{
    for (unsigned i = 0; i < s->batch; i++) {
        s->msg[i].msg_hdr.msg_namelen = sizeof(s->from[i]);
        s->msg[i].msg_hdr.msg_control = s->joined ? s->control[i].octets : NULL;
        s->msg[i].msg_hdr.msg_controllen = s->joined ? sizeof(s->control[i].octets) : 0;
    }
}

/* One system call. */
static struct got read_batch(struct input *in, int fd)
{
    struct udp_state *s = in->state;
    struct got got = { 0 };
    reset_batch(s);
    got.messages = recvmmsg(fd, s->msg, s->batch, MSG_DONTWAIT, NULL);
    if (got.messages == -1) {
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
            return (struct got){ 0 };
        log_limited(in->log, &s->error_limit, LOG_LV_ERROR, "cannot receive on %s: %s", s->where,
                    strerror(errno));
        return got;
    }
    int64_t now = clock_wall_us();
    worker_set_now(in->worker, now);
    struct datagram d = { .at_us = now, .second_hand = fd == s->second_fd };
    for (int i = 0; i < got.messages; i++)
        got.total += take_buffer(in, (unsigned)i, &d);
    s->received += got.total;
    if (s->joined && got.messages)
        s->batch = got.total > 2u * (unsigned)got.messages ? BATCH_JOINED : BATCH;
    return got;
}

/* May reading pause, because plugins are full? Only while the kernel's buffer can hold what comes, or when
 * nobody could take anything anyway: then the kernel drops, and counts, cheaper than we could. */
static bool may_pause(struct input *in)
{
    struct udp_state *s = in->state;
    struct sock_mem m;
    return worker_all_full(in->worker) || (sock_mem(s->fd, &m) == 0 && m.queued < s->rcvbuf / 2);
}

static void watch(struct input *in);

static void on_nap_over(uv_timer_t *t)
{
    struct input *in = t->data;
    watch(in);
}

static void nap(struct input *in)
{
    struct udp_state *s = in->state;
    if (!s->napping)
        uv_poll_stop(&s->poll);
    s->napping = true;
    uv_timer_start(&s->nap, on_nap_over, NAP_MS, 0);
}

static void on_readable(uv_poll_t *p, int status, int events)
{
    (void)status;
    (void)events;
    watch(p->data);
}

static void wait_for_more(struct input *in)
{
    struct udp_state *s = in->state;
    s->idle_naps = 0;
    if (s->napping) /* starting it again would cost a system call */
        uv_poll_start(&s->poll, UV_READABLE, on_readable);
    s->napping = false;
}

static void look_at_drops(struct input *in)
{
    struct udp_state *s = in->state;
    int64_t now = clock_mono_us();
    struct sock_mem m;
    if (now - s->drops_at_us < DROPS_EACH_US || sock_mem(s->fd, &m) == -1)
        return;
    s->drops_at_us = now;
    if (m.drops != s->kernel_drops)
        log_limited(in->log, &s->drops_limit, LOG_LV_WARN,
                    "the kernel dropped %" PRIu32 " %s on %s (%" PRIu32
                    " since the start): more come than are taken",
                    m.drops - s->kernel_drops, s->joined ? "datagrams or joined runs of them" : "datagrams",
                    s->where, m.drops);
    s->kernel_drops = m.drops;
}

/* Reads what is there, then waits for more; naps first where that saves wake-ups, or where plugins need time.
 */
static void watch(struct input *in)
{
    struct udp_state *s = in->state;
    unsigned total = 0;
    bool pause = false;
    for (unsigned round = 0; round < ROUNDS; round++) {
        const int few = (int)s->batch / 2; /* less than this: the socket is about empty */
        struct got got = read_batch(in, s->fd);
        total += got.total;
        pause = worker_flush(in->worker) && may_pause(in);
        if (got.messages < few || pause)
            break;
    }
    look_at_drops(in);
    s->idle_naps = total ? 0 : s->idle_naps + 1;
    if (pause || ((s->joined || total < WORTH) && s->idle_naps < IDLE_NAPS))
        nap(in);
    else
        wait_for_more(in); /* the loop sees signals and timers in between */
}

static void on_second_readable(uv_poll_t *p, int status, int events)
{
    struct input *in = p->data;
    const struct udp_state *s = in->state;
    (void)status;
    (void)events;
    read_batch(in, s->second_fd);
    worker_flush(in->worker);
}

static int udp_start(struct input *in, struct err *e)
{
    struct udp_state *s = in->state;
    if (uv_poll_init(in->loop, &s->poll, s->fd) != 0 || uv_timer_init(in->loop, &s->nap) != 0)
        return err_set(e, ERR_SYS, "cannot watch the socket of %s", s->where);
    s->poll.data = s->nap.data = in;
    s->napping = true; /* not watched yet */
    wait_for_more(in);
    if (s->second_fd == -1)
        return 0;
    if (uv_poll_init(in->loop, &s->second_poll, s->second_fd) != 0)
        return err_set(e, ERR_SYS, "cannot watch the socket for templates");
    s->second_poll.data = in;
    uv_poll_start(&s->second_poll, UV_READABLE, on_second_readable);
    return 0;
}

static void udp_stop(struct input *in)
{
    struct udp_state *s = in->state;
    uv_poll_stop(&s->poll);
    uv_timer_stop(&s->nap);
    if (s->second_fd != -1)
        uv_poll_stop(&s->second_poll);
    for (unsigned i = 0; i < STOP_BATCHES && read_batch(in, s->fd).messages > 0; i++)
        if (worker_flush(in->worker) && !worker_wait_room(in->worker) && worker_all_full(in->worker))
            break;
    worker_flush(in->worker);
}

static void udp_stats(struct input *in)
{
    struct udp_state *s = in->state;
    struct sock_mem m = { 0 };
    sock_mem(s->fd, &m);
    in->decoder->stats(in->decoder_state, s->where);
    log_notice(in->log, "stats [%s] received_datagrams=%" PRIu64 " dropped_by_kernel=%" PRIu32, s->where,
               s->received, m.drops);
}

static void udp_close(struct input *in)
{
    struct udp_state *s = in->state;
    if (s->fd > 0)
        close(s->fd);
    if (s->second_fd > 0)
        close(s->second_fd);
    free(s->memory);
}

const struct input_ops input_udp = {
    .name = "udp",
    .state_size = sizeof(struct udp_state),
    .wanted = udp_wanted,
    .open = udp_open,
    .start = udp_start,
    .stop = udp_stop,
    .stats = udp_stats,
    .close = udp_close,
};
