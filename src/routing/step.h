/* SPDX-License-Identifier: BSD-2-Clause */
/* Routes for flows: the step between decoding and maps that core/routes.h speaks of. It looks both ends of a
 * flow up among the routes of whoever exported it and fills in what somebody's configuration asks for. */
#ifndef ROUTING_STEP_H
#define ROUTING_STEP_H

#include "core/routes.h"
#include "rib/rib.h"

extern const struct routes_ops routing_ops;

/* What is looked at: connect finds these among the services; tests give their own. Either may be NULL. */
struct route_ribs {
    struct rib *bgp, *bmp;
};
int routing_connect(void *state, const struct route_ribs *ribs, struct err *e);

#endif
