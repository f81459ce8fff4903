/* SPDX-License-Identifier: BSD-2-Clause */
/* A monitoring station's view of its routers (RFC 7854 §3): octets of a session go in, routes go into the
 * RIB, and what happens is told to whoever listens. No sockets, no files: service.c and savefile.c bring the
 * octets, log.c writes. */
#ifndef BMP_STATION_H
#define BMP_STATION_H

#include "base/log.h"
#include "bgp/update.h"
#include "bmp/msg.h"
#include "rib/rib.h"

struct bmp_station;
struct bmp_router;

enum bmp_log_type { BMP_LOG_UPDATE, BMP_LOG_WITHDRAW, BMP_LOG_DELETE, BMP_LOG_END_OF_RIB, BMP_LOG_DUMP };

enum {
    BMP_MARKS_MAX = 64
}; /* TLVs of a message that speak of single routes; more are left out and counted */

/* A TLV of Route Monitoring (version 4) that tells of one route, or of all in the message. */
struct bmp_mark {
    enum bmp_rm_tlv what;
    struct bmp_tlv tlv;
};

/* One route as it is told of. Pointers are valid during the call. */
struct bmp_told {
    enum bmp_log_type type;
    const struct bmp_peer *peer; /* of the message, or of the one that brought the peer up */
    int64_t at_us;               /* arrival */
    const struct rib_key *key;   /* END_OF_RIB: afi and safi alone */
    struct rib_octets labels;
    const struct rib_attrs *attrs; /* NULL: none are known */
    uint64_t attrs_serial;         /* equal numbers, equal attributes; 0: not known to be equal to any */
    uint64_t message_serial;       /* the same for peer and at_us */
    unsigned nth;                  /* route of its message, from 1; 0: of none */
    const struct bmp_mark *marks;
    unsigned n_marks;
    uint32_t rib_peer; /* of dumps: whose table it stands in; else 0 */
};

/* Where things are told; called in the station's thread. */
struct bmp_station_ops {
    /* Anything but routes, as parsed. at_us: arrival. */
    void (*message)(void *arg, struct bmp_router *r, const struct bmp_msg *m, int64_t at_us);
    void (*route)(void *arg, struct bmp_router *r, const struct bmp_told *t);
    /* A router's last route is gone, after bmp_router_close: it is freed behind this call. */
    void (*gone)(void *arg, struct bmp_router *r);
};

/* Counted for a router, and summed for the station. */
struct bmp_counts {
    uint64_t messages[BMP_TYPES];
    uint64_t octets;
    uint64_t faults[BMP_FAULTS];
    uint64_t updates_withdrawn; /* UPDATEs treated as withdraw, or with attributes discarded (RFC 7606) */
    uint64_t routes_lost;       /* no memory for them */
    uint64_t marks_lost;
    uint64_t announced, withdrawn;
    uint64_t withdrawn_unknown; /* of these, routes that nobody had announced */
};

struct bmp_station_conf {
    const struct log *log;
    struct rib *rib; /* the station is its writer */
    const struct bmp_station_ops *ops;
    void *arg;
    bool tell_deleted; /* each route that goes with its peer */
};

struct bmp_station *bmp_station_new(const struct bmp_station_conf *c); /* NULL: no memory */
/* All routers have to be gone, or are freed without a word. */
void bmp_station_free(struct bmp_station *st);

/* A router that has connected. `owner` is the caller's. NULL: no memory. */
struct bmp_router *bmp_router_new(struct bmp_station *st, const struct addr *from, uint16_t port,
                                  void *owner);
void *bmp_router_owner(const struct bmp_router *r);
const struct addr *bmp_router_addr(const struct bmp_router *r);
uint16_t bmp_router_port(const struct bmp_router *r);
const struct bmp_counts *bmp_router_counts(const struct bmp_router *r);
/* Peers that it has told of, routes in all views of them. */
unsigned bmp_router_peers(const struct bmp_router *r);
uint64_t bmp_router_routes(const struct bmp_router *r);

/* Reads whole messages from the n octets at p, at most `most` of them, which arrived at at_us. Returns how
 * many octets were used, or -1: the stream is no BMP or is out of step (said in the log); *ended is set when
 * the router has said that it ends the session. */
long bmp_router_feed(struct bmp_router *r, const uint8_t *p, size_t n, unsigned most, int64_t at_us,
                     bool *ended);

/* The session is gone: so are its routes, told of one by one in slices of rib_tend. `cut`: octets of a
 * message that stayed incomplete. */
void bmp_router_close(struct bmp_router *r, size_t cut, int64_t at_us);

/* For dumps: the views of a router, one after the other. *view: start from 0. False: no more. */
struct bmp_view {
    struct bmp_peer peer;
    uint32_t rib_peer;
};
bool bmp_router_view(const struct bmp_router *r, unsigned *view, struct bmp_view *v);
/* Changes whenever a view goes. */
unsigned bmp_router_flushes(const struct bmp_router *r);

#endif
