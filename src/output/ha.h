/* SPDX-License-Identifier: BSD-2-Clause */
/* High availability: of several daemons that get the same messages, the one that has run for longest is
 * active and writes them; the others stand by and keep the last few seconds of theirs. Redis tells who is
 * there: each writes the time of its start under a key that expires. Without Redis everybody is active:
 * messages come twice rather than not at all.
 *
 * A thread talks to Redis; all else happens in the owner's loop (BGP and BMP services), in front of its
 * message log. */
#ifndef OUTPUT_HA_H
#define OUTPUT_HA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "base/err.h"
#include "base/log.h"
#include "output/msglog.h"

struct config;
struct config_set;
struct ha;

/* What is wrong with the keys, if *_daemon_ha is on: -1, e. */
int ha_check(const struct config_set *set, const struct config *c, struct err *e);

/* Where messages go that were kept; in the owner's loop. */
struct ha_owner {
    bool (*room)(void *arg); /* may more messages come now? */
    void (*write)(void *arg, const struct msglog_topic *t, const char *text, size_t len);
    void (*flush)(void *arg); /* the end of a batch of them */
    void *arg;
};

/* Whose start it is: the daemon's one service of this kind, or that of BMP beside BGP in a collector, which
 * have a key each. */
enum ha_of { HA_DAEMON, HA_BMP_THREAD };

/* Begins to stand by until Redis has been asked for the first time. The log and the configuration outlive it.
 * NULL: e. */
struct ha *ha_open(const struct config *c, enum ha_of of, const struct log *l, uv_loop_t *loop,
                   const struct ha_owner *owner, struct err *e);

/* Is this not the moment to write? Then messages are to be kept. h: NULL says no. */
bool ha_holds(const struct ha *h);

/* Keeps a message: text and topic are copied. */
void ha_keep(struct ha *h, const struct msglog_topic *t, const char *text, size_t len);

/* Each second, and when the message log has room again: lets go what is too old, hands on what may go. NULL
 * is fine. */
void ha_tick(struct ha *h);

/* SIGRTMIN + n. 0: as if started now; 1: active, 2: standing by, whatever the others are; 3: as Redis says
 * again. */
void ha_signal(struct ha *h, unsigned n);

/* NOTICE "stats [HA] ...": state, messages kept, handed on, too old, dropped since there were too many. NULL
 * is fine. */
void ha_stats(const struct ha *h);
/* The same as figures of the service. NULL is fine. */
void ha_figures(const struct ha *h, const char *service, struct figures *f);

/* Its handle in the loop, before the loop ends: no more changes. The key is taken back, so that another one
 * takes over at once. NULL is fine. */
void ha_stop(struct ha *h);
void ha_free(struct ha *h); /* after the loop has closed its handle. NULL is fine */

/* ---- for tests */

/* A daemon that Redis tells of. */
struct ha_member {
    int64_t started_us;
    const char *name;
};
/* Is it the one, of n, that is active? The oldest is; of two with one time the one whose name comes first. */
bool ha_is_first(const struct ha_member *m, size_t n, const struct ha_member *self);

#endif
