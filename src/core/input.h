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
#include "core/figures.h"
#include "core/privs.h"
#include "core/worker.h"

enum { INPUT_WORKERS_MAX = 256 };

struct datagram {
    const uint8_t *p;
    uint32_t len;        /* octets */
    uint16_t port;       /* of the sender, host order */
    struct addr from;    /* sender */
    int64_t at_us;       /* time of receipt */
    int64_t captured_us; /* time in the capture file; 0: received right now */
    uint32_t session;    /* of a stream: which one, what it taught us ends with it; 0: a datagram */
    bool second_hand;    /* from another collector (nfacctd_templates_port): not to be handed on again */
};

/* A protocol spoken in datagrams: NetFlow and IPFIX, sFlow. Each worker has a state of its own, in which it
 * runs `datagram` and `tick`; what concerns all of them at once gets the states of all n workers, while none
 * of these works. */
struct decoder_ops {
    const char *name; /* "NetFlow/IPFIX", as the log says */
    size_t state_size;
    bool passes; /* hands datagrams on as they came */
    int (*open)(void *state, struct worker *w, struct err *e);
    /* All are open, and the input too: what they share is made, what was kept is read. An exporter belongs to
     * the worker that input_worker_of says. -1: e. May be NULL. */
    int (*begin)(void *const *states, unsigned n, struct err *e);
    /* One datagram; whatever is wrong with it is counted and, rate-limited, logged by the decoder. */
    void (*datagram)(void *state, const struct datagram *d);
    /* These n datagrams come next: what memory holds of their senders can be fetched for all at once. A hint.
     * May be NULL. */
    void (*ahead)(void *state, const struct datagram *d, unsigned n);
    /* Each second or so. True: there is something to do together. May be NULL. */
    bool (*tick)(void *state, int64_t now_us);
    /* After a tick has asked for it. NULL: none does. */
    void (*together)(void *const *states, unsigned n);
    /* SIGUSR1: one log line a fact, at NOTICE, between the frame lines that the daemon writes; sums are over
     * all workers. `where`: ip:port of the listener, or the file. */
    void (*stats)(void *const *states, unsigned n, const char *where);
    /* Metrics: the same counters, of one worker, in its thread; the same labels of several workers are added
     * up. May be NULL */
    void (*figures)(void *state, struct figures *f);
    void (*reload)(void *const *states, unsigned n); /* SIGUSR2. May be NULL */
    /* SIGHUP: files that are written are opened anew. May be NULL */
    void (*reopen)(void *const *states, unsigned n);
    /* Before they are closed: what is kept is written. May be NULL. */
    void (*end)(void *const *states, unsigned n);
    /* A session (datagram.session) of this worker's has ended. May be NULL */
    void (*session_over)(void *state, const struct addr *from, uint32_t session);
    /* The first worker's last. */
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
    void **decoder_states;             /* one for each worker */
    unsigned n_open;                   /* of these */
    bool begun;                        /* decoder->begin has been called */
    void (*ended)(struct input *in,
                  int status); /* the input calls it at the end of a file (0) or when it cannot go on (1) */
    void *owner;
    void *state;         /* ops->state_size octets, zeroed */
    struct input *first; /* runs beside this one, which has the workers' threads; NULL: is the first itself */
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
    void (*stats)(struct input *in); /* SIGUSR1 */
    /* Metrics: the same counters, also those of its decoder (input_decoder_figures). May be NULL */
    void (*figures)(struct input *in, struct figures *f);
    void (*reload)(struct input *in); /* SIGUSR2. May be NULL */
    void (*close)(struct input *in);
    /* Runs fn(arg) in the thread of worker w, between two batches, and returns then. One caller at a time:
     * the daemon's thread, or a worker's that runs such a function for it. NULL: all work is done in the
     * daemon's loop. */
    void (*call)(struct input *in, unsigned w, void (*fn)(void *arg), void *arg);
};

/* ---- for the daemon and for inputs (input.c) */

/* Makes the decoder's state for each worker, zeroed; opens them. -1: e. */
int input_make_decoders(struct input *in, struct err *e);
int input_open_decoders(struct input *in, struct err *e);
int input_begin_decoders(struct input *in, struct err *e); /* once the input is open */
void input_close_decoders(struct input *in);
/* Runs fn(arg) where worker w's state may be touched. */
void input_call(struct input *in, unsigned w, void (*fn)(void *arg), void *arg);
/* Runs fn(arg) while no worker works. */
void input_hold(struct input *in, void (*fn)(void *arg), void *arg);
/* Each second: every worker's decoder does what is due. */
void input_tick(struct input *in);
/* What the decoders say at SIGUSR1; do at SIGUSR2; at SIGHUP. */
void input_decoder_stats(struct input *in, const char *where);
/* What they put into f for metrics, each in its thread. */
void input_decoder_figures(struct input *in, struct figures *f);
void input_decoder_reload(struct input *in);
void input_decoder_reopen(struct input *in);
/* One datagram for worker w's decoder. */
static inline void input_datagram(const struct input *in, unsigned w, const struct datagram *d)
{
    in->decoder->datagram(in->decoder_states[w], d);
}

/* Which of n workers an exporter's datagrams come to. */
unsigned input_worker_of(const struct addr *from, unsigned n);

/* Says that this input is one worker's, if more were asked for. `why` follows "one worker: ". */
void input_alone(const struct input *in, const char *why);

extern const struct input_ops input_udp; /* datagrams from a UDP socket */

#endif
