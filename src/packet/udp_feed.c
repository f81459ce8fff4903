/* SPDX-License-Identifier: BSD-2-Clause */
/* Feeds a decoder of datagrams from captured packets. */
#include "packet/udp_feed.h"

#include <inttypes.h>

int udp_feed_open(struct udp_feed *uf, struct input *in, int dlt, struct err *e)
{
    static const enum field_id reads[] = { FIELD_src_host, FIELD_src_port, FIELD_dst_port, FIELD_proto };
    struct fieldset needs = { 0 };
    for (unsigned i = 0; i < sizeof(reads) / sizeof(reads[0]); i++)
        fieldset_add(&needs, reads[i]);
    *uf = (struct udp_feed){ .in = in };
    return packet_decoder_open(&uf->decoder, dlt, &(struct packet_options){ .needs = &needs }, e);
}

void udp_feed_take(struct udp_feed *uf, const uint8_t *frame, uint32_t caplen, uint32_t len,
                   int64_t captured_us)
{
    struct packet_decoder *d = &uf->decoder;
    uf->packets++;
    d->udp = (struct cursor){ .bad = true };
    if (packet_decode(d, frame, caplen, len, &uf->flow) != PACKET_OK || uf->flow.proto != IPPROTO_UDP) {
        uf->not_udp++;
        return;
    }
    /* The UDP header says how much there should be: of fragments only the first one's part is here. */
    if (d->udp.bad || caplen < len || load_be16(d->udp.p - 4) != cursor_left(&d->udp) + 8) {
        uf->cut++;
        if (uf->in->c->pcap_savefile)
            log_limited(
                uf->in->log, &uf->cut_limit, LOG_LV_WARN,
                "[%s] datagrams that were captured in part (%u of %u octets) or as fragments are left out",
                uf->in->c->pcap_savefile, caplen, len);
        return;
    }
    struct datagram g = { .p = d->udp.p,
                          .len = (uint32_t)cursor_left(&d->udp),
                          .from = uf->flow.src_host,
                          .port = uf->flow.src_port,
                          .at_us = worker_now(uf->in->worker),
                          .captured_us = captured_us };
    uf->datagrams++;
    input_datagram(uf->in, 0, &g);
}

void udp_feed_stats(const struct udp_feed *uf, const char *name)
{
    input_decoder_stats(uf->in, name);
    log_notice(uf->in->log,
               "stats [%s] packets=%" PRIu64 " datagrams=%" PRIu64 " not_udp=%" PRIu64 " cut=%" PRIu64, name,
               uf->packets, uf->datagrams, uf->not_udp, uf->cut);
}
