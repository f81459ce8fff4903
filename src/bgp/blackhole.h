/* SPDX-License-Identifier: BSD-2-Clause */
/* Blackholes (bgp_blackhole_stdcomm_list): routes with one of these communities are told apart, as they come,
 * change and go, in a message log of their own. */
#ifndef BGP_BLACKHOLE_H
#define BGP_BLACKHOLE_H

#include "bgp/service_impl.h"

struct bgp_blackholes;

/* Rules of the keys. */
int bgp_blackholes_check(const struct service *s, struct err *e);
/* In the service's thread. *h NULL: nobody asks for it. -1: e. */
int bgp_blackholes_start(struct bgp_service *b, struct bgp_blackholes **h, struct err *e);

/* A route has come: `attrs` are those that it has now, `was` those that it had (0: none). Or has gone: attrs
 * 0; `deleted` if with its neighbour. */
void bgp_blackholes_route(struct bgp_blackholes *h, struct bgp_peer *p, const struct rib_key *k,
                          struct rib_octets labels, uint32_t attrs, uint32_t was, bool deleted);
/* After a batch; each second; SIGHUP; SIGUSR1. All take NULL. */
/* Is a route with these attributes one? For dumps: the answer is kept until the next `begin`, since numbers
 * of sets are given out again. */
bool bgp_blackholes_has(struct bgp_blackholes *h, uint32_t attrs);
void bgp_blackholes_begin(struct bgp_blackholes *h);
void bgp_blackholes_flush(struct bgp_blackholes *h);
void bgp_blackholes_tick(struct bgp_blackholes *h);
void bgp_blackholes_reopen(struct bgp_blackholes *h);
void bgp_blackholes_stats(struct bgp_blackholes *h);
void bgp_blackholes_figures(struct bgp_blackholes *h, struct figures *f);
void bgp_blackholes_free(struct bgp_blackholes *h);

#endif
