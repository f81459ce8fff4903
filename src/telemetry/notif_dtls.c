/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP-notif over DTLS: what a record holds is what a datagram holds without. While the log has no room
 * nothing is read; what the kernel then drops it counts. */
#include <stdio.h>
#include "base/tls.h"
#include "core/tlsfigures.h"
#include "telemetry/notif.h"
#include "telemetry/telemetry.h"

enum { RCVBUF_DEFAULT = 32 << 20 };

struct dtls_state {
    struct dtls *dtls;
    char where[80];
};

static bool may(void *arg, const struct addr *from)
{
    const struct tele_input *in = arg;
    return tele_may(in->t, from);
}

static void datagram(void *arg, const struct addr *from, uint16_t port, const uint8_t *p, size_t n)
{
    const struct tele_input *in = arg;
    struct telemetry *t = in->t;
    tele_now(t);
    struct tele_peer *peer = tele_peer_of(t, from, port, true);
    if (!peer)
        return;
    peer->seen_us = t->mono_us;
    tele_received(t, peer, n);
    notif_datagram(t, peer, p, n);
}

static bool room(void *arg)
{
    const struct tele_input *in = arg;
    return tele_room(in->t);
}

static bool wanted(const struct telemetry_keys *k) { return k->notif_port && k->notif_dtls; }

static int open_port(struct tele_input *in, struct err *e)
{
    struct dtls_state *st = in->state;
    const struct config *c = in->t->c;
    const struct telemetry_keys *k = in->t->k;
    snprintf(st->where, sizeof(st->where), "%s:%d", k->notif_ip ? k->notif_ip : "::", k->notif_port);
    st->dtls = dtls_open(
        &(struct tls_conf){ .what = "UDP-notif",
                            .where = st->where,
                            .path = c->tls_path,
                            .handshake_s = c->tls_handshake_s,
                            .log = in->t->log,
                            .arg = in,
                            .may = may,
                            .datagram = datagram,
                            .room = room,
                            .sessions = (unsigned)k->max_peers,
                            .sock = { .ip = k->notif_ip,
                                      .port = (uint16_t)k->notif_port,
                                      .interface = k->notif_interface,
                                      .v6_only = k->notif_ipv6_only,
                                      .rcvbuf = k->pipe_size ? (size_t)k->pipe_size : RCVBUF_DEFAULT } },
        e);
    if (!st->dtls)
        return -1;
    log_info(in->t->log, "waiting for telemetry data on interface=%s ip=%s port=%d/udp (UDP-notif over DTLS)",
             k->notif_interface ? k->notif_interface : "all",
             k->notif_ip ? k->notif_ip : "::", k->notif_port);
    return 0;
}

static int start(struct tele_input *in, struct err *e)
{
    struct dtls_state *st = in->state;
    return dtls_start(st->dtls, in->t->s->loop, e);
}

static void resume(struct tele_input *in) { dtls_resume(((struct dtls_state *)in->state)->dtls); }

static void recheck(struct tele_input *in) { dtls_recheck(((struct dtls_state *)in->state)->dtls); }

static void reload(struct tele_input *in) { dtls_reload(((struct dtls_state *)in->state)->dtls); }

static void stats(struct tele_input *in) { dtls_stats(((struct dtls_state *)in->state)->dtls); }

static void figures(const struct tele_input *in, struct figures *f)
{
    const struct dtls_state *st = in->state;
    const struct tls_counts n = dtls_counts(st->dtls);
    tls_figures(&n, "DTLS", st->where, f);
}

static void stop(struct tele_input *in) { dtls_stop(((struct dtls_state *)in->state)->dtls); }

static void close_port(struct tele_input *in) { dtls_free(((struct dtls_state *)in->state)->dtls); }

const struct tele_input_ops tele_notif_dtls = {
    .name = "UDP-notif over DTLS",
    .state_size = sizeof(struct dtls_state),
    .wanted = wanted,
    .open = open_port,
    .start = start,
    .resume = resume,
    .recheck = recheck,
    .reload = reload,
    .stats = stats,
    .figures = figures,
    .stop = stop,
    .close = close_port,
};
