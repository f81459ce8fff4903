/* SPDX-License-Identifier: BSD-2-Clause */
/* What decoders of packets counted, summed over links and workers, and shown. Feeds and the sFlow decoder
 * ask.
 */
#ifndef PACKET_COUNTS_H
#define PACKET_COUNTS_H

#include "base/strbuf.h"
#include "core/figures.h"
#include "packet/frag.h"
#include "packet/link.h"
#include "packet/tunnel.h"

/* What decoders counted: sums over several of them. */
struct packet_counts {
    uint64_t count[PACKET_DROP_MAX];
    uint64_t cut;
    bool has_tunnels; /* some decoder looks for them */
    struct tunnel_stats tunnels;
    struct frag_stats fragments;
};

/* Adds what a decoder has counted. *c is zeroed before the first. */
void packet_counts_add(struct packet_counts *c, const struct packet_decoder *d);

/* Appends " name=count" for everything that was counted. */
void packet_counts_show(const struct packet_counts *c, struct strbuf *s);

/* The same as figures: packets by what became of them. */
void packet_counts_figures(const struct packet_counts *c, struct figures *f);

#endif
