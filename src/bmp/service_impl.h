/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the BMP service share: service.c (its life), session.c (connections), dump.c (dumps). */
#ifndef BMP_SERVICE_IMPL_H
#define BMP_SERVICE_IMPL_H

#include <uv.h>
#include "base/tls.h"
#include "bgp/listener.h"
#include "bmp/log.h"
#include "bmp/station.h"
#include "core/allow.h"
#include "core/filter.h"
#include "core/peertags.h"
#include "core/service.h"
#include "rib/rib.h"

enum { BMP_READ = 256 << 10 }; /* octets of one read */

/* What happened to a router since its last dump: messages as they came. */
struct bmp_backlog {
    uint8_t *p;
    size_t len, cap;
};

/* A connection, and what stays of it until its last route is gone. */
struct bmp_session {
    struct bmp *b;
    struct bmp_router *router; /* NULL: the PROXY header has not come */
    struct addr addr;
    uint16_t port;
    int fd;                        /* -1: closed, or its octets come from a capture file */
    struct tls_stream *tls;        /* NULL: none, or closed */
    struct bmp_captured *captured; /* then: NULL when closed */
    int64_t at_us;                 /* of the captured octets */
    uv_poll_t poll;
    bool polling, poll_open;
    bool stalled;       /* whole messages are kept: the log had no room for what they say */
    bool leaving, gone; /* its router is closed; and has no routes any more */
    uint8_t *kept;      /* the beginning of a message */
    size_t have, cap;
    struct bmp_log_router log, dump;
    char *label;
    bool unlisted; /* bmp_daemon_msglog_label_filter does not want it */
    struct bmp_backlog backlog;
    struct bmp_session *next, **link;
};

struct bmp_dumper;   /* dump.c */
struct bmp_savefile; /* savefile.c */

/* A session out of a capture file: what its stream there is known by. */
struct bmp_captured {
    struct bmp_session *x; /* NULL: it has ended */
};

/* What keys say of the Avro records of the log, or of dumps. */
struct msglog_avro bmp_avro_of(const struct config *c, int output, const char *schema_file, bool dumps);

struct bmp {
    struct service *s;
    const struct bmp_keys *k;
    const struct log *log;
    struct bgp_listener *listener; /* NULL: octets come from a capture file */
    struct bmp_savefile *savefile; /* NULL: they do not */
    struct tls *tls;               /* bmp_daemon_tls, or NULL */
    char where[80];                /* address:port, for TLS */
    uv_idle_t tend;                /* routes that go */
    uv_timer_t tick;
    uv_async_t room;
    bool started, paused, stopping;
    struct allow *allow; /* of those that a PROXY header names; others are the listener's to refuse */
    struct peertags *tags;
    struct roa_view roas;
    struct label_filter *labels; /* whose messages are logged; NULL: all */
    struct rib *rib;
    struct bmp_station *station;
    struct msglog *msglog; /* NULL: none */
    struct ha *ha;         /* NULL: always active */
    struct bmp_log out;
    uint64_t seq;
    struct bmp_dumper *dumper; /* NULL: none */
    uint8_t *buffer;
    struct strbuf writer_id;
    struct bmp_session *sessions;
    unsigned n_sessions;
    struct bmp_counts gone; /* of routers that have left */
    uint64_t refused, backlog_lost;
    struct log_limit say_refused, say_backlog;
};

/* ---- session.c */

/* A connection, of the listener. */
void bmp_session_accepted(void *bmp, int fd, const struct addr *from, uint16_t port);
/* Its handshake is over (bmp_daemon_tls). */
void bmp_session_secured(void *bmp, struct tls_stream *tls, int fd, const struct addr *from, uint16_t port);
/* One of a capture file; *c is the caller's and outlives it. Returns false, having said why, when it is
 * refused. */
bool bmp_session_captured(struct bmp *b, const struct addr *from, uint16_t port, int64_t at_us,
                          struct bmp_captured *c);
/* Frees those that ended before they had a router. */
void bmp_sessions_tidy(struct bmp *b);
/* Its next octets. False: it has ended. */
bool bmp_session_octets(struct bmp_session *x, const uint8_t *p, size_t n, int64_t at_us);
void bmp_session_end(struct bmp_session *x, const char *why);
bool bmp_session_is_open(const struct bmp_session *x);
/* Nothing is read until there is room again. */
void bmp_sessions_pause(struct bmp *b);
/* Is everything that was read told, and every route gone that has to? */
bool bmp_sessions_settled(const struct bmp *b);
/* Reading goes on as far as the log has room. */
void bmp_sessions_resume(struct bmp *b);
/* The tags have changed. */
void bmp_sessions_retag(struct bmp *b);
/* Closes all; what the kernel holds of their octets is taken first, a bounded amount. */
void bmp_sessions_stop(struct bmp *b);
void bmp_sessions_free(struct bmp *b);
/* A router's last route is gone. */
void bmp_session_gone(struct bmp *b, struct bmp_session *x);
/* Has the loop take out routes of peers that are gone. */
void bmp_tend(struct bmp *b);

/* ---- savefile.c: pcap_savefile */

int bmp_savefile_open(struct bmp *b, struct err *e);
/* Beside flows all of it is read at once, so that they find the routes; else in slices of the loop. */
void bmp_savefile_start(struct bmp *b);
void bmp_savefile_resume(struct bmp *b); /* there is room */
void bmp_savefile_stats(const struct bmp *b, const char *where);
void bmp_savefile_stop(struct bmp *b);
void bmp_savefile_close(struct bmp *b);

/* ---- dump.c */

bool bmp_dump_wanted(const struct bmp_keys *k);
int bmp_dump_check(const struct config *c, struct err *e);
int bmp_dump_open(struct bmp *b, struct err *e);
void bmp_dump_start(struct bmp *b);
bool bmp_dump_router(struct bmp *b, struct bmp_session *x); /* false: no memory */
void bmp_dump_leave(struct bmp *b, struct bmp_session *x);  /* it is about to be freed */
/* Keeps a message for the next dump. */
void bmp_dump_message(struct bmp *b, struct bmp_session *x, const struct bmp_msg *m);
void bmp_dump_stats(struct bmp *b, const char *where);
void bmp_dump_figures(struct bmp *b, struct figures *f);
void bmp_dump_stop(struct bmp *b);
void bmp_dump_close(struct bmp *b);

/* May messages be written? */
bool bmp_room(struct bmp *b);

/* How lines of this log are written; `m`: whose keys m's are. */
struct bmp_log_conf bmp_log_conf_of(const struct bmp *b, const struct msglog_conf *m, struct msglog *log);

#endif
