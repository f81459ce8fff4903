/* SPDX-License-Identifier: BSD-2-Clause */
/* What sfprobe makes of its configuration; parsed in the main process to find mistakes, and again in the
 * plugin's. */
#ifndef PLUGINS_SFPROBE_CONF_H
#define PLUGINS_SFPROBE_CONF_H

#include "config/config.h"
#include "core/fields.h"
#include "plugins/probe_iface.h"

struct sfprobe_conf {
    struct probe_iface iface;
    struct aggregate_spec exported;
    unsigned with;       /* enum sflow_with: the records that `aggregate` asks for */
    struct addr agent;   /* unset: the address that datagrams come from */
    uint16_t header;     /* octets of each frame */
    uint32_t rate;       /* that samples bear */
    uint32_t multiplier; /* packets that one packet of the capture stands for */
};

/* 0, or -1 with a text that begins with the key's name. */
int sfprobe_conf_parse(const struct config *c, char daemon, const struct customs *customs,
                       struct sfprobe_conf *out, struct err *e);

/* The fields that records have to bring. */
void sfprobe_conf_needs(const struct sfprobe_conf *sc, struct fieldset *set);

#endif
