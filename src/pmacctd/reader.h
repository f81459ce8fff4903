/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads a set of captures for one worker: in the daemon's event loop, or in a thread with a loop of its own.
 * Nobody sleeps on a capture: a timer comes by, takes what has arrived in batches, and naps longer the less
 * there was, so that a packet never costs a wake-up. input_pcap.c owns the readers. */
#ifndef PMACCTD_READER_H
#define PMACCTD_READER_H

#include <stdbool.h>
#include <uv.h>
#include "core/loopthread.h"
#include "packet/capture.h"

struct reader {
    struct worker *worker;
    struct packet_feed tables; /* owns what the captures' feeds share */
    struct capture **capture;  /* n of them, touched by the reader's thread only (reader_call) */
    unsigned n, cap;
    unsigned nap_ms;
    uv_timer_t *timer; /* freed when it is closed */
    bool threaded;
    struct loop_thread thread; /* with one of its own */
};

int reader_open(struct reader *r, struct worker *w, struct err *e);
void reader_close(struct reader *r);

/* Starts reading in `loop`, or, where that is NULL, in a thread. */
int reader_start(struct reader *r, uv_loop_t *loop, struct err *e);

/* Ends the thread, or stops reading in the loop. Captures stay; reader_call still works. */
void reader_stop(struct reader *r);

/* Runs fn where the reader's captures and worker may be touched: between two batches in its thread, or here
 * when it has none. Returns when fn has. Only one thread calls at a time: the main one, or a reader's that
 * runs such a function for it. */
void reader_call(struct reader *r, void (*fn)(struct reader *r, void *arg), void *arg);

/* For functions run by reader_call. */
int reader_add(struct reader *r, struct capture *c); /* -1: no memory */
void reader_remove(struct reader *r, const struct capture *c);

/* Takes all that the kernel holds for a capture, which receives nothing more: some milliseconds. */
void reader_drain(struct reader *r, struct capture *c);

#endif
