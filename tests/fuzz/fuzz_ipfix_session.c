/* SPDX-License-Identifier: BSD-2-Clause */
/* IPFIX in a stream, as an exporter sends it over TCP: the first octet says in which pieces and how the
 * session ends, the rest is what is sent, over a real connection to the input. What the decoder gets has to
 * be the messages that stand in it, whatever the pieces; a session that is over leaves nothing behind. */
#include <arpa/inet.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "../unit/fake_worker.h"
#include "base/cursor.h"
#include "base/hash.h"
#include "fake_log.h"
#include "netflow/input_sessions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { PORT = 4739, PIECES = 16, FULL = 0xe, EOF_FIRST = 0xf, IPFIX = 10, HEADER = 16, MORE_SPINS = 1000 };

/* Messages, and what was in them. */
struct tally {
    unsigned n;
    uint64_t hash;
};

static struct tally got;

static void add(struct tally *t, const uint8_t *p, size_t n)
{
    t->n++;
    t->hash = t->hash * 31 + hash_bytes(p, n);
}

/* ---- in the decoder's place */

static void take(void *state, const struct datagram *d)
{
    (void)state;
    if (d->len < HEADER || !d->session)
        abort();
    uint8_t *exact = malloc(d->len); /* all of it is there to be read */
    if (!exact)
        abort();
    memcpy(exact, d->p, d->len);
    add(&got, exact, d->len);
    free(exact);
}

static void over(void *state, const struct addr *from, uint32_t session)
{
    (void)state, (void)from;
    if (!session)
        abort();
}

static const struct decoder_ops decoder = { .name = "IPFIX", .datagram = take, .session_over = over };

/* ---- the input */

struct listening {
    uv_loop_t loop;
    struct worker worker, *workers[1];
    void *states[1];
    struct input in;
    char ip[16]; /* of this process alone */
    unsigned handles;
};

static void count_handle(uv_handle_t *h, void *arg)
{
    (void)h;
    ++*(unsigned *)arg;
}

static unsigned handles(uv_loop_t *loop)
{
    unsigned n = 0;
    uv_walk(loop, count_handle, &n);
    return n;
}

static void look_for_nap(uv_handle_t *h, void *arg)
{
    if (h->type == UV_TIMER && uv_is_active(h))
        *(bool *)arg = true;
}

/* While plugins are full the input naps, then looks again. */
static void wait_for_room(uv_loop_t *loop)
{
    for (bool naps = true; naps;) {
        naps = false;
        uv_walk(loop, look_for_nap, &naps);
        if (naps)
            poll(NULL, 0, 1);
        uv_run(loop, UV_RUN_NOWAIT);
    }
}

static struct listening *listening(void)
{
    static struct listening l;
    struct err e;
    if (l.in.ops)
        return &l;
    const unsigned pid = (unsigned)getpid();
    snprintf(l.ip, sizeof(l.ip), "127.%u.%u.%u", 1 + (pid >> 16) % 250, pid >> 8 & 255, pid & 255);
    fake_log_silent(true);
    fake_worker_init(&l.worker);
    l.worker.c.collector_ip = l.ip;
    l.worker.c.collector_tcp_port = PORT;
    l.worker.c.collector_max_sessions = 2;
    l.workers[0] = &l.worker;
    uv_loop_init(&l.loop);
    l.in = (struct input){ .ops = &input_sessions,
                           .worker = &l.worker,
                           .workers = l.workers,
                           .n_workers = 1,
                           .c = &l.worker.c,
                           .log = &l.worker.log,
                           .loop = &l.loop,
                           .daemon = "nfacctd",
                           .decoder = &decoder,
                           .decoder_states = l.states,
                           .state = calloc(1, input_sessions.state_size) };
    if (!l.in.state || input_sessions.open(&l.in, &e) == -1 || input_sessions.start(&l.in, &e) == -1)
        abort();
    uv_run(&l.loop, UV_RUN_NOWAIT);
    l.handles = handles(&l.loop);
    return &l;
}

static int connect_to(const struct listening *l)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT) };
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, l->ip, &to.sin_addr);
    if (fd != -1 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
        return fd;
    if (fd != -1)
        close(fd);
    return -1; /* out of ports for a moment */
}

/* True: the input has taken all that was sent. */
static bool settle(struct listening *l, int fd)
{
    int waiting = 0;
    struct pollfd end = { .fd = fd };
    for (unsigned i = 0; i < MORE_SPINS; i++) {
        uv_run(&l->loop, UV_RUN_NOWAIT);
        if (ioctl(fd, SIOCOUTQ, &waiting) == -1 || waiting == 0)
            break;
        if (poll(&end, 1, 0) == 1) /* the session was ended from there */
            return false;
        if (i > 10)
            poll(NULL, 0, 1);
    }
    uv_run(&l->loop, UV_RUN_NOWAIT); /* accepted */
    uv_run(&l->loop, UV_RUN_NOWAIT); /* read */
    wait_for_room(&l->loop);
    return waiting == 0;
}

static void finish(struct listening *l, int fd, bool in_order)
{
    const struct linger reset = { .l_onoff = 1 };
    if (in_order) {
        shutdown(fd, SHUT_WR);
        settle(l, fd);
    }
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)); /* ports are few */
    close(fd);
    for (unsigned i = 0; handles(&l->loop) > l->handles; i++) {
        if (i == 60 * MORE_SPINS)
            abort();
        uv_run(&l->loop, UV_RUN_NOWAIT);
        if (i > 10)
            poll(NULL, 0, 1);
    }
    wait_for_room(&l->loop);
}

/* What RFC 7011 §10.4.1 says stands in it; *broken: then nothing that could be told apart. */
static struct tally messages(const uint8_t *p, size_t n, bool *broken)
{
    struct tally t = { 0 };
    struct cursor c = cursor_of(p, n);
    *broken = false;
    while (cursor_left(&c) >= 4) {
        const uint8_t *at = c.p;
        const unsigned version = cursor_u16(&c), len = cursor_u16(&c);
        *broken = version != IPFIX || len < HEADER;
        if (*broken || len - 4 > cursor_left(&c))
            break;
        add(&t, at, len);
        cursor_take(&c, len - 4);
    }
    return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (!len)
        return 0;
    struct listening *l = listening();
    const int fd = connect_to(l);
    if (fd == -1)
        return 0;
    const size_t piece = data[0] % PIECES ? (size_t)(data[0] % PIECES) * 5 : len;
    bool sent = true, broken;
    got = (struct tally){ 0 };
    l->worker.flushes_full = data[0] >> 4 == FULL ? 3 : 0;
    for (size_t at = 1; at < len && sent; at += piece) {
        const size_t n = len - at < piece ? len - at : piece;
        sent = send(fd, data + at, n, MSG_NOSIGNAL) == (ssize_t)n && settle(l, fd);
    }
    const struct tally want = messages(data + 1, len - 1, &broken);
    if (sent && (got.n != want.n || got.hash != want.hash))
        abort();
    if (!sent && !broken && got.n > want.n)
        abort();
    finish(l, fd, data[0] >> 4 == EOF_FIRST);
    return 0;
}
