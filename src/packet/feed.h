/* SPDX-License-Identifier: BSD-2-Clause */
/* From one captured packet to the worker: decoding, following flows, times, external sampling, and the count
 * of what could not be decoded. One for each link that is captured on; the inputs of the packet daemons call
 * it. Stages that nobody asked for are not there: their pointer is NULL. */
#ifndef PACKET_FEED_H
#define PACKET_FEED_H

#include "base/log.h"
#include "core/expecting.h"
#include "core/worker.h"
#include "packet/classify.h"
#include "packet/flowtrack.h"
#include "packet/counts.h"
#include "packet/link.h"

struct packet_feed {
    struct worker *worker;
    const struct log *log;
    struct packet_decoder decoder;
    struct flow flow;              /* inputs set what no packet tells (interfaces) before packet_feed_take */
    struct flowtrack *flowtrack;   /* some plugin counts flows */
    struct classifier *classifier; /* some plugin shows the class */
    bool shares;                   /* the tables are another feed's */
    bool by_arrival;               /* time_new: the moment it is taken in is its time */
    uint32_t multiply;             /* counters stand for that many packets */
    uint64_t packets;              /* fed */
    uint8_t direction;             /* enum flow_direction: what the capture says of all packets, or unknown */
    uint32_t number;               /* of the interface */
    uint32_t trailer_at, trailer_flag; /* octets from the frame's end to a mirror's trailer, 0: none */
    uint64_t no_trailer;               /* packets of which it was not captured */
    struct log_limit short_limit, full_limit;
};

/* Prepares a feed for a link type. Logs it ("[eth0,0] link type is: 1"; `label` is "eth0,0", the link and its
 * number; NULL: logs nothing), and warns of fields that it cannot give. */
int packet_feed_open(struct packet_feed *pf, struct worker *w, const char *label, int dlt, struct err *e);

/* Says where packets come from: `number` is that of the interface (0: none), `direction` (enum
 * flow_direction) tells whether they came in or went out by it; when unknown, no packet gets the number. */
void packet_feed_interface(struct packet_feed *pf, uint32_t number, uint8_t direction);

/* Frees what the feed owns; an open one only, or one that is zeroed. */
void packet_feed_close(struct packet_feed *pf);

/* Several links of one worker: a flow may come in by one and its answers by another, so the tables of flows
 * are those of `with`, which has to stay open longer than pf. Right after packet_feed_open. */
void packet_feed_share(struct packet_feed *pf, struct packet_feed *with);

/* One packet; at_us is its time in the capture. */
void packet_feed_take(struct packet_feed *pf, const uint8_t *frame, uint32_t caplen, uint32_t len,
                      int64_t at_us);

/* A packet that stays where it is while others are taken. */
struct packet_frame {
    const uint8_t *p;
    uint32_t caplen, len;
    int64_t at_us;
};

/* How many packets an input should have in hand before it feeds them: 1, or where flows are looked up some
 * more, at most PACKET_FRAMES. Input that has fewer does not wait for others. */
enum { PACKET_FRAMES = EXPECTING_FLOWS };
unsigned packet_feed_batch(const struct packet_feed *pf);

/* n packets, at most PACKET_FRAMES, one after the other: what looking them up will read is fetched first. */
void packet_feed_take_all(struct packet_feed *pf, const struct packet_frame *f, unsigned n);

/* As packet_feed_take, for a message of NFLOG; the feed was opened for DLT_NFLOG. */
void packet_feed_take_nflog(struct packet_feed *pf, const struct nflog_packet *p, int64_t at_us);

/* Counts fragments that have waited in vain for the first one of their packet. Inputs call it after each
 * batch of packets and while none come, with the time of the last packet (live: the clock), and with
 * INT64_MAX when the input ends or its time jumps back. At most a batch of them; true: call again, there may
 * be more. */
bool packet_feed_tick(struct packet_feed *pf, int64_t now_us);

/* One NOTICE with the count of packets by what became of them, one with the state of the tables it owns. */
void packet_feed_stats(const struct packet_feed *pf, const char *label);
void packet_feed_stats_tables(const struct packet_feed *pf, const char *label);

/* What feeds counted: sums over several links or workers. */
struct packet_feed_counts {
    uint64_t packets, no_trailer;
    struct packet_counts decoded;
};

/* Adds what a feed has counted. *c is zeroed before the first. */
void packet_feed_counts_add(struct packet_feed_counts *c, const struct packet_feed *pf);

/* Logs them as packet_feed_stats does. */
void packet_feed_counts_show(const struct packet_feed_counts *c, const struct log *l, const char *label);

#endif
