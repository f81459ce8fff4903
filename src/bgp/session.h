/* SPDX-License-Identifier: BSD-2-Clause */
/* One BGP session of a passive speaker (RFC 4271 §8): from the accepted socket to its end. It reads, frames,
 * answers OPEN, keeps both hold timers; what messages say is its owner's to know (ops). All sessions of a
 * loop share a buffer, so that an idle one costs next to nothing. */
#ifndef BGP_SESSION_H
#define BGP_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "base/addr.h"
#include "base/log.h"
#include "bgp/msg.h"
#include "bgp/open.h"

enum bgp_state { BGP_OPEN_WAIT, BGP_CONFIRM, BGP_ESTABLISHED, BGP_CLOSED };

/* Why a session has ended: what of its routes should be done depends on it. */
enum bgp_end {
    BGP_END_LOST,     /* the connection broke, or the peer closed it without a word */
    BGP_END_NOTIFIED, /* the peer sent a NOTIFICATION */
    BGP_END_FAULT,    /* we sent one: a fault in a message, or the hold timer */
    BGP_END_STOP,     /* we sent one: the collector ends, or replaces the session */
};

struct bgp_session;

struct bgp_session_ops {
    /* The peer's OPEN is there; `ours` is what bgp_open_answer makes of it, with AS and identifier to be
     * filled in. -1: refused, e says with which NOTIFICATION. */
    int (*open)(struct bgp_session *s, const struct bgp_open *theirs, struct bgp_open *ours,
                struct bgp_error *e);
    void (*established)(struct bgp_session *s);
    /* An UPDATE, header included. -1: the session has to be reset, as e says. */
    int (*update)(struct bgp_session *s, const uint8_t *msg, size_t len, struct bgp_error *e);
    /* Before a read: false leaves what has arrived in the socket, until bgp_session_resume. */
    bool (*room)(struct bgp_session *s);
    /* All messages of a read have been taken. */
    void (*batch)(struct bgp_session *s);
    /* It is over; no call but `gone` comes any more. `n` is the NOTIFICATION received, or NULL. */
    void (*closed)(struct bgp_session *s, enum bgp_end end);
    /* Its handles are closed: it may be freed. */
    void (*gone)(struct bgp_session *s);
};

enum { BGP_READ = 128 << 10 }; /* octets read at most at once */

/* What all sessions of a loop share; the owner's. */
struct bgp_io {
    const struct bgp_session_ops *ops;
    uv_loop_t *loop;
    const struct log *log;
    uint8_t *buf;         /* BGP_READ + BGP_MAX_EXTENDED octets */
    unsigned busy;        /* sessions read in this turn of the loop, */
    uint64_t busy_at_ms;  /* and when that was */
    unsigned busy_before; /* the same of the turn before */
    void *owner;
};

struct bgp_counts {
    uint64_t octets_in, updates, keepalives_in, keepalives_out, refreshes, other_in;
    uint64_t discarded, treated_as_withdraw; /* UPDATEs with faults that the session survived (RFC 7606) */
};

struct bgp_session {
    struct bgp_io *io;
    int fd;
    uv_poll_t poll;
    uv_timer_t timer;
    unsigned handles; /* open ones */
    enum bgp_state state;
    bool paused, writing;
    struct addr addr, local; /* of the peer; ours */
    uint16_t port, local_port;
    uint8_t id[4]; /* of the peer, once it is known */
    uint32_t as;   /* the same */
    uint16_t hold_s, restart_s;
    bool restart;         /* it asked for graceful restart */
    char name[ADDR_TEXT]; /* for the log: the address, from OPEN on the identifier */
    struct bgp_session_caps caps;
    uint64_t began_ms, heard_ms, sent_ms; /* uv_now */
    uint8_t *rest;                        /* the beginning of a message that is not whole */
    uint32_t rest_len, rest_size;
    uint8_t *out; /* what the socket did not take */
    uint32_t out_len;
    struct bgp_counts counts;
    struct log_limit say_fault;
};

/* Begins a session on an accepted socket, which it owns from now on. *s: zeroed. -1: no event can be watched;
 * fd stays the caller's. */
int bgp_session_begin(struct bgp_session *s, struct bgp_io *io, int fd, const struct addr *addr,
                      uint16_t port);

/* Ends it with a NOTIFICATION: Cease of this subcode (RFC 4486), with a text for the operator (RFC 9003) or
 * NULL. */
void bgp_session_cease(struct bgp_session *s, uint8_t subcode, const char *text);

/* Reads on after ops->room has said no. */
void bgp_session_resume(struct bgp_session *s);

/* Asks for a family's routes again (RFC 2918). False: the peer cannot. */
bool bgp_session_refresh(struct bgp_session *s, uint16_t afi, uint8_t safi);

#endif
