/* SPDX-License-Identifier: BSD-2-Clause */
/* Feeds the worker with captured packets. */
#include "packet/feed.h"

#include <inttypes.h>
#include "base/strbuf.h"
#include "packet/nflog.h"

static void warn_of_missing_mac(const struct packet_feed *pf, const char *name)
{
    static const enum field_id of_ethernet[] = { FIELD_src_mac, FIELD_dst_mac, FIELD_vlan };
    const struct fieldset *needs = worker_needs(pf->worker);
    for (unsigned i = 0; i < sizeof(of_ethernet) / sizeof(of_ethernet[0]); i++)
        if (fieldset_has(needs, of_ethernet[i]))
            log_warn(pf->log, "[%s,0] the link type has no '%s': it will be empty", name,
                     fields[of_ethernet[i]].name);
}

int packet_feed_open(struct packet_feed *pf, struct worker *w, const char *name, int dlt, struct err *e)
{
    const struct config *c = worker_config(w);
    *pf = (struct packet_feed){ .worker = w, .log = worker_log(w), .by_arrival = c->time_new, .multiply = 1 };
    log_info(pf->log, "[%s,0] link type is: %d", name, dlt);
    struct packet_options o;
    packet_options_from(&o, c, worker_needs(w));
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
    return 0;
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

/* What was decoded (or was not) goes its way. */
static inline void hand_on(struct packet_feed *pf, enum packet_drop why, uint32_t caplen, uint32_t len,
                           int64_t at_us)
{
    struct flow *f = &pf->flow;
    pf->packets++;
    if (__builtin_expect(why != PACKET_OK, 0)) {
        if (why == PACKET_SHORT_IP4)
            tell_short(pf, "IPv4", caplen, len);
        else if (why == PACKET_SHORT_IP6)
            tell_short(pf, "IPv6", caplen, len);
        return;
    }
    set_times(pf, at_us);
    if (__builtin_expect(pf->multiply > 1, 0)) {
        f->packets *= pf->multiply;
        f->bytes *= pf->multiply;
        f->renormalized = true;
    }
    worker_flow(pf->worker, f);
}

void packet_feed_take(struct packet_feed *pf, const uint8_t *frame, uint32_t caplen, uint32_t len,
                      int64_t at_us)
{
    hand_on(pf, packet_decode(&pf->decoder, frame, caplen, len, &pf->flow), caplen, len, at_us);
}

void packet_feed_take_nflog(struct packet_feed *pf, const struct nflog_packet *p, int64_t at_us)
{
    hand_on(pf, packet_decode_nflog(&pf->decoder, p, &pf->flow), p->payload_len, nflog_wire_len(p), at_us);
}

void packet_feed_stats(const struct packet_feed *pf, const char *name)
{
    struct strbuf s;
    strbuf_init(&s, 4096);
    for (unsigned i = 0; i < PACKET_DROP_MAX; i++)
        if (i == PACKET_OK || pf->decoder.count[i])
            strbuf_printf(&s, " %s=%" PRIu64, packet_drop_names[i], pf->decoder.count[i]);
    if (pf->decoder.cut)
        strbuf_printf(&s, " cut=%" PRIu64, pf->decoder.cut);
    log_notice(pf->log, "stats [%s,0] packets=%" PRIu64 "%s", name, pf->packets, strbuf_cstr(&s));
    strbuf_free(&s);
}
