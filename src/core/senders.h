/* SPDX-License-Identifier: BSD-2-Clause */
/* Who sends: the table that collectors keep of exporters and agents, one entry for each (address, version,
 * id), with the sequence numbers of each. A decoder embeds struct sender as the first member of what it knows
 * about one. Numbers and memory are bounded: past the bound the entry that was silent for longest goes, those
 * that never brought a record first. */
#ifndef CORE_SENDERS_H
#define CORE_SENDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/err.h"
#include "base/log.h"
#include "config/config.h"
#include "core/figures.h"

struct sender {
    /* looked at for each datagram */
    struct addr from;
    uint32_t id; /* source id, observation domain, engine, sub-agent */
    uint8_t version;
    uint32_t session; /* over TCP: which one; 0: datagrams */
    bool known_seq, tail_seq;
    bool proven; /* brought a record */
    uint32_t expected, after_last, last_uptime;
    uint32_t hash;
    int64_t seen_us;     /* last move to the front, monotonic */
    uint32_t seen_added; /* and how many senders had been added until then */
    uint64_t packets, bytes, seq_good, seq_forward, seq_back, seq_lost;
    struct sender *newer, *older; /* list of its class, proven or not */
    size_t memory;                /* octets, as counted last */
    struct log_limit say_sequence, say_fault;
};

/* What a decoder's own entries need. */
struct sender_ops {
    size_t size; /* octets of an entry, struct sender included */
    int (*init)(struct sender *s,
                void *owner); /* the rest of a new, zeroed one; -1: no memory. May be NULL */
    void (*free)(struct sender *s, void *owner); /* what the entry owns, not itself. May be NULL */
    size_t (*memory)(const struct sender *s);    /* octets of all of it. May be NULL: size */
};

struct sender_limits {
    uint32_t senders;
    size_t memory; /* octets of all */
};

struct sender_list {
    struct sender *newest, *oldest;
};

struct senders {
    const struct sender_ops *ops;
    void *owner;
    struct sender_limits limits;
    struct sender **slot; /* open addressing, cap is a power of two */
    uint32_t n, cap;
    struct sender_list unproven, proven;
    size_t memory;
    uint64_t evicted;
    uint32_t added; /* ever; wraps */
};

/* As the configuration has them; where it is silent, what a million spoofed senders may take while real sites
 * stay far below. */
struct sender_limits sender_limits_of(const struct config *c);

int senders_init(struct senders *ss, const struct sender_ops *ops, void *owner,
                 const struct sender_limits *limits, struct err *e);
void senders_free(struct senders *ss);

/* The bounds hold for n tables like this one together, each of which has its part of the senders. */
void senders_share(struct senders *ss, unsigned n);

/* The sender, made if it is new. NULL without memory. *evicted gets how many had to go for it. now_us:
 * monotonic. */
struct sender *senders_get(struct senders *ss, const struct addr *from, uint8_t version, uint32_t id,
                           int64_t now_us, unsigned *evicted);

/* The same of one that has a session: what it is known by. */
struct sender_id {
    const struct addr *from;
    uint32_t session, id;
    uint8_t version;
};
struct sender *senders_find(struct senders *ss, const struct sender_id *id, int64_t now_us,
                            unsigned *evicted);

/* A session is over: forgets its senders. Looks at all there are. */
void senders_end_session(struct senders *ss, const struct addr *from, uint32_t session);

/* The sender if it is known, left where it is; for those who look ahead. */
const struct sender *senders_peek(const struct senders *ss, const struct sender_id *id);

/* To be called after s has learned something: counts its memory anew and lets others go if the sum passes the
 * bound. */
void senders_settle(struct senders *ss, struct sender *s, unsigned *evicted);

/* s has brought a record. */
void senders_prove(struct senders *ss, struct sender *s);

enum seq_verdict { SEQ_GOOD, SEQ_FORWARD, SEQ_BACK, SEQ_RESTART };

/* Compares a message's sequence number with what was expected and counts. `uptime`: of the header, 0 if there
 * is none: going back, it tells a restart. `*expected` gets what was expected. */
enum seq_verdict sender_sequence(struct sender *s, uint32_t seq, uint32_t uptime, uint32_t *expected);

/* The message with number seq had `units` of what the version counts; `known` false: could not be told. */
void sender_sequence_next(struct sender *s, enum seq_verdict v, uint32_t seq, uint32_t units, bool known);

/* SIGUSR1: the line that every sender has, "stats [<where>] agent=<ip>:<id> time= packets= bytes= seq_good=
 * ...". */
void sender_stats(const struct sender *s, const struct log *l, const char *where);

/* Metrics: what sender_stats shows of each; put adds what the decoder knows of it, under the same labels. */
void senders_figures(const struct senders *ss, struct figures *f,
                     void (*put)(const struct sender *s, struct figures *f));

#endif
