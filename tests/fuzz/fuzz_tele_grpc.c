/* SPDX-License-Identifier: BSD-2-Clause */
/* What the gRPC helper hands over: an input is a row of frames, each a word and what follows: three bits of
 * kind, one that says `last`, three of stream, nine of length. They go over the socket pair that the helper
 * would have; it does not run. At the end no stream may be left, and no peer. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/cursor.h"
#include "fake_log.h"
#include "telemetry/grpc_wire.h"
#include "telemetry/telemetry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { FRAMES_MAX = 64 /* a socket pair holds more */, LEN = 0x1ff, LAST = 0x1000 };

static int helper = -1; /* its end of the pair */
static unsigned peers;

/* ---- in the helper's place */

int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *a, int fd, int as)
{
    (void)a, (void)as;
    helper = dup(fd);
    return 0;
}

int posix_spawn(pid_t *restrict pid, const char *restrict path, const posix_spawn_file_actions_t *restrict a,
                const posix_spawnattr_t *restrict attrs, char *const argv[restrict],
                char *const envp[restrict])
{
    static const struct grpc_head ready = { .kind = GRPC_READY };
    (void)path, (void)a, (void)attrs, (void)argv, (void)envp;
    *pid = 0;
    return send(helper, &ready, sizeof(ready), MSG_NOSIGNAL) == (ssize_t)sizeof(ready) ? 0 : -1;
}

/* ---- what grpc.c calls of the collector */

void tele_now(struct telemetry *t) { t->mono_us++; }
bool tele_room(struct telemetry *t) { return t != NULL; }

bool tele_may(struct telemetry *t, const struct addr *a)
{
    (void)t;
    return a->b[15] != 1;
}

struct tele_peer *tele_peer_new(struct telemetry *t, const struct addr *a, uint16_t port)
{
    struct tele_peer *p = calloc(1, sizeof(*p));
    (void)t;
    if (!p)
        abort();
    *p = (struct tele_peer){ .addr = *a, .port = port };
    peers++;
    return p;
}

void tele_peer_free(struct telemetry *t, struct tele_peer *p)
{
    (void)t;
    peers--;
    free(p);
}

void tele_received(struct telemetry *t, struct tele_peer *p, size_t octets)
{
    (void)t;
    p->counts.packet_octets += octets;
}

void tele_fault(struct telemetry *t, struct tele_peer *p, enum tele_fault why)
{
    (void)t;
    p->counts.faults[why]++;
}

void tele_take(struct telemetry *t, struct tele_peer *p, const struct tele_message *m)
{
    p->counts.messages++;
    for (size_t i = 0; i < m->len; i++)
        t->seq += m->p[i];
}

/* ---- */

static struct tele_input *opened(void)
{
    static struct telemetry t;
    static struct log log;
    static struct tele_input in = { .ops = &tele_grpc, .t = &t };
    static struct config c;
    struct err e;
    if (in.state)
        return &in;
    fake_log_silent(true);
    c.telemetry.grpc_port = 57400;
    t.k = &c.telemetry;
    t.c = &c;
    t.log = &log;
    in.state = calloc(1, tele_grpc.state_size);
    if (!in.state || tele_grpc.open(&in, &e) == -1)
        abort();
    return &in;
}

/* A stream is opened with what follows: addresses differ in an octet, methods are what comes behind. */
static size_t make_open(uint8_t *to, const uint8_t *p, size_t n)
{
    struct grpc_peer who = { .addr = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, n ? p[0] : 0 } };
    const size_t method = n > 1 ? n - 1 : 0;
    who.port = 40000;
    memcpy(who.method, p + 1 - !n, method < sizeof(who.method) ? method : sizeof(who.method));
    memcpy(to, &who, sizeof(who));
    return sizeof(who) - (n == LEN); /* or not whole */
}

static void send_frame(unsigned word, const uint8_t *p, size_t n)
{
    uint8_t frame[sizeof(struct grpc_head) + sizeof(struct grpc_peer) + LEN];
    const struct grpc_head h = { .kind = word >> 13, .last = (word & LAST) != 0, .stream = word >> 9 & 7 };
    memcpy(frame, &h, sizeof(h));
    if (h.kind == GRPC_OPEN)
        n = make_open(frame + sizeof(h), p, n);
    else if (n)
        memcpy(frame + sizeof(h), p, n);
    (void)!send(helper, frame, sizeof(h) + n - (h.kind == 7 && n == 0), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void forget_refusals(void)
{
    uint8_t frame[64];
    while (recv(helper, frame, sizeof(frame), MSG_DONTWAIT) > 0)
        ;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct tele_input *in = opened();
    struct cursor c = cursor_of(data, len);
    for (unsigned frames = 0; cursor_left(&c) >= 2 && frames < FRAMES_MAX; frames++) {
        const unsigned word = cursor_u16(&c);
        const size_t n = (word & LEN) < cursor_left(&c) ? word & LEN : cursor_left(&c);
        send_frame(word, cursor_take(&c, n), n);
    }
    tele_grpc.stop(in); /* takes what there is, and closes the streams */
    forget_refusals();
    if (peers)
        abort();
    return 0;
}
