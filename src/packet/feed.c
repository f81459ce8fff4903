/* SPDX-License-Identifier: BSD-2-Clause */
/* Feeds the worker with captured packets. */
#include "packet/feed.h"

#include <inttypes.h>
#include "base/strbuf.h"
#include "packet/conversations.h"
#include "packet/expect.h"
#include "packet/nflog.h"

enum {
    CLASS_SNAPLEN = 1600,
    FLOW_BUFFER_MAX = 256 << 20,
    CLASS_TCP_LIFETIME_S = 432000,
    TCP_LIFETIME_S = 60,
    ORPHANS_EACH = 1024, /* between two looks at the rings */
};

static void warn_of_missing_mac(const struct packet_feed *pf, const char *label)
{
    static const enum field_id of_ethernet[] = { FIELD_src_mac, FIELD_dst_mac, FIELD_vlan };
    const struct fieldset *needs = worker_needs(pf->worker);
    for (unsigned i = 0; i < sizeof(of_ethernet) / sizeof(of_ethernet[0]); i++)
        if (fieldset_has(needs, of_ethernet[i]))
            log_warn(pf->log, "[%s] the link type has no '%s': it will be empty", label,
                     fields[of_ethernet[i]].name);
}

/* What is decoded: what plugins read, and what the stages do. */
static struct fieldset needs_of(const struct worker *w)
{
    static const enum field_id of_flows[] = { FIELD_src_host, FIELD_dst_host, FIELD_src_port,
                                              FIELD_dst_port, FIELD_proto,    FIELD_tcpflags };
    struct fieldset needs = *worker_needs(w);
    bool follows = worker_counts_flows(w) || fieldset_has(&needs, FIELD_class);
    for (unsigned i = 0; follows && i < sizeof(of_flows) / sizeof(of_flows[0]); i++)
        fieldset_add(&needs, of_flows[i]);
    return needs;
}

static int open_flowtrack(struct packet_feed *pf, const struct config *c, struct err *e)
{
    bool classifies = fieldset_has(worker_needs(pf->worker), FIELD_class);
    struct flowtrack_conf conf = {
        .lifetime_s = (uint32_t)c->flow_lifetime,
        .tcp_lifetime_s = c->flow_tcp_lifetime ? (uint32_t)c->flow_tcp_lifetime
                          : classifies         ? CLASS_TCP_LIFETIME_S
                                               : TCP_LIFETIME_S,
        .bytes_max = c->flow_buffer_size ? (size_t)c->flow_buffer_size : FLOW_BUFFER_MAX,
    };
    if (conversations_seed(&conf.seed, e) == -1)
        return -1;
    pf->flowtrack = flowtrack_new(&conf, e);
    return pf->flowtrack ? 0 : -1;
}

/* A build without nDPI runs all the same, and the class stays empty. */
static int open_classifier(struct packet_feed *pf, const struct config *c, struct err *e)
{
    pf->classifier = classifier_new(c, pf->log, e);
    if (pf->classifier) {
        if (!c->pcap_savefile && c->snaplen < CLASS_SNAPLEN)
            log_info(
                pf->log,
                "'class' sees the first %d octets of a packet (snaplen): many applications show themselves "
                "behind them, %d is a better value",
                c->snaplen, CLASS_SNAPLEN);
        return 0;
    }
    if (e->code != ERR_UNSUPPORTED)
        return -1;
    log_warn(pf->log, "%s: the class of packets stays empty", e->text);
    return 0;
}

static int open_stages(struct packet_feed *pf, const struct config *c, struct err *e)
{
    if (worker_counts_flows(pf->worker) && open_flowtrack(pf, c, e) == -1)
        return -1;
    if (fieldset_has(worker_needs(pf->worker), FIELD_class) && open_classifier(pf, c, e) == -1)
        return -1;
    return 0;
}

int packet_feed_open(struct packet_feed *pf, struct worker *w, const char *label, int dlt, struct err *e)
{
    const struct config *c = worker_config(w);
    *pf = (struct packet_feed){ .worker = w, .log = worker_log(w), .by_arrival = c->time_new, .multiply = 1 };
    if (label)
        log_info(pf->log, "[%s] link type is: %d", label, dlt);
    struct fieldset needs = needs_of(w);
    struct packet_options o;
    packet_options_from(&o, c, &needs);
    if (packet_decoder_open(&pf->decoder, dlt, &o, e) == -1)
        return -1;
    if (label && !packet_decoder_has_mac(&pf->decoder))
        warn_of_missing_mac(pf, label);
    if (c->arista_offset && fieldset_has(worker_needs(w), FIELD_out_iface)) {
        pf->trailer_at = (uint32_t)c->arista_offset;
        pf->trailer_flag = (uint32_t)c->arista_flag;
    }
    uint32_t external = c->ext_sampling_rate > 0 ? (uint32_t)c->ext_sampling_rate : 0;
    pf->flow.sampling_rate = external ? external : c->sampling_rate > 0 ? (uint32_t)c->sampling_rate : 1;
    if (external && c->renormalize) {
        pf->multiply = external;
        pf->flow.sampling_rate = 1;
    }
    return open_stages(pf, c, e);
}

void packet_feed_close(struct packet_feed *pf)
{
    if (!pf->shares) {
        flowtrack_free(pf->flowtrack);
        classifier_free(pf->classifier);
    }
    pf->flowtrack = NULL;
    pf->classifier = NULL;
    packet_decoder_close(&pf->decoder);
}

void packet_feed_share(struct packet_feed *pf, struct packet_feed *with)
{
    flowtrack_free(pf->flowtrack);
    classifier_free(pf->classifier);
    pf->flowtrack = with->flowtrack;
    pf->classifier = with->classifier;
    pf->shares = true;
}

void packet_feed_interface(struct packet_feed *pf, uint32_t number, uint8_t direction)
{
    pf->direction = direction;
    pf->number = number;
    pf->flow.in_iface = direction == DIRECTION_IN ? number : 0;
    pf->flow.out_iface = direction == DIRECTION_OUT ? number : 0;
}

static void tell_short(struct packet_feed *pf, const char *version, uint32_t caplen, uint32_t len)
{
    log_limited(pf->log, &pf->short_limit, LOG_LV_INFO, "short %s packet read (%u/%u/frags). Snaplen issue ?",
                version, caplen, len);
}

static void set_times(struct packet_feed *pf, int64_t at_us)
{
    struct flow *f = &pf->flow;
    f->start_us = f->end_us = pf->by_arrival ? 0 : at_us;
    f->timestamp_start = f->timestamp_arrival = pf->by_arrival ? worker_now(pf->worker) : at_us;
}

static void count_flow(struct packet_feed *pf, int64_t at_us)
{
    uint64_t refused = flowtrack_refused(pf->flowtrack);
    pf->flow.flows = flowtrack_packet(pf->flowtrack, &pf->flow, at_us);
    if (__builtin_expect(flowtrack_refused(pf->flowtrack) != refused, 0))
        log_limited(pf->log, &pf->full_limit, LOG_LV_INFO,
                    "Flow buffer full at %" PRIu64 " flows. Skipping flows (of %" PRIu64
                    " packets so far; the packets count). Increase *_flow_buffer_size",
                    flowtrack_count(pf->flowtrack), refused + 1);
}

static void classify(struct packet_feed *pf, int64_t at_us)
{
    struct flow *f = &pf->flow;
    const uint8_t *ip = f->packet ? pf->decoder.ip : NULL;
    uint32_t len = ip ? (uint32_t)(f->packet + f->packet_caplen - ip) : 0;
    classifier_packet(pf->classifier, f, ip, len, at_us);
}

static inline void count_packet(struct packet_feed *pf, int64_t at_us)
{
    struct flow *f = &pf->flow;
    set_times(pf, at_us);
    if (pf->direction)
        f->sampling_direction = pf->direction;
    if (pf->flowtrack)
        count_flow(pf, at_us);
    if (pf->classifier)
        classify(pf, at_us);
    if (__builtin_expect(pf->multiply > 1, 0)) {
        f->packets *= pf->multiply;
        f->bytes *= pf->multiply;
        f->renormalized = true;
    }
    worker_flow(pf->worker, f);
}

/* What was decoded (or was not) goes its way. */
static inline void hand_on(struct packet_feed *pf, enum packet_drop why, uint32_t caplen, uint32_t len,
                           int64_t at_us)
{
    pf->packets++;
    if (__builtin_expect(why == PACKET_OK, 1)) {
        count_packet(pf, at_us);
        return;
    }
    if (why == PACKET_SHORT_IP4)
        tell_short(pf, "IPv4", caplen, len);
    else if (why == PACKET_SHORT_IP6)
        tell_short(pf, "IPv6", caplen, len);
    else if (why == PACKET_HELD)
        (void)packet_feed_tick(pf, at_us);
}

bool packet_feed_tick(struct packet_feed *pf, int64_t now_us)
{
    int64_t at_us;
    if (!packet_orphans_due(&pf->decoder, now_us))
        return false;
    for (unsigned n = 0; n < ORPHANS_EACH; n++) {
        if (!packet_orphan(&pf->decoder, now_us, &pf->flow, &at_us))
            return false;
        count_packet(pf, at_us);
    }
    return true;
}

static inline uint32_t load_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Switches by Arista mark mirrored packets at their end: a word that says whether there is one, then the
 * output interface, both with the least significant octet first. */
static void read_trailer(struct packet_feed *pf, const uint8_t *frame, uint32_t caplen, uint32_t len)
{
    uint32_t at = len - pf->trailer_at;
    pf->flow.out_iface = pf->direction == DIRECTION_OUT ? pf->number : 0;
    if (len < pf->trailer_at || at + 8 > caplen)
        pf->no_trailer++;
    else if (load_le32(frame + at) == pf->trailer_flag)
        pf->flow.out_iface = load_le32(frame + at + 4);
}

void packet_feed_take(struct packet_feed *pf, const uint8_t *frame, uint32_t caplen, uint32_t len,
                      int64_t at_us)
{
    pf->decoder.at_us = at_us;
    if (__builtin_expect(pf->trailer_at != 0, 0))
        read_trailer(pf, frame, caplen, len);
    hand_on(pf, packet_decode(&pf->decoder, frame, caplen, len, &pf->flow), caplen, len, at_us);
}

unsigned packet_feed_batch(const struct packet_feed *pf)
{
    return worker_looks_up(pf->worker) ? PACKET_FRAMES : 1;
}

static void look_ahead(struct packet_feed *pf, const struct packet_frame *f, unsigned n)
{
    struct expecting x;
    expecting_begin(&x);
    for (unsigned i = 0; i < n; i++)
        packet_expect(&x, pf->decoder.dlt, cursor_of(f[i].p, f[i].caplen));
    expecting_tell(&x, pf->worker, &pf->flow.peer_src_ip);
}

void packet_feed_take_all(struct packet_feed *pf, const struct packet_frame *f, unsigned n)
{
    if (n > 1)
        look_ahead(pf, f, n);
    for (unsigned i = 0; i < n; i++)
        packet_feed_take(pf, f[i].p, f[i].caplen, f[i].len, f[i].at_us);
}

void packet_feed_take_nflog(struct packet_feed *pf, const struct nflog_packet *p, int64_t at_us)
{
    pf->decoder.at_us = at_us;
    hand_on(pf, packet_decode_nflog(&pf->decoder, p, &pf->flow), p->payload_len, nflog_wire_len(p), at_us);
}

void packet_feed_counts_add(struct packet_feed_counts *c, const struct packet_feed *pf)
{
    c->packets += pf->packets;
    c->no_trailer += pf->no_trailer;
    packet_counts_add(&c->decoded, &pf->decoder);
}

void packet_feed_counts_show(const struct packet_feed_counts *c, const struct log *l, const char *label)
{
    struct strbuf s;
    strbuf_init(&s, 4096);
    packet_counts_show(&c->decoded, &s);
    if (c->no_trailer)
        strbuf_printf(&s, " no_trailer=%" PRIu64, c->no_trailer);
    log_notice(l, "stats [%s] packets=%" PRIu64 "%s", label, c->packets, strbuf_cstr(&s));
    strbuf_free(&s);
}

void packet_feed_stats(const struct packet_feed *pf, const char *label)
{
    struct packet_feed_counts c = { 0 };
    packet_feed_counts_add(&c, pf);
    packet_feed_counts_show(&c, pf->log, label);
    packet_feed_stats_tables(pf, label);
}

void packet_feed_stats_tables(const struct packet_feed *pf, const char *label)
{
    if (pf->flowtrack && !pf->shares)
        log_notice(pf->log, "stats [%s] flow_table=%" PRIu64 " octets=%zu skipped_packets=%" PRIu64, label,
                   flowtrack_count(pf->flowtrack), flowtrack_memory(pf->flowtrack),
                   flowtrack_refused(pf->flowtrack));
    if (pf->classifier && !pf->shares)
        classifier_stats(pf->classifier, pf->log, label);
}
