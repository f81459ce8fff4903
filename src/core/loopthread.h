/* SPDX-License-Identifier: BSD-2-Clause */
/* An event loop in a thread of its own, and calls into it from another one. Inputs with several workers give
 * each worker one (input_udp.c, src/pmacctd/reader.c). */
#ifndef CORE_LOOPTHREAD_H
#define CORE_LOOPTHREAD_H

#include <stdbool.h>
#include <uv.h>
#include "base/err.h"

/* Zeroed: none. */
struct loop_thread {
    uv_loop_t loop;
    uv_thread_t thread;
    uv_async_t wake;
    uv_mutex_t lock;
    uv_cond_t done;
    void (*call)(void *arg); /* under the lock: what somebody wants done */
    void *arg;
    bool quit;
    bool opened, running;
};

/* Makes the loop; handles may be hung into it until the thread runs. -1: e. */
int loop_thread_open(struct loop_thread *t, struct err *e);

/* Starts the thread, which hears no signals. -1: e. */
int loop_thread_start(struct loop_thread *t, struct err *e);

/* Runs fn in the thread, between two callbacks of its loop, and returns when fn has; right here when the
 * thread does not run. One caller at a time: the main thread, or a thread that runs such a function for it.
 */
void loop_thread_call(struct loop_thread *t, void (*fn)(void *arg), void *arg);

/* Ends the thread; closes what hangs in its loop without a callback, so that its memory may go. Also for one
 * that was never started or opened. */
void loop_thread_stop(struct loop_thread *t);

#endif
