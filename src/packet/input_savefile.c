/* SPDX-License-Identifier: BSD-2-Clause */
/* A capture file (pcap_savefile), read as fast as the plugins take it: its packets for the packet daemons,
 * the payload of its UDP packets for the collectors. The loop is entered between slices, so that signals are
 * heard. */
#include "packet/input_savefile.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include "packet/capfile.h"
#include "packet/feed.h"
#include "packet/udp_feed.h"

/* Packets a slice. A datagram holds tens of flows. */
enum { SLICE_PACKETS = 2048, SLICE_DATAGRAMS = 128 };

struct savefile {
    struct capfile file;
    char label[PATH_MAX];    /* "file,0" */
    struct packet_feed feed; /* packet daemons */
    struct udp_feed udp;     /* collectors */
    uv_idle_t idle;
    uv_timer_t timer;
    bool opened, started;
    bool waiting;    /* a plugin asked to wait */
    int rounds_left; /* after this one; -1: for ever */
};

static bool savefile_wanted(const struct config *c) { return c->pcap_savefile != NULL; }

static int savefile_open(struct input *in, struct err *e)
{
    struct savefile *s = in->state;
    if (capfile_open(&s->file, in->c->pcap_savefile, in->c->pcap_filter, e) == -1)
        return -1;
    s->opened = true;
    s->rounds_left = in->c->pcap_savefile_replay <= 0 ? -1 : in->c->pcap_savefile_replay - 1;
    snprintf(s->label, sizeof(s->label), "%s,0", in->c->pcap_savefile);
    if (!in->decoder)
        return packet_feed_open(&s->feed, in->worker, s->label, s->file.dlt, e);
    log_info(in->log, "reading %s data from: %s", in->decoder->name, in->c->pcap_savefile);
    input_alone(in, "a capture file is read in its order");
    return udp_feed_open(&s->udp, in, s->file.dlt, e);
}

static void on_idle(uv_idle_t *idle);
static void on_delay(uv_timer_t *t)
{
    uv_idle_start(&((struct savefile *)((struct input *)t->data)->state)->idle, on_idle);
}

/* Reads the file (again) after the configured delay. */
static void schedule(struct input *in)
{
    struct savefile *s = in->state;
    uv_timer_start(&s->timer, on_delay, (uint64_t)in->c->pcap_savefile_delay * 1000, 0);
}

static void at_end(struct input *in)
{
    struct savefile *s = in->state;
    struct err e;
    uv_idle_stop(&s->idle);
    if (s->file.trouble)
        log_warn(in->log, "[%s] reading ended early: %s", in->c->pcap_savefile, s->file.trouble);
    if (s->rounds_left) {
        s->rounds_left -= s->rounds_left > 0;
        if (capfile_rewind(&s->file, &e) == 0) {
            schedule(in);
            return;
        }
        log_error(in->log, "%s", e.text);
    }
    log_info(in->log, "finished reading PCAP capture file");
    if (!in->c->pcap_savefile_wait)
        in->ended(in, 0);
}

/* So many packets, fed at once; false at the end of the file. */
static bool read_some(struct savefile *s, unsigned n)
{
    struct packet_frame frames[PACKET_FRAMES];
    struct pcapmap_packet p;
    enum capfile_step step = CAPFILE_PACKET;
    unsigned k = 0;
    while (n-- && step != CAPFILE_END)
        if ((step = capfile_next(&s->file, &p)) == CAPFILE_PACKET)
            frames[k++] = (struct packet_frame){ p.p, p.caplen, p.len, p.at_us };
    packet_feed_take_all(&s->feed, frames, k);
    return step != CAPFILE_END;
}

static bool read_slice_ahead(struct savefile *s, unsigned batch)
{
    for (unsigned i = 0, n; i < SLICE_PACKETS; i += n) {
        const unsigned held = capfile_holds(&s->file);
        n = batch < held ? batch : held;
        if (!read_some(s, n))
            return false;
    }
    return true;
}

static bool read_slice(struct savefile *s)
{
    struct pcapmap_packet p;
    for (unsigned i = 0; i < SLICE_PACKETS; i++) {
        enum capfile_step step = capfile_next(&s->file, &p);
        if (step == CAPFILE_END)
            return false;
        if (step == CAPFILE_PACKET)
            packet_feed_take(&s->feed, p.p, p.caplen, p.len, p.at_us);
    }
    return true;
}

/* Some packets; false at the end of the file. */
static bool read_packets(struct savefile *s)
{
    const unsigned batch = packet_feed_batch(&s->feed);
    if (!(batch > 1 ? read_slice_ahead(s, batch) : read_slice(s)))
        return false;
    (void)packet_feed_tick(&s->feed, s->feed.decoder.at_us);
    return true;
}

static bool read_datagrams(struct savefile *s)
{
    struct pcapmap_packet p;
    for (unsigned i = 0; i < SLICE_DATAGRAMS; i++) {
        enum capfile_step step = capfile_next(&s->file, &p);
        if (step == CAPFILE_END)
            return false;
        if (step == CAPFILE_PACKET)
            udp_feed_take(&s->udp, p.p, p.caplen, p.len, p.at_us);
    }
    return true;
}

static void on_idle(uv_idle_t *idle)
{
    struct input *in = idle->data;
    struct savefile *s = in->state;
    if (s->waiting && !worker_wait_room(in->worker))
        return;
    worker_set_now(in->worker, clock_wall_us());
    bool more = in->decoder ? read_datagrams(s) : read_packets(s) || packet_feed_tick(&s->feed, INT64_MAX);
    s->waiting = worker_flush(in->worker);
    if (!more)
        at_end(in);
}

static int savefile_start(struct input *in, struct err *e)
{
    (void)e;
    struct savefile *s = in->state;
    uv_idle_init(in->loop, &s->idle);
    uv_timer_init(in->loop, &s->timer);
    s->idle.data = s->timer.data = in;
    s->started = true;
    schedule(in);
    return 0;
}

static void savefile_stop(struct input *in)
{
    struct savefile *s = in->state;
    if (!s->started)
        return;
    uv_idle_stop(&s->idle);
    uv_timer_stop(&s->timer);
    while (!in->decoder && packet_feed_tick(&s->feed, INT64_MAX))
        if (worker_flush(in->worker))
            worker_wait_room(in->worker);
    worker_flush(in->worker);
}

static void savefile_stats(struct input *in)
{
    struct savefile *s = in->state;
    if (in->decoder) {
        udp_feed_stats(&s->udp, in->c->pcap_savefile);
        return;
    }
    log_notice(in->log, "stats [%s,0] time=%" PRId64 " received_packets=%" PRIu64 " dropped_packets=0",
               in->c->pcap_savefile, clock_wall_us() / US_PER_S, s->feed.packets);
    packet_feed_stats(&s->feed, s->label);
}

static void savefile_figures(struct input *in, struct figures *f)
{
    const struct savefile *s = in->state;
    struct packet_feed_counts c = { 0 };
    figures_label(f, "input", in->ops->name);
    figures_label(f, "source", in->c->pcap_savefile);
    figures_put(f, FIG_INPUT_RECEIVED, in->decoder ? s->udp.packets : s->feed.packets);
    if (in->decoder) {
        figures_put_of(f, FIG_INPUT_REFUSED, "reason", "not_udp", s->udp.not_udp);
        figures_put_of(f, FIG_INPUT_REFUSED, "reason", "cut", s->udp.cut);
    } else {
        packet_feed_counts_add(&c, &s->feed);
        packet_counts_figures(&c.decoded, f);
    }
    figures_unlabel(f, 2);
    input_decoder_figures(in, f);
}

static void savefile_close(struct input *in)
{
    struct savefile *s = in->state;
    if (s->started) {
        uv_close((uv_handle_t *)&s->idle, NULL);
        uv_close((uv_handle_t *)&s->timer, NULL);
        s->started = false;
    }
    if (s->opened)
        capfile_close(&s->file);
    packet_feed_close(&s->feed);
    s->opened = false;
}

const struct input_ops input_savefile = {
    .name = "capture file",
    .state_size = sizeof(struct savefile),
    .file = true,
    .wanted = savefile_wanted,
    .open = savefile_open,
    .start = savefile_start,
    .stop = savefile_stop,
    .stats = savefile_stats,
    .figures = savefile_figures,
    .close = savefile_close,
};
