/* SPDX-License-Identifier: BSD-2-Clause */
/* BGP as a service of a daemon: passive sessions, the RIB, the message log, dumps and looking glass. pmbgpd
 * is nothing else; the flow daemons run it beside (bgp_daemon: true). */
#ifndef BGP_SERVICE_H
#define BGP_SERVICE_H

#include "core/service.h"
#include "rib/rib.h"

extern const struct service_ops bgp_service;

/* The routes: for readers of other threads, from the service's open to its close. */
struct rib *bgp_service_rib(const struct service *s);

#endif
