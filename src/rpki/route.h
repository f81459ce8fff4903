/* SPDX-License-Identifier: BSD-2-Clause */
/* The RPKI state of routes in a RIB: what message logs, dumps and flows say of them. Each thread that asks
 * has a view of the service's tables. Called by bgp, bmp and routing. */
#ifndef RPKI_ROUTE_H
#define RPKI_ROUTE_H

#include "core/service.h"
#include "rib/rib.h"
#include "rpki/rpki.h"

/* The tables as one thread has them. All zero: there is no RPKI. */
struct roa_view {
    struct rpki *rpki; /* NULL: nothing is asked */
    uint32_t generation;
    struct roa_table *table[RPKI_TABLES];
};

/* The tables of the RPKI service that runs beside s (or NULL), if one does. */
void roa_view_open(struct roa_view *v, const struct service *rpki);
void roa_view_close(struct roa_view *v);
void roa_view_take(struct roa_view *v);

/* Takes the tables as they are now; cheap where nothing has changed. */
static inline void roa_view_renew(struct roa_view *v)
{
    if (__builtin_expect(v->rpki && rpki_generation(v->rpki) != v->generation, 0))
        roa_view_take(v);
}

/* Who originates a route (RFC 6811 §2). */
struct roa_origin {
    uint32_t as;
    bool none; /* the path ends in a set */
};
/* as_path: as in struct rib_attrs. Without one it is the peer that the route was learnt from. */
struct roa_origin roa_origin_of(struct rib_octets as_path, uint32_t peer_as);

/* The state by all tables: valid if one says so, else invalid if one says so. */
enum roa_state roa_view_validate(const struct roa_view *v, const struct addr *prefix, unsigned bits,
                                 const struct roa_origin *o);

/* The state of a route by itself, of a VPN's too; of what is no prefix: unknown. */
enum roa_state roa_of_route(const struct roa_view *v, const struct rib_key *k, const struct roa_origin *o);

/* What becomes of the traffic of an invalid route, should somebody refuse it: the longest of the peer's
 * shorter prefixes around it that is not invalid takes it, ROA_VALID_OVERLAP or ROA_UNKNOWN_OVERLAP; none
 * does: ROA_INVALID. For the writing thread, and for readers that are online. */
enum roa_state roa_overlap(const struct roa_view *v, struct rib *rib, uint32_t peer, const struct rib_key *k,
                           uint32_t peer_as);

/* As they stand in texts: u, i, v, V, U. */
char roa_letter(enum roa_state s);

#endif
