/* SPDX-License-Identifier: BSD-2-Clause */
/* Feeds the worker with captured packets. */
#include "packet/feed.h"

#include <inttypes.h>
#include <sys/random.h>
#include "base/strbuf.h"
#include "packet/nflog.h"

enum {
    FLOW_BUFFER_MAX = 256 << 20,
    CLASS_TCP_LIFETIME_S = 432000,
    TCP_LIFETIME_S = 60,
    ORPHANS_EACH = 1024, /* between two looks at the rings */
};

static void warn_of_missing_mac(const struct packet_feed *pf, const char *name)
{
    static const enum field_id of_ethernet[] = { FIELD_src_mac, FIELD_dst_mac, FIELD_vlan };
    const struct fieldset *needs = worker_needs(pf->worker);
    for (unsigned i = 0; i < sizeof(of_ethernet) / sizeof(of_ethernet[0]); i++)
        if (fieldset_has(needs, of_ethernet[i]))
            log_warn(pf->log, "[%s,0] the link type has no '%s': it will be empty", name,
                     fields[of_ethernet[i]].name);
}

/* What is decoded: what plugins read, and what the stages do. */
static struct fieldset needs_of(const struct worker *w)
{
    static const enum field_id of_flows[] = { FIELD_src_host, FIELD_dst_host, FIELD_src_port,
                                              FIELD_dst_port, FIELD_proto,    FIELD_tcpflags };
    struct fieldset needs = *worker_needs(w);
    for (unsigned i = 0; worker_counts_flows(w) && i < sizeof(of_flows) / sizeof(of_flows[0]); i++)
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
    if (getrandom(&conf.seed, sizeof(conf.seed), 0) != sizeof(conf.seed))
        return err_set(e, ERR_SYS, "no random numbers from the system");
    pf->flowtrack = flowtrack_new(&conf);
    return pf->flowtrack ? 0 : err_set(e, ERR_SYS, "no memory for the table of flows");
}

int packet_feed_open(struct packet_feed *pf, struct worker *w, const char *name, int dlt, struct err *e)
{
    const struct config *c = worker_config(w);
    *pf = (struct packet_feed){ .worker = w, .log = worker_log(w), .by_arrival = c->time_new, .multiply = 1 };
    log_info(pf->log, "[%s,0] link type is: %d", name, dlt);
    struct fieldset needs = needs_of(w);
    struct packet_options o;
    packet_options_from(&o, c, &needs);
    if (packet_decoder_open(&pf->decoder, dlt, &o, e) == -1)
        return -1;
    if (!packet_decoder_has_mac(&pf->decoder))
        warn_of_missing_mac(pf, name);
    uint32_t external = c->ext_sampling_rate > 0 ? (uint32_t)c->ext_sampling_rate : 0;
    pf->flow.sampling_rate = external ? external : c->sampling_rate > 0 ? (uint32_t)c->sampling_rate : 1;
    if (external && c->renormalize) {
        pf->multiply = external;
        pf->flow.sampling_rate = 1;
    }
    return worker_counts_flows(w) ? open_flowtrack(pf, c, e) : 0;
}

void packet_feed_close(struct packet_feed *pf)
{
    if (!pf->shares)
        flowtrack_free(pf->flowtrack);
    pf->flowtrack = NULL;
    packet_decoder_close(&pf->decoder);
}

void packet_feed_share(struct packet_feed *pf, struct packet_feed *with)
{
    flowtrack_free(pf->flowtrack);
    pf->flowtrack = with->flowtrack;
    pf->shares = true;
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

static inline void count_packet(struct packet_feed *pf, int64_t at_us)
{
    struct flow *f = &pf->flow;
    set_times(pf, at_us);
    if (pf->flowtrack)
        count_flow(pf, at_us);
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

void packet_feed_take(struct packet_feed *pf, const uint8_t *frame, uint32_t caplen, uint32_t len,
                      int64_t at_us)
{
    pf->decoder.at_us = at_us;
    hand_on(pf, packet_decode(&pf->decoder, frame, caplen, len, &pf->flow), caplen, len, at_us);
}

void packet_feed_take_nflog(struct packet_feed *pf, const struct nflog_packet *p, int64_t at_us)
{
    pf->decoder.at_us = at_us;
    hand_on(pf, packet_decode_nflog(&pf->decoder, p, &pf->flow), p->payload_len, nflog_wire_len(p), at_us);
}

void packet_feed_stats(const struct packet_feed *pf, const char *name)
{
    struct strbuf s;
    strbuf_init(&s, 4096);
    packet_decoder_stats(&pf->decoder, &s);
    log_notice(pf->log, "stats [%s,0] packets=%" PRIu64 "%s", name, pf->packets, strbuf_cstr(&s));
    if (pf->flowtrack && !pf->shares)
        log_notice(pf->log, "stats [%s,0] flow_table=%" PRIu64 " octets=%zu skipped_packets=%" PRIu64, name,
                   flowtrack_count(pf->flowtrack), flowtrack_memory(pf->flowtrack),
                   flowtrack_refused(pf->flowtrack));
    strbuf_free(&s);
}
