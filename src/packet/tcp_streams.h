/* SPDX-License-Identifier: BSD-2-Clause */
/* The octets that went over TCP, out of captured segments: put into order, each once. What stands in a
 * capture is not to be trusted, so what waits for a missing segment is bounded. src/bmp/savefile.c calls it.
 */
#ifndef PACKET_TCP_STREAMS_H
#define PACKET_TCP_STREAMS_H

#include "packet/link.h"

/* One segment of one direction. */
struct tcp_segment {
    struct addr from, to;
    uint16_t from_port, to_port;
    uint32_t seq;
    uint8_t flags; /* RFC 9293 §3.1 */
    const uint8_t *p;
    uint32_t len;  /* octets of payload that were captured */
    uint32_t more; /* and that were not */
    int64_t at_us;
};

/* The segment in the frame that `d` has just decoded into f (with ports among its needs). False: none, or a
 * fragment. */
bool tcp_segment_of(const struct packet_decoder *d, const struct flow *f, const uint8_t *frame,
                    uint32_t caplen, int64_t at_us, struct tcp_segment *s);

enum tcp_end {
    TCP_END_CLOSED, /* FIN, RST, or another connection with the same ends */
    TCP_END_GAP,    /* octets are missing in the capture */
    TCP_END_FILE,   /* tcp_streams_free */
};

struct tcp_streams_ops {
    /* First octets of a direction, s->p is not empty: from the begin of the connection, or from where the
     * capture begins or goes on after a gap. Returns what stands for the stream, NULL: it is of no interest.
     */
    void *(*begin)(void *arg, const struct tcp_segment *s);
    /* Octets in order; valid during the call. False: no more of it is wanted, `end` is not called. */
    bool (*octets)(void *arg, void *stream, const uint8_t *p, size_t n, int64_t at_us);
    void (*end)(void *arg, void *stream, enum tcp_end why, int64_t at_us);
};

struct tcp_streams_counts {
    uint64_t segments, repeated, out_of_order;
    uint64_t gaps;    /* streams that ended since octets are missing */
    uint64_t cut;     /* segments that were captured in part */
    uint64_t no_room; /* segments of connections past TCP_STREAMS_MAX */
};

enum { TCP_STREAMS_MAX = 1 << 16, TCP_WAITING_MAX = 4 << 20 /* octets of one stream behind a gap */ };

struct tcp_streams;
struct tcp_streams *tcp_streams_new(const struct tcp_streams_ops *ops, void *arg); /* NULL: no memory */
void tcp_streams_take(struct tcp_streams *ts, const struct tcp_segment *s);
struct tcp_streams_counts tcp_streams_counts(const struct tcp_streams *ts);
/* Nothing more comes: ends those that wait for octets (TCP_END_GAP). */
void tcp_streams_settle(struct tcp_streams *ts, int64_t at_us);
/* Ends all streams (TCP_END_FILE, or TCP_END_GAP where octets still wait), as if nothing had been captured so
 * far. */
void tcp_streams_clear(struct tcp_streams *ts, int64_t at_us);
void tcp_streams_free(struct tcp_streams *ts); /* after tcp_streams_clear. NULL is fine */

#endif
