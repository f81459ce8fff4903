/* SPDX-License-Identifier: BSD-2-Clause */
/* Exporters: who sends, what is known about each, and its ledger. One entry for each (source address,
 * version, source id, observation domain or v5 engine); what a device says about itself as a whole hangs off
 * its address (struct agent). Numbers and memory are bounded: past the bound the entry that was silent for
 * longest goes, those that never brought a data record first. */
#ifndef NETFLOW_EXPORTER_H
#define NETFLOW_EXPORTER_H

#include "base/log.h"
#include "core/senders.h"
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
    struct sender s; /* its id: source id, observation domain, or v5 engine id and type */
    uint64_t refused[NF_DROP_MAX], count[NF_COUNT_MAX];
    struct tmpl_table templates;
    struct agent *agent;
    struct options options;
    struct addr address; /* that it gives for itself, domain scope; or not set */
    int64_t sysinit_us;  /* IE 160 out of options; 0: not told */
    struct log_limit say_unknown, say_template, say_limit;
};

struct exporter_limits {
    uint32_t exporters;
    uint32_t templates; /* of one exporter */
    size_t memory;      /* octets of all */
};

struct exporters {
    struct exporter_limits limits;
    struct senders senders;
    struct forms forms;   /* what templates of all of them share */
    struct agent **agent; /* chains */
    uint32_t n_agents, agents_cap;
    uint32_t expire_at; /* slot of senders where exporters_expire goes on */
};

int exporters_init(struct exporters *xs, const struct exporter_limits *limits, struct err *e);
void exporters_free(struct exporters *xs);

/* The bounds hold for n tables together (senders_share). */
void exporters_share(struct exporters *xs, unsigned n);

/* The exporter, made if it is new. NULL without memory. *evicted gets how many had to go for it. now_us:
 * monotonic. */
struct exporter *exporters_get(struct exporters *xs, const struct addr *from, uint8_t version, uint32_t id,
                               int64_t now_us, unsigned *evicted);

/* The same of one that has a session, and the end of that session: RFC 7011 §8.1 has templates live as long.
 */
struct exporter *exporters_find(struct exporters *xs, const struct sender_id *id, int64_t now_us,
                                unsigned *evicted);
void exporters_end_session(struct exporters *xs, const struct addr *from, uint32_t session);

/* To be called after x has learned something: counts its memory anew and lets others go if the sum passes the
 * bound. False: x alone is too much, and has lost what it knew. */
bool exporters_settle(struct exporters *xs, struct exporter *x, unsigned *evicted);

/* Compiles the templates of all exporters again (forms_recompile). */
void exporters_recompile(struct exporters *xs, const struct wants *w, const struct wants *options);

/* Forgets templates that were not sent for `after_s` seconds, of one in `parts` exporters, the next ones at
 * each call. now_s: monotonic. Returns how many; each counts for its exporter. */
uint32_t exporters_expire(struct exporters *xs, unsigned parts, uint32_t now_s, uint32_t after_s);

/* x has brought a data record. */
void exporters_prove(struct exporters *xs, struct exporter *x);

/* An entry of the options, the domain's before the device's; NULL if there is none. */
const struct option *exporter_option(const struct exporter *x, enum option_kind kind, uint64_t key);

#endif
