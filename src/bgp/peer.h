/* SPDX-License-Identifier: BSD-2-Clause */
/* A neighbour: its session, its routes in the RIB, and how lines about it begin. Lives from the accepted
 * connection until its last route is gone from the RIB; peers.c finds it, service.c makes and frees it. */
#ifndef BGP_PEER_H
#define BGP_PEER_H

#include "bgp/session.h"
#include "output/msglog.h"

enum bgp_dump_kind { BGP_DUMP_TABLES, BGP_DUMP_BLACKHOLES, BGP_DUMPS };

struct bgp_peer {
    struct bgp_session s;
    struct bgp_service *owner;
    uint32_t rib;      /* number in the RIB, 0: none yet, or no more */
    bool over;         /* its session is; what is left are routes */
    bool handles_gone; /* of the session */
    bool told;         /* log_init has been written */
    bool unlisted;     /* bgp_daemon_msglog_label_filter does not want it; of maps that look at peers alone */
    bool stale;        /* kept for graceful restart */
    struct bgp_peer *heir; /* the session that takes over from a stale one; NULL: none so far */
    uint64_t heir_eors;    /* families whose routes the heir has told all of */
    uint64_t stale_until_ms;
    uint64_t announced, withdrawn, unknown_withdrawn, lost; /* lost: no memory for a route */
    struct strbuf head; /* of lines: , "peer_ip_src": ... with the tag, where the map looks at peers alone */
    struct msglog_target *log_target;
    struct {
        struct msglog_target *target;
        uint64_t turn; /* number of the dump that it was last in */
    } dump[BGP_DUMPS];
    struct bgp_peer *prev, *next; /* among all whose session lives */
    struct bgp_peer *next_of_addr, *next_of_id;
    struct bgp_peer *next_stale; /* in one of the service's lists of those without session */
};

/* Whose sessions live, by address and by identifier. All zero is an empty one. */
enum { BGP_PEER_BUCKETS = 4096 };
struct bgp_peers {
    struct bgp_peer *first;
    unsigned n;
    struct bgp_peer *of_addr[BGP_PEER_BUCKETS], *of_id[BGP_PEER_BUCKETS];
};

void bgp_peers_add(struct bgp_peers *t, struct bgp_peer *p);    /* by its address */
void bgp_peers_add_id(struct bgp_peers *t, struct bgp_peer *p); /* once s.id is known */
void bgp_peers_remove(struct bgp_peers *t, struct bgp_peer *p); /* from both */
/* The one of this address (port 0: any of its ports), NULL: none. */
struct bgp_peer *bgp_peers_by_addr(const struct bgp_peers *t, const struct addr *a, uint16_t port);
/* One of this identifier other than `but`. */
struct bgp_peer *bgp_peers_by_id(const struct bgp_peers *t, const uint8_t id[4], const struct bgp_peer *but);

#endif
