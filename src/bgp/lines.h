/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of JSON about neighbours and their routes: what the message log and the table dumps write. Hot: a
 * full table is a million of them. */
#ifndef BGP_LINES_H
#define BGP_LINES_H

#include "base/clock.h"
#include "bgp/peer.h"
#include "bgp/route_json.h"
#include "config/config.h"
#include "core/filter.h"
#include "core/peertags.h"
#include "rib/rib.h"
#include "rpki/route.h"

struct bgp_lines {
    const struct config *c;
    struct rib_pool *pool;
    struct peertags *tags;       /* NULL: none */
    struct label_filter *labels; /* whose lines are wanted, NULL: all */
    bool unwanted;               /* the line that was made last is not */
    bool set_unwanted;           /* the set's are not; of maps that look at communities */
    const struct roa_view *roas; /* NULL: routes are shown without their RPKI state */
    struct rib *rib;             /* with roas: where dumps look for what is around a route */
    struct strbuf line;          /* the one that was made last */
    /* the set of attributes that came last: its text, and the tag that goes with it */
    uint32_t attrs_id; /* 0: none */
    struct strbuf attrs, tag, comms;
    const struct bgp_peer *tag_of;
    struct roa_origin origin; /* of that set; as 0 without `none`: it has no path */
    struct bgp_json_style style;
    struct time_style time_style;
    struct time_cache times;
    char stamp[TIME_TEXT];
    size_t stamp_len;
    struct strbuf tail; /* of every line */
    uint64_t seq;
};

/* `with_writer`: lines end with writer_id, which brokers want. -1: e. */
int bgp_lines_init(struct bgp_lines *l, const struct config *c, struct rib_pool *pool, struct peertags *tags,
                   bool with_writer, struct err *e);
void bgp_lines_free(struct bgp_lines *l);

/* Routes get the member roa from now on, where v is not NULL: of dumps and the looking glass with what is
 * around them in the table. */
void bgp_lines_roas(struct bgp_lines *l, const struct roa_view *v, struct rib *rib);

/* Lines have this time from now on. */
void bgp_lines_time(struct bgp_lines *l, int64_t at_us, bool fraction);

/* Makes p->head. Again after the tag map has changed. */
void bgp_lines_head(struct bgp_lines *l, struct bgp_peer *p);

/* Each makes l->line. log_init, log_close: */
void bgp_lines_session(struct bgp_lines *l, const struct bgp_peer *p, const char *event);
/* update, withdraw, delete: */
void bgp_lines_route(struct bgp_lines *l, const struct bgp_peer *p, const char *log_type,
                     const struct rib_key *k, struct rib_octets labels, uint32_t attrs);
void bgp_lines_end_of_rib(struct bgp_lines *l, const struct bgp_peer *p, uint16_t afi, uint8_t safi);
/* Of dumps, with the number `seq` of the dump: */
void bgp_lines_dump_init(struct bgp_lines *l, const struct bgp_peer *p, uint64_t seq, int period_s);
void bgp_lines_dump_route(struct bgp_lines *l, const struct bgp_peer *p, uint64_t seq,
                          const struct rib_key *k, const struct rib_route *r);
void bgp_lines_dump_close(struct bgp_lines *l, const struct bgp_peer *p, uint64_t seq, uint64_t entries,
                          unsigned tables);
/* Of the looking glass: */
void bgp_lines_lg(struct bgp_lines *l, const struct bgp_peer *p, const struct rib_key *k,
                  const struct rib_route *r);

#endif
