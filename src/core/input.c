/* SPDX-License-Identifier: BSD-2-Clause */
/* Inputs, their workers and their decoders' states. Called by the daemon and by the inputs. */
#include "core/input.h"

#include <stdlib.h>
#include "base/clock.h"
#include "base/steer.h"

int input_make_decoders(struct input *in, struct err *e)
{
    in->decoder_states = calloc(in->n_workers, sizeof(void *));
    if (!in->decoder_states)
        return err_sys(e, "no memory for the input");
    for (unsigned w = 0; in->decoder && w < in->n_workers; w++) {
        in->decoder_states[w] = calloc(1, in->decoder->state_size);
        if (!in->decoder_states[w])
            return err_sys(e, "no memory for the input");
    }
    return 0;
}

int input_open_decoders(struct input *in, struct err *e)
{
    while (in->decoder && in->n_open < in->n_workers) {
        const unsigned w = in->n_open++; /* what has failed to open is closed, too */
        if (in->decoder->open(in->decoder_states[w], in->workers[w], e) == -1)
            return -1;
    }
    return 0;
}

int input_begin_decoders(struct input *in, struct err *e)
{
    if (!in->decoder)
        return 0;
    in->begun = true;
    return in->decoder->begin ? in->decoder->begin(in->decoder_states, in->n_workers, e) : 0;
}

void input_close_decoders(struct input *in)
{
    if (in->begun && in->decoder->end)
        in->decoder->end(in->decoder_states, in->n_workers);
    for (unsigned w = in->decoder_states ? in->n_workers : 0; w--;) {
        if (w < in->n_open)
            in->decoder->close(in->decoder_states[w]);
        free(in->decoder_states[w]);
    }
    free(in->decoder_states);
    in->decoder_states = NULL;
}

void input_call(struct input *in, unsigned w, void (*fn)(void *arg), void *arg)
{
    if (in->ops->call)
        in->ops->call(in, w, fn, arg);
    else
        fn(arg);
}

struct holding {
    struct input *in;
    unsigned w;
    void (*fn)(void *arg);
    void *arg;
};

/* Each worker holds while the next one is asked to, the last one runs the function. */
static void hold_next(void *arg)
{
    struct holding *h = arg;
    if (++h->w < h->in->n_workers)
        input_call(h->in, h->w, hold_next, h);
    else
        h->fn(h->arg);
}

void input_hold(struct input *in, void (*fn)(void *arg), void *arg)
{
    input_call(in, 0, hold_next, &(struct holding){ .in = in, .fn = fn, .arg = arg });
}

/* ---- decoders */

struct tick {
    const struct input *in;
    unsigned w;
    bool together;
};

static void run_tick(void *arg)
{
    struct tick *t = arg;
    t->together |= t->in->decoder->tick(t->in->decoder_states[t->w], clock_wall_us());
}

static void run_together(void *arg)
{
    const struct input *in = arg;
    in->decoder->together(in->decoder_states, in->n_workers);
}

void input_tick(struct input *in)
{
    struct tick t = { .in = in };
    if (!in->decoder || !in->decoder->tick)
        return;
    for (; t.w < in->n_workers; t.w++)
        input_call(in, t.w, run_tick, &t);
    if (t.together)
        input_hold(in, run_together, in);
}

struct showing {
    const struct input *in;
    const char *where;
};

static void run_stats(void *arg)
{
    const struct showing *s = arg;
    s->in->decoder->stats(s->in->decoder_states, s->in->n_workers, s->where);
}

void input_decoder_stats(struct input *in, const char *where)
{
    input_hold(in, run_stats, &(struct showing){ in, where });
}

struct figuring {
    const struct input *in;
    unsigned w;
    struct figures *f;
};

static void run_figures(void *arg)
{
    const struct figuring *x = arg;
    x->in->decoder->figures(x->in->decoder_states[x->w], x->f);
}

void input_decoder_figures(struct input *in, struct figures *f)
{
    for (unsigned w = 0; in->decoder && in->decoder->figures && w < in->n_workers; w++)
        input_call(in, w, run_figures, &(struct figuring){ in, w, f });
}

static void run_reload(void *arg)
{
    const struct input *in = arg;
    in->decoder->reload(in->decoder_states, in->n_workers);
}

void input_decoder_reload(struct input *in)
{
    if (in->decoder && in->decoder->reload)
        input_hold(in, run_reload, in);
}

static void run_reopen(void *arg)
{
    const struct input *in = arg;
    in->decoder->reopen(in->decoder_states, in->n_workers);
}

void input_decoder_reopen(struct input *in)
{
    if (in->decoder && in->decoder->reopen)
        input_hold(in, run_reopen, in);
}

/* ---- workers */

unsigned input_worker_of(const struct addr *from, unsigned n) { return n > 1 ? steer_of(from, n) : 0; }

void input_alone(const struct input *in, const char *why)
{
    if (in->c->core_workers > 1)
        log_warn(in->log, "core_workers: %d were asked for, this is done by one worker: %s",
                 in->c->core_workers, why);
}
