/* SPDX-License-Identifier: BSD-2-Clause */
/* What nfprobe makes of its configuration; parsed in the main process to find mistakes, and again in the
 * plugin's. */
#ifndef PLUGINS_NFPROBE_CONF_H
#define PLUGINS_NFPROBE_CONF_H

#include "config/config.h"
#include "core/fields.h"
#include "packet/flowcache.h"
#include "plugins/probe_iface.h"

struct nfprobe_conf {
    struct aggregate_spec exported; /* what goes into templates */
    uint32_t domain;                /* v9, IPFIX */
    uint8_t engine_type, engine_id; /* v5 */
    uint32_t idle_s[FC_MAX], maxlife_s, interval_s;
    struct probe_iface iface;
};

/* 0, or -1 with a text that begins with the key's name. */
int nfprobe_conf_parse(const struct config *c, char daemon, const struct customs *customs,
                       struct nfprobe_conf *out, struct err *e);

/* 1 in N that collectors are told of; 0: flows are not sampled, or counted as if they were not. */
uint32_t nfprobe_conf_rate(const struct config *c);

/* The key that the flow cache works with: what is exported and what keeps flows apart. */
void nfprobe_conf_key(const struct nfprobe_conf *nc, struct fieldset *set);

#endif
