/* SPDX-License-Identifier: BSD-2-Clause */
/* A listener that rests when the process has no descriptors left. */
#include "base/accept_rest.h"

#include <errno.h>

enum { REST_MS = 200 };

static void on_rested(uv_timer_t *t)
{
    struct accept_rest *r = t->data;
    uv_poll_start(r->poll, UV_READABLE, r->ready);
}

void accept_rest_init(struct accept_rest *r, uv_loop_t *loop, uv_poll_t *poll, uv_poll_cb ready)
{
    uv_timer_init(loop, &r->timer);
    r->timer.data = r;
    r->poll = poll;
    r->ready = ready;
}

bool accept_rest_failed(struct accept_rest *r, int error)
{
    switch (error) {
    case EAGAIN:
    case EINTR:
    case ECONNABORTED:
        return false;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        uv_poll_stop(r->poll);
        uv_timer_start(&r->timer, on_rested, REST_MS, 0);
        return true;
    default:
        return true;
    }
}

void accept_rest_stop(struct accept_rest *r) { uv_timer_stop(&r->timer); }

void accept_rest_close(struct accept_rest *r) { uv_close((uv_handle_t *)&r->timer, NULL); }
