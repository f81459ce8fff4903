/* SPDX-License-Identifier: BSD-2-Clause */
/* The looking glass (bgp_daemon_lg_*): answers what routes neighbours have, over ZeroMQ, in the service's
 * loop. A build without libzmq has one that says so (lg_none.c). */
#ifndef BGP_LG_H
#define BGP_LG_H

#include "bgp/service_impl.h"

struct bgp_lg;

int bgp_lg_check(const struct service *s, struct err *e);
/* In the daemon's thread; NULL in *lg: nobody asks for one. */
int bgp_lg_open(struct bgp_service *b, struct bgp_lg **lg, struct err *e);
int bgp_lg_start(struct bgp_lg *lg, struct err *e); /* in the service's; the others, too */
void bgp_lg_stats(const struct bgp_lg *lg);
void bgp_lg_figures(const struct bgp_lg *lg, struct figures *f);
void bgp_lg_stop(struct bgp_lg *lg);
void bgp_lg_free(struct bgp_lg *lg); /* all take NULL */

#endif
