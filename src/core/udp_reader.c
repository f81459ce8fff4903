/* SPDX-License-Identifier: BSD-2-Clause */
/* The loop over a socket: batches, naps, what the kernel dropped; and its thread. Called by input_udp.c. */
#include "core/udp_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"

#ifndef UDP_GRO
#define UDP_GRO 104 /* linux/udp.h, since 5.0 */
#endif

enum {
    DATAGRAM_MAX = 65536,
    STRIDE = DATAGRAM_MAX + 1536, /* no power of two: buffers that alias in the caches cost a miss a line */
    ROUNDS = 16,                  /* batches between two looks at the event loop */
    WORTH = 6,     /* so many a wake-up pay for it: they are read at once, while they are in the caches */
    NAP_MS = 1,    /* when fewer came: more come together before the next look */
    IDLE_NAPS = 2, /* naps without a datagram until we wait for the next one */
    RCVBUF_JOINED = 4 << 20, /* from here on datagrams may come joined */
    BATCH_JOINED = 4,        /* buffers a system call, when they do: some hundred datagrams */
    DROPS_EACH_US = 1000000,
    GROUP = 32,          /* datagrams that the decoder sees ahead */
    STOP_BATCHES = 4096, /* read at the end, at most */
};

/* What a system call brought. */
struct got {
    int messages;   /* buffers filled; -1: an error that is not "none" */
    unsigned total; /* datagrams in them */
};

static void prepare_batch(struct udp_reader *r)
{
    for (unsigned i = 0; i < UDP_BATCH; i++) {
        r->iov[i] = (struct iovec){ .iov_base = r->memory + (size_t)i * STRIDE, .iov_len = DATAGRAM_MAX };
        r->msg[i].msg_hdr = (struct msghdr){
            .msg_name = &r->from[i], .msg_namelen = sizeof(r->from[i]), .msg_iov = &r->iov[i], .msg_iovlen = 1
        };
    }
}

/* Datagrams that only pass through are taken joined, as the sender's or the receiver's kernel has joined
 * them: one buffer, one system call for up to 64 of them. Not those that are decoded: what the kernel drops
 * it then counts in buffers, and the ledger of a collector is exact. */
static void ask_for_joined(struct udp_reader *r)
{
    int on = 1;
    r->joined = r->in->decoder->passes && r->rcvbuf >= RCVBUF_JOINED &&
                setsockopt(r->fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) == 0;
    r->batch = r->joined ? BATCH_JOINED : UDP_BATCH;
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
static unsigned take_buffer(struct udp_reader *r, unsigned i, struct datagram *d)
{
    const uint8_t *p = r->iov[i].iov_base;
    uint32_t left = r->msg[i].msg_len, segment = r->joined ? segment_of(&r->msg[i].msg_hdr) : 0;
    unsigned n = 0;
    addr_from_sockaddr((const struct sockaddr *)&r->from[i], &d->from, &d->port);
    do {
        d->p = p;
        d->len = segment && segment < left ? segment : left;
        input_datagram(r->in, r->number, d);
        p += d->len;
        left -= d->len;
        n++;
    } while (left);
    return n;
}

static void reset_batch(struct udp_reader *r)
{
    for (unsigned i = 0; i < r->batch; i++) {
        r->msg[i].msg_hdr.msg_namelen = sizeof(r->from[i]);
        r->msg[i].msg_hdr.msg_control = r->joined ? r->control[i].octets : NULL;
        r->msg[i].msg_hdr.msg_controllen = r->joined ? sizeof(r->control[i].octets) : 0;
    }
}

/* Datagrams that did not come joined, in groups whose senders' memory is fetched together. */
static unsigned take_plain(struct udp_reader *r, unsigned n, const struct datagram *like)
{
    const struct decoder_ops *dec = r->in->decoder;
    void *state = r->in->decoder_states[r->number];
    struct datagram d[GROUP];
    for (unsigned i = 0, k; i < n; i += k) {
        for (k = 0; k < GROUP && i + k < n; k++) {
            d[k] = *like;
            d[k].p = r->iov[i + k].iov_base;
            d[k].len = r->msg[i + k].msg_len;
            addr_from_sockaddr((const struct sockaddr *)&r->from[i + k], &d[k].from, &d[k].port);
        }
        if (dec->ahead && k > 1)
            dec->ahead(state, d, k);
        for (unsigned j = 0; j < k; j++)
            dec->datagram(state, &d[j]);
    }
    return n;
}

/* One system call. */
static struct got read_batch(struct udp_reader *r, int fd)
{
    struct got got = { 0 };
    reset_batch(r);
    got.messages = recvmmsg(fd, r->msg, r->batch, MSG_DONTWAIT, NULL);
    if (got.messages == -1) {
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
            return (struct got){ 0 };
        log_limited(r->in->log, &r->error_limit, LOG_LV_ERROR, "cannot receive on %s: %s", r->where,
                    strerror(errno));
        return got;
    }
    int64_t now = clock_wall_us();
    worker_set_now(r->worker, now);
    struct datagram d = { .at_us = now, .second_hand = fd == r->second_fd };
    if (!r->joined)
        got.total = take_plain(r, (unsigned)got.messages, &d);
    for (int i = 0; r->joined && i < got.messages; i++)
        got.total += take_buffer(r, (unsigned)i, &d);
    r->received += got.total;
    if (r->joined && got.messages)
        r->batch = got.total > 2u * (unsigned)got.messages ? BATCH_JOINED : UDP_BATCH;
    return got;
}

/* May reading pause, because plugins are full? Only while the kernel's buffer can hold what comes, or when
 * nobody could take anything anyway: then the kernel drops, and counts, cheaper than we could. */
static bool may_pause(struct udp_reader *r)
{
    struct sock_mem m;
    return worker_all_full(r->worker) || (sock_mem(r->fd, &m) == 0 && m.queued < r->rcvbuf / 2);
}

static void watch(struct udp_reader *r);

static void on_nap_over(uv_timer_t *t)
{
    struct udp_reader *r = t->data;
    watch(r);
}

static void nap(struct udp_reader *r)
{
    if (!r->napping)
        uv_poll_stop(&r->poll);
    r->napping = true;
    uv_timer_start(&r->nap, on_nap_over, NAP_MS, 0);
}

static void on_readable(uv_poll_t *p, int status, int events)
{
    (void)status;
    (void)events;
    watch(p->data);
}

static void wait_for_more(struct udp_reader *r)
{
    r->idle_naps = 0;
    if (r->napping) /* starting it again would cost a system call */
        uv_poll_start(&r->poll, UV_READABLE, on_readable);
    r->napping = false;
}

void udp_reader_count_drops(struct udp_reader *r)
{
    struct sock_mem m;
    if (sock_mem(r->fd, &m) == 0)
        r->kernel_drops = m.drops - r->drops_before;
}

static void look_at_drops(struct udp_reader *r)
{
    const int64_t now = clock_mono_us();
    const uint32_t before = r->kernel_drops;
    if (now - r->drops_at_us < DROPS_EACH_US)
        return;
    r->drops_at_us = now;
    udp_reader_count_drops(r);
    if (r->kernel_drops != before)
        log_limited(r->in->log, &r->drops_limit, LOG_LV_WARN,
                    "the kernel dropped %" PRIu32 " %s on %s (%" PRIu32
                    " since the start): more come than are taken",
                    r->kernel_drops - before, r->joined ? "datagrams or joined runs of them" : "datagrams",
                    r->where, r->kernel_drops);
}

/* Reads what is there, then waits for more; naps first where that saves wake-ups, or where plugins need time.
 */
static void watch(struct udp_reader *r)
{
    unsigned total = 0;
    bool pause = false;
    for (unsigned round = 0; round < ROUNDS; round++) {
        const int few = (int)r->batch / 2; /* less than this: the socket is about empty */
        struct got got = read_batch(r, r->fd);
        total += got.total;
        pause = worker_flush(r->worker) && may_pause(r);
        if (got.messages < few || pause)
            break;
    }
    look_at_drops(r);
    r->idle_naps = total ? 0 : r->idle_naps + 1;
    if (pause || ((r->joined || total < WORTH) && r->idle_naps < IDLE_NAPS))
        nap(r);
    else
        wait_for_more(r); /* the loop sees signals and timers in between */
}

static void on_second_readable(uv_poll_t *p, int status, int events)
{
    struct udp_reader *r = p->data;
    (void)status;
    (void)events;
    read_batch(r, r->second_fd);
    worker_flush(r->worker);
}

int udp_reader_open(struct udp_reader *r, struct input *in, unsigned number, struct err *e)
{
    r->in = in;
    r->number = number;
    r->worker = in->workers[number];
    r->memory = malloc((size_t)UDP_BATCH * STRIDE);
    if (!r->memory)
        return err_sys(e, "no memory for datagrams");
    prepare_batch(r);
    ask_for_joined(r);
    udp_reader_count_drops(r);
    r->drops_before = r->kernel_drops;
    r->kernel_drops = 0;
    return 0;
}

static int hang_in(struct udp_reader *r, uv_loop_t *loop, struct err *e)
{
    if (uv_poll_init(loop, &r->poll, r->fd) != 0 || uv_timer_init(loop, &r->nap) != 0)
        return err_set(e, ERR_SYS, "cannot watch the socket of %s", r->where);
    r->poll.data = r->nap.data = r;
    r->napping = true; /* not watched yet */
    wait_for_more(r);
    if (r->second_fd == -1)
        return 0;
    if (uv_poll_init(loop, &r->second_poll, r->second_fd) != 0)
        return err_set(e, ERR_SYS, "cannot watch the socket for templates");
    r->second_poll.data = r;
    uv_poll_start(&r->second_poll, UV_READABLE, on_second_readable);
    return 0;
}

int udp_reader_start(struct udp_reader *r, uv_loop_t *loop, struct err *e)
{
    if (loop)
        return hang_in(r, loop, e);
    if (loop_thread_open(&r->thread, e) == -1 || hang_in(r, &r->thread.loop, e) == -1)
        return -1;
    return loop_thread_start(&r->thread, e);
}

static void take_rest(void *arg)
{
    struct udp_reader *r = arg;
    uv_poll_stop(&r->poll);
    uv_timer_stop(&r->nap);
    if (r->second_fd != -1)
        uv_poll_stop(&r->second_poll);
    for (unsigned i = 0; i < STOP_BATCHES && read_batch(r, r->fd).messages > 0; i++)
        if (worker_flush(r->worker) && !worker_wait_room(r->worker) && worker_all_full(r->worker))
            break;
    worker_flush(r->worker);
}

void udp_reader_stop(struct udp_reader *r)
{
    loop_thread_call(&r->thread, take_rest, r);
    loop_thread_stop(&r->thread);
}

void udp_reader_close(struct udp_reader *r)
{
    loop_thread_stop(&r->thread);
    if (r->fd > 0)
        close(r->fd);
    if (r->second_fd > 0)
        close(r->second_fd);
    free(r->memory);
}
