/* SPDX-License-Identifier: BSD-2-Clause */
/* Live capture on one interface, for one worker: packets are read where the kernel wrote them (afpacket.h),
 * or through libpcap where that cannot be. Which one is decided in one place, capture_plan_make. pmacctd's
 * readers call it. */
#ifndef PACKET_CAPTURE_H
#define PACKET_CAPTURE_H

#include <pcap/pcap.h>
#include <stdatomic.h>
#include "packet/afpacket.h"
#include "packet/feed.h"

/* How an interface is captured: found out once, used by the captures of all workers. */
struct capture_plan {
    const char *name; /* the caller's */
    enum afpacket_direction direction;
    bool in_place;    /* own ring; else libpcap */
    const char *why;  /* not in place: the reason */
    int dlt, ifindex; /* 0: all interfaces */
    bool cooked;
    struct sock_filter *filter; /* for the kernel */
    unsigned n_filter;
    struct bpf_program check; /* a filter that the kernel cannot run */
    bool checked;
};

/* Asks libpcap what the interface is and what the kernel makes of the filter. -1: e. */
int capture_plan_make(struct capture_plan *p, const char *name, enum afpacket_direction direction,
                      const struct config *c, struct err *e);
void capture_plan_free(struct capture_plan *p);

struct capture {
    const struct capture_plan *plan;
    struct worker *worker;
    struct afpacket ring;
    pcap_t *pcap;
    struct pcap_stat last; /* libpcap's 32-bit counters */
    struct packet_feed feed;
    uint64_t filtered;          /* the filter that runs here did not want them */
    uint64_t taken;             /* out of the kernel's buffer */
    uint64_t received, dropped; /* by the kernel; received has the dropped ones in it */
    int64_t buffer;             /* octets that the kernel granted */
    atomic_bool failed;         /* libpcap reported an error */
};

struct capture_conf {
    const struct capture_plan *plan;
    const struct config *c;
    struct worker *worker;
    const char *label;          /* "eth0,3" */
    uint32_t number;            /* of the interface, for flows */
    int64_t buffer, least;      /* octets to ask for, and the fewest to be content with */
    int *group;                 /* workers that share the interface: -1 for the first; NULL: alone */
    struct packet_feed *tables; /* whose tables of flows are used, or NULL */
};

/* Opens a capture. Members of a group get packets from capture_begin on, others at once. */
int capture_open(struct capture *p, const struct capture_conf *conf, struct err *e);
int capture_begin(struct capture *p, struct err *e);
void capture_close(struct capture *p);

enum capture_taken {
    CAPTURE_NONE,
    CAPTURE_SOME, /* all that was there */
    CAPTURE_MORE, /* as many as one call takes; there may be more */
};

/* Feeds what has arrived, a thousand packets or so at most, and fragments that have waited too long. The
 * caller sets the worker's time before and flushes it after. */
enum capture_taken capture_take(struct capture *p);

/* Nothing more is received; what the kernel still holds can be taken. */
void capture_shut(struct capture *p);

/* Feeds the fragments that still wait, at the end. */
void capture_finish(struct capture *p);

/* Brings received and dropped up to date. */
void capture_count(struct capture *p);

/* Packets that the kernel has received for us and that were not taken yet, as of the last count. */
uint64_t capture_waiting(const struct capture *p);

/* Does the capture no longer work? Then `why` (size octets) says what happened. Any thread. */
bool capture_broken(struct capture *p, char *why, size_t size);

#endif
