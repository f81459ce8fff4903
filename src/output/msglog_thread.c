/* SPDX-License-Identifier: BSD-2-Clause */
/* Begin and end of a sink's thread. Called by msglog_chunks.c and msglog_queue.c. */
#include "output/msglog_thread.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

enum {
    STILL_S = 2,      /* without any progress, when the daemon ends */
    CLOSE_WAIT_S = 20 /* with */
};

int msglog_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg, const char *what,
                        struct err *e)
{
    sigset_t every, before;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before); /* signals are the event loop's */
    const int rc = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        return 0;
    errno = rc;
    return err_sys(e, "cannot start a thread for '%s'", what);
}

bool msglog_thread_end(pthread_t thread, const char *what, struct msglog_count *c, const struct log *l)
{
    struct timespec until;
    bool ended = false;
    clock_gettime(CLOCK_REALTIME, &until);
    for (int s = 0; !ended && s < CLOSE_WAIT_S; s += STILL_S) {
        const uint64_t before = msglog_count_progress(c);
        until.tv_sec += STILL_S;
        ended = pthread_timedjoin_np(thread, NULL, &until) == 0;
        if (msglog_count_progress(c) == before)
            break;
    }
    const uint64_t left = msglog_count_lost(c) + msglog_count_waiting(c);
    if (left)
        log_warn(l, "'%s' did not take all in time: %llu messages more are lost", what,
                 (unsigned long long)left);
    return ended;
}
