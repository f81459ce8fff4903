/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams from the input to plugins that want them whole. One worker does it, so that they leave in the
 * order in which they came; functions that get the states of all workers therefore look at the first. */
#include "core/relay.h"

#include <inttypes.h>
#include <stdlib.h>
#include "base/clock.h"
#include "core/allow.h"

struct relay {
    struct worker *w;
    const struct config *c;
    const struct log *log;
    struct allow *allow; /* NULL: everybody */
    uint64_t datagrams, octets, not_allowed;
    const struct decoder_ops *below; /* takes datagrams apart */
    void *below_state;
    uint64_t split; /* datagrams that it got */
};

void relay_attach(void *state, const struct decoder_ops *decoder)
{
    struct relay *r = state;
    r->below = decoder;
}

static int relay_open(void *state, struct worker *w, struct err *e)
{
    struct relay *r = state;
    r->w = w;
    r->c = worker_config(w);
    r->log = worker_log(w);
    r->below_state = calloc(1, r->below->state_size);
    if (!r->below_state)
        return err_sys(e, "no memory for a decoder");
    if (r->below->open(r->below_state, w, e) == -1)
        return -1;
    if (!r->c->collector_allow_file)
        return 0;
    r->allow = allow_load(r->c->collector_allow_file, e);
    return r->allow ? 0 : -1;
}

static void relay_datagram(void *state, const struct datagram *d)
{
    struct relay *r = state;
    if (r->allow && !allow_match(r->allow, &d->from)) {
        r->not_allowed++;
        return;
    }
    r->datagrams++;
    r->octets += d->len;
    if (!worker_splits(r->w)) {
        worker_datagram(r->w, d);
        return;
    }
    r->split++;
    r->below->datagram(r->below_state, d);
}

static int relay_begin(void *const *states, unsigned n, struct err *e)
{
    const struct relay *r = states[0];
    (void)n;
    return r->below->begin ? r->below->begin(&r->below_state, 1, e) : 0;
}

static bool relay_tick(void *state, int64_t now_us)
{
    const struct relay *r = state;
    return r->below->tick && r->below->tick(r->below_state, now_us);
}

static void relay_together(void *const *states, unsigned n)
{
    const struct relay *r = states[0];
    (void)n;
    r->below->together(&r->below_state, 1);
}

static void relay_end(void *const *states, unsigned n)
{
    const struct relay *r = states[0];
    (void)n;
    if (r->below->end)
        r->below->end(&r->below_state, 1);
}

static void relay_stats(void *const *states, unsigned n, const char *where)
{
    const struct relay *r = states[0];
    (void)n;
    log_notice(r->log, "stats [%s] datagrams=%" PRIu64 " bytes=%" PRIu64 " refused not_allowed=%" PRIu64,
               where, r->datagrams, r->octets, r->not_allowed);
    if (r->split) {
        log_notice(r->log, "stats [%s] taken_apart=%" PRIu64, where, r->split);
        r->below->stats(&r->below_state, 1, where);
        return;
    }
    log_notice(r->log, "stats [%s] time=%" PRId64 " discarded_packets=%" PRIu64, where,
               clock_wall_us() / US_PER_S, r->not_allowed);
}

static void relay_figures(void *state, struct figures *f)
{
    const struct relay *r = state;
    figures_put_of(f, FIG_REFUSED, "reason", "not_allowed", r->not_allowed);
    if (r->split && r->below->figures)
        r->below->figures(r->below_state, f);
}

static void relay_reload(void *const *states, unsigned n)
{
    struct relay *r = states[0];
    (void)n;
    if (r->c->collector_allow_file)
        allow_reload(&r->allow, r->c->collector_allow_file, r->log);
    if (r->below->reload)
        r->below->reload(&r->below_state, 1);
}

static void relay_reopen(void *const *states, unsigned n)
{
    const struct relay *r = states[0];
    (void)n;
    if (r->below->reopen)
        r->below->reopen(&r->below_state, 1);
}

static void relay_session_over(void *state, const struct addr *from, uint32_t session)
{
    const struct relay *r = state;
    if (r->below->session_over)
        r->below->session_over(r->below_state, from, session);
}

static void relay_close(void *state)
{
    struct relay *r = state;
    allow_free(r->allow);
    if (r->below_state)
        r->below->close(r->below_state);
    free(r->below_state);
}

struct decoder_ops relay_over(const struct decoder_ops *decoder)
{
    return (struct decoder_ops){ .name = decoder->name,
                                 .state_size = sizeof(struct relay),
                                 .passes = true,
                                 .open = relay_open,
                                 .datagram = relay_datagram,
                                 .begin = relay_begin,
                                 .tick = relay_tick,
                                 .together = relay_together,
                                 .end = relay_end,
                                 .stats = relay_stats,
                                 .figures = relay_figures,
                                 .reload = relay_reload,
                                 .reopen = relay_reopen,
                                 .session_over = relay_session_over,
                                 .close = relay_close };
}
