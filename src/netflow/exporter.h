/* SPDX-License-Identifier: BSD-2-Clause */
/* Exporters: who sends, what is known about each, and its ledger. One entry for each (source address,
 * version, source id, observation domain or v5 engine); what a device says about itself as a whole hangs off
 * its address (struct agent). Numbers and memory are bounded: past the bound the entry that was silent for
 * longest goes, those that never brought a data record first. */
#ifndef NETFLOW_EXPORTER_H
#define NETFLOW_EXPORTER_H

#include "base/log.h"
#include "netflow/options.h"
#include "netflow/tmpl.h"

/* Why a datagram, or what was left of it, was refused. */
enum nf_drop {
#define NF_DROP(name, ...) NF_DROP_##name,
#include "netflow/drops.def"
#undef NF_DROP
    NF_DROP_MAX
};

/* What happened to what was read. */
enum nf_count {
#define NF_COUNT(name, text) NF_COUNT_##name,
#include "netflow/drops.def"
#undef NF_COUNT
    NF_COUNT_MAX
};

struct agent {
    struct addr from;
    uint32_t exporters;  /* that refer to it */
    struct addr address; /* that it gives for itself in options, system scope; or not set */
    struct options options;
    struct agent *next;
};

struct exporter {
    /* looked at for each datagram */
    struct addr from;
    uint32_t id; /* source id, observation domain, or v5 engine id and type */
    uint8_t version;
    bool known_seq, tail_seq;
    bool proven; /* brought a data record */
    uint32_t expected, after_last, last_uptime;
    uint32_t hash;
    int64_t seen_us;     /* last move to the front, monotonic */
    uint32_t seen_added; /* and how many exporters had been added until then */
    uint64_t packets, bytes, seq_good, seq_forward, seq_back, seq_lost;
    uint64_t refused[NF_DROP_MAX], count[NF_COUNT_MAX];
    struct tmpl_table templates;
    struct agent *agent;
    struct options options;
    struct addr address;            /* that it gives for itself, domain scope; or not set */
    int64_t sysinit_us;             /* IE 160 out of options; 0: not told */
    struct exporter *newer, *older; /* list of its class, proven or not */
    size_t memory;                  /* octets, as counted last */
    struct log_limit say_sequence, say_unknown, say_fault, say_template, say_limit;
};

struct exporter_limits {
    uint32_t exporters;
    uint32_t templates; /* of one exporter */
    size_t memory;      /* octets of all */
};

struct exporter_list {
    struct exporter *newest, *oldest;
};

struct exporters {
    struct exporter_limits limits;
    struct exporter **slot; /* open addressing, cap is a power of two */
    uint32_t n, cap;
    struct agent **agent; /* chains */
    uint32_t n_agents, agents_cap;
    struct exporter_list unproven, proven;
    size_t memory;
    uint64_t evicted;
    uint32_t added; /* ever; wraps */
};

int exporters_init(struct exporters *xs, const struct exporter_limits *limits, struct err *e);
void exporters_free(struct exporters *xs);

/* The exporter, made if it is new. NULL without memory. *evicted gets how many had to go for it. now_us:
 * monotonic. */
struct exporter *exporters_get(struct exporters *xs, const struct addr *from, uint8_t version, uint32_t id,
                               int64_t now_us, unsigned *evicted);

/* To be called after x has learned something: counts its memory anew and lets others go if the sum passes the
 * bound. False: x alone is too much, and has lost what it knew. */
bool exporters_settle(struct exporters *xs, struct exporter *x, unsigned *evicted);

/* x has brought a data record. */
void exporters_prove(struct exporters *xs, struct exporter *x);

enum seq_verdict { SEQ_GOOD, SEQ_FORWARD, SEQ_BACK, SEQ_RESTART };

/* Compares a message's sequence number with what was expected and counts. `uptime`: of the header, 0 if there
 * is none: going back, it tells a restart. `*expected` gets what was expected. */
enum seq_verdict exporter_sequence(struct exporter *x, uint32_t seq, uint32_t uptime, uint32_t *expected);

/* The message with number seq had `units` of what the version counts; `known` false: could not be told. */
void exporter_sequence_next(struct exporter *x, enum seq_verdict v, uint32_t seq, uint32_t units, bool known);

/* An entry of the options, the domain's before the device's; NULL if there is none. */
const struct option *exporter_option(const struct exporter *x, enum option_kind kind, uint64_t key);

#endif
