/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams from a UDP port. With one worker it is read in the daemon's loop; with several (core_workers),
 * each has a socket of its own and a thread that reads it (udp_reader.c), and the kernel gives what comes
 * from one address to one of them: all that an exporter tells of itself (templates, options, sequence
 * numbers) is for its records only, and stays where these are decoded, without a lock. It is the address
 * alone that decides, since devices send from several ports: a line card each, or another one after a
 * restart. */
#include "core/input.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/sock.h"
#include "base/steer.h"
#include "core/udp_reader.h"

enum { RCVBUF_DEFAULT = 32 << 20 };

struct udp_state {
    struct udp_reader alone;   /* the only one: its handles hang in the daemon's loop */
    struct udp_reader *reader; /* one for each worker, or &alone */
    unsigned n_opened;
    bool started;
    char where[ADDR_TEXT + 16]; /* "ip:port" as configured */
};

static bool udp_wanted(const struct config *c) { return !c->pcap_savefile && !c->collector_no_udp; }

/* ---- sockets */

/* All sockets of a port. Nothing comes in before the last one is bound and the kernel knows whose is what. */
static int open_port(struct input *in, const struct sock_udp *want, int fd[], size_t rcvbuf[], struct err *e)
{
    const unsigned n = in->n_workers;
    struct sock_udp each = *want;
    each.shut = n > 1;
    for (unsigned w = 0; w < n; w++) {
        fd[w] = sock_udp_listen(&each, &rcvbuf[w], e);
        if (fd[w] == -1)
            return -1;
        each.mcast_groups = NULL; /* are the first worker's */
    }
    if (n == 1)
        return 0;
    if (steer_by_sender(fd[0], n, e) == -1)
        return -1;
    for (unsigned w = 0; w < n; w++)
        if (steer_open(fd[w], w == 0, e) == -1)
            return -1;
    return 0;
}

static void tell_port(const struct input *in, const char *what, int port)
{
    const struct config *c = in->c;
    log_info(in->log, "waiting for %s %s on interface=%s ip=%s port=%d/udp", in->decoder->name, what,
             c->collector_interface ? c->collector_interface : "all",
             c->collector_ip ? c->collector_ip : "::", port);
}

static int open_ports(struct input *in, int *fd, int *second, size_t *rcvbuf, struct err *e)
{
    const struct config *c = in->c;
    struct udp_state *s = in->state;
    struct sock_udp want = { .ip = c->collector_ip,
                             .port = (uint16_t)c->collector_port,
                             .interface = c->collector_interface,
                             .v6_only = c->collector_ipv6_only,
                             .mcast_groups = c->collector_mcast_groups,
                             .rcvbuf = c->pipe_size ? (size_t)c->pipe_size : RCVBUF_DEFAULT };
    snprintf(s->where, sizeof(s->where), "%s:%d", c->collector_ip ? c->collector_ip : "0.0.0.0",
             c->collector_port);
    if (open_port(in, &want, fd, rcvbuf, e) == -1)
        return -1;
    if (c->pipe_size)
        log_info(in->log, "%s_pipe_size: obtained=%zu target=%d.", in->daemon, rcvbuf[0], c->pipe_size);
    tell_port(in, "data", c->collector_port);
    if (in->n_workers > 1)
        log_info(in->log, "core_workers: %u threads read it, each exporter is one thread's", in->n_workers);
    if (!c->templates_port)
        return 0;
    want.port = (uint16_t)c->templates_port; /* templates that other collectors hand on */
    want.mcast_groups = NULL;
    want.rcvbuf = 0;
    size_t unused[INPUT_WORKERS_MAX];
    if (open_port(in, &want, second, unused, e) == -1)
        return -1;
    tell_port(in, "templates", c->templates_port);
    return 0;
}

static int udp_open(struct input *in, struct err *e)
{
    struct udp_state *s = in->state;
    const unsigned n = in->n_workers;
    int fd[INPUT_WORKERS_MAX], second[INPUT_WORKERS_MAX];
    size_t rcvbuf[INPUT_WORKERS_MAX] = { 0 };
    if (in->decoder->passes)
        input_alone(in, "datagrams leave in the order in which they came");
    s->reader = n > 1 ? calloc(n, sizeof(*s->reader)) : &s->alone;
    if (!s->reader)
        return err_sys(e, "no memory for the input");
    for (unsigned w = 0; w < INPUT_WORKERS_MAX; w++)
        fd[w] = second[w] = -1;
    int rc = open_ports(in, fd, second, rcvbuf, e);
    for (unsigned w = 0; w < n; w++) {
        struct udp_reader *r = &s->reader[w];
        r->fd = fd[w];
        r->second_fd = second[w];
        r->rcvbuf = rcvbuf[w];
        r->where = s->where;
        s->n_opened++;
        if (rc == 0)
            rc = udp_reader_open(r, in, w, e);
    }
    return rc;
}

/* ---- life */

static int udp_start(struct input *in, struct err *e)
{
    struct udp_state *s = in->state;
    s->started = true;
    for (unsigned w = 0; w < in->n_workers; w++)
        if (udp_reader_start(&s->reader[w], in->n_workers > 1 ? NULL : in->loop, e) == -1)
            return -1;
    return 0;
}

static void udp_stop(struct input *in)
{
    struct udp_state *s = in->state;
    if (!s->started)
        return;
    for (unsigned w = 0; w < in->n_workers; w++)
        udp_reader_stop(&s->reader[w]);
}

static void udp_call(struct input *in, unsigned w, void (*fn)(void *arg), void *arg)
{
    struct udp_state *s = in->state;
    loop_thread_call(&s->reader[w].thread, fn, arg);
}

static void log_received(void *arg)
{
    const struct input *in = arg;
    struct udp_state *s = in->state;
    uint64_t received = 0, drops = 0;
    for (unsigned w = 0; w < in->n_workers; w++) {
        udp_reader_count_drops(&s->reader[w]);
        received += s->reader[w].received;
        drops += s->reader[w].kernel_drops;
    }
    for (unsigned w = 0; in->n_workers > 1 && w < in->n_workers; w++)
        log_notice(in->log, "stats [%s] worker=%u received_datagrams=%" PRIu64 " dropped_by_kernel=%" PRIu32,
                   s->where, w, s->reader[w].received, s->reader[w].kernel_drops);
    log_notice(in->log, "stats [%s] received_datagrams=%" PRIu64 " dropped_by_kernel=%" PRIu64, s->where,
               received, drops);
}

static void udp_stats(struct input *in)
{
    const struct udp_state *s = in->state;
    input_decoder_stats(in, s->where);
    input_hold(in, log_received, in);
}

struct one_reader {
    struct udp_reader *r;
    struct figures *f;
};

/* In the reader's thread. */
static void put_reader(void *arg)
{
    const struct one_reader *x = arg;
    struct sock_mem m = { 0 };
    udp_reader_count_drops(x->r);
    sock_mem(x->r->fd, &m);
    figures_put(x->f, FIG_INPUT_RECEIVED, x->r->received);
    figures_put(x->f, FIG_INPUT_KERNEL_DROP, x->r->kernel_drops);
    figures_put(x->f, FIG_INPUT_WAITING, m.queued);
}

static void udp_figures(struct input *in, struct figures *f)
{
    struct udp_state *s = in->state;
    figures_label(f, "input", in->ops->name);
    figures_label(f, "source", s->where);
    for (unsigned w = 0; w < in->n_workers; w++) {
        figures_label_number(f, "worker", w);
        input_call(in, w, put_reader, &(struct one_reader){ &s->reader[w], f });
        figures_unlabel(f, 1);
    }
    figures_unlabel(f, 2);
    input_decoder_figures(in, f);
}

static void udp_close(struct input *in)
{
    struct udp_state *s = in->state;
    for (unsigned w = 0; w < s->n_opened; w++)
        udp_reader_close(&s->reader[w]);
    if (s->reader != &s->alone)
        free(s->reader);
    s->n_opened = 0;
}

const struct input_ops input_udp = {
    .name = "udp",
    .state_size = sizeof(struct udp_state),
    .wanted = udp_wanted,
    .open = udp_open,
    .start = udp_start,
    .stop = udp_stop,
    .stats = udp_stats,
    .figures = udp_figures,
    .close = udp_close,
    .call = udp_call,
};
