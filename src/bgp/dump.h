/* SPDX-License-Identifier: BSD-2-Clause */
/* Dumps: each period all neighbours' routes, as they are in the RIB, go to a file, to Kafka or to RabbitMQ
 * (bgp_table_dump_*); those of blackholes by themselves (bgp_blackhole_dump_*). Done in slices of the loop,
 * so that sessions go on meanwhile. */
#ifndef BGP_DUMP_H
#define BGP_DUMP_H

#include "bgp/service_impl.h"

struct bgp_dump;

/* Rules of the keys. */
int bgp_dump_check(const struct service *s, struct err *e);

/* Do the keys ask for it? */
bool bgp_dump_wanted(const struct config *c, enum bgp_dump_kind kind);

/* In the service's thread. *d NULL: no dumps are asked for. -1: e. */
int bgp_dump_start(struct bgp_service *b, enum bgp_dump_kind kind, struct bgp_dump **d, struct err *e);
/* A neighbour's session is over: its dump is, too. Before its routes go. */
void bgp_dump_forget(struct bgp_dump *d, struct bgp_peer *p);
void bgp_dump_tick(struct bgp_dump *d); /* each second */
void bgp_dump_stats(const struct bgp_dump *d);
void bgp_dump_figures(const struct bgp_dump *d, struct figures *f);
void bgp_dump_reopen(struct bgp_dump *d);
void bgp_dump_stop(struct bgp_dump *d); /* closes the handles */
void bgp_dump_free(struct bgp_dump *d); /* all take NULL */

#endif
