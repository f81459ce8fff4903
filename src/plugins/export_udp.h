/* SPDX-License-Identifier: BSD-2-Clause */
/* Paced sending of datagrams, for plugins that export: a burst (a capture file, or very many flows that end
 * together) must not overflow the socket buffer of the receiver, which holds some ninety full datagrams where
 * nobody has raised it. Datagrams are queued and leave in small batches at a bounded rate. */
#ifndef PLUGINS_EXPORT_UDP_H
#define PLUGINS_EXPORT_UDP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "base/addr.h"
#include "base/log.h"
#include "core/figures.h"
#include "core/ring.h"

struct export_udp_conf {
    const char *receiver; /* host, host:port, [v6]:port */
    uint16_t port;        /* where `receiver` names none */
    const char *source;   /* address to send from, or NULL */
    int precedence;       /* IP precedence, 0..7 */
    int hoplimit;         /* 0: the system's */
    size_t sndbuf;        /* octets, 0: the system's */
    bool patient; /* what is exported can wait (capture files): the pace holds however much is queued */
    const struct log *log;
    uv_loop_t *loop;
    /* Datagrams that carry the flows of *s were sent. */
    void (*sent)(void *arg, const struct sums *s);
    void *arg;
};

struct export_udp_stats {
    uint64_t datagrams, octets; /* sent */
    uint64_t refused;           /* datagrams that the system would not send */
    struct sums lost;           /* flows in those */
    uint64_t unheard;           /* answers that nobody listens there: a datagram was lost before each */
    uint32_t queued;            /* datagrams that wait now */
};

struct export_udp;

/* NULL: e (no such receiver). One that cannot be reached yet is tried again every few seconds; datagrams wait
 * for it in the queue. A name is looked up again each minute, and soon when nobody listens there. The strings
 * and the log stay the caller's. */
struct export_udp *export_udp_open(const struct export_udp_conf *c, struct err *e);
void export_udp_close(struct export_udp *x);

/* The address that datagrams come from. False: not known yet. */
bool export_udp_local(const struct export_udp *x, struct addr *out);

/* "[192.0.2.100]:2100" */
const char *export_udp_where(const struct export_udp *x);

/* Queues a datagram (at most 1500 octets) that carries the flows of *s, and sends what may go now. Waits only
 * while the queue is full. */
void export_udp_put(struct export_udp *x, const uint8_t *p, uint32_t len, const struct sums *s);

/* Room for a good many datagrams more? */
bool export_udp_has_room(const struct export_udp *x);

/* Sends everything that is queued, at the same pace. */
void export_udp_drain(struct export_udp *x);

void export_udp_stats(const struct export_udp *x, struct export_udp_stats *out);
/* The same as figures. */
void export_udp_figures(const struct export_udp *x, struct figures *f);

#endif
