/* SPDX-License-Identifier: BSD-2-Clause */
/* The BGP service's state, for the files that it consists of: service.c (life), neighbours.c (sessions and
 * their routes). All of it is the service's thread's. */
#ifndef BGP_SERVICE_IMPL_H
#define BGP_SERVICE_IMPL_H

#include "bgp/lines.h"
#include "bgp/listener.h"
#include "bgp/peer.h"
#include "bgp/xconnect.h"
#include "core/service.h"
#include "output/ha.h"

struct bgp_service {
    struct service *s;
    const struct config *c;
    const struct log *log;
    struct bgp_io io;
    struct bgp_listener *listener;
    struct bgp_peers peers;
    struct bgp_peer *stale;   /* kept for graceful restart */
    struct bgp_peer *leaving; /* whose routes go from the RIB by and by */
    unsigned peers_left;      /* that are not freed */
    struct rib *rib;
    struct msglog *msglog; /* NULL: none */
    struct ha *ha;         /* NULL: always active */
    struct peertags *tags;
    struct roa_view roas;
    struct bgp_lines lines;            /* of the message log; its seq is everybody's */
    struct bgp_dump *dump[BGP_DUMPS];  /* NULL: none */
    struct bgp_tablefiles *files;      /* MRT files of the tables, NULL: none */
    struct bgp_lg *lg;                 /* NULL: none */
    struct bgp_blackholes *blackholes; /* NULL: none */
    struct bgp_xconnects *xconnects;   /* NULL: none */
    uint8_t id[4];                     /* our identifier; all zero: that of the session's address */
    bool stopping;
    bool starved;           /* sessions wait until the message log has room */
    bool neighbors_changed; /* since bgp_neighbors_file was written */
    bool started;
    uv_async_t wake; /* from the log's threads and from workers */
    uv_timer_t tick;
    uv_idle_t tend;
    unsigned changes; /* of routes, since rib_tend was called */
    bool tending;
    struct log_limit say_max, say_memory, say_refused;
    uint64_t refused_max, refused_twice, lines_lost;
};

/* neighbours.c */
extern const struct bgp_session_ops bgp_neighbour_ops;
void bgp_neighbour_accepted(void *arg, int fd, const struct addr *from, uint16_t port);
/* Each second: what is stale for too long goes. */
void bgp_neighbours_tick(struct bgp_service *b);
/* All say goodbye. */
void bgp_neighbours_stop(struct bgp_service *b, const char *text);
void bgp_neighbours_stats(const struct bgp_service *b);
void bgp_neighbours_figures(const struct bgp_service *b, struct figures *f);
/* One of whom only routes are known, from a file: his routes are stale for so long (above UINT32_MAX: for
 * ever) unless he comes and tells them again. The one of this address and identifier, made if need be
 * (*made). NULL: no memory. */
struct bgp_peer *bgp_neighbour_without_session(struct bgp_service *b, const struct addr *a,
                                               const uint8_t id[4], uint32_t as, uint64_t stale_s,
                                               bool *made);
/* The tag map is another one. */
void bgp_neighbours_retag(struct bgp_service *b);
/* Frees those that are left, whose handles are closed. */
void bgp_neighbours_free(struct bgp_service *b);

/* service.c: the keys of a stream of messages, whose *_output is `output`. -1: e */
int bgp_check_stream(const struct service *s, const struct msglog_conf *mc, struct err *e);

/* service.c: the RPKI tables that lines ask; NULL: there is no RPKI. */
const struct roa_view *bgp_service_roas(const struct bgp_service *b);

/* service.c: there is work for rib_tend. */
void bgp_service_tend(struct bgp_service *b);
/* Room in the message log; sessions that are told no go on by themselves. */
bool bgp_service_room(struct bgp_service *b);

#endif
