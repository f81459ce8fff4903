/* SPDX-License-Identifier: BSD-2-Clause */
/* A receiver of a tee at work: its address, its socket or queue, what waits for it out of the batch in hand,
 * and what became of everything it was to get. */
#ifndef PLUGINS_TEE_RECEIVER_H
#define PLUGINS_TEE_RECEIVER_H

#include <stdbool.h>
#include <stdint.h>
#include <netinet/in.h>
#include <sys/uio.h>
#include <uv.h>
#include "base/addr.h"
#include "base/log.h"
#include "config/config.h"
#include "core/datagram.h"
#include "core/figures.h"
#include "plugins/tee_conf.h"

enum {
    TEE_BATCH = 256,      /* datagrams that wait for a receiver, at most */
    TEE_SNDBUF = 4 << 20, /* octets wanted; what the system allows without privileges is usually enough */
};

/* One column each; what a receiver was to get is the sum of TEE_SENT and all that follow TEE_REFUSALS. */
#define TEE_COUNTS(C)                                                                                        \
    C(TEE_SENT, "datagrams")                                                                                 \
    C(TEE_OCTETS, "bytes")                                                                                   \
    C(TEE_REFUSALS, "refusals") /* ICMP answers seen: they tell of datagrams that were sent */               \
    C(TEE_FAILED, "lost_error")                                                                              \
    C(TEE_BLOCKED, "lost_buffer_full")                                                                       \
    C(TEE_NO_ADDRESS, "lost_no_address")                                                                     \
    C(TEE_FAMILY, "lost_other_family")
enum tee_count {
#define C(id, word) id,
    TEE_COUNTS(C)
#undef C
        TEE_COUNT_MAX
};

struct tee_out;
struct tee_way;

struct tee_receiver {
    const struct tee_way *way;
    struct tee_out *out;
    char name[300]; /* as the file has it; other texts of the target are copied too */
    char host[256], topic[256];
    uint16_t port, src_port;
    uint32_t pool;

    /* UDP */
    bool literal;   /* the host is an address */
    struct addr at; /* never set: not known (yet) */
    struct sockaddr_storage to;
    socklen_t to_len;
    int fd;            /* -1: none */
    int full_fd;       /* whose buffer is full, after send() has said so */
    bool quiet;        /* refused a moment ago: sent to without a connection, so that no answers come */
    bool greeted;      /* has got the templates that passed before it came (and returned) */
    bool stalled;      /* its buffer was full for too long: it is not waited for */
    uint32_t gso_most; /* octets of the longest datagrams that may leave joined */
    uint16_t ip_id;
    struct tee_bound *bound;            /* transparent: sockets with the addresses of sources (tee_bound.h) */
    int64_t probe_at_us, resolve_at_us; /* monotonic: end of quiet; next look at the name */
    struct tee_lookup *lookup;          /* under way, or NULL */

    void *queue;               /* Kafka, ZeroMQ */
    struct tee_receiver *next; /* of those that leave */

    struct datagram_record *waiting[TEE_BATCH];
    unsigned n, done;
    uint64_t count[TEE_COUNT_MAX];
    struct log_limit limit, family_limit;
};

/* How receivers of a kind are served; all on the plugin's event loop thread. */
struct tee_way {
    const char *name;
    bool absent; /* not in this build */
    int (*open)(struct tee_receiver *r, struct err *e);
    /* Gets rid of waiting[done] .. waiting[n - 1], counts each of them. False: the system takes no more now
     * (done tells how far it came); full_fd becomes writable when it does. */
    bool (*send)(struct tee_receiver *r);
    void (*tick)(struct tee_receiver *r, int64_t mono_us); /* each 100 ms. May be NULL */
    unsigned (*unsent)(const struct tee_receiver *r);      /* datagrams that are on their way. May be NULL */
    void (*finish)(struct tee_receiver *r); /* waits until all has left, some seconds at most. May be NULL */
    void (*close)(struct tee_receiver *r);
};

extern const struct tee_way tee_way_udp, tee_way_raw; /* raw: transparent */
extern const struct tee_way tee_way_kafka, tee_way_zmq;

/* What all receivers of a plugin share. */
struct tee_out {
    const struct config *c;
    const struct log *log;
    uv_loop_t *loop;
    int raw4, raw6;      /* raw sockets of transparent mode, -1: none */
    unsigned bound_room; /* sockets with addresses of sources that may still be opened */
    bool sndbuf_told;    /* the size of send buffers has been logged */
    struct tee_scratch *scratch;
};

/* Opens what transparent mode needs, while there are privileges. -1: e. */
int tee_out_open(struct tee_out *o, const struct config *c, const struct log *l, uv_loop_t *loop,
                 struct err *e);
void tee_out_close(struct tee_out *o);

/* Logs, once, what the kernel gave of tee_pipe_size. */
void tee_out_tell_sndbuf(struct tee_out *o, int fd);

/* How a kind of receivers is served with this configuration. */
const struct tee_way *tee_way_of(const struct config *c, enum tee_kind kind);

/* Makes the receiver; it has no address yet, unless the host is one. */
struct tee_receiver *tee_receiver_new(struct tee_out *o, const struct tee_target *t, struct err *e);
void tee_receiver_free(struct tee_receiver *r);

/* The receiver's address is now this one: opens what it takes to send there. -1: e; the old one stays. */
int tee_receiver_set(struct tee_receiver *r, const struct addr *a, struct err *e);

static inline bool tee_receiver_full(const struct tee_receiver *r) { return r->n == TEE_BATCH; }
static inline void tee_receiver_put(struct tee_receiver *r, struct datagram_record *d)
{
    r->waiting[r->n++] = d;
}

/* Counts everything that waits as `why`. */
void tee_receiver_lose(struct tee_receiver *r, enum tee_count why);
/* One that left. */
static inline void tee_receiver_sent(struct tee_receiver *r, uint64_t datagrams, uint64_t octets)
{
    r->count[TEE_SENT] += datagrams;
    r->count[TEE_OCTETS] += octets;
}

/* A line of the log: all counters. */
void tee_receiver_stats(const struct tee_receiver *r);
void tee_receiver_figures(const struct tee_receiver *r, struct figures *f);

#endif
