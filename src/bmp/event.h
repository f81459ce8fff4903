/* SPDX-License-Identifier: BSD-2-Clause */
/* What the message log and the dumps tell of BMP besides routes: sessions, peers that come up and go down,
 * statistics. Each makes a list of members (output/members.h) in the order in which JSON shows them. */
#ifndef BMP_EVENT_H
#define BMP_EVENT_H

#include "bmp/msg.h"
#include "output/members.h"

/* What all lines of one router share. */
struct bmp_origin {
    struct addr router;
    uint16_t port;
    bool has_tag; /* of bmp_daemon_tag_map; goes before the label */
    uint64_t tag;
    const char *label; /* NULL: none */
    size_t label_len;
    bool set_pd; /* distinguishers are pd and pd_origin, not rd and rd_origin (bmp_daemon_set_pd) */
    const struct time_style *style;
    struct time_cache *times;
};

/* When and where it is told. */
struct bmp_telling {
    uint64_t seq;
    int64_t at_us; /* arrival of the message; in a dump: its time */
    bool dump;
};

/* log_init, log_close; dump_init (period_s > 0), dump_close. `event` is that word. */
void bmp_event_session(struct members *ms, const struct bmp_origin *o, const struct bmp_telling *t,
                       const char *event, unsigned period_s);

/* INIT, TERM, PEER_UP, PEER_DOWN, as parsed; all else makes nothing. Returns BMP_FAULT_NONE or what is wrong
 * with a part of it (TLVs, OPEN messages): what could be read is there all the same. */
enum bmp_fault bmp_event_message(struct members *ms, const struct bmp_origin *o, const struct bmp_telling *t,
                                 const struct bmp_msg *m);

/* One counter of a STATS message. */
void bmp_event_counter(struct members *ms, const struct bmp_origin *o, const struct bmp_telling *t,
                       const struct bmp_msg *m, const struct bmp_counter *n);

/* The flags of a view of routes: bmp_rib_type, is_filtered, is_post and so on, also before routes. */
struct bmp_flag {
    const char *name;
    uint8_t value;
};
/* Returns how many (0 to 3) flags stand for the RIB of this peer header; is_filtered comes first. */
unsigned bmp_rib_flags(const struct bmp_peer *p, struct bmp_flag flags[3]);

#endif
