/* SPDX-License-Identifier: BSD-2-Clause */
/* The message log and the dumps of BMP: what a station tells becomes lines of JSON in a message log
 * (output/msglog.h). One of each for the log and for the dumps. */
#ifndef BMP_LOG_H
#define BMP_LOG_H

#include "bgp/route_json.h"
#include "bmp/event.h"
#include "bmp/station.h"
#include "output/ha.h"
#include "output/members.h"
#include "output/msglog.h"
#include "rpki/route.h"

struct bmp_log_conf {
    struct msglog *msglog;
    struct time_style style;
    struct bgp_json_style routes;
    bool label_as_map, set_pd;
    const char *writer_id; /* last member of each line, which brokers want; NULL: none. Outlives the log */
    const struct roa_view *roas; /* routes get the member roa; NULL: they do not */
    struct rib *rib;             /* with roas: where dumps look for what is around a route */
};

/* A time within a text: only its digits change from message to message. */
struct bmp_log_stamp {
    int64_t at_us;
    size_t place, len;
    struct time_cache times;
};

/* Texts that lines of the same message share are made once; what those of the same peer share, once for as
 * long as it goes on to speak. */
struct bmp_log {
    struct bmp_log_conf c;
    struct ha *ha; /* NULL: lines are written at once */
    struct time_cache times;
    uint64_t head_serial, attrs_serial;
    const struct bmp_log_router *of; /* the texts are of this router, peer and kind of line */
    struct bmp_peer peer;
    enum bmp_log_type kind;
    struct bmp_log_stamp stamp, arrival;
    struct strbuf head, distinguisher, tail, attrs, line;
    struct members ms;
};

/* One router in it. */
struct bmp_log_router {
    struct bmp_origin origin;
    struct msglog_target *target;
};

void bmp_log_init(struct bmp_log *l, const struct bmp_log_conf *c);
void bmp_log_free(struct bmp_log *l); /* not the message log */

/* False: no memory. Tag and label of the origin may be set afterwards, before anything is written. */
bool bmp_log_router_init(struct bmp_log *l, struct bmp_log_router *lr, const struct addr *router,
                         uint16_t port);
void bmp_log_router_free(struct bmp_log *l, struct bmp_log_router *lr);

/* Each writes lines and returns how many numbers of *seq it used. */
void bmp_log_session(struct bmp_log *l, const struct bmp_log_router *lr, const struct bmp_telling *t,
                     const char *event, unsigned period_s);
unsigned bmp_log_message(struct bmp_log *l, const struct bmp_log_router *lr, const struct bmp_telling *t,
                         const struct bmp_msg *m);
void bmp_log_route(struct bmp_log *l, const struct bmp_log_router *lr, const struct bmp_telling *t,
                   const struct bmp_told *r);

#endif
