/* SPDX-License-Identifier: BSD-2-Clause */
/* Enrichment steps of the core. */
#include "core/enrich.h"

/* src_net and dst_net are the address under the mask that came with it; without a mask there is no network,
 * but its family shows. */
static void net_from(const struct addr *host, uint8_t mask, struct addr *net)
{
    if (mask == 0 && (addr_is_v4(host) || !addr_is_set(host))) {
        memset(net, 0, sizeof(*net));
        return;
    }
    *net = *host;
    addr_mask(net, mask);
}

static void src_net(struct flow *f) { net_from(&f->src_host, f->src_mask, &f->src_net); }
static void dst_net(struct flow *f) { net_from(&f->dst_host, f->dst_mask, &f->dst_net); }

struct step {
    enum field_id makes;
    enum field_id reads[2];
    void (*run)(struct flow *f);
};

static const struct step steps[] = {
    { FIELD_src_net, { FIELD_src_host, FIELD_src_mask }, src_net },
    { FIELD_dst_net, { FIELD_dst_host, FIELD_dst_mask }, dst_net },
};
_Static_assert(sizeof(steps) / sizeof(steps[0]) <= ENRICH_MAX, "room for all steps");

void enrich_make(struct enrichment *en, struct fieldset *needs, const struct config *c)
{
    (void)c;
    en->n = 0;
    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (!fieldset_has(needs, steps[i].makes))
            continue;
        fieldset_add(needs, steps[i].reads[0]);
        fieldset_add(needs, steps[i].reads[1]);
        en->run[en->n++] = steps[i].run;
    }
}
