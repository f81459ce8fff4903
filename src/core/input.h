/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a daemon's data comes from. An input owns its socket or capture, hangs itself into the core's event
 * loop, and feeds either a decoder of datagrams (collectors) or flows right away (packet daemons). */
#ifndef CORE_INPUT_H
#define CORE_INPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "base/addr.h"
#include "base/strbuf.h"
#include "core/privs.h"
#include "core/worker.h"

struct datagram {
    const uint8_t *p;
    uint32_t len;        /* octets */
    uint16_t port;       /* of the sender, host order */
    struct addr from;    /* sender */
    int64_t at_us;       /* time of receipt */
    int64_t captured_us; /* time in the capture file; 0: received right now */
    bool second_hand;    /* from another collector (nfacctd_templates_port): not to be handed on again */
};

/* A protocol spoken in datagrams: NetFlow and IPFIX, sFlow. */
struct decoder_ops {
    const char *name; /* "NetFlow/IPFIX", as the log says */
    size_t state_size;
    bool passes; /* hands datagrams on as they came */
    int (*open)(void *state, struct worker *w, struct err *e);
    /* One datagram; whatever is wrong with it is counted and, rate-limited, logged by the decoder. */
    void (*datagram)(void *state, const struct datagram *d);
    /* Each second or so. May be NULL. */
    void (*tick)(void *state, int64_t now_us);
    /* SIGUSR1: one log line a fact, at NOTICE, between the frame lines that the daemon writes. `where`:
     * ip:port of the listener, or the file. */
    void (*stats)(void *state, const char *where);
    void (*reload)(void *state); /* SIGUSR2. May be NULL */
    void (*reopen)(void *state); /* SIGHUP: files that are written are opened anew. May be NULL */
    void (*close)(void *state);
};

struct input {
    const struct input_ops *ops;
    struct worker *worker;   /* workers[0] */
    struct worker **workers; /* more than one where the daemon says so; each is one thread's at a time */
    unsigned n_workers;
    const struct config *c;
    const struct log *log;
    uv_loop_t *loop;
    const char *daemon;                /* progname */
    const struct decoder_ops *decoder; /* for inputs of datagrams, else NULL */
    void *decoder_state;
    void (*ended)(struct input *in,
                  int status); /* the input calls it at the end of a file (0) or when it cannot go on (1) */
    void *owner;
    void *state; /* ops->state_size octets, zeroed */
};

struct input_ops {
    const char *name;
    size_t state_size;
    bool file; /* reads as fast as it is taken; may wait */
    unsigned
        kept; /* enum privs_kept: what it needs while it runs, after the daemon has become another user */
    /* Is this the input that the configuration asks for? The first of a daemon's list that says yes is used.
     */
    bool (*wanted)(const struct config *c);
    /* Opens sockets or captures, with the privileges the daemon was started with. Logs what it is ready for.
     */
    int (*open)(struct input *in, struct err *e);
    /* Hangs itself into the loop. */
    int (*start)(struct input *in, struct err *e);
    /* The daemon ends: hands over what has been received already (a bounded amount), reads no more. */
    void (*stop)(struct input *in);
    void (*stats)(struct input *in);  /* SIGUSR1 */
    void (*reload)(struct input *in); /* SIGUSR2. May be NULL */
    void (*close)(struct input *in);
    /* Runs fn(arg) while no worker works: an input with threads stops them between two batches. NULL: all
     * work is done in the daemon's loop. */
    void (*hold)(struct input *in, void (*fn)(void *arg), void *arg);
};

extern const struct input_ops input_udp; /* datagrams from a UDP socket */

#endif
