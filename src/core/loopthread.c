/* SPDX-License-Identifier: BSD-2-Clause */
/* The thread, its loop, and the calls that it gets. */
#include "core/loopthread.h"

#include <signal.h>

static void close_handle(uv_handle_t *h, void *arg)
{
    (void)arg;
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

static void on_wake(uv_async_t *a)
{
    struct loop_thread *t = a->data;
    uv_mutex_lock(&t->lock);
    if (t->call) {
        t->call(t->arg);
        t->call = NULL;
        uv_cond_signal(&t->done);
    }
    if (t->quit)
        uv_walk(&t->loop, close_handle, NULL);
    uv_mutex_unlock(&t->lock);
}

static void run(void *arg)
{
    struct loop_thread *t = arg;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL); /* signals are the main thread's */
    uv_run(&t->loop, UV_RUN_DEFAULT);
}

int loop_thread_open(struct loop_thread *t, struct err *e)
{
    *t = (struct loop_thread){ .quit = false };
    if (uv_loop_init(&t->loop) != 0)
        return err_set(e, ERR_SYS, "cannot make an event loop for a thread");
    uv_mutex_init(&t->lock);
    uv_cond_init(&t->done);
    uv_async_init(&t->loop, &t->wake, on_wake);
    t->wake.data = t;
    t->opened = true;
    return 0;
}

int loop_thread_start(struct loop_thread *t, struct err *e)
{
    if (uv_thread_create(&t->thread, run, t) != 0)
        return err_set(e, ERR_SYS, "cannot start a thread");
    t->running = true;
    return 0;
}

void loop_thread_call(struct loop_thread *t, void (*fn)(void *arg), void *arg)
{
    if (!t->running) {
        fn(arg);
        return;
    }
    uv_mutex_lock(&t->lock);
    t->call = fn;
    t->arg = arg;
    uv_async_send(&t->wake);
    while (t->call)
        uv_cond_wait(&t->done, &t->lock);
    uv_mutex_unlock(&t->lock);
}

static void end_thread(struct loop_thread *t)
{
    uv_mutex_lock(&t->lock);
    t->quit = true;
    uv_mutex_unlock(&t->lock);
    uv_async_send(&t->wake);
    uv_thread_join(&t->thread);
    t->running = false;
}

void loop_thread_stop(struct loop_thread *t)
{
    if (!t->opened)
        return;
    if (t->running) {
        end_thread(t);
    } else {
        uv_walk(&t->loop, close_handle, NULL);
        uv_run(&t->loop, UV_RUN_DEFAULT);
    }
    uv_loop_close(&t->loop);
    uv_mutex_destroy(&t->lock);
    uv_cond_destroy(&t->done);
    t->opened = false;
}
