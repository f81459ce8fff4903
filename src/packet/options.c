/* SPDX-License-Identifier: BSD-2-Clause */
/* From a daemon's configuration to what a decoder is asked for; link.h has both. Called at start. */
#include "packet/link.h"
#include "packet/tunnel.h"

void packet_options_from(struct packet_options *o, const struct config *c, const struct fieldset *needs)
{
    *o = (struct packet_options){
        .needs = needs,
        .tunnels = c->tunnels,
        .unknown_etype = c->aggregate_unknown_etype,
        .fragments = true,
        .force_fragments = c->force_fragments,
        .sampled = c->ext_sampling_rate > 1,
        .frag_octets = (size_t)c->frag_buffer_size,
    };
}

int packet_config_check(const struct config_set *set, struct err *e)
{
    struct tunnel_set *t;
    struct err why;
    char where[256];
    if (tunnel_set_new(set->core.tunnels, false, false, &t, &why) == -1)
        return err_set(e, ERR_CONFIG, "%s: %s", config_where(set, "tunnel_0", NULL, where, sizeof(where)),
                       why.text);
    tunnel_set_free(t);
    return 0;
}
