/* SPDX-License-Identifier: BSD-2-Clause */
/* BMP out of a capture file (pcap_savefile): each TCP stream that begins like BMP is a router's session, and
 * times are those of the capture. service.c calls it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "bmp/service_impl.h"
#include "packet/capfile.h"
#include "packet/tcp_streams.h"

enum { SLICE = 512, WAIT_NS = 1000000 }; /* packets of a turn; until the log is asked again */

struct bmp_savefile {
    struct capfile file;
    struct packet_decoder decoder;
    struct flow flow;
    struct tcp_streams *streams;
    uv_idle_t idle;
    uv_timer_t timer;
    int rounds_left; /* after this one; -1: for ever */
    int64_t at_us;   /* of the last packet */
    uint64_t packets, not_tcp, not_bmp;
    bool started, opened, at_end, ended;
};

/* ---- streams */

/* Could a BMP message begin here (RFC 7854 §4.1), or the header of a proxy before it? */
static bool looks_like_bmp(const struct bmp *b, const uint8_t *p, uint32_t n)
{
    static const char *const proxies[] = { "PROXY", "\r\n\r\n" };
    enum bmp_fault f;
    for (unsigned i = 0; b->k->proxy_header && i < 2; i++)
        if (n >= strlen(proxies[i]))
            return !memcmp(p, proxies[i], strlen(proxies[i]));
    return bmp_frame(p, n, &f) >= 0 && (n < 6 || p[5] < BMP_TYPES || p[5] > 250);
}

static void *on_begin(void *arg, const struct tcp_segment *s)
{
    struct bmp *b = arg;
    if (!looks_like_bmp(b, s->p, s->len)) {
        b->savefile->not_bmp++;
        return NULL;
    }
    struct bmp_captured *c = calloc(1, sizeof(*c));
    bmp_sessions_tidy(b);
    if (c && bmp_session_captured(b, &s->from, s->from_port, s->at_us, c))
        return c;
    free(c);
    return NULL;
}

static bool on_octets(void *arg, void *stream, const uint8_t *p, size_t n, int64_t at_us)
{
    struct bmp_captured *c = stream;
    (void)arg;
    if (c->x && bmp_session_octets(c->x, p, n, at_us))
        return true;
    free(c);
    return false;
}

static void on_stream_end(void *arg, void *stream, enum tcp_end why, int64_t at_us)
{
    static const char *const words[] = {
        [TCP_END_CLOSED] = "the captured BMP connection ends.",
        [TCP_END_GAP] = "session closed: octets of it are missing in the capture.",
        [TCP_END_FILE] = "session closed: the capture is read again.",
    };
    struct bmp_captured *c = stream;
    (void)arg;
    if (c->x) {
        c->x->at_us = at_us;
        bmp_session_end(c->x, words[why]);
    }
    free(c);
}

static const struct tcp_streams_ops stream_ops = { .begin = on_begin,
                                                   .octets = on_octets,
                                                   .end = on_stream_end };

/* ---- the file */

static int open_decoder(struct bmp_savefile *sf, struct err *e)
{
    static const enum field_id reads[] = { FIELD_src_host, FIELD_dst_host, FIELD_src_port, FIELD_dst_port,
                                           FIELD_proto };
    struct fieldset needs = { 0 };
    for (unsigned i = 0; i < sizeof(reads) / sizeof(reads[0]); i++)
        fieldset_add(&needs, reads[i]);
    return packet_decoder_open(&sf->decoder, sf->file.dlt, &(struct packet_options){ .needs = &needs }, e);
}

int bmp_savefile_open(struct bmp *b, struct err *e)
{
    const struct config *c = b->s->c;
    struct bmp_savefile *sf = b->savefile = calloc(1, sizeof(*sf));
    if (!sf || !(sf->streams = tcp_streams_new(&stream_ops, b)))
        return err_sys(e, "no memory for '%s'", c->pcap_savefile);
    if (capfile_open(&sf->file, c->pcap_savefile, c->pcap_filter, e) == -1)
        return -1;
    sf->opened = true;
    sf->rounds_left = c->pcap_savefile_replay <= 0 ? -1 : c->pcap_savefile_replay - 1;
    log_info(b->log, "reading BMP data from: %s", c->pcap_savefile);
    return open_decoder(sf, e);
}

static void take_packet(struct bmp_savefile *sf, const struct pcapmap_packet *p)
{
    struct tcp_segment s;
    sf->packets++;
    sf->at_us = p->at_us;
    if (packet_decode(&sf->decoder, p->p, p->caplen, p->len, &sf->flow) == PACKET_OK &&
        tcp_segment_of(&sf->decoder, &sf->flow, p->p, p->caplen, p->at_us, &s))
        tcp_streams_take(sf->streams, &s);
    else
        sf->not_tcp++;
}

/* Some packets, as far as the log has room. */
static void read_some(struct bmp *b)
{
    struct bmp_savefile *sf = b->savefile;
    struct pcapmap_packet p;
    for (unsigned i = 0; i < SLICE && !sf->at_end && bmp_room(b); i++) {
        const enum capfile_step step = capfile_next(&sf->file, &p);
        if (step == CAPFILE_PACKET)
            take_packet(sf, &p);
        sf->at_end = step == CAPFILE_END;
    }
    if (sf->at_end)
        tcp_streams_settle(sf->streams, sf->at_us);
    if (sf->at_end && sf->file.trouble)
        log_warn(b->log, "[%s] reading ended early: %s", b->s->c->pcap_savefile, sf->file.trouble);
    bmp_tend(b);
    if (b->msglog)
        msglog_flush(b->msglog);
}

static void on_idle(uv_idle_t *h);

static void on_delay(uv_timer_t *t) { uv_idle_start(&((struct bmp *)t->data)->savefile->idle, on_idle); }

/* Reads the file (again) after the configured delay. */
static void schedule(struct bmp *b)
{
    uv_timer_start(&b->savefile->timer, on_delay, (uint64_t)b->s->c->pcap_savefile_delay * 1000, 0);
}

/* All is told. */
static void finish(struct bmp *b)
{
    struct bmp_savefile *sf = b->savefile;
    struct err e;
    uv_idle_stop(&sf->idle);
    if (sf->rounds_left && capfile_rewind(&sf->file, &e) == 0) {
        sf->rounds_left -= sf->rounds_left > 0;
        sf->at_end = sf->ended = false;
        schedule(b);
        return;
    }
    if (sf->rounds_left)
        log_error(b->log, "%s", e.text);
    log_info(b->log, "finished reading PCAP capture file");
    if (!b->s->c->pcap_savefile_wait)
        service_end(b->s, 0);
}

/* With what sessions keep since there was no room. */
static void go_on(struct bmp *b)
{
    b->paused = true;
    bmp_sessions_resume(b);
}

static void on_idle(uv_idle_t *h)
{
    struct bmp *b = h->data;
    struct bmp_savefile *sf = b->savefile;
    if (!sf->at_end)
        read_some(b);
    if (!bmp_room(b)) {
        uv_idle_stop(&sf->idle);
        bmp_sessions_pause(b);
        return;
    }
    /* What goes on is another round; else sessions stay as they are, for dumps and lookups. */
    if (sf->at_end && sf->rounds_left && !sf->ended) {
        sf->ended = true;
        tcp_streams_clear(sf->streams, sf->at_us);
    }
    if (sf->at_end && bmp_sessions_settled(b))
        finish(b);
    else if (sf->at_end)
        go_on(b);
}

void bmp_savefile_resume(struct bmp *b)
{
    struct bmp_savefile *sf = b->savefile;
    if (sf->started && !uv_is_active((const uv_handle_t *)&sf->timer) &&
        !(sf->at_end && !uv_is_active((const uv_handle_t *)&sf->idle) && bmp_sessions_settled(b)))
        uv_idle_start(&sf->idle, on_idle);
}

/* Beside flows: they come when all routes are there. */
static void read_whole(struct bmp *b)
{
    while (!b->savefile->at_end || !bmp_sessions_settled(b)) {
        if (!bmp_room(b)) {
            nanosleep(&(struct timespec){ .tv_nsec = WAIT_NS }, NULL);
            continue;
        }
        read_some(b);
        go_on(b);
        while (bmp_room(b) && rib_tend(b->rib, SLICE))
            ;
        uv_idle_stop(&b->tend);
    }
    log_info(b->log, "BMP: finished reading PCAP capture file");
}

void bmp_savefile_start(struct bmp *b)
{
    struct bmp_savefile *sf = b->savefile;
    if (!b->s->alone) {
        read_whole(b);
        return;
    }
    uv_idle_init(b->s->loop, &sf->idle);
    uv_timer_init(b->s->loop, &sf->timer);
    sf->idle.data = sf->timer.data = b;
    sf->started = true;
    schedule(b);
}

void bmp_savefile_stats(const struct bmp *b, const char *where)
{
    const struct bmp_savefile *sf = b->savefile;
    if (!sf)
        return;
    const struct tcp_streams_counts c = tcp_streams_counts(sf->streams);
    log_notice(b->log,
               "stats [%s] packets=%" PRIu64 " segments=%" PRIu64 " not_tcp=%" PRIu64 " not_bmp=%" PRIu64
               " repeated=%" PRIu64 " out_of_order=%" PRIu64 " cut=%" PRIu64 " gaps=%" PRIu64
               " no_room=%" PRIu64,
               where, sf->packets, c.segments, sf->not_tcp, sf->not_bmp, c.repeated, c.out_of_order, c.cut,
               c.gaps, c.no_room);
}

void bmp_savefile_stop(struct bmp *b)
{
    struct bmp_savefile *sf = b->savefile;
    if (!sf || !sf->started)
        return;
    uv_close((uv_handle_t *)&sf->idle, NULL);
    uv_close((uv_handle_t *)&sf->timer, NULL);
    sf->started = false;
}

void bmp_savefile_close(struct bmp *b)
{
    struct bmp_savefile *sf = b->savefile;
    if (!sf)
        return;
    if (sf->started) { /* start failed */
        uv_close((uv_handle_t *)&sf->idle, NULL);
        uv_close((uv_handle_t *)&sf->timer, NULL);
    }
    if (sf->streams)
        tcp_streams_clear(sf->streams, sf->at_us);
    tcp_streams_free(sf->streams);
    if (sf->opened)
        capfile_close(&sf->file);
    packet_decoder_close(&sf->decoder);
    free(sf);
    b->savefile = NULL;
}
