/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets from an interface, through libpcap. The handle is in immediate mode and nobody sleeps on it: a
 * timer comes by, takes what has arrived in batches, and naps longer the less there is. So a packet never
 * costs a wake-up. */
#include "pmacctd/input_pcap.h"

#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "packet/feed.h"

enum {
    BATCH = 1024,              /* packets between two publications to the plugins */
    BATCHES = 8,               /* between two looks at the event loop */
    NAP_SHORT_MS = 2,          /* after packets came */
    NAP_LONG_MS = 16,          /* while nothing comes */
    BUFFER_DEFAULT = 16 << 20, /* octets that the kernel keeps for us */
    BUFFER_MIN = 1 << 20,
    TIMEOUT_MS = 100,
    RETRY_MS = 5000, /* pcap_interface_wait */
    STATS_EACH_US = 1000000,
    STOP_BATCHES = 256, /* taken at the end, at most */
};

struct live {
    struct packet_feed feed;
    bool feeding; /* the feed is ready */
    pcap_t *pcap; /* NULL: the interface is waited for */
    char name[128];
    uv_timer_t timer;
    bool started;
    unsigned nap_ms;
    struct pcap_stat last;      /* 32-bit counters of this handle */
    uint64_t received, dropped; /* over all handles */
    int64_t stats_at_us;
    struct log_limit drop_limit, down_limit;
};

static bool live_wanted(const struct config *c)
{
    (void)c;
    return true;
}

/* ---- opening */

/* The first interface that is up and no loopback; the first one at all where there is none. */
static int default_interface(char *name, size_t size, struct err *e)
{
    char text[PCAP_ERRBUF_SIZE];
    pcap_if_t *all, *best = NULL;
    if (pcap_findalldevs(&all, text) == -1)
        return err_set(e, ERR_SYS, "cannot list the interfaces: %s", text);
    for (pcap_if_t *i = all; i && !best; i = i->next)
        if ((i->flags & PCAP_IF_UP) && !(i->flags & PCAP_IF_LOOPBACK) && strcmp(i->name, "any") != 0)
            best = i;
    if (!best)
        best = all;
    if (best)
        snprintf(name, size, "%s", best->name);
    pcap_freealldevs(all);
    return best ? 0 : err_set(e, ERR_CONFIG, "no interface to capture on: set pcap_interface");
}

static int activate(pcap_t *p, const struct config *c, int buffer)
{
    pcap_set_snaplen(p, c->snaplen);
    pcap_set_promisc(p, c->promisc);
    pcap_set_timeout(p, TIMEOUT_MS);
    pcap_set_immediate_mode(p, 1);
    pcap_set_buffer_size(p, buffer);
    return pcap_activate(p);
}

/* A capture buffer that the kernel refuses is halved until it is granted, unless it was asked for by size. */
static pcap_t *open_handle(struct input *in, const char *name, struct err *e)
{
    char text[PCAP_ERRBUF_SIZE];
    int want = in->c->pipe_size > 0 ? in->c->pipe_size : BUFFER_DEFAULT;
    for (int buffer = want;; buffer /= 2) {
        pcap_t *p = pcap_create(name, text);
        if (!p) {
            err_set(e, ERR_SYS, "[%s] %s", name, text);
            return NULL;
        }
        int rc = activate(p, in->c, buffer);
        if (rc >= 0) {
            if (rc > 0 && rc != PCAP_WARNING_PROMISC_NOTSUP)
                log_warn(in->log, "[%s,0] %s", name, pcap_geterr(p));
            if (in->c->pipe_size)
                log_info(in->log, "%s_pipe_size: obtained=%d target=%d.", in->daemon, buffer, want);
            return p;
        }
        const char *more = pcap_geterr(p);
        err_set(e, ERR_SYS, "[%s] cannot capture: %s%s%s", name, pcap_statustostr(rc), *more ? ": " : "",
                more);
        pcap_close(p);
        if (rc != PCAP_ERROR || buffer / 2 < BUFFER_MIN)
            return NULL;
    }
}

static int set_filter(struct input *in, pcap_t *p, struct err *e)
{
    struct bpf_program program;
    const char *text = in->c->pcap_filter;
    if (!text || !*text)
        return 0;
    if (pcap_compile(p, &program, text, 1, PCAP_NETMASK_UNKNOWN) == -1)
        return err_set(e, ERR_CONFIG, "pcap_filter '%s': %s", text, pcap_geterr(p));
    int rc = pcap_setfilter(p, &program);
    pcap_freecode(&program);
    return rc == 0 ? 0 : err_set(e, ERR_SYS, "pcap_filter '%s': %s", text, pcap_geterr(p));
}

static int prepare(struct input *in, pcap_t *p, struct err *e)
{
    struct live *s = in->state;
    char text[PCAP_ERRBUF_SIZE];
    if (set_filter(in, p, e) == -1)
        return -1;
    if (pcap_setnonblock(p, 1, text) == -1)
        return err_set(e, ERR_SYS, "[%s] %s", s->name, text);
    if (s->feeding && s->feed.decoder.dlt == pcap_datalink(p))
        return 0;
    uint64_t packets = s->feed.packets;
    packet_feed_close(&s->feed);
    if (packet_feed_open(&s->feed, in->worker, s->name, pcap_datalink(p), e) == -1)
        return -1;
    s->feed.packets = packets;
    s->feeding = true;
    return 0;
}

static int open_interface(struct input *in, struct err *e)
{
    struct live *s = in->state;
    pcap_t *p = open_handle(in, s->name, e);
    if (!p)
        return -1;
    if (prepare(in, p, e) == -1) {
        pcap_close(p);
        return -1;
    }
    s->pcap = p;
    s->last = (struct pcap_stat){ 0 };
    return 0;
}

static int live_open(struct input *in, struct err *e)
{
    struct live *s = in->state;
    if (geteuid() != 0 && !in->c->pmacctd_nonroot)
        return err_set(e, ERR_CONFIG,
                       "You need superuser privileges to run this command (or the capability to capture, and "
                       "pmacctd_nonroot: true)");
    if (in->c->pcap_interface)
        snprintf(s->name, sizeof(s->name), "%s", in->c->pcap_interface);
    else if (default_interface(s->name, sizeof(s->name), e) == -1)
        return -1;
    if (open_interface(in, e) == 0)
        return 0;
    if (!in->c->pcap_interface_wait)
        return -1;
    log_warn(in->log, "%s: waiting for the interface", e->text);
    return 0;
}

/* ---- statistics */

/* Brings the 64-bit counters up to date and tells of drops. */
static void count(struct input *in)
{
    struct live *s = in->state;
    struct pcap_stat now;
    if (!s->pcap || pcap_stats(s->pcap, &now) == -1)
        return;
    uint32_t dropped = now.ps_drop - s->last.ps_drop;
    s->received += now.ps_recv - s->last.ps_recv;
    s->dropped += dropped;
    s->last = now;
    if (dropped)
        log_limited(in->log, &s->drop_limit, LOG_LV_WARN,
                    "[%s,0] the kernel dropped %" PRIu32 " packets (%" PRIu64
                    " since the start): more come than are taken",
                    s->name, dropped, s->dropped);
}

static void live_stats(struct input *in)
{
    struct live *s = in->state;
    count(in);
    log_notice(in->log, "stats [%s,0] time=%" PRId64 " received_packets=%" PRIu64 " dropped_packets=%" PRIu64,
               s->name, clock_wall_us() / US_PER_S, s->received, s->dropped);
    packet_feed_stats(&s->feed, s->name);
}

/* ---- running */

static void on_packet(uint8_t *user, const struct pcap_pkthdr *h, const uint8_t *bytes)
{
    struct packet_feed *pf = (struct packet_feed *)user;
    packet_feed_take(pf, bytes, h->caplen, h->len, (int64_t)h->ts.tv_sec * US_PER_S + h->ts.tv_usec);
}

enum taken { TAKEN_NONE, TAKEN_SOME, TAKEN_MORE, TAKEN_FULL, TAKEN_ERROR };

/* What has arrived, at most `batches`. FULL: plugins ask for a pause; MORE: there may be more. */
static enum taken take(struct input *in, unsigned batches)
{
    struct live *s = in->state;
    enum taken seen = TAKEN_NONE;
    while (batches--) {
        worker_set_now(in->worker, clock_wall_us());
        int n = pcap_dispatch(s->pcap, BATCH, on_packet, (uint8_t *)&s->feed);
        (void)packet_feed_tick(&s->feed, worker_now(in->worker));
        bool pause = worker_flush(in->worker);
        if (n < 0)
            return TAKEN_ERROR;
        if (n > 0)
            seen = TAKEN_SOME;
        if (pause)
            return TAKEN_FULL;
        if (n < BATCH)
            return seen;
    }
    return TAKEN_MORE;
}

static void on_timer(uv_timer_t *t);

static void nap(struct input *in, unsigned ms)
{
    struct live *s = in->state;
    s->nap_ms = ms;
    uv_timer_start(&s->timer, on_timer, ms, 0);
}

/* The handle no longer works: the interface is gone or down. */
static void lost_interface(struct input *in)
{
    struct live *s = in->state;
    log_limited(in->log, &s->down_limit, LOG_LV_ERROR, "[%s,0] capture ended: %s", s->name,
                pcap_geterr(s->pcap));
    count(in);
    pcap_close(s->pcap);
    s->pcap = NULL;
    if (in->c->pcap_interface_wait)
        nap(in, RETRY_MS);
    else
        in->ended(in, 1);
}

static void retry(struct input *in)
{
    struct live *s = in->state;
    struct err e;
    if (open_interface(in, &e) == 0) {
        log_info(in->log, "[%s,0] capturing", s->name);
        nap(in, 0);
        return;
    }
    log_limited(in->log, &s->down_limit, LOG_LV_WARN, "%s: waiting for the interface", e.text);
    nap(in, RETRY_MS);
}

static void on_timer(uv_timer_t *t)
{
    struct input *in = t->data;
    struct live *s = in->state;
    if (!s->pcap) {
        retry(in);
        return;
    }
    int64_t now = clock_mono_us();
    if (now - s->stats_at_us >= STATS_EACH_US) {
        s->stats_at_us = now;
        count(in);
    }
    switch (take(in, BATCHES)) {
    case TAKEN_MORE:
        nap(in, 0);
        break;
    case TAKEN_SOME:
    case TAKEN_FULL:
        nap(in, NAP_SHORT_MS);
        break;
    case TAKEN_NONE:
        nap(in, s->nap_ms * 2 < NAP_SHORT_MS  ? NAP_SHORT_MS
                : s->nap_ms * 2 > NAP_LONG_MS ? NAP_LONG_MS
                                              : s->nap_ms * 2);
        break;
    case TAKEN_ERROR:
        lost_interface(in);
        break;
    }
}

static int live_start(struct input *in, struct err *e)
{
    struct live *s = in->state;
    if (uv_timer_init(in->loop, &s->timer) != 0)
        return err_set(e, ERR_SYS, "cannot start a timer");
    s->timer.data = in;
    s->started = true;
    nap(in, s->pcap ? 0 : RETRY_MS);
    return 0;
}

/* Takes what the kernel holds now; a few batches are enough for that. */
static void live_stop(struct input *in)
{
    struct live *s = in->state;
    if (s->started)
        uv_timer_stop(&s->timer);
    if (!s->pcap)
        return;
    for (unsigned i = 0; i < STOP_BATCHES; i++) {
        enum taken t = take(in, 1);
        if (t == TAKEN_FULL)
            worker_wait_room(in->worker);
        else if (t != TAKEN_MORE)
            break;
    }
    while (packet_feed_tick(&s->feed, INT64_MAX))
        worker_flush(in->worker);
    worker_flush(in->worker);
    count(in);
}

static void live_close(struct input *in)
{
    struct live *s = in->state;
    if (s->started) {
        log_notice(in->log, "+++");
        log_notice(in->log, "[%s,0] received_packets=%" PRIu64 " dropped_packets=%" PRIu64, s->name,
                   s->received, s->dropped);
        log_notice(in->log, "---");
        uv_close((uv_handle_t *)&s->timer, NULL);
    }
    s->started = false;
    if (s->pcap)
        pcap_close(s->pcap);
    s->pcap = NULL;
    packet_feed_close(&s->feed);
}

const struct input_ops input_pcap = {
    .name = "interface",
    .state_size = sizeof(struct live),
    .wanted = live_wanted,
    .open = live_open,
    .start = live_start,
    .stop = live_stop,
    .stats = live_stats,
    .close = live_close,
};
