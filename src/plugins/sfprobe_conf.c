/* SPDX-License-Identifier: BSD-2-Clause */
/* The keys of sfprobe. */
#include "plugins/sfprobe_conf.h"

#include "sflow/encode.h"

/* Fields that sFlow has beside the header, and the record that each is told in. */
static const struct {
    uint8_t with; /* enum sflow_with */
    uint8_t field;
} extended[] = {
    { SFLOW_WITH_CLASS, FIELD_class },     { SFLOW_WITH_TAG, FIELD_tag },
    { SFLOW_WITH_TAG, FIELD_tag2 },        { SFLOW_WITH_GATEWAY, FIELD_src_as },
    { SFLOW_WITH_GATEWAY, FIELD_dst_as },  { SFLOW_WITH_ROUTER, FIELD_src_mask },
    { SFLOW_WITH_ROUTER, FIELD_dst_mask },
};

int sfprobe_conf_parse(const struct config *c, char daemon, const struct customs *customs,
                       struct sfprobe_conf *out, struct err *e)
{
    struct err why = { 0 };
    bool dropped;
    *out = (struct sfprobe_conf){ .rate = 1, .multiplier = 1 };
    if (c->aggregate && *c->aggregate &&
        aggregate_parse_custom(c->aggregate, daemon, customs, &out->exported, &dropped, &why) == -1)
        return err_set(e, ERR_CONFIG, "aggregate: %s", why.text);
    if (out->exported.sum != SUM_NONE)
        return err_set(e, ERR_CONFIG, "aggregate: sfprobe exports packets, not sum_* primitives");
    for (size_t i = 0; i < sizeof(extended) / sizeof(extended[0]); i++)
        if (fieldset_has(&out->exported.set, extended[i].field))
            out->with |= extended[i].with;
    if (c->sfprobe_agentip && addr_parse(c->sfprobe_agentip, &out->agent) == -1)
        return err_set(e, ERR_CONFIG, "sfprobe_agentip: '%s' is not an address", c->sfprobe_agentip);
    out->header = c->snaplen > 0 && c->snaplen < SFLOW_ENCODE_HEADER_MAX ? (uint16_t)c->snaplen
                                                                         : (uint16_t)SFLOW_ENCODE_HEADER_MAX;
    if (c->ext_sampling_rate > 1)
        out->rate = out->multiplier = (uint32_t)c->ext_sampling_rate;
    else if (c->sampling_rate > 1)
        out->rate = (uint32_t)c->sampling_rate;
    return probe_iface_parse(c, "sfprobe", &out->iface, e);
}

/* A field of the link layer, so that frames without IP are samples too (packet/link.c). */
void sfprobe_conf_needs(const struct sfprobe_conf *sc, struct fieldset *set)
{
    *set = (struct fieldset){ { 0 } };
    probe_iface_needs(&sc->iface, set);
    fieldset_add(set, FIELD_etype);
    for (size_t i = 0; i < sizeof(extended) / sizeof(extended[0]); i++)
        if (sc->with & extended[i].with)
            fieldset_add(set, extended[i].field);
    if (sc->with & SFLOW_WITH_GATEWAY && fieldset_has(&sc->exported.set, FIELD_peer_dst_ip))
        fieldset_add(set, FIELD_peer_dst_ip);
}
