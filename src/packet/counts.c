/* SPDX-License-Identifier: BSD-2-Clause */
/* Sums of the counters of decoders and their stages. */
#include "packet/counts.h"

#include <inttypes.h>

static void add_fragments(struct frag_stats *sum, const struct frag_stats *g)
{
    sum->first += g->first;
    sum->later += g->later;
    sum->named += g->named;
    sum->held += g->held;
    sum->joined += g->joined;
    sum->orphans += g->orphans;
    sum->rest += g->rest;
    sum->alone += g->alone;
    sum->evicted += g->evicted;
}

void packet_counts_add(struct packet_counts *c, const struct packet_decoder *d)
{
    for (unsigned i = 0; i < PACKET_DROP_MAX; i++)
        c->count[i] += d->count[i];
    c->cut += d->cut;
    if (d->tunnels) {
        c->has_tunnels = true;
        c->tunnels.inner += tunnel_stats(d->tunnels)->inner;
        c->tunnels.other += tunnel_stats(d->tunnels)->other;
    }
    if (d->fragments)
        add_fragments(&c->fragments, frag_stats(d->fragments));
}

void packet_counts_show(const struct packet_counts *c, struct strbuf *s)
{
    const struct frag_stats *g = &c->fragments;
    for (unsigned i = 0; i < PACKET_DROP_MAX; i++)
        if (i == PACKET_OK || c->count[i])
            strbuf_printf(s, " %s=%" PRIu64, packet_drop_names[i], c->count[i]);
    if (c->cut)
        strbuf_printf(s, " cut=%" PRIu64, c->cut);
    if (c->has_tunnels)
        strbuf_printf(s, " tunnels=%" PRIu64 " tunnels_other=%" PRIu64, c->tunnels.inner, c->tunnels.other);
    if (g->first + g->later)
        strbuf_printf(s,
                      " fragments_first=%" PRIu64 " fragments_later=%" PRIu64 " fragments_named=%" PRIu64
                      " fragments_joined=%" PRIu64 " fragments_orphaned=%" PRIu64 " fragments_rest=%" PRIu64
                      " fragments_alone=%" PRIu64 " fragments_evicted=%" PRIu64,
                      g->first, g->later, g->named, g->joined, g->orphans, g->rest, g->alone, g->evicted);
}

void packet_counts_figures(const struct packet_counts *c, struct figures *f)
{
    for (unsigned i = 0; i < PACKET_DROP_MAX; i++)
        if (i == PACKET_OK || c->count[i])
            figures_put_of(f, FIG_INPUT_PACKETS, "result", packet_drop_names[i], c->count[i]);
}
