/* SPDX-License-Identifier: BSD-2-Clause */
/* A listener that rests when the process has no descriptors left. The connection that could not be accepted
 * stays ready, and a loop that is told of it at once would do nothing else. Called by whoever accepts TCP
 * sessions. */
#ifndef BASE_ACCEPT_REST_H
#define BASE_ACCEPT_REST_H

#include <stdbool.h>
#include <uv.h>

struct accept_rest {
    uv_timer_t timer;
    uv_poll_t *poll; /* of the listening socket */
    uv_poll_cb ready;
};

/* `poll` is initialised already, and watched with `ready`. */
void accept_rest_init(struct accept_rest *r, uv_loop_t *loop, uv_poll_t *poll, uv_poll_cb ready);

/* What accept(2) said: false when there was just nobody, or nobody any more; true for what is to be told of.
 * The listener rests for a moment where it would fail again. */
bool accept_rest_failed(struct accept_rest *r, int error);

/* It does not come back from a rest. */
void accept_rest_stop(struct accept_rest *r);

/* accept_rest_stop, and the handle is closed. */
void accept_rest_close(struct accept_rest *r);

#endif
