/* SPDX-License-Identifier: BSD-2-Clause */
/* Streaming telemetry as a service: who sends, what was taken and lost of each, what is written of a message.
 * All of it belongs to the service's thread. Inputs (tcp.c, udp.c, ...) find messages and hand them to
 * tele_take. */
#ifndef TELEMETRY_TELEMETRY_H
#define TELEMETRY_TELEMETRY_H

#include "base/addr.h"
#include "base/clock.h"
#include "core/allow.h"
#include "core/service.h"
#include "output/msglog.h"
#include "telemetry/framing.h"
#include "telemetry/gpb.h"
#include "telemetry/reassembly.h"

struct tele_dump;
struct tele_part;
struct peertags;
struct notif_source;

/* Counters of one sender, and of all together. */
struct tele_counts {
    uint64_t packets;       /* reads from a session, datagrams, messages of a queue */
    uint64_t packet_octets; /* of these */
    uint64_t messages;      /* taken */
    uint64_t message_octets;
    uint64_t faults[TELE_FAULTS];
};

/* Who sends: a TCP session, an address that sends datagrams, or a queue. */
struct tele_peer {
    struct addr addr;
    uint16_t port;
    char name[ADDR_TEXT + 8]; /* [addr]:port, for messages */
    struct strbuf head;       /* members of each message that never change */
    struct msglog_target *target;
    struct tele_counts counts;
    int64_t seen_us; /* monotonic */
    struct log_limit say_fault;
    struct tele_peer *next, **link; /* of all */
    struct tele_peer *chain;        /* of those that share a slot in the table of addresses */
    struct notif_source *notif;     /* UDP-notif: its publishers, or NULL */
    struct tele_part *part;         /* what the next dump has of it, or NULL */
    bool datagrams;                 /* found by its address; forgotten when it is silent */
    bool of_notif;                  /* speaks UDP-notif */
    uint64_t tag;
    char *label; /* owned, NULL: none */
};

enum { TELE_SLOTS = 4096, TELE_INPUTS = 7 };

struct telemetry;

/* One way in. */
struct tele_input {
    const struct tele_input_ops *ops;
    struct telemetry *t;
    void *state;
};

struct tele_input_ops {
    const char *name; /* "TCP" */
    size_t state_size;
    bool (*wanted)(const struct telemetry_keys *k);
    int (*open)(struct tele_input *in, struct err *e); /* privileged; logs what it is ready for */
    int (*start)(struct tele_input *in, struct err *e);
    void (*tick)(struct tele_input *in);    /* each second. May be NULL */
    void (*resume)(struct tele_input *in);  /* there is room again. May be NULL */
    void (*recheck)(struct tele_input *in); /* the allow list is new. May be NULL */
    void (*reload)(struct tele_input *in);  /* SIGUSR2, whatever is new. May be NULL */
    void (*stats)(struct tele_input *in);   /* SIGUSR1. May be NULL */
    void (*figures)(const struct tele_input *in, struct figures *f); /* metrics. May be NULL */
    void (*stop)(struct tele_input *in);                             /* closes handles and sessions */
    void (*close)(struct tele_input *in);
};

struct telemetry {
    struct service *s;
    const struct config *c;
    const struct telemetry_keys *k;
    const struct log *log;
    framing_fn framing;     /* of TCP and UDP */
    struct strbuf unpacked; /* compressed messages */
    struct strbuf whole;    /* messages that came in segments */
    struct reassembly_pool pool;
    struct log_limit say_incomplete;
    struct gpb *gpb;
    struct tele_input inputs[TELE_INPUTS];
    unsigned n_inputs;
    struct allow *allow; /* NULL: everybody */

    /* who */
    struct tele_peer *peers, *slot[TELE_SLOTS];
    unsigned n_peers;
    struct tele_counts total; /* of peers that have gone, too */
    uint64_t refused;         /* sessions and datagrams of those that may not, or are too many */
    struct log_limit say_refused, say_many;

    /* what is written */
    struct msglog *msglog;  /* NULL: none is wanted */
    struct tele_dump *dump; /* NULL: none is wanted */
    struct peertags *tags;  /* telemetry_daemon_tag_map, or NULL */
    struct strbuf line, text, tail;
    struct time_style style;
    struct time_cache times;
    uint64_t seq;
    int64_t now_us, mono_us; /* wall clock and monotonic, as of the last tele_now */
    bool no_room;            /* inputs wait */

    uv_timer_t tick;
    uv_async_t has_room;
    bool async_made, started;
    int64_t stats_us; /* when the stats lines come next, monotonic */
};

/* ---- peers.c */

/* The clocks, once a batch. */
void tele_now(struct telemetry *t);

/* A new sender; writes log_init. NULL: there may be no more (said and counted), or no memory. */
struct tele_peer *tele_peer_new(struct telemetry *t, const struct addr *a, uint16_t port);
/* Writes log_close, frees it. */
void tele_peer_free(struct telemetry *t, struct tele_peer *p);
/* The sender of datagrams (of UDP-notif) with this address, made when it is new. NULL: refused, and counted.
 */
struct tele_peer *tele_peer_of(struct telemetry *t, const struct addr *a, uint16_t port, bool notif);
/* May it send? Says no once in a while, and counts. */
bool tele_may(struct telemetry *t, const struct addr *a);
/* Forgets a sender of datagrams. */
void tele_peer_drop(struct telemetry *t, struct tele_peer *p);
/* Each second: senders of datagrams that have been silent for too long. */
void tele_peers_tick(struct telemetry *t);
void tele_peers_recheck(struct telemetry *t); /* the allow list is new */
void tele_peers_retag(struct telemetry *t);   /* the tag map is new */
void tele_peers_stats(struct telemetry *t, enum log_level lv);
void tele_peers_figures(const struct telemetry *t, struct figures *f);

/* Counts a fault of p's and says so, once in a while. */
void tele_fault(struct telemetry *t, struct tele_peer *p, enum tele_fault why);
void tele_received(struct telemetry *t, struct tele_peer *p, size_t octets);

/* ---- message.c */

/* Writes a message of p's: to the log, into the next dump. */
void tele_take(struct telemetry *t, struct tele_peer *p, const struct tele_message *m);

/* Takes all whole messages of n octets. Returns how many octets are done with; *want gets what FRAME_MORE
 * said, 0: nothing is missing; *broken: the stream makes no sense any more, and why has been counted. */
size_t tele_take_all(struct telemetry *t, struct tele_peer *p, struct framing *f, const uint8_t *octets,
                     size_t n, size_t *want, bool *broken);

/* A datagram, or a message of a queue: a stream of its own, of which what is left never comes. */
void tele_take_datagram(struct telemetry *t, struct tele_peer *p, struct framing *f, const uint8_t *octets,
                        size_t n);

/* log_init, log_close. */
void tele_event(struct telemetry *t, struct tele_peer *p, const char *event);

/* Is there room for more? Else inputs that can wait stop reading until `resume`. */
bool tele_room(struct telemetry *t);

/* ---- inputs */

extern const struct tele_input_ops tele_tcp, tele_udp, tele_notif, tele_notif_dtls, tele_grpc, tele_zmq,
    tele_kafka;

#endif
