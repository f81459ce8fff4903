/* SPDX-License-Identifier: BSD-2-Clause */
/* What an sFlow header record says of a captured frame: which protocol its first octet belongs to, how long
 * it was. sFlow has numbers for few link types; of others the link header is left out. sfprobe calls this for
 * each sample. */
#ifndef PLUGINS_SFPROBE_FRAME_H
#define PLUGINS_SFPROBE_FRAME_H

#include <stdbool.h>
#include "core/ring.h"
#include "sflow/encode.h"

enum frame_cast { CAST_UNI, CAST_MULTI, CAST_BROAD };

struct frame_info {
    enum frame_cast cast; /* by the destination MAC address */
    uint16_t vlan;        /* of the outer tag, 0: none */
    uint8_t priority;
};

/* Fills the frame's members of *s, which points into `frame`, and *info. False: sFlow has no form for this
 * frame. */
bool sfprobe_frame(const struct record_packet *p, const uint8_t *frame, struct sflow_flow_sample *s,
                   struct frame_info *info);

#endif
