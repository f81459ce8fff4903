/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the NetFlow decoder share: its state and the message in hand. Nothing outside src/netflow
 * includes this. */
#ifndef NETFLOW_DECODE_H
#define NETFLOW_DECODE_H

#include "core/allow.h"
#include "core/datagram.h"
#include "core/input.h"
#include "netflow/exporter.h"
#include "netflow/times.h"

/* The message in hand. */
struct message {
    const struct datagram *d;
    struct exporter *x;
    uint8_t version;
    uint32_t seq, id;
    uint32_t uptime;    /* v5, v9; milliseconds, or seconds with time_secs */
    int64_t export_us;  /* when it was sent, by its header */
    int64_t limit_us;   /* later times cannot be (an hour after its sending) */
    int64_t now_us;     /* received */
    uint32_t rate;      /* of records that say nothing about their sampling */
    uint32_t templates; /* template records seen */
    uint32_t units;     /* data records seen: IPFIX sequence numbers count them */
    bool lost_units;    /* some could not be counted */
};

/* A record on its way as a message of its own. */
struct splitting {
    struct split s;
    uint8_t head[24]; /* the longest: that of v5, or of v9 and a set */
};

struct handon;

struct netflow {
    struct worker *w;
    const struct config *c;
    const struct log *log;
    struct wants wants, option_wants;
    unsigned needs_version; /* of the worker, that they were made for */
    bool renormalize;
    uint32_t ext_rate;
    uint32_t uptime_unit_us;
    bool time_new;
    char collector[ADDR_TEXT]; /* for messages */
    struct exporters exporters;
    struct allow *allow;           /* NULL: everybody */
    struct handon *handon;         /* NULL: templates are for ourselves */
    bool of_first;                 /* both are the first worker's */
    uint64_t refused[NF_DROP_MAX]; /* datagrams that belong to no exporter */
    struct log_limit say_refused[NF_DROP_MAX], say_evicted, say_keep;
    bool keep_changed;    /* templates that nfacctd_templates_file does not have */
    int64_t keep_next_us; /* monotonic: not written before */
    int64_t clock_us;     /* monotonic, as of the last tick */
    struct message m;
    struct record r;
    bool splits; /* messages are taken apart (worker_splits) */
    struct splitting splitting;
};

/* The time that an uptime of the message in hand stands for. Who asks for whole seconds since the epoch holds
 * them against those of pmacct, which come of whole seconds. */
static inline int64_t time_in_message(const struct netflow *nf, uint32_t x)
{
    const struct message *m = &nf->m;
    const bool secs = nf->c->timestamps_secs && nf->c->timestamps_since_epoch;
    return secs ? time_of_uptime_secs(m->export_us, m->uptime, x, nf->uptime_unit_us)
                : time_of_uptime(m->export_us, m->uptime, x, nf->uptime_unit_us);
}

/* Messages, each with its version's header. The cursor stands behind the version. */
enum nf_drop decode_v5(struct netflow *nf, const struct datagram *d, struct cursor c);
enum nf_drop decode_v9(struct netflow *nf, const struct datagram *d, struct cursor c);
enum nf_drop decode_ipfix(struct netflow *nf, const struct datagram *d, struct cursor c);

/* Finds or makes the exporter of the message in hand and counts the datagram. NF_DROP_NONE: nf->m.x is set.
 */
enum nf_drop message_begin(struct netflow *nf, const struct datagram *d);

/* Sequence check of the message in hand, and the line about it. `uptime` 0: the header has none. */
enum seq_verdict message_sequence(struct netflow *nf, uint32_t uptime);

/* The sets of a v9 or IPFIX message. */
enum nf_drop decode_sets(struct netflow *nf, struct cursor c);

/* One options record out of nf->r into the tables of the exporter. */
void decode_option(struct netflow *nf, const struct tmpl *t);

/* Empties nf->r and fills in what is the same for all records of a set. `t`: NULL for v5. */
void record_begin(struct netflow *nf, const struct tmpl *t);

/* Finishes the record in nf->r and hands it on. */
void record_finish(struct netflow *nf, const struct plan *p);

/* Multiplies counters by the sampling rate, if that is wanted. */
void record_scale(struct netflow *nf, uint32_t rate);

/* The rate for records that say nothing about it. */
uint32_t message_rate(const struct netflow *nf, uint16_t tmpl_id);

/* The address by which the exporter is shown. */
const struct addr *exporter_address(const struct netflow *nf, const struct exporter *x);

/* A line about the message in hand: "<text>: nfacctd=<ip>:<port> agent=<ip>:<id> seq=<n>", rate-limited. */
void say_fault(struct netflow *nf, struct log_limit *limit, enum log_level lv, const char *text);

/* Counts the exporter's memory anew after it has learned something, and tells when others had to go for it.
 */
void settle(struct netflow *nf);

/* Where messages are taken apart (split.c). A record, the n-th of its message or set, as a message of its
 * own: sets nf->r.f.split. `id`: of its set. */
void split_v5(struct netflow *nf, unsigned n, const uint8_t *rec, size_t len);
void split_record(struct netflow *nf, uint16_t id, const uint8_t *rec, size_t len, unsigned n);
/* A template record, by itself, to all. */
void split_template(struct netflow *nf, uint16_t id, const uint8_t *rec, size_t len);
/* A whole set to all: options, or data without a template. The cursor is behind the set's header. */
void split_set(struct netflow *nf, uint16_t id, struct cursor set, unsigned records);

/* decoder_ops.ahead (ahead.c). */
void netflow_ahead(void *state, const struct datagram *d, unsigned n);

/* The template dump of -d. */
void dump_template(const struct netflow *nf, const struct tmpl *t);

#endif
