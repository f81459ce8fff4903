/* SPDX-License-Identifier: BSD-2-Clause */
/* A service: what a daemon runs beside the way of a flow, in a thread with an event loop of its own (BGP,
 * BMP, telemetry, RPKI). Collectors run those that their configuration asks for; pmbgpd and its like are
 * services alone. daemon.c owns them all as a struct services. */
#ifndef CORE_SERVICE_H
#define CORE_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>
#include "base/err.h"
#include "base/log.h"
#include "config/config.h"
#include "core/gather.h"
#include "core/maps.h"
#include "core/privs.h"

/* One that runs. The daemon owns all of it. */
struct service {
    const struct service_ops *ops;
    const struct config_set *set;
    const struct config *c; /* the core's */
    struct log log; /* of type "core/BGP" beside a collector, "core" where services are all there is */
    const struct log *process; /* the process's own: its name and type */
    uv_loop_t *loop;           /* once opened: the thread's */
    const char *daemon;        /* "pmbgpd" */
    char letter;               /* of the daemon */
    bool alone;                /* the daemon has no flows */
    struct maps *maps;         /* of the daemon: check may add to them, the thread takes them (maps_take) */
    struct gather *gather;     /* of the daemon: who shows figures asks it; NULL in a plugin's process */
    void *state;               /* ops->state_size octets, zeroed */
    struct service_thread *thread; /* the runner's own */
};

enum { SERVICE_SIGNALS = 4 }; /* SIGRTMIN .. SIGRTMIN+3 */

struct service_ops {
    const char *name; /* "BGP": the log's type, the name of the thread */
    size_t state_size;
    unsigned
        kept; /* enum privs_kept: what it needs while it runs, after the daemon has become another user */
    /* Does the configuration ask for it, in the daemon of this letter? */
    bool (*wanted)(const struct config *c, char daemon);
    /* Before anything starts, without log, loop and state: rules over several keys; loads maps into s->maps.
     * -1: e says what is wrong and what would be right. May be NULL. */
    int (*check)(const struct service *s, struct err *e);
    /* In the daemon's thread, with the privileges of the start: binds and listens, may put handles into
     * s->loop. Logs what it is ready for. */
    int (*open)(struct service *s, struct err *e);

    /* All below but close run in the service's thread. */

    int (*start)(struct service *s, struct err *e); /* the first thing: timers, polls */
    /* The daemon ends: takes its leave, closes its handles. What it leaves active has two seconds more. */
    void (*stop)(struct service *s);
    void (*stats)(struct service *s); /* SIGUSR1: NOTICE lines; it frames them itself (+++, ---) */
    /* Metrics: puts what the same counters stand at into f. Seldom, and cheap. May be NULL. */
    void (*figures)(struct service *s, struct figures *f);
    void (*reload)(struct service *s); /* SIGUSR2: maps have been loaded anew already. May be NULL */
    void (*reopen)(struct service *s); /* SIGHUP: files that are written are opened anew. May be NULL */
    void (*signal)(struct service *s, unsigned n); /* SIGRTMIN+n, n < SERVICE_SIGNALS. May be NULL */

    /* In the daemon's thread, when the other one has ended or was never there, and also after open failed. It
     * may close handles; the loop is run to its end and the state freed thereafter. Never fails. */
    void (*close)(struct service *s);
};

/* The one of this name that runs beside s; NULL: none does. From `start` on, when all are open. They are
 * closed in the order of the daemon's list from behind: who is asked by others stands before them. */
const struct service *service_beside(const struct service *s, const char *name);

/* In the service's thread: it cannot go on. The daemon ends with this status. */
void service_end(struct service *s, int status);

/* ---- the runner, for daemon.c. All of it is called in the daemon's thread. */

struct services;

/* Those of the list (ended by NULL; NULL: none) that are wanted; `like` has the members that all share (set,
 * c, daemon, letter, alone, maps). NULL: e. */
struct services *services_new(const struct service_ops *const *list, const struct service *like,
                              struct err *e);
unsigned services_count(const struct services *ss);
/* The one of this name, NULL: it is not wanted. */
const struct service *services_find(const struct services *ss, const char *name);
int services_check(struct services *ss, struct err *e);
/* Makes the loops and opens all. `l` is the log of the daemon, or of the plugin; it outlives them. */
int services_open(struct services *ss, const struct log *l, struct err *e);
unsigned services_kept(const struct services *ss); /* of all, or-ed */
bool services_have_signals(const struct services *ss);
/* Starts the threads and waits until each has started. on_end, in the daemon's loop: one cannot go on. */
int services_start(struct services *ss, uv_loop_t *loop, void (*on_end)(void *owner, int status), void *owner,
                   struct err *e);

enum service_call {
    SERVICE_STOP,
    SERVICE_STATS,
    SERVICE_RELOAD,
    SERVICE_REOPEN,
    SERVICE_FIGURES,
    SERVICE_SIGNAL
};
/* Has all threads do it, soon; returns at once. SERVICE_SIGNAL + n: SIGRTMIN+n. */
void services_tell(struct services *ss, unsigned call);
/* How many answer SERVICE_FIGURES with a part (gather_post). */
unsigned services_with_figures(const struct services *ss);

/* Has the threads stop, waits for them, closes all services. Whoever used them has to be gone. */
void services_close(struct services *ss);
/* After the loop of services_start has been closed. NULL is fine. */
void services_free(struct services *ss);

#endif
