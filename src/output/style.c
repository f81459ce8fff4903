/* SPDX-License-Identifier: BSD-2-Clause */
/* The keys that say how values are written, as a style for format_new. */
#include "output/style.h"

struct format_style style_of_config(const struct config *c, enum format_kind kind)
{
    return (struct format_style){
        .kind = kind,
        .order = kind >= FORMAT_JSON ? ORDER_JSON : ORDER_CSV,
        .num_protos = c->num_protos,
        .time = { .utc = c->timestamps_utc,
                  .secs = c->timestamps_secs,
                  .epoch = c->timestamps_since_epoch,
                  .rfc3339 = c->timestamps_rfc3339 },
        .event_type = "purge",
        .tcpflags_as_array = c->tcpflags_encode_as_array,
        .labels_as_array = c->mpls_label_stack_encode_as_array,
        .fwd_status_as_string = c->fwd_status_encode_as_string,
        .label_as_map = c->pre_tag_label_encode_as_map,
        .comms_as_array = c->bgp_comms_encode_as_array,
        .as_path_as_array = c->as_path_encode_as_array,
        .stamps = c->history.n != 0,
    };
}
